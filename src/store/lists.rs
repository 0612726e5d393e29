//! What root has said of containers, by name: which start with the machine, in that order, which are isolated, and whose
//! users are whose. Small files, a container a line; ours alone, and where only root writes.

use std::path::PathBuf;

use super::files;
use super::layout::Layout;
use super::lock::Lock;
use super::name::Name;
use crate::error::Result;

/// Bytes: thousands of names.
const LIMIT: u64 = 1 << 20;

/// Which list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum List {
    /// The containers to start with the machine.
    Autostart,
    /// Those whose sessions are isolated unless the user says otherwise.
    Isolated,
    /// The first of the host's users that are a container's own.
    Users,
}

const ALL: [List; 3] = [List::Autostart, List::Isolated, List::Users];

/// One line: a container, and what else is said of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its name.
    pub name: Name,
    /// The rest of the line.
    pub rest: String,
}

impl List {
    fn path(self, layout: &Layout) -> PathBuf {
        match self {
            List::Autostart => layout.autostart(),
            List::Isolated => layout.isolated(),
            List::Users => layout.users(),
        }
    }
}

/// The list. What begins with no name is passed over.
pub(super) fn read(layout: &Layout, list: List) -> Result<Vec<Entry>> {
    let text = files::read(&list.path(layout), LIMIT)?.unwrap_or_default();
    let entry = |line: &str| {
        let (name, rest) = line.trim().split_once(' ').unwrap_or((line.trim(), ""));
        Some(Entry { name: Name::parse(name).ok()?, rest: rest.to_owned() })
    };
    Ok(String::from_utf8_lossy(&text).lines().filter_map(entry).collect())
}

/// Changes the list, or leaves it when `change` does; the list as it is now.
pub(super) fn change(layout: &Layout, list: List, change: &dyn Fn(&mut Vec<Entry>)) -> Result<Vec<Entry>> {
    let _lock = Lock::wait(&layout.lists_lock(), &|| ())?;
    let before = read(layout, list)?;
    let mut after = before.clone();
    change(&mut after);
    if after != before {
        let line = |Entry { name, rest }: &Entry| format!("{name} {rest}").trim_end().to_owned() + "\n";
        let text: String = after.iter().map(line).collect();
        let path = list.path(layout);
        path.parent().map_or(Ok(()), files::make_dir)?;
        files::write(&path, text.as_bytes(), 0o644)?;
    }
    Ok(after)
}

/// What became of a container: another name, or none. Nothing is made where there is no list.
pub(super) fn follow(layout: &Layout, name: &Name, now: Option<&Name>) -> Result<()> {
    for list in ALL {
        if read(layout, list)?.iter().any(|entry| entry.name == *name) {
            change(layout, list, &|entries| {
                *entries = std::mem::take(entries)
                    .into_iter()
                    .filter_map(|entry| match entry.name == *name {
                        true => now.map(|now| Entry { name: now.clone(), ..entry }),
                        false => Some(entry),
                    })
                    .collect();
            })?;
        }
    }
    Ok(())
}
