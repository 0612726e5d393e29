//! unshare(2): namespaces of our own.
#![allow(unsafe_code)]

use std::io;

use rustix::thread::{UnshareFlags, unshare_unsafe};

/// The namespace types that a session can have of its own.
pub type NamespaceTypes = UnshareFlags;

/// Moves the calling thread into new namespaces; `NEWPID` is for its future children only.
/// `EPERM` without `CAP_SYS_ADMIN`, `EINVAL` where the kernel was built without one of them.
pub fn unshare(namespaces: NamespaceTypes) -> io::Result<()> {
    // SAFETY: a shared descriptor table is what other threads rely on; it is never given up here.
    unsafe { unshare_unsafe(namespaces.difference(UnshareFlags::FILES)) }.map_err(Into::into)
}
