//! mount_setattr(2), Linux 5.12: flags of a mount that is in no tree yet.
#![allow(unsafe_code)]

use std::os::fd::{AsRawFd, BorrowedFd};

use rustix::io::{Errno, Result};

/// The same on every architecture; libc names it on few.
const SYS_MOUNT_SETATTR: libc::c_long = 442;
const MOUNT_ATTR_RDONLY: u64 = 1;

/// As the kernel reads it (linux/mount.h).
#[repr(C)]
struct Attributes {
    set: u64,
    clear: u64,
    propagation: u64,
    user_namespace: u64,
}

/// Makes the mount that `tree` is the root of read-only.
pub fn make_read_only(tree: BorrowedFd<'_>) -> Result<()> {
    let attributes = Attributes { set: MOUNT_ATTR_RDONLY, clear: 0, propagation: 0, user_namespace: 0 };
    // SAFETY: the path is a NUL-terminated string, the struct is what the kernel reads, with its size; both outlive
    // the call, which writes nothing of ours.
    let answer = unsafe {
        libc::syscall(
            SYS_MOUNT_SETATTR,
            tree.as_raw_fd(),
            c"".as_ptr(),
            libc::AT_EMPTY_PATH,
            &attributes,
            size_of::<Attributes>(),
        )
    };
    match answer {
        0 => Ok(()),
        _ => Err(Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::IO)),
    }
}
