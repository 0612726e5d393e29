//! Copies a file inside the kernel: a filesystem with reflinks shares the blocks instead.

use std::fs::File;
use std::os::fd::BorrowedFd;

use rustix::fs::{fstat, ioctl_ficlone};
use rustix::io::Errno;

use crate::error::{Attempt, Error, Result};
use crate::rootfs::Metadata;
use crate::sys::copy::copy_file_range;

/// Makes an empty file share all blocks, and so the holes, of `from`, if that has `size` bytes (`FICLONE`,
/// ioctl_ficlone(2), Linux 4.5: Btrfs, XFS and others). False where it cannot; then the file is still empty.
pub(super) fn share(from: BorrowedFd<'_>, to: &File, size: u64) -> Result<bool> {
    let length = |found: rustix::io::Result<rustix::fs::Stat>| found.map(|stat| Metadata::from(stat).size);
    if length(fstat(from)).attempt("stat its source")? != size || ioctl_ficlone(to, from).is_err() {
        return Ok(false);
    }
    match length(fstat(to)).attempt("stat it")? {
        shared if shared == size => Ok(true),
        // Somebody wrote to it meanwhile.
        shared if shared > size => to.set_len(size).map(|()| true).attempt("write it"),
        _ => to.set_len(0).map(|()| false).attempt("write it"),
    }
}

/// Copies the first `size` bytes of `from` to an empty file (copy_file_range(2), Linux 4.5). False where the kernel
/// cannot: across filesystems before 5.3, or on filesystems of its own. Then the bytes are to be read and written.
pub(super) fn clone(from: BorrowedFd<'_>, to: &File, size: u64) -> Result<bool> {
    let (mut read, mut written) = (0, 0);
    while written < size {
        let count = usize::try_from(size - written).unwrap_or(usize::MAX).min(1 << 30);
        match copy_file_range(from, &mut read, to, &mut written, count) {
            // Nothing was copied: the file became shorter (who reads it will notice), or the kernel is one of 5.3 to
            // 5.18, which answer so for files of /proc and the like.
            Ok(0) => return Ok(false),
            Ok(_) | Err(Errno::INTR) => {}
            Err(Errno::XDEV | Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => return Ok(false),
            Err(error) => return Err(Error::io("write it", error.into())),
        }
    }
    Ok(true)
}
