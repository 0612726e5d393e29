//! Sends the tree of a container that may be running: what vanishes meanwhile is left out, and what is replaced is
//! looked at again.
//!
//! Each file is sent once and its other names as hard links. It stays on the root's own mount. Sockets are left out:
//! no archive has them, and they are dead without the programs that made them.

use std::collections::HashMap;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::found::{Found, Xattrs};
use crate::error::{Attempt, Error, Result};
use crate::layer::{Entry, EntryKind, Name, NoContent, RootfsTarget, Target};
use crate::report::{Report, Task};
use crate::rootfs::walk::{self, Doing, Next, Order, Visit, Visited};
use crate::rootfs::{Dir, FileType, Metadata, Timestamp};

/// Bytes: st_blocks counts in these on every filesystem (inode(7)).
const BLOCK: u64 = 512;

/// What a user should know of a tree that was sent.
#[derive(Default)]
pub(super) struct Told {
    /// Where something else was mounted.
    mounted: Vec<PathBuf>,
    /// What became shorter while it was read.
    cut: Vec<PathBuf>,
}

impl Told {
    pub(super) fn tell(&self, report: &dyn Report) {
        warn(report, &self.mounted, "something is mounted on", "what is there was left out");
        warn(report, &self.cut, "a program changed", "it was cut short in the clone");
    }
}

fn warn(report: &dyn Report, places: &[PathBuf], what: &str, consequence: &str) {
    let Some(first) = places.first() else { return };
    let others = match places.len() - 1 {
        0 => String::new(),
        others => format!(" and {others} more"),
    };
    report.warn(&format!("{what} '/{}'{others}: {consequence}", first.display()));
}

/// Sends `root` and all below it to `target`, and bytes on disk to `task`.
pub(super) fn send(root: Dir, target: &mut RootfsTarget<'_>, task: &dyn Task) -> Result<Told> {
    let metadata: Metadata = rustix::fs::fstat(&root).attempt(|| "stat the root")?.into();
    let xattrs = root.own_xattrs().attempt(|| "read the extended attributes of the root")?;
    let entry = entry(Name::default(), &metadata, EntryKind::Directory, xattrs);
    target.put(&entry, &mut NoContent)?;
    let mut sender = Sender { target, task, sent: HashMap::new(), told: Told::default() };
    walk::below(root, Order::Any, &mut sender)?;
    Ok(sender.told)
}

struct Sender<'a, 'b> {
    target: &'a mut RootfsTarget<'b>,
    task: &'a dyn Task,
    sent: HashMap<Several, Name>,
    told: Told,
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

impl Sender<'_, '_> {
    /// One name that is no directory.
    fn send(&mut self, at: &Visited<'_>, name: Name, mut found: Found) -> Result<()> {
        let metadata = &found.metadata;
        if let Some(first) = Several::of(metadata).and_then(|several| self.sent.get(&several)) {
            let kind = EntryKind::HardLink(first.clone());
            return self.target.put(&entry(name, metadata, kind, Vec::new()), &mut NoContent);
        }
        if let Some(several) = Several::of(metadata) {
            self.sent.insert(several, name.clone());
        }
        let entry = entry(name, metadata, found.kind, found.xattrs);
        match &mut found.content {
            None => self.target.put(&entry, &mut NoContent)?,
            Some(content) => {
                self.target.put(&entry, content)?;
                if content.was_cut() {
                    self.told.cut.push(at.path());
                }
            }
        }
        self.task.advance(metadata.blocks * BLOCK);
        Ok(())
    }
}

impl Visit for Sender<'_, '_> {
    type Error = Error;

    fn enter(&mut self, at: &Visited<'_>, opened: &Dir) -> Result<Next> {
        let name = Name::parse(at.path().as_os_str().as_bytes())?;
        let (next, xattrs) = if at.mounted {
            self.told.mounted.push(at.path());
            (Next::Over, Vec::new())
        } else {
            let xattrs = opened.own_xattrs();
            (Next::Into, xattrs.attempt(|| format!("read the extended attributes of '/{name}'"))?)
        };
        self.target.put(&entry(name, at.metadata, EntryKind::Directory, xattrs), &mut NoContent)?;
        self.task.advance(at.metadata.blocks * BLOCK);
        Ok(next)
    }

    fn other(&mut self, at: &Visited<'_>) -> Result<()> {
        crate::sys::point::reach("clone.entry");
        if at.mounted {
            self.told.mounted.push(at.path());
            return Ok(());
        }
        let found = Found::look(at.dir, at.leaf, at.metadata);
        match found.attempt(|| format!("read '/{}'", at.path().display()))? {
            Some(found) => self.send(at, Name::parse(at.path().as_os_str().as_bytes())?, found),
            None => Ok(()),
        }
    }

    fn failed(&mut self, doing: Doing, path: &Path, error: io::Error) -> Result<()> {
        let attempt = match doing {
            Doing::Stat | Doing::Open if is_gone(&error) => return Ok(()),
            Doing::List => "list",
            Doing::Stat => "stat",
            Doing::Open => "open",
            Doing::Climb => "leave",
        };
        Err(Error::io(format!("{attempt} '/{}'", path.display()), error))
    }
}

fn is_gone(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
        || error.raw_os_error() == Some(libc::ELOOP)
}

fn entry(name: Name, metadata: &Metadata, kind: EntryKind, xattrs: Xattrs) -> Entry {
    let &Metadata { mode, uid, gid, mtime, .. } = metadata;
    Entry { name, kind, mode, uid, gid, mtime, xattrs }
}
