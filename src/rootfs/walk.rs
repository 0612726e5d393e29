//! Goes through all that lies below a directory, for whoever wants to see it: each name once, a directory before
//! what is in it.
//!
//! Any depth: it goes down without recursion, and only the innermost directories stay open ([`Descent`]). It never
//! enters another mount and follows no link. Visitors act by descriptors, so what is renamed meanwhile leads nobody
//! astray. In memory are the names that wait in the directories on the way down.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use rustix::fs::{RawDir, SeekFrom};
use rustix::io::Errno;

use super::descent::Descent;
use super::dir::{BUFFER, Dir};
use super::metadata::{FileType, Metadata};
use crate::sys::identity::FileId;

/// In which order the names of a directory are visited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Files as they are read, then the directories. The cheapest; files may not be deleted meanwhile.
    Any,
    /// By the bytes of their names. All are read before the first is visited.
    Sorted,
}

/// Whether the walk goes into a directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Into it; what another mount shows is left out all the same.
    Into,
    /// On to the next name.
    Over,
}

/// What the walk was doing when it failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doing {
    /// Reading the names of a directory. With `Ok`, those that were read are visited.
    List,
    /// Asking what stands at a name.
    Stat,
    /// Opening a directory.
    Open,
    /// Going up again: the tree was moved. The walk is over, with the visitor's answer.
    Climb,
}

impl Doing {
    /// For a message: what cannot be done.
    pub fn verb(self) -> &'static str {
        match self {
            Doing::List => "list",
            Doing::Stat => "stat",
            Doing::Open => "open",
            Doing::Climb => "leave",
        }
    }

    /// Whether it failed because nothing stands there any more, or something else: then it is as if the name had never
    /// been met.
    pub fn is_of_what_is_gone(self, error: &io::Error) -> bool {
        let gone = matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
            || error.raw_os_error() == Some(Errno::LOOP.raw_os_error());
        gone && matches!(self, Doing::Stat | Doing::Open)
    }
}

/// One name that is visited.
#[derive(Debug)]
pub struct Visited<'a> {
    /// The directory that holds it.
    pub dir: &'a Dir,
    /// Its name there.
    pub leaf: &'a OsStr,
    /// What stands there; of a mount point, the root of what is mounted.
    pub metadata: &'a Metadata,
    /// Whether it is on another mount than the walk's start. The device alone does not tell: overlayfs gives files other
    /// devices than directories.
    pub mounted: bool,
    /// The path of `dir` from the start; empty for the start itself.
    pub parent: &'a Path,
}

impl Visited<'_> {
    /// Its path from the start.
    pub fn path(&self) -> PathBuf {
        self.parent.join(self.leaf)
    }
}

/// Sees what a walk comes by. An error ends the walk.
pub trait Visit {
    /// What ends the walk.
    type Error;

    /// A directory, open as `opened`.
    fn enter(&mut self, at: &Visited<'_>, opened: &Dir) -> Result<Next, Self::Error>;

    /// Anything but a directory.
    fn other(&mut self, at: &Visited<'_>) -> Result<(), Self::Error>;

    /// All in the directory `left`, which was entered, was visited.
    fn leave(&mut self, left: &Dir) -> Result<(), Self::Error> {
        let _ = left;
        Ok(())
    }

    /// Something failed at `path` (from the start). `Ok`: the walk goes on without it.
    fn failed(&mut self, doing: Doing, path: &Path, error: io::Error) -> Result<(), Self::Error>;
}

/// Shows `visitor` all below `start`, but not `start` itself.
pub fn below<V: Visit>(start: Dir, order: Order, visitor: &mut V) -> Result<(), V::Error> {
    // It may have been listed before.
    let rewound = rustix::fs::seek(&start, SeekFrom::Start(0));
    match rewound.and_then(|_| FileId::of(start.as_fd())) {
        Ok(mount) => {
            let buffer = Vec::with_capacity(BUFFER);
            Walk { order, visitor, mount, path: PathBuf::new(), buffer }.run(start)
        }
        Err(errno) => visitor.failed(Doing::Open, Path::new(""), errno.into()),
    }
}

struct Walk<'a, V> {
    order: Order,
    visitor: &'a mut V,
    /// Of the start: what must not be left.
    mount: FileId,
    /// Where the walk stands.
    path: PathBuf,
    buffer: Vec<u8>,
}

/// A name that waits for its visit.
struct Waiting {
    leaf: OsString,
    /// Known to be a directory, as far as listing tells.
    directory: bool,
}

impl<V: Visit> Walk<'_, V> {
    fn run(mut self, start: Dir) -> Result<(), V::Error> {
        let waiting = self.list(&start)?;
        let mut descent = Descent::new(start, self.mount, waiting);
        loop {
            if let Some(waiting) = descent.data().pop() {
                self.visit(&mut descent, &waiting)?;
                continue;
            }
            if self.path.as_os_str().is_empty() {
                return Ok(());
            }
            self.visitor.leave(descent.dir())?;
            if let Err(error) = descent.leave() {
                return self.visitor.failed(Doing::Climb, &self.path, error);
            }
            self.path.pop();
        }
    }

    fn visit(&mut self, descent: &mut Descent<Vec<Waiting>>, waiting: &Waiting) -> Result<(), V::Error> {
        let is_directory = waiting.directory || self.other(descent.dir(), &waiting.leaf)?;
        if is_directory { self.directory(descent, &waiting.leaf) } else { Ok(()) }
    }

    /// Visits what is not known to be a directory; true when it is one, and not visited.
    fn other(&mut self, dir: &Dir, leaf: &OsStr) -> Result<bool, V::Error> {
        let metadata = match dir.metadata(leaf) {
            Ok(metadata) => metadata,
            Err(error) => return self.failed(Doing::Stat, leaf, error).map(|()| false),
        };
        if metadata.file_type == FileType::Directory {
            return Ok(true);
        }
        let mounted = metadata.dev != self.mount.dev && is_elsewhere(dir, leaf, &self.mount);
        let at = Visited { dir, leaf, metadata: &metadata, mounted, parent: &self.path };
        self.visitor.other(&at).map(|()| false)
    }

    fn directory(&mut self, descent: &mut Descent<Vec<Waiting>>, leaf: &OsStr) -> Result<(), V::Error> {
        let (opened, identity, metadata) = match open(descent.dir(), leaf) {
            Ok(found) => found,
            Err(error) => return self.failed(Doing::Open, leaf, error),
        };
        let mounted = !identity.same_mount(&self.mount);
        let at = Visited { dir: descent.dir(), leaf, metadata: &metadata, mounted, parent: &self.path };
        if self.visitor.enter(&at, &opened)? == Next::Over || mounted {
            return Ok(());
        }
        self.path.push(leaf);
        let waiting = self.list(&opened)?;
        descent.enter(opened, identity, waiting);
        Ok(())
    }

    /// The names in `dir` that are to be visited, the last one first.
    fn list(&mut self, dir: &Dir) -> Result<Vec<Waiting>, V::Error> {
        let mut buffer = std::mem::take(&mut self.buffer);
        let mut waiting = Vec::new();
        let mut entries = RawDir::new(dir, buffer.spare_capacity_mut());
        while let Some(entry) = entries.next() {
            let entry = match entry {
                Ok(entry) => entry,
                // It was removed after it was opened (getdents(2)), so there is nothing in it.
                Err(Errno::NOENT) => break,
                Err(errno) => {
                    self.visitor.failed(Doing::List, &self.path, errno.into())?;
                    break;
                }
            };
            let name = entry.file_name().to_bytes();
            if !matches!(name, b"." | b"..") {
                let directory = entry.file_type() == rustix::fs::FileType::Directory;
                self.found(dir, OsStr::from_bytes(name), directory, &mut waiting)?;
            }
        }
        self.buffer = buffer;
        if self.order == Order::Sorted {
            waiting.sort_unstable_by(|one, other| other.leaf.cmp(&one.leaf));
        }
        Ok(waiting)
    }

    /// Puts a name into the queue, or visits it at once where the order allows it.
    fn found(
        &mut self,
        dir: &Dir,
        leaf: &OsStr,
        mut directory: bool,
        waiting: &mut Vec<Waiting>,
    ) -> Result<(), V::Error> {
        if self.order == Order::Any && !directory {
            directory = self.other(dir, leaf)?;
            if !directory {
                return Ok(());
            }
        }
        waiting.push(Waiting { leaf: OsString::from_vec(leaf.as_bytes().to_vec()), directory });
        Ok(())
    }

    fn failed(&mut self, doing: Doing, leaf: &OsStr, error: io::Error) -> Result<(), V::Error> {
        self.visitor.failed(doing, &self.path.join(leaf), error)
    }
}

/// Whether a file, by its mount's id where the kernel tells it, is not on `mount`.
fn is_elsewhere(dir: &Dir, leaf: &OsStr, mount: &FileId) -> bool {
    let found = dir.open_path(leaf).and_then(|file| Ok(FileId::of(file.as_fd())?));
    found.is_ok_and(|found| found.mount.is_none() || found.mount != mount.mount)
}

fn open(dir: &Dir, leaf: &OsStr) -> io::Result<(Dir, FileId, Metadata)> {
    let opened = dir.dir(leaf)?;
    let identity = FileId::of(opened.as_fd())?;
    let metadata = rustix::fs::fstat(&opened)?.into();
    Ok((opened, identity, metadata))
}

#[cfg(test)]
mod tests;
