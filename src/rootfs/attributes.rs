//! Owner, mode, times and extended attributes, by descriptor where a caller holds one (the layer writer does),
//! by a name in a [`Dir`] where none can be had: links, FIFOs, devices.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;

use rustix::fs::{Gid, Mode, Timespec, Timestamps, Uid, XattrFlags};
use rustix::io::Errno;

use super::{Dir, Timestamp};

/// Owner and group of an open file.
pub fn chown(file: impl AsFd, uid: u32, gid: u32) -> io::Result<()> {
    let (owner, group) = ids(uid, gid);
    Ok(rustix::fs::fchown(file, owner, group)?)
}

/// Permission bits of an open file. After `chown`, which clears setuid and setgid.
pub fn chmod(file: impl AsFd, mode: u32) -> io::Result<()> {
    Ok(rustix::fs::fchmod(file, Mode::from_raw_mode(mode))?)
}

/// Modification time (and access time the same) of an open file, clamped to what the filesystem holds.
pub fn set_mtime(file: impl AsFd, mtime: Timestamp) -> io::Result<()> {
    let file = file.as_fd();
    clamped(mtime, |times| rustix::fs::futimens(file, times))
}

/// Sets an extended attribute of an open file. After `chown`, which clears `security.capability`.
pub fn set_xattr(file: impl AsFd, key: &OsStr, value: &[u8]) -> io::Result<()> {
    Ok(rustix::fs::fsetxattr(file, key, value, XattrFlags::empty())?)
}

pub(super) fn ids(uid: u32, gid: u32) -> (Option<Uid>, Option<Gid>) {
    // The kernel reads -1 as "leave it", and rustix holds it to be no id.
    let valid = |id: u32| (id != u32::MAX).then_some(id);
    (valid(uid).map(Uid::from_raw), valid(gid).map(Gid::from_raw))
}

/// Sets `mtime` by `set`. Kernels clamp to the filesystem's range since 5.4; a 32-bit one before 5.1 cannot be
/// handed a time beyond 2038 at all (`EOVERFLOW`) and gets the nearest that it can hold.
pub(super) fn clamped(
    mtime: Timestamp,
    set: impl Fn(&Timestamps) -> rustix::io::Result<()>,
) -> io::Result<()> {
    let times = |seconds, nanoseconds: u32| {
        let time = Timespec { tv_sec: seconds, tv_nsec: nanoseconds.min(999_999_999).into() };
        Timestamps { last_access: time, last_modification: time }
    };
    match set(&times(mtime.seconds, mtime.nanoseconds)) {
        Err(Errno::OVERFLOW | Errno::INVAL | Errno::RANGE) => {
            let nearest = mtime.seconds.clamp(i32::MIN.into(), i32::MAX.into());
            Ok(set(&times(nearest, 0))?)
        }
        answer => Ok(answer?),
    }
}

/// A name that the path-taking calls without an `*at` form accept: the directory is reached through procfs's
/// magic link, the leaf is not followed by the `l*xattr` calls.
fn through_proc(dir: &Dir, name: &OsStr) -> OsString {
    let mut path = OsString::from(format!("/proc/self/fd/{}/", dir.as_fd().as_raw_fd()));
    path.push(name);
    path
}

/// For a host without /proc: a regular file or directory by descriptor. Anything else is refused unopened.
fn by_descriptor(dir: &Dir, name: &OsStr) -> io::Result<OwnedFd> {
    match dir.dir(name) {
        Ok(dir) => Ok(dir.into()),
        Err(_) => Ok(dir.open(name)?.into()),
    }
}

pub(super) fn set_xattr_at(dir: &Dir, name: &OsStr, key: &OsStr, value: &[u8]) -> io::Result<()> {
    match rustix::fs::lsetxattr(through_proc(dir, name), key, value, XattrFlags::empty()) {
        Err(Errno::NOENT) => set_xattr(by_descriptor(dir, name)?, key, value),
        answer => Ok(answer?),
    }
}

pub(super) fn xattrs_at(dir: &Dir, name: &OsStr) -> io::Result<Vec<(OsString, Vec<u8>)>> {
    let path = through_proc(dir, name);
    match collect(
        |list| rustix::fs::llistxattr(&path, list),
        |key, value| rustix::fs::lgetxattr(&path, key, value),
    ) {
        Err(Errno::NOENT) => {
            let fd = by_descriptor(dir, name)?;
            Ok(collect(
                |list| rustix::fs::flistxattr(&fd, list),
                |key, value| rustix::fs::fgetxattr(&fd, key, value),
            )?)
        }
        found => Ok(found?),
    }
}

fn collect(
    list: impl Fn(&mut [u8]) -> rustix::io::Result<usize>,
    get: impl Fn(&OsStr, &mut [u8]) -> rustix::io::Result<usize>,
) -> rustix::io::Result<Vec<(OsString, Vec<u8>)>> {
    let keys = match whole(list) {
        Err(Errno::OPNOTSUPP) => return Ok(Vec::new()),
        keys => keys?,
    };
    let mut found = Vec::new();
    for key in keys.split(|&byte| byte == 0).filter(|key| !key.is_empty()) {
        let key = OsStr::from_bytes(key);
        match whole(|value| get(key, value)) {
            // Taken away meanwhile.
            Err(Errno::NODATA) => {}
            value => found.push((key.to_owned(), value?)),
        }
    }
    found.sort();
    Ok(found)
}

/// Reads with a buffer that grows to the kernel's own limit of 64 KiB (`XATTR_SIZE_MAX`, `XATTR_LIST_MAX`).
fn whole(read: impl Fn(&mut [u8]) -> rustix::io::Result<usize>) -> rustix::io::Result<Vec<u8>> {
    let mut small = [0; 256];
    match read(&mut small) {
        Err(Errno::RANGE) => {}
        length => return Ok(small[..length?].to_vec()),
    }
    let mut large = vec![0; 65_536];
    let length = read(&mut large)?;
    large.truncate(length);
    Ok(large)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minus_one_leaves_an_owner_alone() {
        assert_eq!(ids(u32::MAX, 5), (None, Some(Gid::from_raw(5))));
    }
}
