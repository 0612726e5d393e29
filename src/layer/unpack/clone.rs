//! Copies a file inside the kernel: a filesystem with reflinks shares the blocks instead.

use std::fs::File;
use std::os::fd::BorrowedFd;

use rustix::io::Errno;

use crate::error::{Error, Result};
use crate::sys::copy::copy_file_range;

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
