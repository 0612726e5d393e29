//! Brings an [`Index`] in line with a tree on disk: what agrees stays, what does not is described anew.
//!
//! The tree may be in use: what vanishes meanwhile is not there. What another mount shows is not looked at, and stays
//! in the index as it was.

use std::collections::{HashMap, HashSet};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::hash::{self, ContentHash};
use super::stamp::{is_recent, stamp};
use super::tree::{Data, Index, Inode, ROOT};
use crate::error::{Attempt, Error, Kind, Result};
use crate::layer::file_content::FileContent;
use crate::rootfs::walk::{self, Doing, Next, Order, Visit, Visited};
use crate::rootfs::{Dir, FileType, Metadata};

/// What shows that a file is still what the index says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    /// Type, mode, owner, size and time: the index was made along with the tree. What is not as it says was changed on
    /// purpose since, and is read.
    Metadata,
    /// The stamp alone: anything may have happened. Contents are read only where the index has a file of the same size
    /// to compare them with; of other files the hash stays unknown.
    Stamps,
    /// As `Stamps`, and whatever has another stamp is read.
    Contents,
}

impl Index {
    /// Makes this the index of `root`, and gives it stamps. `skip`: names in the root that are not looked at. Returns
    /// the places at which something else is mounted.
    pub fn settle(&mut self, root: Dir, trust: Trust, skip: &[&str]) -> Result<Vec<PathBuf>> {
        let metadata: Metadata = rustix::fs::fstat(&root).attempt("stat the root")?.into();
        let mut settler = Settler::new(self, trust, skip)?;
        settler.root(&root, &metadata)?;
        settler.open.push(ROOT);
        walk::below(root, Order::Any, &mut settler)?;
        let mounted = std::mem::take(&mut settler.mounted);
        settler.close();
        Ok(mounted)
    }
}

/// Looks at names of a tree on disk, and describes anew what is not as the index says.
pub(super) struct Settler<'a> {
    pub(super) index: &'a mut Index,
    trust: Trust,
    skip: &'a [&'a str],
    /// The directories on the way down.
    pub(super) open: Vec<u32>,
    /// By devices and inode numbers on disk: what has several names.
    linked: HashMap<((u32, u32), u64), u32>,
    /// Files with several names that are not what they were by one of them.
    pub(super) parted: HashSet<u32>,
    mounted: Vec<PathBuf>,
}

impl<'a> Settler<'a> {
    pub(super) fn new(index: &'a mut Index, trust: Trust, skip: &'a [&'a str]) -> Result<Settler<'a>> {
        index.layer = index.layer.checked_add(1).ok_or_else(|| Error::invalid("too many layers"))?;
        let (open, mounted) = (Vec::new(), Vec::new());
        let (linked, parted) = (HashMap::new(), HashSet::new());
        Ok(Settler { index, trust, skip, open, linked, parted, mounted })
    }
}

impl Settler<'_> {
    /// The innermost directory.
    pub(super) fn here(&self) -> u32 {
        self.open.last().copied().unwrap_or(ROOT)
    }

    pub(super) fn root(&mut self, root: &Dir, metadata: &Metadata) -> Result<()> {
        if !self.agrees(self.index.inode(ROOT), metadata) {
            let xattrs = root.own_xattrs().attempt("read the extended attributes of the root")?;
            self.index.inode_mut(ROOT).take(metadata, hash::xattrs(&xattrs));
        }
        self.index.inode_mut(ROOT).stamp = self.stamp(metadata);
        Ok(())
    }

    /// 0 while there is no telling whether the next change will show.
    fn stamp(&self, metadata: &Metadata) -> u64 {
        if is_recent(metadata) { 0 } else { stamp(metadata) }
    }

    fn agrees(&self, inode: &Inode, metadata: &Metadata) -> bool {
        match self.trust {
            Trust::Stamps | Trust::Contents => {
                inode.stamp == stamp(metadata) && inode.is_a(metadata.file_type)
            }
            // Attributes are few. A filesystem may have refused some.
            Trust::Metadata => inode.xattrs == 0 && inode.is_like(metadata),
        }
    }

    /// Sees to one name; what vanished is left out.
    fn meet(&mut self, at: &Visited<'_>) -> Result<()> {
        if self.is_skipped(at) {
            self.index.touch(self.here(), at.leaf.as_bytes());
            return Ok(());
        }
        if at.mounted {
            self.leave_out(at);
            return Ok(());
        }
        match self.describe(at) {
            Err(error) if error.kind() == Kind::NotFound => Ok(()),
            described => described.attempt(format_args!("look at '/{}'", at.path().display())),
        }
    }

    fn is_skipped(&self, at: &Visited<'_>) -> bool {
        self.open.len() == 1 && self.skip.iter().any(|name| at.leaf == *name)
    }

    /// What is mounted there hides what is to be compared.
    fn leave_out(&mut self, at: &Visited<'_>) {
        self.index.touch(self.here(), at.leaf.as_bytes());
        self.mounted.push(Path::new("/").join(at.path()));
    }

    /// Sees to what stands at a name.
    pub(super) fn describe(&mut self, at: &Visited<'_>) -> Result<()> {
        let (here, name, metadata) = (self.here(), at.leaf.as_bytes(), at.metadata);
        let known = self.index.child(here, name).map(|child| child.inode);
        let several = metadata.links > 1 && metadata.file_type != FileType::Directory;
        if several && let Some(&inode) = self.linked.get(&(metadata.dev, metadata.inode)) {
            self.part(known.filter(|known| *known != inode));
            self.index.link(here, name, inode)?;
            self.index.touch(here, name);
            return Ok(());
        }
        let inode = match known {
            Some(known) if self.agrees(self.index.inode(known), metadata) => known,
            known => {
                self.part(known);
                self.anew(at, known)?
            }
        };
        self.index.inode_mut(inode).stamp = self.stamp(metadata);
        self.index.touch(here, name);
        if several {
            self.linked.insert((metadata.dev, metadata.inode), inode);
        }
        Ok(())
    }

    /// One of the names of `file` is another file now: those that are left may be it, too.
    fn part(&mut self, file: Option<u32>) {
        self.parted.extend(file.filter(|&file| self.index.inode(file).links > 1));
    }

    /// Describes what stands there by looking at it.
    fn anew(&mut self, at: &Visited<'_>, known: Option<u32>) -> Result<u32> {
        let xattrs = at.dir.xattrs(at.leaf).attempt("read its extended attributes")?;
        let xattrs = hash::xattrs(&xattrs);
        if let Some(known) = known
            .filter(|&known| at.metadata.file_type == FileType::Directory && self.index.is_directory(known))
        {
            self.index.inode_mut(known).take(at.metadata, xattrs);
            return Ok(known);
        }
        let data = self.data(at, known)?;
        let mut inode = Inode::new(data, 0);
        inode.take(at.metadata, xattrs);
        let inode = self.index.allocate(inode)?;
        self.index.link(self.here(), at.leaf.as_bytes(), inode)?;
        Ok(inode)
    }

    fn data(&mut self, at: &Visited<'_>, known: Option<u32>) -> Result<Data> {
        let (major, minor) = at.metadata.rdev;
        Ok(match at.metadata.file_type {
            FileType::Regular => {
                let size = at.metadata.size;
                let wanted = match (self.trust, known.map(|known| &self.index.inode(known).data)) {
                    (Trust::Metadata | Trust::Contents, _) => true,
                    (Trust::Stamps, Some(Data::File { size: other, .. })) => *other == size,
                    (Trust::Stamps, _) => false,
                };
                Data::File { size, hash: if wanted { content_hash(at.dir, at.leaf, size)? } else { None } }
            }
            FileType::Directory => Data::Directory(Vec::new()),
            FileType::Symlink => {
                let target = at.dir.read_link(at.leaf).attempt("read the link")?;
                Data::Symlink(self.index.add_text(target.as_bytes())?)
            }
            FileType::Fifo => Data::Fifo,
            FileType::Socket => Data::Socket,
            FileType::Character => Data::Character(major, minor),
            FileType::Block => Data::Block(major, minor),
        })
    }

    /// Everything in the innermost directory was met: what was not is not there.
    fn close(&mut self) {
        let Some(directory) = self.open.pop() else { return };
        self.index.drop_unseen(directory);
    }
}

/// The hash of a file's first `size` bytes; none of one that is written meanwhile, so that it became shorter.
pub fn content_hash(dir: &Dir, leaf: &std::ffi::OsStr, size: u64) -> Result<Option<u64>> {
    let file = dir.open(leaf).attempt("open it")?;
    match ContentHash::new().read(&mut FileContent::new(file, size)) {
        Err(error) if error.kind() == Kind::Invalid => Ok(None),
        hash => hash.map(Some),
    }
}

impl Visit for Settler<'_> {
    type Error = Error;

    fn enter(&mut self, at: &Visited<'_>, _opened: &Dir) -> Result<Next> {
        if at.mounted {
            self.leave_out(at);
            return Ok(Next::Over);
        }
        self.meet(at)?;
        let entered = self.index.child(self.here(), at.leaf.as_bytes()).map(|child| child.inode);
        match entered.filter(|&inode| !self.is_skipped(at) && self.index.is_directory(inode)) {
            Some(inode) => {
                self.open.push(inode);
                Ok(Next::Into)
            }
            None => Ok(Next::Over),
        }
    }

    fn other(&mut self, at: &Visited<'_>) -> Result<()> {
        self.meet(at)
    }

    fn leave(&mut self, _left: &Dir) -> Result<()> {
        self.close();
        Ok(())
    }

    fn failed(&mut self, doing: Doing, path: &Path, error: io::Error) -> Result<()> {
        if doing.is_of_what_is_gone(&error) {
            return Ok(());
        }
        Err(Error::io(format_args!("{} '/{}'", doing.verb(), path.display()), error))
    }
}

#[cfg(test)]
mod tests;
