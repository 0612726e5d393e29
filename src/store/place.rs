//! The filesystem that the containers are on, or would be: whether it can hold them, and how much more it has room for.

use std::path::Path;

use rustix::fs::{Access, CWD, Mode, OFlags, StatVfsMountFlags, access, openat, statfs, statvfs};
use rustix::io::Errno;

use super::layout::Layout;
use crate::error::{Attempt, Error, Result};

/// What is known of it.
#[derive(Debug)]
pub struct Place {
    /// Its kind, as mount(8) knows it, or its number (linux/magic.h).
    pub filesystem: String,
    /// Whether it keeps what a guest needs.
    pub fit: bool,
    /// Bytes that a process without privileges may still write.
    pub free: u64,
    /// Those of `ro`, `nosuid`, `nodev`, `noexec` that it is mounted with.
    pub flags: Vec<&'static str>,
}

pub(super) fn look(layout: &Layout) -> Result<Place> {
    let staging = layout.staging();
    let place = existing(&staging);
    let attempt = format_args!("look at the filesystem of '{}'", place.display());
    let magic = statfs(place).attempt(attempt)?.f_type as u32;
    let numbers = statvfs(place).attempt(attempt)?;
    let flags = [
        (StatVfsMountFlags::RDONLY, "ro"),
        (StatVfsMountFlags::NOSUID, "nosuid"),
        (StatVfsMountFlags::NODEV, "nodev"),
        (StatVfsMountFlags::NOEXEC, "noexec"),
    ];
    Ok(Place {
        filesystem: unfit(magic).or(known(magic)).map_or_else(|| format!("{magic:#x}"), str::to_owned),
        fit: unfit(magic).is_none(),
        free: numbers.f_bavail.saturating_mul(numbers.f_frsize),
        flags: flags
            .into_iter()
            .filter(|(flag, _)| numbers.f_flag.contains(*flag))
            .map(|(_, name)| name)
            .collect(),
    })
}

/// Filesystems without owners, modes, links or devices cannot hold a guest (statfs(2), linux/magic.h). Asked of
/// the directory that is there already, so that a refusal leaves nothing behind.
pub(super) fn refuse_unfit(staging: &Path) -> Result<()> {
    let place = existing(staging);
    let found = statfs(place).attempt(format_args!("look at the filesystem of '{}'", place.display()))?;
    match unfit(found.f_type as u32) {
        None => Ok(()),
        Some(name) => Err(Error::unsupported(format_args!(
            "'{}' is on {name}, which keeps no owners, permissions, links or devices",
            place.display()
        ))
        .hint("choose a directory on ext4, f2fs, xfs, btrfs or the like: XDG_DATA_HOME moves the data, XDG_CACHE_HOME the cache")),
    }
}

/// Whether this process may write to a directory or a file, or make it.
pub(super) fn is_writable(path: &Path) -> bool {
    let path = existing(path);
    let enter = if path.is_dir() { Access::EXEC_OK } else { Access::empty() };
    access(path, Access::WRITE_OK | enter).is_ok()
}

/// Encrypted storage whose key the kernel has not got (fscrypt; Android before the first unlock) shows other names, and so
/// nothing that is ours. Asked for where nothing was found: a file without a name cannot be made there (`ENOKEY`,
/// O_TMPFILE of open(2), Linux 3.11), and is never seen where it can.
pub(super) fn refuse_locked(path: &Path) -> Result<()> {
    let place = existing(path);
    let flags = OFlags::TMPFILE | OFlags::WRONLY | OFlags::CLOEXEC;
    match openat(CWD, place, flags, Mode::RUSR) {
        Err(Errno::NOKEY) => Err(Errno::NOKEY).attempt(|| format!("look into '{}'", place.display())),
        _ => Ok(()),
    }
}

/// The directory that is there, of those that lead to `path`.
pub(super) fn existing(path: &Path) -> &Path {
    path.ancestors().find(|path| path.exists()).unwrap_or(Path::new("/"))
}

fn unfit(magic: u32) -> Option<&'static str> {
    Some(match magic {
        0x4d44 => "vfat",
        0x2011_bab0 => "exfat",
        0x5346_544e | 0x7366_746e => "ntfs",
        0x6573_5546 => "FUSE (shared storage, or a foreign filesystem)",
        0x5dca_2df5 => "sdcardfs",
        _ => return None,
    })
}

fn known(magic: u32) -> Option<&'static str> {
    Some(match magic {
        0xef53 => "ext4",
        0xf2f5_2010 => "f2fs",
        0x5846_5342 => "xfs",
        0x9123_683e => "btrfs",
        0x2fc1_2fc1 => "zfs",
        0x0102_1994 => "tmpfs",
        0x794c_7630 => "overlay",
        _ => return None,
    })
}
