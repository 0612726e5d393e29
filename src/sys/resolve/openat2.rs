//! Resolution by the kernel: openat2(2) with `RESOLVE_IN_ROOT`, Linux 5.6. Refuses the magic links of procfs.

use std::ffi::OsStr;
use std::os::fd::{BorrowedFd, OwnedFd};

use rustix::fs::{Mode, OFlags, ResolveFlags};
use rustix::io::{Errno, Result};

/// The kernel answers `EAGAIN` when a rename or mount raced with a `..` that it could not prove harmless.
const ATTEMPTS: u32 = 64;

/// See [`super::resolver::Resolver::open`]. `EAGAIN` when the tree would not hold still.
pub fn open(root: BorrowedFd<'_>, path: &OsStr, flags: OFlags) -> Result<OwnedFd> {
    let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
    for _ in 0..ATTEMPTS {
        match rustix::fs::openat2(root, path, flags | OFlags::CLOEXEC, Mode::empty(), resolve) {
            Err(Errno::AGAIN | Errno::INTR) => continue,
            answer => return answer,
        }
    }
    Err(Errno::AGAIN)
}
