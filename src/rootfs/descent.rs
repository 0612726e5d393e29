//! Going down a tree of any depth and up again with a bounded number of descriptors and no recursion.
//!
//! Only the innermost directories stay open. Further up, the parent is opened again through `..` and must be
//! the directory that was left: a tree that is moved meanwhile ends the descent instead of leading it astray.

use std::io;

use super::dir::Dir;
use crate::sys::identity::FileId;

/// How many directories stay open: a soft limit of 1024 descriptors is common, 256 not unheard of.
const OPEN: usize = 64;

/// Where the descent stands, and what `T` remembers of each level above.
pub struct Descent<T> {
    here: Level<Dir, T>,
    above: Vec<Level<Option<Dir>, T>>,
}

struct Level<D, T> {
    dir: D,
    identity: FileId,
    data: T,
}

impl<T> Descent<T> {
    /// Starts in `dir`.
    pub fn new(dir: Dir, identity: FileId, data: T) -> Descent<T> {
        Descent { here: Level { dir, identity, data }, above: Vec::new() }
    }

    /// The directory it stands in.
    pub fn dir(&self) -> &Dir {
        &self.here.dir
    }

    /// What is remembered of it.
    pub fn data(&mut self) -> &mut T {
        &mut self.here.data
    }

    /// Goes down into `dir`, a subdirectory of where it stands.
    pub fn enter(&mut self, dir: Dir, identity: FileId, data: T) {
        let parent = std::mem::replace(&mut self.here, Level { dir, identity, data });
        self.above.push(Level { dir: Some(parent.dir), identity: parent.identity, data: parent.data });
        if let Some(far) = self.above.len().checked_sub(OPEN) {
            self.above[far].dir = None;
        }
    }

    /// Goes up; what was remembered of the level left. None at the top, which is not left.
    pub fn leave(&mut self) -> io::Result<Option<T>> {
        let Some(parent) = self.above.pop() else { return Ok(None) };
        let dir = match parent.dir {
            Some(dir) => dir,
            None => reopen(self.dir(), parent.identity)?,
        };
        let here = Level { dir, identity: parent.identity, data: parent.data };
        Ok(Some(std::mem::replace(&mut self.here, here).data))
    }
}

fn reopen(child: &Dir, expected: FileId) -> io::Result<Dir> {
    let dir = child.parent()?;
    if FileId::of(dir.as_fd())? != expected {
        return Err(io::Error::other("the tree was moved meanwhile"));
    }
    Ok(dir)
}
