//! Which users of the host a container's own users are: a range for each container that asked for one, kept where only root
//! writes. No two meet.

use std::fs;

use super::layout::Layout;
use super::lists::{self, Entry, List};
use super::name::Name;
use crate::error::{Error, Kind, Result};

/// How many users are in one.
const SIZE: u32 = 65536;
/// Where none are set aside for root: above those that distributions and systemd give away, and below 2^31.
const FREE: (u32, u32) = (0x7000_0000, 0x7ffe_0000);

/// The first user of `name`'s range, if it has one.
pub(super) fn of(layout: &Layout, name: &Name) -> Result<Option<u32>> {
    Ok(first(&lists::read(layout, List::Users)?, name))
}

/// The same; it gets one if it has none.
pub(super) fn give(layout: &Layout, name: &Name) -> Result<u32> {
    if let Some(first) = of(layout, name)? {
        return Ok(first);
    }
    let spaces = spaces();
    let entries = lists::change(layout, List::Users, &|entries| {
        if first(entries, name).is_some() {
            return;
        }
        entries.retain(|entry| entry.name != *name);
        let free = free(&spaces, entries);
        entries.extend(free.map(|first| Entry { name: name.clone(), rest: first.to_string() }));
    })?;
    first(&entries, name).ok_or_else(|| {
        Error::new(Kind::Busy, "no range of 65536 users is left for the container")
            .hint("give root more of them in /etc/subuid and /etc/subgid, or remove containers")
    })
}

fn first(entries: &[Entry], name: &Name) -> Option<u32> {
    entries.iter().find(|entry| entry.name == *name)?.rest.parse().ok()
}

fn free(spaces: &[(u32, u32)], entries: &[Entry]) -> Option<u32> {
    let taken: Vec<u32> = entries.iter().filter_map(|entry| entry.rest.parse().ok()).collect();
    let is_free = |first: &u32| taken.iter().all(|other| first.abs_diff(*other) >= SIZE);
    let starts = |&(begin, end): &(u32, u32)| {
        (begin..end).step_by(SIZE as usize).filter(move |first| end - first >= SIZE)
    };
    spaces.iter().flat_map(starts).find(is_free)
}

/// Begin and end of what is set aside for root, users and groups alike (subuid(5), subgid(5)).
fn spaces() -> Vec<(u32, u32)> {
    let read = |path| parse(&fs::read_to_string(path).unwrap_or_default());
    let (users, groups) = (read("/etc/subuid"), read("/etc/subgid"));
    let both = |a: (u32, u32)| groups.iter().map(move |b| (a.0.max(b.0), a.1.min(b.1)));
    let mut spaces: Vec<_> = users.iter().flat_map(|&space| both(space)).collect();
    spaces.retain(|(begin, end)| *begin >= SIZE && begin < end && end - begin >= SIZE);
    if spaces.is_empty() { vec![FREE] } else { spaces }
}

fn parse(text: &str) -> Vec<(u32, u32)> {
    let space = |line: &str| {
        let (begin, count) =
            line.strip_prefix("root:").or_else(|| line.strip_prefix("0:"))?.split_once(':')?;
        let begin: u32 = begin.trim().parse().ok()?;
        Some((begin, begin.checked_add(count.trim().parse().ok()?)?))
    };
    text.lines().filter_map(space).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_lie_in_what_is_root_s_and_do_not_meet() {
        let spaces = parse("user:100000:65536\nroot:200000:140000\n0:x:1\nroot:4294967295:9");
        assert_eq!(spaces, [(200_000, 340_000)]);
        let entry = |first: &str| Entry { name: Name::parse("a").unwrap(), rest: first.to_owned() };
        assert_eq!(free(&spaces, &[]), Some(200_000));
        assert_eq!(free(&spaces, &[entry("200000")]), Some(265_536));
        assert_eq!(free(&spaces, &[entry("199999")]), Some(265_536));
        assert_eq!(free(&spaces, &[entry("200000"), entry("265536")]), None);
    }
}
