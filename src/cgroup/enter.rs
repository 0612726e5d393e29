//! How a session goes into its container's cgroup: made where it is missing, in the first hierarchy that lets us.

use std::fs;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, Mode, mkdirat, unlinkat};
use rustix::io::Errno;

use super::group::Group;
use super::hierarchy::{Hierarchy, Version, child};
use super::mark::Mark;
use super::sweep::sweep_below;

/// Where the cgroup is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Base {
    /// In that of the calling process: what holds for it holds for the session.
    Own,
    /// In the uppermost one that is seen. Android ends what is in an app's, and waits for it to be empty.
    Top,
}

/// Somebody who sees an empty cgroup takes it away; then once more.
const ATTEMPTS: usize = 50;

/// Moves the calling process into the cgroup of its container. False where no hierarchy is mounted that lets us: then the
/// session goes without. Where it is, is seen by everybody in `/proc/PID/cgroup`.
///
/// Before it has a cgroup namespace of its own (cgroup_namespaces(7)), so that this one is the root of that.
pub fn enter(mark: &Mark, base: Base) -> bool {
    let own = fs::read("/proc/self/cgroup").unwrap_or_default();
    Hierarchy::all().iter().any(|hierarchy| {
        if hierarchy.marked(&own, mark).is_some() {
            return true;
        }
        let place = match base {
            Base::Own => hierarchy.place(&own),
            Base::Top => Some(PathBuf::new()),
        };
        place.is_some_and(|place| enter_below(hierarchy, &place, mark).is_ok())
    })
}

/// Into the cgroup of the name `mark` in this place.
pub(super) fn enter_below(hierarchy: &Hierarchy, place: &Path, mark: &Mark) -> rustix::io::Result<()> {
    let parent = hierarchy.open(place)?;
    sweep_below(&parent);
    let mut entered = Err(Errno::NOENT);
    for _ in 0..ATTEMPTS {
        entered = make_and_enter(hierarchy, &parent, mark);
        match entered {
            Err(Errno::NOENT | Errno::NODEV) => {}
            _ => break,
        }
    }
    if entered.is_err() {
        // Others may be in it: then it stays.
        let _ = unlinkat(&parent, mark.as_str(), AtFlags::REMOVEDIR);
    }
    entered
}

fn make_and_enter(hierarchy: &Hierarchy, parent: &OwnedFd, mark: &Mark) -> rustix::io::Result<()> {
    match mkdirat(parent, mark.as_str(), Mode::from_raw_mode(0o755)) {
        Err(Errno::EXIST) => {}
        made => made?,
    }
    let group = Group::new(child(parent, mark.as_str())?, hierarchy.version);
    // Whoever stopped it may have been killed before it was let go on.
    group.thaw();
    match attach(&group, hierarchy.version) {
        // The guest has set limits below: then nobody may be in the cgroup itself (version 2, "no internal processes").
        Err(Errno::BUSY) => attach(&leaf(parent, mark, hierarchy.version)?, hierarchy.version),
        attached => attached,
    }
}

fn attach(group: &Group, version: Version) -> rustix::io::Result<()> {
    // 0 is who writes it (cgroups(7)). `tasks` takes the calling thread alone: for that the kernel (since Linux 5.16) waits
    // for nobody, and for a whole process some ten milliseconds.
    if version != Version::Two && is_single_threaded() && group.write("tasks", b"0").is_ok() {
        return Ok(());
    }
    group.write("cgroup.procs", b"0")
}

/// A cgroup below the container's.
fn leaf(parent: &OwnedFd, mark: &Mark, version: Version) -> rustix::io::Result<Group> {
    let path = Path::new(mark.as_str()).join("session");
    match mkdirat(parent, &path, Mode::from_raw_mode(0o755)) {
        Err(Errno::EXIST) => {}
        made => made?,
    }
    Ok(Group::new(child(parent, &path)?, version))
}

fn is_single_threaded() -> bool {
    fs::read_dir("/proc/self/task").is_ok_and(|tasks| tasks.count() == 1)
}
