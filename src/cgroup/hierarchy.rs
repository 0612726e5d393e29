//! The hierarchies that are mounted here: version 2 and those of version 1, and where in them a cgroup is.

use std::fs;
use std::os::fd::OwnedFd;
use std::path::{Component, Path, PathBuf};

use rustix::fs::{CWD, Mode, OFlags, fstatfs, openat};
use rustix::io::Errno;

use super::mark::{Mark, Membership};
use crate::rootfs::mountinfo::{self, MountLine};

/// What statfs(2) says of them (linux/magic.h).
const CGROUP: u32 = 0x0027_e0eb;
const CGROUP2: u32 = 0x6367_7270;

/// Version 1, the best first. `freezer` only stops and goes on, and no init uses it. The others count what is in them and
/// pass limits on to their children, until somebody sets one. A hierarchy with `cpuset` is left alone: nobody gets into a new
/// cgroup there before it has CPUs.
const CONTROLLERS: [&str; 11] = [
    "pids",
    "name=",
    "perf_event",
    "cpuacct",
    "net_cls",
    "net_prio",
    "devices",
    "hugetlb",
    "blkio",
    "memory",
    "cpu",
];

/// How a cgroup is opened.
const DIRECTORY: OFlags =
    OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// Which version, and what of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Version {
    /// With the controller `freezer`, or any other.
    One {
        freezer: bool,
    },
    Two,
}

/// One hierarchy, where it is mounted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Hierarchy {
    pub(super) version: Version,
    /// The controllers and the name of a hierarchy of version 1.
    options: Vec<String>,
    /// Which of its cgroups the mount shows.
    root: PathBuf,
    mount_point: PathBuf,
}

impl Hierarchy {
    /// Those of this mount namespace that can be of use, the best first.
    pub(super) fn all() -> Vec<Hierarchy> {
        let text = fs::read("/proc/thread-self/mountinfo").or_else(|_| fs::read("/proc/self/mountinfo"));
        let lines = mountinfo::parse(&text.unwrap_or_default());
        let mut all: Vec<(usize, Hierarchy)> = lines.into_iter().filter_map(Hierarchy::of).collect();
        all.sort_by_key(|(rank, _)| *rank);
        all.into_iter().map(|(_, hierarchy)| hierarchy).collect()
    }

    fn of(line: MountLine) -> Option<(usize, Hierarchy)> {
        let options: Vec<String> = line.options.split(',').map(str::to_owned).collect();
        let has = |wanted: &str| {
            options.iter().any(|option| match wanted.ends_with('=') {
                true => option.starts_with(wanted),
                false => option == wanted,
            })
        };
        let (rank, version) = match line.kind.as_str() {
            "cgroup2" => (1, Version::Two),
            "cgroup" if has("cpuset") => return None,
            "cgroup" if has("freezer") => (0, Version::One { freezer: true }),
            "cgroup" => {
                let at = CONTROLLERS.iter().position(|controller| has(controller))?;
                (2 + at, Version::One { freezer: false })
            }
            _ => return None,
        };
        Some((rank, Hierarchy { version, options, root: line.root, mount_point: line.mount_point }))
    }

    /// Where in this hierarchy the process of a `/proc/PID/cgroup` text is, from the mount's root; `None` where the mount
    /// does not show it.
    pub(super) fn place(&self, text: &[u8]) -> Option<PathBuf> {
        self.shown(Membership::all(text).find(|place| self.is_of(place))?.path)
    }

    /// The container's cgroup that the process of such a text is in, or below.
    pub(super) fn marked(&self, text: &[u8], mark: &Mark) -> Option<PathBuf> {
        let place = Membership::all(text).find(|place| self.is_of(place))?;
        self.shown(place.above(mark)?.path)
    }

    /// Whether it can have this controller.
    pub(super) fn has(&self, controller: &str) -> bool {
        self.version == Version::Two || self.options.iter().any(|option| option == controller)
    }

    /// Whether this is a place in this hierarchy.
    pub(super) fn is_of(&self, place: &Membership<'_>) -> bool {
        match self.version {
            Version::Two => place.controllers.is_empty(),
            Version::One { .. } => {
                let mut controllers = place.controllers.split(',');
                !place.controllers.is_empty()
                    && controllers.all(|controller| self.options.iter().any(|option| option == controller))
            }
        }
    }

    /// A cgroup's path from the mount's root on; `None` where it is not below that.
    pub(super) fn shown(&self, path: &str) -> Option<PathBuf> {
        let path = Path::new(path).strip_prefix(&self.root).ok()?;
        path.components().all(|part| matches!(part, Component::Normal(_))).then(|| path.to_owned())
    }

    /// Opens a cgroup by its path from the mount's root on.
    pub(super) fn open(&self, path: &Path) -> rustix::io::Result<OwnedFd> {
        // Not NOFOLLOW: Android and some distributions have links to mount points.
        let mut directory =
            openat(CWD, &self.mount_point, DIRECTORY.difference(OFlags::NOFOLLOW), Mode::empty())?;
        // Something else may be mounted on top.
        if !matches!(fstatfs(&directory)?.f_type as u32, CGROUP | CGROUP2) {
            return Err(Errno::NODEV);
        }
        for name in path.components() {
            directory = child(&directory, name.as_os_str())?;
        }
        Ok(directory)
    }
}

/// Opens a cgroup by its name in the one above.
pub(super) fn child(parent: &OwnedFd, name: impl rustix::path::Arg) -> rustix::io::Result<OwnedFd> {
    openat(parent, name, DIRECTORY, Mode::empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hierarchies(text: &str) -> Vec<Hierarchy> {
        let mut all: Vec<_> =
            mountinfo::parse(text.as_bytes()).into_iter().filter_map(Hierarchy::of).collect();
        all.sort_by_key(|(rank, _)| *rank);
        all.into_iter().map(|(_, hierarchy)| hierarchy).collect()
    }

    /// A systemd host with both versions, and a phone's mounts.
    const MOUNTS: &str = "31 30 0:26 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd\n\
        32 30 0:27 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n\
        33 30 0:28 / /dev/cpuset rw - cgroup none rw,cpuset,noprefix\n\
        34 30 0:29 /lxc/a /sys/fs/cgroup/freezer rw - cgroup cgroup rw,freezer\n\
        35 30 0:30 / /sys/fs/cgroup/unified rw shared:1 - cgroup2 cgroup2 rw,nsdelegate\n\
        36 30 0:31 / / rw - ext4 /dev/a rw\n";

    #[test]
    fn the_freezer_comes_first_and_cpuset_never() {
        let all = hierarchies(MOUNTS);
        let points: Vec<_> =
            all.iter().map(|hierarchy| hierarchy.mount_point.file_name().unwrap().to_owned()).collect();
        assert_eq!(points, ["freezer", "unified", "systemd", "cpu,cpuacct"]);
        assert_eq!((all[0].version, all[1].version), (Version::One { freezer: true }, Version::Two));
    }

    #[test]
    fn a_process_is_where_its_line_says_as_far_as_the_mount_shows_it() {
        let all = hierarchies(MOUNTS);
        let text = b"9:freezer:/lxc/a/b\n8:cpu,cpuacct:/\n1:name=systemd:/user.slice/x\n0::/user.slice\n";
        let places: Vec<_> = all.iter().map(|hierarchy| hierarchy.place(text)).collect();
        let expected = ["b", "user.slice", "user.slice/x", ""].map(|path| Some(PathBuf::from(path)));
        assert_eq!(places, expected);
        for outside in ["9:freezer:/\n", "9:freezer:/lxc/ab\n", "9:freezer:/lxc/a/../b\n", "9:cpu:/lxc/a\n"] {
            assert_eq!(all[0].place(outside.as_bytes()), None, "{outside}");
        }
    }
}
