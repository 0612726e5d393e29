//! Opening a regular file that a guest named, and nothing else: opening a FIFO blocks, opening a device or a
//! tape does something, so what stands there is looked at through an `O_PATH` descriptor first.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;

use rustix::fs::{CWD, Mode, OFlags};
use rustix::io::Errno;

use super::metadata::{FileType, Metadata};
use crate::sys::descriptor::through;

/// Opens for reading what `found`, an `O_PATH` descriptor, holds. `again` finds it by name once more, with the
/// flags given, for a host without /proc; then another inode in its place is `ESTALE`.
pub fn open(found: &OwnedFd, again: impl FnOnce(OFlags) -> rustix::io::Result<OwnedFd>) -> io::Result<File> {
    open_found(found, again).map(|(file, _)| file)
}

/// The same, and what it is.
pub fn open_found(
    found: &OwnedFd,
    again: impl FnOnce(OFlags) -> rustix::io::Result<OwnedFd>,
) -> io::Result<(File, Metadata)> {
    let metadata = Metadata::from(rustix::fs::fstat(found)?);
    match metadata.file_type {
        FileType::Regular => {}
        FileType::Directory => return Err(Errno::ISDIR.into()),
        FileType::Symlink => return Err(Errno::LOOP.into()),
        _ => return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file")),
    }
    let path = through(found);
    match rustix::fs::openat(CWD, path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()) {
        Err(Errno::NOENT) => {
            let fd = again(OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY)?;
            let opened = Metadata::from(rustix::fs::fstat(&fd)?);
            if (opened.dev, opened.inode) != (metadata.dev, metadata.inode) {
                return Err(Errno::STALE.into());
            }
            Ok((fd.into(), opened))
        }
        opened => Ok((opened?.into(), metadata)),
    }
}
