//! Going down a tree of any depth and up again with a bounded number of descriptors and no recursion.
//!
//! Only the innermost directories stay open. Further up, the parent is opened again through `..` and must be
//! the directory that was left: a tree that is moved meanwhile ends the descent instead of leading it astray.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::Mode;

pub use super::dir::OPEN_FLAGS;
use crate::sys::identity::Identity;

/// How many directories stay open: a soft limit of 1024 descriptors is common, 256 not unheard of.
const OPEN: usize = 64;
/// For getdents64: several hundred entries at a time.
pub const BUFFER: usize = 32 * 1024;

/// Where the descent stands, and what `T` remembers of each level above.
pub struct Descent<T> {
    here: Level<OwnedFd, T>,
    above: Vec<Level<Option<OwnedFd>, T>>,
}

struct Level<Fd, T> {
    fd: Fd,
    identity: Identity,
    data: T,
}

impl<T> Descent<T> {
    /// Starts in `fd`, a directory open for reading.
    pub fn new(fd: OwnedFd, identity: Identity, data: T) -> Descent<T> {
        Descent { here: Level { fd, identity, data }, above: Vec::new() }
    }

    /// The directory it stands in.
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.here.fd.as_fd()
    }

    /// What is remembered of it.
    pub fn data(&mut self) -> &mut T {
        &mut self.here.data
    }

    /// Goes down into `fd`, a subdirectory of where it stands.
    pub fn enter(&mut self, fd: OwnedFd, identity: Identity, data: T) {
        let parent = std::mem::replace(&mut self.here, Level { fd, identity, data });
        self.above.push(Level { fd: Some(parent.fd), identity: parent.identity, data: parent.data });
        if let Some(far) = self.above.len().checked_sub(OPEN) {
            self.above[far].fd = None;
        }
    }

    /// Goes up; what was remembered of the level left. None at the top, which is not left.
    pub fn leave(&mut self) -> io::Result<Option<T>> {
        let Some(parent) = self.above.pop() else { return Ok(None) };
        let fd = match parent.fd {
            Some(fd) => fd,
            None => reopen(self.fd(), parent.identity)?,
        };
        let here = Level { fd, identity: parent.identity, data: parent.data };
        Ok(Some(std::mem::replace(&mut self.here, here).data))
    }
}

fn reopen(child: BorrowedFd<'_>, expected: Identity) -> io::Result<OwnedFd> {
    let fd = rustix::fs::openat(child, c"..", OPEN_FLAGS, Mode::empty())?;
    if Identity::of(fd.as_fd())? != expected {
        return Err(io::Error::other("the tree was moved meanwhile"));
    }
    Ok(fd)
}
