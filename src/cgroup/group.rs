//! One cgroup, and all below it: who is in it, and how they are stopped and ended together.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::Read;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

use rustix::fs::{AtFlags, Mode, OFlags, RawDir, openat, seek, unlinkat};
use rustix::io::Errno;
use rustix::path::Arg;

use super::hierarchy::{Hierarchy, Version, child};
use super::mark::{Mark, Membership};

/// For getdents64(2), in bytes.
const BUFFER: usize = 8 * 1024;
/// How long a cgroup may take to stop: that many pauses. A process that waits for a disk does not stop.
const PATIENCE: u32 = 200;
const PAUSE: Duration = Duration::from_millis(1);
/// Bytes of a list of processes: a million of them.
const LIMIT: u64 = 8 << 20;

/// One cgroup with all below it.
#[derive(Debug)]
pub struct Group {
    directory: OwnedFd,
    version: Version,
}

/// The cgroups of the name `mark`: those that processes with these `/proc/PID/cgroup` texts are in, and those that a
/// session of ours would enter.
pub fn groups<'a>(mark: &Mark, texts: impl Iterator<Item = &'a [u8]>) -> Vec<Group> {
    let mut inside: Vec<(&str, &str)> = texts
        .flat_map(Membership::all)
        .filter_map(|place| place.above(mark).map(|above| (above.controllers, above.path)))
        .collect();
    inside.sort_unstable();
    inside.dedup();
    let inside: Vec<Membership> =
        inside.iter().map(|&(controllers, path)| Membership { controllers, path }).collect();
    let own = fs::read("/proc/self/cgroup").unwrap_or_default();
    let mut groups = Vec::new();
    for hierarchy in Hierarchy::all() {
        let mut paths: Vec<PathBuf> = inside
            .iter()
            .filter(|place| hierarchy.is_of(place))
            .filter_map(|place| hierarchy.shown(place.path))
            .collect();
        paths.push(mark.as_str().into());
        paths.extend(hierarchy.place(&own).map(|own| own.join(mark.as_str())));
        paths.sort_unstable();
        paths.dedup();
        let open = |path: &PathBuf| Some(Group::new(hierarchy.open(path).ok()?, hierarchy.version));
        groups.extend(paths.iter().filter_map(open));
    }
    groups
}

impl Group {
    pub(super) fn new(directory: OwnedFd, version: Version) -> Group {
        Group { directory, version }
    }

    pub(super) fn is_version_two(&self) -> bool {
        self.version == Version::Two
    }

    /// The numbers of the processes in it, in no order. Those that another PID namespace hides from us are left out.
    pub fn processes(&self) -> Vec<u32> {
        let own = [PathBuf::from("cgroup.procs")];
        let files =
            own.into_iter().chain(below(&self.directory).into_iter().map(|path| path.join("cgroup.procs")));
        let texts = files.map(|file| read(&self.directory, file).unwrap_or_default());
        texts.flat_map(|text| pids(&text)).collect()
    }

    /// Whether anybody is in it.
    pub fn is_populated(&self) -> bool {
        match self.version {
            Version::Two => {
                let events = read(&self.directory, c"cgroup.events").unwrap_or_default();
                events.lines().any(|line| line == "populated 1")
            }
            Version::One { .. } => !self.processes().is_empty(),
        }
    }

    /// Has the kernel kill everybody in it, also those who are just being born: `cgroup.kill` of version 2, Linux 5.14.
    /// False where there is no such file.
    pub fn kill(&self) -> bool {
        self.version == Version::Two && self.write(c"cgroup.kill", b"1").is_ok()
    }

    /// Stops everybody in it, also those who are just being born; false where that cannot be, or not all have stopped. In
    /// version 2 (Linux 5.2) who is stopped can be killed; in version 1 a signal waits until [`Group::thaw`].
    pub fn freeze(&self) -> bool {
        let (file, word) = match self.version {
            Version::Two => (c"cgroup.freeze", "1"),
            Version::One { freezer: true } => (c"freezer.state", "FROZEN"),
            Version::One { freezer: false } => return false,
        };
        if self.write(file, word.as_bytes()).is_err() {
            return false;
        }
        (0..PATIENCE).any(|_| {
            if self.is_frozen() {
                return true;
            }
            sleep(PAUSE);
            false
        })
    }

    fn is_frozen(&self) -> bool {
        match self.version {
            Version::Two => {
                let events = read(&self.directory, c"cgroup.events").unwrap_or_default();
                events.lines().any(|line| line == "frozen 1")
            }
            Version::One { .. } => {
                read(&self.directory, c"freezer.state").is_ok_and(|state| state.trim_end() == "FROZEN")
            }
        }
    }

    /// Lets them go on, also those that somebody has stopped in a cgroup below.
    pub fn thaw(&self) {
        let (file, word) = match self.version {
            Version::Two => ("cgroup.freeze", "0"),
            Version::One { freezer: true } => ("freezer.state", "THAWED"),
            Version::One { freezer: false } => return,
        };
        for group in [PathBuf::new()].into_iter().chain(below(&self.directory)) {
            let _ = self.write(group.join(file), word.as_bytes());
        }
    }

    pub(super) fn write(&self, file: impl Arg, text: &[u8]) -> rustix::io::Result<()> {
        let file = openat(&self.directory, file, OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty())?;
        rustix::io::write(file, text).map(drop)
    }
}

/// Deletes the cgroups below `parent/name`, the lowest first, then itself. The kernel refuses with `EBUSY` what somebody is
/// in.
pub(super) fn remove(parent: &OwnedFd, name: &OsStr) -> rustix::io::Result<()> {
    let remove_one = |path: &Path| unlinkat(parent, path, AtFlags::REMOVEDIR);
    match remove_one(Path::new(name)) {
        Err(Errno::BUSY) => {}
        removed => return removed,
    }
    let mut all = vec![PathBuf::from(name)];
    all.extend(below(&child(parent, name)?).into_iter().map(|path| Path::new(name).join(path)));
    all.iter().rev().try_for_each(|path| remove_one(path))
}

/// The cgroups below one, by their paths from there, each after the one that it is in. A path that is too long for the
/// kernel ends the descent.
fn below(top: &OwnedFd) -> Vec<PathBuf> {
    let mut all: Vec<PathBuf> = children(top).into_iter().map(PathBuf::from).collect();
    let mut next = 0;
    while let Some(path) = all.get(next).cloned() {
        next += 1;
        let names = child(top, &path).map(|group| children(&group)).unwrap_or_default();
        all.extend(names.into_iter().map(|name| path.join(name)));
    }
    all
}

/// The names of the cgroups directly in one.
pub(super) fn children(group: &OwnedFd) -> Vec<OsString> {
    let mut names = Vec::new();
    if seek(group, rustix::fs::SeekFrom::Start(0)).is_err() {
        return names;
    }
    let mut buffer = Vec::with_capacity(BUFFER);
    let mut entries = RawDir::new(group, buffer.spare_capacity_mut());
    while let Some(Ok(entry)) = entries.next() {
        let name = entry.file_name().to_bytes();
        if entry.file_type() == rustix::fs::FileType::Directory && !matches!(name, b"." | b"..") {
            names.push(OsString::from_vec(name.to_vec()));
        }
    }
    names
}

fn pids(text: &str) -> Vec<u32> {
    text.lines().filter_map(|line| line.parse().ok()).filter(|&pid| pid != 0).collect()
}

/// A small file of a cgroup.
pub(super) fn read(directory: &OwnedFd, file: impl Arg) -> std::io::Result<String> {
    let file = openat(directory, file, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
    let mut text = String::new();
    File::from(file).take(LIMIT).read_to_string(&mut text)?;
    Ok(text)
}
