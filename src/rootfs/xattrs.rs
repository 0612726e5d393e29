//! Extended attributes (xattr(7)) of a name in a [`Dir`]: also of links, FIFOs and devices, which cannot be opened.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;

use rustix::fs::XattrFlags;
use rustix::io::Errno;

use super::attributes;
use super::dir::{Dir, leaf};
use crate::sys;
use crate::sys::descriptor::through;

impl Dir {
    /// Sets an extended attribute, of a link itself.
    pub fn set_xattr(&self, name: &OsStr, key: &OsStr, value: &[u8]) -> io::Result<()> {
        set(self, leaf(name)?, key, value)
    }

    /// The extended attributes, sorted by name. A filesystem that has none has an empty list.
    pub fn xattrs(&self, name: &OsStr) -> io::Result<Vec<(OsString, Vec<u8>)>> {
        get_all(self, leaf(name)?)
    }

    /// Removes an extended attribute, of a link itself. One that is not there is no error.
    pub fn remove_xattr(&self, name: &OsStr, key: &OsStr) -> io::Result<()> {
        let removed = match rustix::fs::lremovexattr(through_proc(self, leaf(name)?), key) {
            Err(Errno::NOENT) => rustix::fs::fremovexattr(by_descriptor(self, name)?, key),
            removed => removed,
        };
        match removed {
            Err(Errno::NODATA) => Ok(()),
            removed => Ok(removed?),
        }
    }

    /// Those of the directory itself.
    pub fn own_xattrs(&self) -> io::Result<Vec<(OsString, Vec<u8>)>> {
        xattrs(self)
    }
}

/// The extended attributes of an open file or directory, as [`Dir::xattrs`] has them.
pub fn xattrs(file: impl AsFd) -> io::Result<Vec<(OsString, Vec<u8>)>> {
    let file = file.as_fd();
    Ok(collect(
        |list| rustix::fs::flistxattr(file, list),
        |key, value| rustix::fs::fgetxattr(file, key, value),
    )?)
}

/// Removes an extended attribute of an open file. One that is not there is no error.
pub fn remove_xattr(file: impl AsFd, key: &OsStr) -> io::Result<()> {
    match rustix::fs::fremovexattr(file, key) {
        Err(Errno::NODATA) => Ok(()),
        removed => Ok(removed?),
    }
}

/// A name that the path-taking calls without an `*at` form accept: the directory is reached through procfs's
/// magic link, the leaf is not followed by the `l*xattr` calls.
fn through_proc(dir: &Dir, name: &OsStr) -> OsString {
    let mut path = OsString::from(format!("{}/", through(dir.as_fd())));
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

fn set(dir: &Dir, name: &OsStr, key: &OsStr, value: &[u8]) -> io::Result<()> {
    match rustix::fs::lsetxattr(through_proc(dir, name), key, value, XattrFlags::empty()) {
        Err(Errno::NOENT) => attributes::set_xattr(by_descriptor(dir, name)?, key, value),
        answer => Ok(answer?),
    }
}

fn get_all(dir: &Dir, name: &OsStr) -> io::Result<Vec<(OsString, Vec<u8>)>> {
    let list = |list: &mut [u8]| match sys::xattr::list_at(dir.as_fd(), name, list) {
        Err(Errno::NOSYS) => rustix::fs::llistxattr(through_proc(dir, name), list),
        listed => listed,
    };
    match collect(list, |key, value| rustix::fs::lgetxattr(through_proc(dir, name), key, value)) {
        Err(Errno::NOENT) => xattrs(by_descriptor(dir, name)?),
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
