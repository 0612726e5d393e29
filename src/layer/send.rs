//! Sends what stands in a directory to a [`Target`], an archive or another root: sorted by name, each file once and
//! its other names as hard links.
//!
//! Stays on the directory's own mount: of what is mounted below, only the place is sent. Sockets are left out; tar
//! has no type for them, and they are dead without their makers. What vanishes meanwhile is left out too.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::content::NoContent;
use super::entry::{Entry, EntryKind};
use super::file_content::FileContent;
use super::name::Name;
use super::target::Target;
use crate::error::{Attempt, Error, Result};
use crate::rootfs::walk::{self, Doing, Next, Order, Visit, Visited};
use crate::rootfs::{Dir, FileType, Metadata};

/// Sends `root` as `prefix` (empty: as the target's root), and everything below it. The caller begins and ends the
/// layer, since more may belong to it.
pub fn send(root: Dir, prefix: impl AsRef<OsStr>, target: &mut dyn Target) -> Result<()> {
    let prefix = Name::parse(prefix.as_ref().as_bytes())?;
    let metadata: Metadata = rustix::fs::fstat(&root).attempt(|| "stat the root")?.into();
    target.put(&entry(prefix.clone(), &metadata, EntryKind::Directory), &mut NoContent)?;
    let mut sender = Sender { target, prefix, sent: HashMap::new() };
    walk::below(root, Order::Sorted, &mut sender)
}

struct Sender<'a> {
    target: &'a mut dyn Target,
    prefix: Name,
    /// The first name of each file that has several, by device and inode.
    sent: HashMap<((u32, u32), u64), Name>,
}

impl Sender<'_> {
    /// The name of what stands at `path` from the root.
    fn name(&self, path: &Path) -> Result<Name> {
        Name::parse(&[self.prefix.as_bytes(), b"/", path.as_os_str().as_bytes()].concat())
    }

    fn put(&mut self, entry: &Entry) -> Result<()> {
        self.target.put(entry, &mut NoContent)
    }

    /// The name under which the same file was sent already. One with several names is remembered under this.
    fn sent(&mut self, name: &Name, metadata: &Metadata) -> Option<Name> {
        if metadata.links < 2 {
            return None;
        }
        let first = self.sent.get(&(metadata.dev, metadata.inode)).cloned();
        if first.is_none() {
            self.sent.insert((metadata.dev, metadata.inode), name.clone());
        }
        first
    }
}

impl Visit for Sender<'_> {
    type Error = Error;

    fn enter(&mut self, at: &Visited<'_>, _opened: &Dir) -> Result<Next> {
        let mut entry = entry(self.name(&at.path())?, at.metadata, EntryKind::Directory);
        if at.mounted {
            self.put(&entry)?;
            return Ok(Next::Over);
        }
        let Some(xattrs) = unless_gone(xattrs(at, &entry.name))? else { return Ok(Next::Over) };
        entry.xattrs = xattrs;
        self.put(&entry)?;
        Ok(Next::Into)
    }

    fn other(&mut self, at: &Visited<'_>) -> Result<()> {
        let metadata = at.metadata;
        if at.mounted {
            return Ok(());
        }
        let Some(Some((found, file))) = unless_gone(read(at, self.name(&at.path())?))? else { return Ok(()) };
        if let Some(first) = self.sent(&found.name, metadata) {
            return self.put(&entry(found.name, metadata, EntryKind::HardLink(first)));
        }
        match file {
            Some(file) => self.target.put(&found, &mut FileContent::new(file, metadata.size)),
            None => self.put(&found),
        }
    }

    fn failed(&mut self, doing: Doing, path: &Path, error: io::Error) -> Result<()> {
        if error.kind() == io::ErrorKind::NotFound && doing != Doing::Climb {
            return Ok(());
        }
        let name = self.name(path)?;
        let attempt = match doing {
            Doing::List => "list",
            Doing::Stat => "stat",
            Doing::Open => "open",
            Doing::Climb => "leave",
        };
        Err(Error::io(format!("{attempt} '{name}'"), error))
    }
}

/// What was deleted while the tree was read is as if it had never been there.
fn unless_gone<T>(read: Result<T>) -> Result<Option<T>> {
    match read {
        Err(error) if error.errno() == Some(libc::ENOENT) => Ok(None),
        read => read.map(Some),
    }
}

/// What stands there, and of a regular file its contents; none for a socket.
fn read(at: &Visited<'_>, name: Name) -> Result<Option<(Entry, Option<File>)>> {
    let Some(kind) = kind(at, &name)? else { return Ok(None) };
    let mut entry = entry(name, at.metadata, kind);
    entry.xattrs = xattrs(at, &entry.name)?;
    let file = match at.metadata.file_type {
        FileType::Regular => Some(at.dir.open(at.leaf).attempt(|| format!("open '{}'", entry.name))?),
        _ => None,
    };
    Ok(Some((entry, file)))
}

/// What an entry says of it; none for a socket.
fn kind(at: &Visited<'_>, name: &Name) -> Result<Option<EntryKind>> {
    let Metadata { file_type, size, rdev: (major, minor), .. } = *at.metadata;
    Ok(Some(match file_type {
        FileType::Regular => EntryKind::File { size },
        FileType::Directory => EntryKind::Directory,
        FileType::Symlink => {
            EntryKind::Symlink(at.dir.read_link(at.leaf).attempt(|| format!("read the link '{name}'"))?)
        }
        FileType::Fifo => EntryKind::Fifo,
        FileType::Character => EntryKind::Character(major, minor),
        FileType::Block => EntryKind::Block(major, minor),
        FileType::Socket => return Ok(None),
    }))
}

fn xattrs(at: &Visited<'_>, name: &Name) -> Result<Vec<(std::ffi::OsString, Vec<u8>)>> {
    at.dir.xattrs(at.leaf).attempt(|| format!("read the extended attributes of '{name}'"))
}

fn entry(name: Name, metadata: &Metadata, kind: EntryKind) -> Entry {
    let Metadata { mode, uid, gid, mtime, .. } = *metadata;
    Entry { name, kind, mode, uid, gid, mtime, xattrs: Vec::new() }
}

#[cfg(test)]
mod tests;
