//! A standard stream that can be written without blocking whoever else has it.

use std::fs::OpenOptions;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;

use rustix::fs::{FileType, OFlags, fstat};
use rustix::io::dup;

use crate::sys::descriptor::through;

/// The same file, opened once more so that it can be made not to block: that is of a description, which others share.
/// Where it cannot be opened again, or has a position of its own, it is the shared one.
pub fn own_description(stream: BorrowedFd<'_>) -> rustix::io::Result<OwnedFd> {
    let kind = FileType::from_raw_mode(fstat(stream)?.st_mode);
    if matches!(kind, FileType::CharacterDevice | FileType::Fifo) {
        let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
        let opened = OpenOptions::new().write(true).custom_flags(flags.bits() as i32).open(through(stream));
        if let Ok(own) = opened {
            return Ok(own.into());
        }
    }
    dup(stream)
}
