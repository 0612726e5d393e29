//! The two ways of resolving below a root, behind one name.

use std::ffi::OsStr;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;

use rustix::fs::OFlags;
use rustix::io::{Errno, Result};

use super::{opath, openat2};
use crate::sys::modern::Modern;

static OPENAT2: Modern = Modern::new();

/// Who resolves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Resolver {
    /// The kernel where it can, the walk where it cannot.
    #[default]
    Best,
    /// The walk, whatever the kernel has.
    Walk,
}

impl Resolver {
    /// Opens `path`, absolute or relative, inside `root`; the empty path is the root. `O_CLOEXEC` is implied;
    /// `flags` create nothing.
    pub fn open(self, root: BorrowedFd<'_>, path: &OsStr, flags: OFlags) -> Result<OwnedFd> {
        let path = if path.is_empty() { OsStr::from_bytes(b".") } else { path };
        let walk = || opath::open(root, path, flags);
        match self {
            Resolver::Walk => walk(),
            Resolver::Best => match OPENAT2.or(|| openat2::open(root, path, flags), walk) {
                Err(Errno::AGAIN) => walk(),
                answer => answer,
            },
        }
    }
}
