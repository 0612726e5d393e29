//! mount_setattr(2), Linux 5.12: what a mount that is in no tree yet shows, and to whom.
#![allow(unsafe_code)]

use std::os::fd::{AsRawFd, BorrowedFd};

use rustix::io::{Errno, Result};

/// The same on every architecture; libc names it on few.
const SYS_MOUNT_SETATTR: libc::c_long = 442;
const MOUNT_ATTR_RDONLY: u64 = 1;
const MOUNT_ATTR_IDMAP: u64 = 0x0010_0000;
/// Every mount below, too; all or none of them.
const AT_RECURSIVE: libc::c_int = 0x8000;

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
    set(tree, 0, &attributes)
}

/// Has the mount that `tree` is the root of, and with `recursive` those below, show a file of user N as belonging to user N of
/// the user namespace `users`, and the other way round. `EINVAL` from filesystems that cannot, each since another kernel.
pub fn map_owners(tree: BorrowedFd<'_>, users: BorrowedFd<'_>, recursive: bool) -> Result<()> {
    let user_namespace = users.as_raw_fd().unsigned_abs().into();
    let attributes = Attributes { set: MOUNT_ATTR_IDMAP, clear: 0, propagation: 0, user_namespace };
    set(tree, if recursive { AT_RECURSIVE } else { 0 }, &attributes)
}

fn set(tree: BorrowedFd<'_>, flags: libc::c_int, attributes: &Attributes) -> Result<()> {
    // SAFETY: the path is a NUL-terminated string, the struct is what the kernel reads, with its size; both outlive
    // the call, which writes nothing of ours.
    let answer = unsafe {
        libc::syscall(
            SYS_MOUNT_SETATTR,
            tree.as_raw_fd(),
            c"".as_ptr(),
            libc::AT_EMPTY_PATH | flags,
            attributes,
            size_of::<Attributes>(),
        )
    };
    match answer {
        0 => Ok(()),
        _ => Err(Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::IO)),
    }
}
