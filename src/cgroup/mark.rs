//! The name of a container's cgroups, by which `/proc/PID/cgroup` tells who is inside.

use std::{fmt, io};

use rustix::fs::fstat;

use crate::rootfs::Rootfs;

/// Begins the names of all cgroups of ours. No controller is called so: no file in a cgroup has such a name.
const PREFIX: &str = "chroot-distro-";

/// The name that every cgroup of one container has: its root, by device and inode. So two containers never share one,
/// whatever stores they are in, and a renamed one keeps its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark(String);

impl Mark {
    /// Of the container with this root.
    #[allow(clippy::unnecessary_cast, reason = "the width differs between architectures")]
    pub fn of(root: &Rootfs) -> io::Result<Mark> {
        let found = fstat(root.as_fd())?;
        Ok(Mark::new((found.st_dev as u64, found.st_ino as u64)))
    }

    fn new((dev, inode): (u64, u64)) -> Mark {
        Mark(format!("{PREFIX}{dev:x}-{inode:x}"))
    }

    /// Whether the process with this `/proc/PID/cgroup` is in a cgroup of this name, or in one below.
    pub fn is_in(&self, text: &[u8]) -> bool {
        Membership::all(text).any(|place| place.above(self).is_some())
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether this is, by its name, a cgroup of ours.
pub(super) fn is_ours(name: &[u8]) -> bool {
    name.starts_with(PREFIX.as_bytes())
}

/// Where a process is in one hierarchy: a line of `/proc/PID/cgroup`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Membership<'a> {
    /// The hierarchy's controllers, or `name=NAME`; empty for version 2.
    pub(super) controllers: &'a str,
    /// From the root of the reader's cgroup namespace: with `..` for what is outside.
    pub(super) path: &'a str,
}

impl<'a> Membership<'a> {
    /// The lines that parse: `ID:CONTROLLERS:PATH`.
    pub(super) fn all(text: &'a [u8]) -> impl Iterator<Item = Membership<'a>> {
        text.split(|&byte| byte == b'\n').filter_map(|line| {
            let mut fields = std::str::from_utf8(line).ok()?.splitn(3, ':').skip(1);
            Some(Membership { controllers: fields.next()?, path: fields.next()? })
        })
    }

    /// The uppermost cgroup of the name `mark` that this is, or is below.
    pub(super) fn above(&self, mark: &Mark) -> Option<Membership<'a>> {
        let mut end = 0;
        for name in self.path.split_inclusive('/') {
            end += name.len();
            if name.trim_end_matches('/') == mark.as_str() {
                let path = self.path.get(..end)?.trim_end_matches('/');
                return Some(Membership { controllers: self.controllers, path });
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &[u8] = b"7:freezer:/a/chroot-distro-1f-2/x/chroot-distro-1f-2\n\
        2:cpu,cpuacct:/\n1:name=systemd:/user.slice\n0::/../b\n";

    #[test]
    fn a_process_is_inside_by_the_name_of_a_cgroup_above_it() {
        let mark = Mark::new((0x1f, 2));
        assert!(mark.is_in(TEXT));
        for other in [Mark::new((0x1f, 3)), Mark::new((0xf, 2)), Mark::new((0x1f2, 0))] {
            assert!(!other.is_in(TEXT), "{other}");
        }
        assert!(!mark.is_in(b"") && !mark.is_in(b"0::/chroot-distro-1f-22\n1:x\n"));
        assert!(is_ours(mark.as_str().as_bytes()) && !is_ours(b"docker"));
    }

    #[test]
    fn the_uppermost_one_holds_the_others() {
        let places: Vec<Membership> = Membership::all(TEXT).collect();
        assert_eq!(places.len(), 4);
        assert_eq!(places[3], Membership { controllers: "", path: "/../b" });
        let above = places[0].above(&Mark::new((0x1f, 2)));
        assert_eq!(above, Some(Membership { controllers: "freezer", path: "/a/chroot-distro-1f-2" }));
        assert_eq!(places[1].above(&Mark::new((0x1f, 2))), None);
    }
}
