//! unshare(2): namespaces of our own.
#![allow(unsafe_code)]

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

use rustix::thread::{UnshareFlags, unshare_unsafe};

/// The namespace types that a session can have of its own.
pub type NamespaceTypes = UnshareFlags;

/// Moves the calling thread into new namespaces; `NEWPID` is for its future children only.
/// `EPERM` without `CAP_SYS_ADMIN`, `EINVAL` where the kernel was built without one of them.
pub fn unshare(namespaces: NamespaceTypes) -> io::Result<()> {
    // SAFETY: a shared descriptor table is what other threads rely on; it is never given up here.
    unsafe { unshare_unsafe(namespaces.difference(UnshareFlags::FILES)) }.map_err(Into::into)
}

/// `_IOR(0xb7, 5, __u64)` (linux/nsfs.h); MIPS and the like, which number otherwise, are none of our machines.
const NS_GET_MNTNS_ID: u32 = 0x8008_b705;

/// The number of a mount namespace that no other one ever has, unlike its inode's (ioctl_nsfs(2), Linux 6.11). `ENOTTY`
/// before that.
pub fn mount_namespace_id(namespace: BorrowedFd<'_>) -> io::Result<u64> {
    let mut id = 0u64;
    // SAFETY: the kernel writes 8 bytes, to a number that outlives the call.
    match unsafe { libc::ioctl(namespace.as_raw_fd(), NS_GET_MNTNS_ID as _, &mut id) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(id),
    }
}
