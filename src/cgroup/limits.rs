//! What a container may have of the machine: memory, time of the CPUs, processes (cgroups(7); the kernel's documentation
//! cgroup-v2.rst and cgroup-v1).
//!
//! A limit is kept by the cgroup of the container's name in the hierarchy that has its controller. In version 1 that is
//! in the cgroup that the session is started in. In version 2 it is in the nearest one above that hands controllers on:
//! one with processes in it cannot, and what an init has made is not changed, but for the uppermost.

use std::fs;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use super::enter::{Base, enter_below};
use super::group::{Group, read};
use super::hierarchy::{Hierarchy, Version, child};
use super::mark::{Mark, Membership};

/// What a container may have; not limited where not said.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of memory. As much again may be swapped out, as with Docker.
    pub memory: Option<u64>,
    /// Thousandths of one CPU's time.
    pub cpus: Option<u32>,
    /// Processes and threads at a time; 0: not limited, whatever the default.
    pub pids: Option<u32>,
}

/// Microseconds; the kernel's own default. In each, the processes may run for their share of it.
const PERIOD: u64 = 100_000;

/// One limit: its controller, and what is written for it. The one that `true` stands beside has to work.
struct Limit {
    controller: &'static str,
    one: Vec<(&'static str, String, bool)>,
    two: Vec<(&'static str, String, bool)>,
}

impl Limits {
    /// The limits that only `self` has said, and else those of `other`.
    #[must_use]
    pub fn or(self, other: Limits) -> Limits {
        Limits {
            memory: self.memory.or(other.memory),
            cpus: self.cpus.or(other.cpus),
            pids: self.pids.or(other.pids),
        }
    }

    fn each(self) -> Vec<Limit> {
        let memory = self.memory.map(|bytes| {
            let (limit, both) = (bytes.to_string(), bytes.saturating_mul(2).to_string());
            // The sum is never below the first: what is written first depends on what was there.
            let sum = ("memory.memsw.limit_in_bytes", both, false);
            Limit {
                controller: "memory",
                one: vec![sum.clone(), ("memory.limit_in_bytes", limit.clone(), true), sum],
                two: vec![("memory.max", limit.clone(), true), ("memory.swap.max", limit, false)],
            }
        });
        let cpu = self.cpus.map(|thousandths| {
            let quota = u64::from(thousandths) * PERIOD / 1000;
            Limit {
                controller: "cpu",
                one: vec![
                    ("cpu.cfs_period_us", PERIOD.to_string(), true),
                    ("cpu.cfs_quota_us", quota.to_string(), true),
                ],
                two: vec![("cpu.max", format!("{quota} {PERIOD}"), true)],
            }
        });
        let pids = self.pids.map(|count| {
            let file = vec![("pids.max", count.to_string(), true)];
            Limit { controller: "pids", one: file.clone(), two: file }
        });
        [memory, cpu, pids].into_iter().flatten().collect()
    }
}

/// Sets these limits for the container that the calling process is in, or is about to enter: with the first it goes into
/// the cgroups that keep them. The controllers of those that cannot be had.
///
/// Before [`enter`](super::enter::enter), which then has one place less to go to.
pub fn limit(mark: &Mark, base: Base, limits: Limits) -> Vec<&'static str> {
    let mut limits = limits.each();
    let own = fs::read("/proc/self/cgroup").unwrap_or_default();
    for hierarchy in Hierarchy::all() {
        let (here, others) = limits.into_iter().partition(|limit| hierarchy.has(limit.controller));
        limits = others;
        if !here.is_empty() && keep(&hierarchy, &own, mark, base, &here).is_none() {
            limits.extend(here);
        }
        if limits.is_empty() {
            break;
        }
    }
    limits.iter().map(|limit| limit.controller).collect()
}

/// Goes into the cgroups of the container's name that process `pid` is in, where they keep limits: those hold for all that
/// are in the container, wherever they come from.
pub fn follow(mark: &Mark, pid: u32) {
    let own = fs::read("/proc/self/cgroup").unwrap_or_default();
    let theirs = fs::read(format!("/proc/{pid}/cgroup")).unwrap_or_default();
    let all = Hierarchy::all();
    for place in Membership::all(&theirs).filter_map(|place| place.above(mark)) {
        let Some(hierarchy) = all.iter().find(|hierarchy| hierarchy.is_of(&place)) else { continue };
        let Some(path) = hierarchy.shown(place.path) else { continue };
        let limited = || hierarchy.open(&path).is_ok_and(|group| is_limited(&group));
        if let Some(parent) = path.parent().filter(|_| hierarchy.marked(&own, mark).is_none() && limited()) {
            let _ = enter_below(hierarchy, parent, mark);
        }
    }
}

/// Whether the cgroup keeps a limit, by what stands in its files where it keeps none.
fn is_limited(group: &OwnedFd) -> bool {
    let files = [
        (c"pids.max", "max"),
        (c"memory.max", "max"),
        (c"cpu.max", "max"),
        (c"cpu.cfs_quota_us", "-1"),
        (c"memory.limit_in_bytes", "9223372036854"),
    ];
    files.iter().any(|(file, none)| read(group, *file).is_ok_and(|text| !text.starts_with(none)))
}

/// Has the container's cgroup in this hierarchy keep the limits, and goes there. None where that cannot be.
fn keep(hierarchy: &Hierarchy, own: &[u8], mark: &Mark, base: Base, limits: &[Limit]) -> Option<()> {
    if let Some(path) = hierarchy.marked(own, mark) {
        let group = Group::new(hierarchy.open(&path).ok()?, hierarchy.version);
        return write(&group, limits);
    }
    let place = match base {
        Base::Own => hierarchy.place(own)?,
        Base::Top => PathBuf::new(),
    };
    let parent = match hierarchy.version {
        Version::One { .. } => place,
        Version::Two => place.ancestors().find(|above| hands_on(hierarchy, above, limits))?.to_owned(),
    };
    enter_below(hierarchy, &parent, mark).ok()?;
    write(&Group::new(child(&hierarchy.open(&parent).ok()?, mark.as_str()).ok()?, hierarchy.version), limits)
}

fn write(group: &Group, limits: &[Limit]) -> Option<()> {
    for limit in limits {
        let files = if group.is_version_two() { &limit.two } else { &limit.one };
        for (file, text, required) in files {
            let written = group.write(*file, text.as_bytes());
            written.ok().or((!required).then_some(()))?;
        }
    }
    Some(())
}

/// Whether the cgroups in this one get the controllers of all `limits`.
fn hands_on(hierarchy: &Hierarchy, path: &Path, limits: &[Limit]) -> bool {
    let Ok(directory) = hierarchy.open(path) else { return false };
    let lacks = |limit: &&Limit| !lists(&directory, c"cgroup.subtree_control", limit.controller);
    let lacking: Vec<String> =
        limits.iter().filter(lacks).map(|limit| format!("+{}", limit.controller)).collect();
    // Whoever has made the others counts on what they are.
    let may = || path.as_os_str().is_empty();
    lacking.is_empty()
        || (may()
            && Group::new(directory, hierarchy.version)
                .write(c"cgroup.subtree_control", lacking.join(" ").as_bytes())
                .is_ok())
}

/// Whether a file of words has this one.
fn lists(directory: &OwnedFd, file: &std::ffi::CStr, word: &str) -> bool {
    read(directory, file).is_ok_and(|text| text.split_whitespace().any(|listed| listed == word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_version_is_told_in_its_own_words() {
        let limits = Limits { memory: Some(1 << 30), cpus: Some(1500), pids: Some(7) };
        let told = |two: bool| -> Vec<String> {
            let files = |limit: Limit| if two { limit.two } else { limit.one };
            let all = limits.each().into_iter().flat_map(files);
            all.map(|(file, text, _)| format!("{file}={text}")).collect()
        };
        assert_eq!(
            told(true),
            ["memory.max=1073741824", "memory.swap.max=1073741824", "cpu.max=150000 100000", "pids.max=7"]
        );
        assert_eq!(
            told(false),
            [
                "memory.memsw.limit_in_bytes=2147483648",
                "memory.limit_in_bytes=1073741824",
                "memory.memsw.limit_in_bytes=2147483648",
                "cpu.cfs_period_us=100000",
                "cpu.cfs_quota_us=150000",
                "pids.max=7"
            ]
        );
        assert!(Limits::default().each().is_empty());
    }
}
