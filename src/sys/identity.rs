//! Which directory on which mount a descriptor is. The device alone does not show a bind mount of the same
//! filesystem: that takes the mount's id, from statx(2) (Linux 5.8), else /proc/self/fdinfo (3.15).

use std::os::fd::{AsRawFd, BorrowedFd};

use rustix::fs::{AtFlags, Stat, StatxAttributes, StatxFlags};
use rustix::io::{Errno, Result};

use super::modern::Modern;

static STATX: Modern = Modern::new();

/// One file, as one mount shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileId {
    /// Device of the filesystem: major, minor.
    pub dev: (u32, u32),
    /// Inode number.
    pub inode: u64,
    /// The mount's id, as in /proc/self/mountinfo; none before Linux 3.15 or without /proc.
    pub mount: Option<u64>,
}

impl FileId {
    /// Of an open descriptor, `O_PATH` ones too.
    pub fn of(fd: BorrowedFd<'_>) -> Result<FileId> {
        STATX.or(|| by_statx(fd), || by_fdinfo(fd))
    }

    /// Whether one was reached from the other without entering a mount, as far as this kernel tells.
    pub fn same_mount(&self, other: &FileId) -> bool {
        self.dev == other.dev && self.mount == other.mount
    }
}

/// Whether both are one file.
pub fn same_file(a: &Stat, b: &Stat) -> bool {
    (a.st_dev, a.st_ino) == (b.st_dev, b.st_ino)
}

/// Whether a descriptor, `O_PATH` ones too, is what is mounted and not something below it: statx(2), Linux 5.8. Before
/// that nobody says so.
pub fn is_mount_root(fd: BorrowedFd<'_>) -> Result<bool> {
    let ask = || rustix::fs::statx(fd, c"", AtFlags::EMPTY_PATH, StatxFlags::empty());
    let attributes = STATX.or(|| ask().map(|found| found.stx_attributes), || Ok(StatxAttributes::empty()))?;
    Ok(attributes.contains(StatxAttributes::MOUNT_ROOT))
}

fn by_statx(fd: BorrowedFd<'_>) -> Result<FileId> {
    let found = rustix::fs::statx(fd, c"", AtFlags::EMPTY_PATH, StatxFlags::INO | StatxFlags::MNT_ID)?;
    // QEMU passes the mask on, and not the number.
    if found.stx_mask & StatxFlags::MNT_ID.bits() == 0 || found.stx_mnt_id == 0 {
        return Err(Errno::NOSYS);
    }
    Ok(FileId {
        dev: (found.stx_dev_major, found.stx_dev_minor),
        inode: found.stx_ino,
        mount: Some(found.stx_mnt_id),
    })
}

fn by_fdinfo(fd: BorrowedFd<'_>) -> Result<FileId> {
    let found = rustix::fs::fstat(fd)?;
    let info = std::fs::read_to_string(format!("/proc/self/fdinfo/{}", fd.as_raw_fd())).unwrap_or_default();
    let mount = info.lines().find_map(|line| line.strip_prefix("mnt_id:")?.trim().parse().ok());
    let dev = found.st_dev;
    Ok(FileId { dev: (rustix::fs::major(dev), rustix::fs::minor(dev)), inode: found.st_ino, mount })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;
    use std::os::fd::AsFd;

    #[test]
    fn both_ways_agree_and_tell_mounts_apart() {
        let (root, proc) = (File::open("/").unwrap(), File::open("/proc").unwrap());
        for of in [FileId::of, by_fdinfo] {
            assert_eq!(of(root.as_fd()), by_fdinfo(root.as_fd()));
            assert!(of(root.as_fd()).unwrap().mount.is_some());
            assert!(!of(root.as_fd()).unwrap().same_mount(&of(proc.as_fd()).unwrap()));
        }
    }
}
