//! Owner, mode, times and extended attributes of an open file. What cannot be opened (links, FIFOs, devices) is
//! changed by its name: [`super::dir::Dir`].

use std::ffi::OsStr;
use std::io;
use std::os::fd::AsFd;

use rustix::fs::{Gid, Mode, Timespec, Timestamps, Uid, XattrFlags};
use rustix::io::Errno;

use super::metadata::Timestamp;

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minus_one_leaves_an_owner_alone() {
        assert_eq!(ids(u32::MAX, 5), (None, Some(Gid::from_raw(5))));
    }
}
