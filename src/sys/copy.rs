//! Copying between files inside the kernel.

use std::os::fd::AsFd;

use rustix::io::{Errno, Result};

use super::modern::Modern;

/// copy_file_range(2), Linux 4.5, from and to these offsets, which go on by what it returns. `ENOSYS` where the
/// kernel, or a filter, does not have it.
pub fn copy_file_range(
    from: impl AsFd,
    read: &mut u64,
    to: impl AsFd,
    written: &mut u64,
    count: usize,
) -> Result<usize> {
    static COPY_FILE_RANGE: Modern = Modern::new();
    let copy = || rustix::fs::copy_file_range(from, Some(read), to, Some(written), count);
    COPY_FILE_RANGE.or(copy, || Err(Errno::NOSYS))
}
