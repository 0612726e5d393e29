//! Sends what stands in a directory to a [`Target`], an archive or another root: each file once and its other names as
//! hard links.
//!
//! Small files are read by several threads, a little ahead of the target ([`Ahead`]); what is sent keeps its order.
//!
//! The tree may be in use: what vanishes meanwhile is left out, what is replaced is looked at again, and what changes is
//! told. Stays on the directory's own mount: of what is mounted below, only the place of a directory is sent. Sockets
//! are left out; tar has no type for them, and they are dead without their makers.

use std::collections::{HashMap, VecDeque};
use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::ahead::Ahead;
use super::content::NoContent;
use super::entry::{Entry, EntryKind};
use super::found::{Found, Xattrs};
use super::name::Name;
use super::target::Target;
use crate::error::{Attempt, Error, Result};
use crate::rootfs::walk::{self, Doing, Next, Order, Visit, Visited};
use crate::rootfs::{Dir, FileType, Metadata, Timestamp};

/// What a user should know of a tree that was sent. Paths are from its root.
#[derive(Debug, Default)]
pub struct Sent {
    /// Where something else is mounted.
    pub mounted: Vec<PathBuf>,
    /// Files that became shorter while they were read: their ends are holes.
    pub cut: Vec<PathBuf>,
    /// Files that were written while they were read.
    pub changed: Vec<PathBuf>,
}

/// Sends `root` as `prefix` (empty: as the target's root), and everything below it. `each` hears of all that is sent. The
/// caller begins and ends the layer, since more may belong to it.
pub fn send(
    root: Dir,
    prefix: impl AsRef<OsStr>,
    order: Order,
    target: &mut dyn Target,
    each: &mut dyn FnMut(&Metadata),
) -> Result<Sent> {
    let prefix = Name::parse(prefix.as_ref().as_bytes())?;
    let metadata: Metadata = rustix::fs::fstat(&root).attempt("stat the root")?.into();
    let xattrs = root.own_xattrs().attempt("read the extended attributes of the root")?;
    target.put(&entry(prefix.clone(), &metadata, EntryKind::Directory, xattrs), &mut NoContent)?;
    let mut sender = Sender::new(target, prefix, each);
    walk::below(root, order, &mut sender)?;
    sender.end_names();
    sender.catch_up(true)?;
    Ok(sender.sent)
}

/// Sends what stands at `leaf` in `dir` as `name`: anything but a directory, which was `metadata` a moment ago.
pub fn send_one(
    dir: &Dir,
    leaf: &OsStr,
    metadata: &Metadata,
    name: &Name,
    target: &mut dyn Target,
) -> Result<Sent> {
    if metadata.file_type == FileType::Socket {
        return Err(Error::unsupported("a tar archive cannot hold a socket"));
    }
    let found = Found::look(dir, leaf, metadata).attempt("read it")?;
    let found = found.ok_or_else(|| Error::not_found("it is gone, or it became a directory"))?;
    let mut each = |_: &Metadata| ();
    let mut sender = Sender::new(target, Name::default(), &mut each);
    sender.file(name.as_path().to_owned(), found)?;
    Ok(sender.sent)
}

struct Sender<'a> {
    target: &'a mut dyn Target,
    prefix: Name,
    each: &'a mut dyn FnMut(&Metadata),
    /// The first name of each file that has several.
    first: HashMap<Several, Name>,
    ahead: Ahead,
    /// What the walk came by and the target did not get yet.
    waiting: VecDeque<Waiting>,
    sent: Sent,
}

enum Waiting {
    Directory(Box<(Entry, Metadata)>),
    /// Names that are looked at.
    Batch,
}

/// A file with several names. Its number alone may be another file's by the time it comes again.
#[derive(PartialEq, Eq, Hash)]
struct Several {
    dev: (u32, u32),
    inode: u64,
    file_type: FileType,
    size: u64,
    mtime: Timestamp,
}

impl Several {
    fn of(metadata: &Metadata) -> Option<Several> {
        let &Metadata { dev, inode, file_type, size, mtime, .. } = metadata;
        (metadata.links > 1).then_some(Several { dev, inode, file_type, size, mtime })
    }
}

impl<'a> Sender<'a> {
    fn new(target: &'a mut dyn Target, prefix: Name, each: &'a mut dyn FnMut(&Metadata)) -> Sender<'a> {
        let (first, ahead, waiting) = (HashMap::new(), Ahead::new(), VecDeque::new());
        Sender { target, prefix, each, first, ahead, waiting, sent: Sent::default() }
    }

    /// The name of what stands at `path` from the root.
    fn name(&self, path: &Path) -> Result<Name> {
        Name::parse(&[self.prefix.as_bytes(), b"/", path.as_os_str().as_bytes()].concat())
    }

    /// Nothing more comes for the batch of names that is being filled.
    fn end_names(&mut self) {
        if self.ahead.begin() {
            self.waiting.push_back(Waiting::Batch);
        }
    }

    /// Sends what was looked at: `all` of it, or as much as is ready.
    fn catch_up(&mut self, all: bool) -> Result<()> {
        while let Some(next) = self.waiting.pop_front() {
            match next {
                Waiting::Directory(directory) => {
                    self.target.put(&directory.0, &mut NoContent)?;
                    (self.each)(&directory.1);
                }
                Waiting::Batch => match self.ahead.next(all) {
                    Some(batch) => batch.hand(&mut |path, found| match found
                        .attempt(format_args!("read '{}'", path.display()))?
                    {
                        Some(found) => self.file(path, found),
                        None => Ok(()),
                    })?,
                    None => {
                        self.waiting.push_front(next);
                        return Ok(());
                    }
                },
            }
        }
        Ok(())
    }

    /// Sends one name that is no directory.
    fn file(&mut self, path: PathBuf, mut found: Found) -> Result<()> {
        let (name, metadata) = (self.name(&path)?, &found.metadata);
        if let Some(several) = Several::of(metadata) {
            if let Some(first) = self.first.get(&several) {
                let kind = EntryKind::HardLink(first.clone());
                return self.target.put(&entry(name, metadata, kind, Vec::new()), &mut NoContent);
            }
            self.first.insert(several, name.clone());
        }
        let entry = entry(name, metadata, found.kind, found.xattrs);
        match &mut found.content {
            None => self.target.put(&entry, &mut NoContent)?,
            Some(content) => {
                self.target.put(&entry, content)?;
                if content.was_cut() {
                    self.sent.cut.push(path);
                } else if content.has_changed() {
                    self.sent.changed.push(path);
                }
            }
        }
        (self.each)(metadata);
        Ok(())
    }
}

impl Visit for Sender<'_> {
    type Error = Error;

    fn enter(&mut self, at: &Visited<'_>, opened: &Dir) -> Result<Next> {
        let name = self.name(&at.path())?;
        let (next, xattrs) = if at.mounted {
            self.sent.mounted.push(at.path());
            (Next::Over, Vec::new())
        } else {
            let xattrs = opened.own_xattrs();
            (Next::Into, xattrs.attempt(format_args!("read the extended attributes of '{name}'"))?)
        };
        let entry = entry(name, at.metadata, EntryKind::Directory, xattrs);
        self.end_names();
        self.waiting.push_back(Waiting::Directory(Box::new((entry, at.metadata.clone()))));
        self.catch_up(false)?;
        Ok(next)
    }

    fn leave(&mut self, _: &Dir) -> Result<()> {
        self.end_names();
        Ok(())
    }

    fn other(&mut self, at: &Visited<'_>) -> Result<()> {
        crate::sys::point::reach("send.entry");
        if at.mounted {
            self.sent.mounted.push(at.path());
            return Ok(());
        }
        if self.ahead.add(at).attempt("duplicate a descriptor")? {
            self.waiting.push_back(Waiting::Batch);
            self.catch_up(false)?;
        }
        Ok(())
    }

    fn failed(&mut self, doing: Doing, path: &Path, error: io::Error) -> Result<()> {
        if doing.is_of_what_is_gone(&error) {
            return Ok(());
        }
        Err(Error::io(format_args!("{} '{}'", doing.verb(), self.name(path)?), error))
    }
}

fn entry(name: Name, metadata: &Metadata, kind: EntryKind, xattrs: Xattrs) -> Entry {
    let &Metadata { mode, uid, gid, mtime, .. } = metadata;
    Entry { name, kind, mode, uid, gid, mtime, xattrs }
}

#[cfg(test)]
mod tests;
