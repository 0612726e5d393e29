//! The tree of an [`Index`]. Names and inodes are apart, as in a filesystem, so hard links are what they are.
//! An entry costs about 90 bytes and its name: an image of 100,000 files fits in 11 MB. Nothing recurses: a guest
//! may nest directories as deeply as it likes.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use super::hash;
use super::node::Node;
use crate::error::{Error, Result};
use crate::layer::entry::Entry;
use crate::rootfs::{FileType, Metadata, Timestamp};

/// A tree in memory.
#[derive(Debug, Clone)]
pub struct Index {
    /// Number 0 is the root.
    inodes: Vec<Inode>,
    free: Vec<u32>,
    /// All names and link targets, one after the other; what is replaced stays until the index is stored.
    text: Vec<u8>,
    pub(super) layer: u16,
    /// The directories from the root to the position.
    pub(super) path: Vec<u32>,
    /// Whether there are hashes: an index that was stored before it had them has none.
    pub(super) hashed: bool,
}

pub(super) const ROOT: u32 = 0;

#[derive(Debug, Clone)]
pub(super) struct Inode {
    pub(super) data: Data,
    pub(super) mode: u16,
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) mtime: Timestamp,
    pub(super) links: u32,
    /// The hash of its extended attributes.
    pub(super) xattrs: u64,
    /// Of the file on disk that this describes, see [`super::stamp`]; 0 while there is none.
    pub(super) stamp: u64,
}

#[derive(Debug, Clone)]
pub(super) enum Data {
    File {
        size: u64,
        /// Of the contents; none while nobody has read them.
        hash: Option<u64>,
    },
    /// Sorted by name.
    Directory(Vec<Child>),
    Symlink(Span),
    Fifo,
    Socket,
    Character(u32, u32),
    Block(u32, u32),
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Child {
    pub(super) name: Span,
    pub(super) inode: u32,
    /// The layer that last put it there, or something below it.
    pub(super) layer: u16,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    start: u32,
    length: u16,
}

impl Default for Index {
    fn default() -> Index {
        Index::new()
    }
}

impl Index {
    /// An empty root: 0:0, 0755, modified at the epoch.
    pub fn new() -> Index {
        let root = Inode::new(Data::Directory(Vec::new()), 0o755);
        Index {
            inodes: vec![root],
            free: Vec::new(),
            text: Vec::new(),
            layer: 0,
            path: vec![ROOT],
            hashed: true,
        }
    }

    /// What stands at a path, links not followed; the empty path is the root.
    pub fn get(&self, path: impl AsRef<OsStr>) -> Option<Node<'_>> {
        let components = path.as_ref().as_bytes().split(|&byte| byte == b'/').filter(|name| !name.is_empty());
        let inode = components.into_iter().try_fold(ROOT, |inode, name| {
            let at = self.find(inode, name).ok()?;
            Some(self.children(inode)[at].inode)
        })?;
        Some(self.node(inode))
    }

    /// Visits every path, the root (empty) first, then each directory before its children, sorted by name.
    pub fn for_each(&self, visit: &mut dyn FnMut(&OsStr, Node<'_>)) {
        self.preorder(&mut |path, inode| visit(OsStr::from_bytes(path), self.node(inode)));
    }

    /// Visits every path in the order of [`Index::for_each`], with the inode's number, at any depth.
    pub(super) fn preorder(&self, visit: &mut dyn FnMut(&[u8], u32)) {
        let mut path = Vec::new();
        visit(&path, ROOT);
        // The directories on the way: the length of each one's path, and the children that are still to come.
        let mut open = vec![(0, self.children(ROOT).iter())];
        while let Some((length, children)) = open.last_mut() {
            path.truncate(*length);
            let Some(child) = children.next() else {
                open.pop();
                continue;
            };
            if *length > 0 {
                path.push(b'/');
            }
            path.extend_from_slice(self.text(child.name));
            visit(&path, child.inode);
            open.push((path.len(), self.children(child.inode).iter()));
        }
    }

    /// How many inodes take up memory.
    pub(super) fn inodes(&self) -> usize {
        self.inodes.len()
    }

    pub(super) fn node(&self, number: u32) -> Node<'_> {
        let inode = self.inode(number);
        let (file_type, size, link, rdev) = match inode.data {
            Data::File { size, .. } => (FileType::Regular, size, None, (0, 0)),
            Data::Directory(_) => (FileType::Directory, 0, None, (0, 0)),
            Data::Symlink(to) => (FileType::Symlink, 0, Some(OsStr::from_bytes(self.text(to))), (0, 0)),
            Data::Fifo => (FileType::Fifo, 0, None, (0, 0)),
            Data::Socket => (FileType::Socket, 0, None, (0, 0)),
            Data::Character(major, minor) => (FileType::Character, 0, None, (major, minor)),
            Data::Block(major, minor) => (FileType::Block, 0, None, (major, minor)),
        };
        Node {
            file_type,
            mode: inode.mode.into(),
            uid: inode.uid,
            gid: inode.gid,
            mtime: inode.mtime,
            size,
            link,
            rdev,
            hard_link: (inode.links > 1).then_some(number),
            content_hash: match inode.data {
                Data::File { hash, .. } if self.hashed => hash,
                _ => None,
            },
            xattr_hash: self.hashed.then_some(inode.xattrs),
        }
    }

    pub(super) fn inode(&self, number: u32) -> &Inode {
        &self.inodes[number as usize]
    }

    pub(super) fn inode_mut(&mut self, number: u32) -> &mut Inode {
        &mut self.inodes[number as usize]
    }

    pub(super) fn text(&self, span: Span) -> &[u8] {
        &self.text[span.start as usize..][..usize::from(span.length)]
    }

    pub(super) fn add_text(&mut self, text: &[u8]) -> Result<Span> {
        let span = u32::try_from(self.text.len()).ok().zip(u16::try_from(text.len()).ok());
        let (start, length) = span.ok_or_else(|| Error::invalid("has a name too long, or one too many"))?;
        self.text.extend_from_slice(text);
        Ok(Span { start, length })
    }

    pub(super) fn children(&self, directory: u32) -> &[Child] {
        match &self.inode(directory).data {
            Data::Directory(children) => children,
            _ => &[],
        }
    }

    pub(super) fn children_mut(&mut self, directory: u32) -> Option<&mut Vec<Child>> {
        match &mut self.inode_mut(directory).data {
            Data::Directory(children) => Some(children),
            _ => None,
        }
    }

    /// Where `name` is among a directory's children, or belongs.
    fn find(&self, directory: u32, name: &[u8]) -> Result<usize, usize> {
        let children = self.children(directory);
        // Archives are mostly sorted: what comes next belongs at the end.
        match children.last() {
            Some(last) if self.text(last.name) < name => Err(children.len()),
            _ => children.binary_search_by(|child| self.text(child.name).cmp(name)),
        }
    }

    pub(super) fn child(&self, directory: u32, name: &[u8]) -> Option<Child> {
        self.find(directory, name).ok().map(|at| self.children(directory)[at])
    }

    pub(super) fn here(&self) -> u32 {
        self.path.last().copied().unwrap_or(ROOT)
    }

    pub(super) fn allocate(&mut self, inode: Inode) -> Result<u32> {
        if let Some(number) = self.free.pop() {
            *self.inode_mut(number) = inode;
            return Ok(number);
        }
        let number = u32::try_from(self.inodes.len()).map_err(|_| Error::invalid("is one file too many"))?;
        self.inodes.push(inode);
        Ok(number)
    }

    /// Gives `name` in a directory to an inode, in place of what had it.
    pub(super) fn link(&mut self, directory: u32, name: &[u8], inode: u32) -> Result<()> {
        let layer = self.layer;
        match self.find(directory, name) {
            Ok(at) => {
                let old = self.children(directory)[at].inode;
                if let Some(children) = self.children_mut(directory) {
                    children[at].inode = inode;
                    children[at].layer = layer;
                }
                if old != inode {
                    self.inode_mut(inode).links += 1;
                    self.release(old);
                }
            }
            Err(at) => {
                let name = self.add_text(name)?;
                if let Some(children) = self.children_mut(directory) {
                    children.insert(at, Child { name, inode, layer });
                }
                self.inode_mut(inode).links += 1;
            }
        }
        Ok(())
    }

    /// One name of an inode is gone; with the last one, it is, and what it held.
    fn release(&mut self, number: u32) {
        let mut pending = vec![number];
        while let Some(number) = pending.pop() {
            let inode = self.inode_mut(number);
            inode.links = inode.links.saturating_sub(1);
            if inode.links == 0 {
                if let Data::Directory(children) = std::mem::replace(&mut inode.data, Data::Fifo) {
                    pending.extend(children.iter().map(|child| child.inode));
                }
                self.free.push(number);
            }
        }
    }

    /// Removes what lower layers put below a directory, at any depth.
    pub(super) fn prune(&mut self, directory: u32) {
        let mut pending = vec![directory];
        while let Some(directory) = pending.pop() {
            let children = self.children_mut(directory).map(std::mem::take).unwrap_or_default();
            let (kept, gone): (Vec<_>, Vec<_>) =
                children.into_iter().partition(|child| child.layer == self.layer);
            gone.iter().for_each(|child| self.release(child.inode));
            pending.extend(kept.iter().map(|child| child.inode));
            if let Some(emptied) = self.children_mut(directory) {
                *emptied = kept;
            }
        }
    }

    /// Removes a child as far as lower layers made it.
    pub(super) fn hide_child(&mut self, directory: u32, name: &[u8]) {
        match self.child(directory, name) {
            Some(child) if child.layer == self.layer => self.prune(child.inode),
            Some(_) => self.remove(directory, name),
            None => {}
        }
    }

    /// Notes that the current layer put something at or below a child.
    pub(super) fn touch(&mut self, directory: u32, name: &[u8]) {
        let layer = self.layer;
        if let Ok(at) = self.find(directory, name)
            && let Some(children) = self.children_mut(directory)
        {
            children[at].layer = layer;
        }
    }

    /// Removes the children of a directory that the current layer has not touched.
    pub(super) fn drop_unseen(&mut self, directory: u32) {
        let layer = self.layer;
        self.keep_children(directory, &|_, child| child.layer == layer);
    }

    /// Removes the children of a directory whose names `keep` does not want.
    pub(super) fn keep_named(&mut self, directory: u32, keep: &dyn Fn(&[u8]) -> bool) {
        self.keep_children(directory, &|index, child| keep(index.text(child.name)));
    }

    fn keep_children(&mut self, directory: u32, keep: &dyn Fn(&Index, &Child) -> bool) {
        if self.children(directory).iter().all(|child| keep(self, child)) {
            return;
        }
        let children = self.children_mut(directory).map(std::mem::take).unwrap_or_default();
        let (kept, gone): (Vec<_>, Vec<_>) = children.into_iter().partition(|child| keep(self, child));
        gone.iter().for_each(|child| self.release(child.inode));
        if let Some(emptied) = self.children_mut(directory) {
            *emptied = kept;
        }
    }

    pub(super) fn is_directory(&self, inode: u32) -> bool {
        matches!(self.inode(inode).data, Data::Directory(_))
    }

    pub(super) fn remove(&mut self, directory: u32, name: &[u8]) {
        if let Some(child) = self.unlist(directory, name) {
            self.release(child.inode);
        }
    }

    fn unlist(&mut self, directory: u32, name: &[u8]) -> Option<Child> {
        let at = self.find(directory, name).ok()?;
        self.children_mut(directory).map(|children| children.remove(at))
    }
}

impl Inode {
    pub(super) fn new(data: Data, mode: u16) -> Inode {
        Inode { data, mode, uid: 0, gid: 0, mtime: Timestamp::default(), links: 0, xattrs: 0, stamp: 0 }
    }

    /// Everything but what it holds, from the file on disk.
    pub(super) fn take(&mut self, metadata: &Metadata, xattrs: u64) {
        self.mode = (metadata.mode & 0o7777) as u16;
        (self.uid, self.gid, self.mtime, self.xattrs) = (metadata.uid, metadata.gid, metadata.mtime, xattrs);
    }

    pub(super) fn is_a(&self, file_type: FileType) -> bool {
        let own = match self.data {
            Data::File { .. } => FileType::Regular,
            Data::Directory(_) => FileType::Directory,
            Data::Symlink(_) => FileType::Symlink,
            Data::Fifo => FileType::Fifo,
            Data::Socket => FileType::Socket,
            Data::Character(..) => FileType::Character,
            Data::Block(..) => FileType::Block,
        };
        own == file_type
    }

    /// Whether the file on disk has this type, size, mode, owner and time.
    pub(super) fn is_like(&self, metadata: &Metadata) -> bool {
        let as_large = match self.data {
            Data::File { size, .. } => size == metadata.size,
            _ => true,
        };
        as_large
            && self.is_a(metadata.file_type)
            && u32::from(self.mode) == metadata.mode
            && (self.uid, self.gid, self.mtime) == (metadata.uid, metadata.gid, metadata.mtime)
    }

    pub(super) fn describe(&mut self, entry: &Entry) {
        self.mode = (entry.mode & 0o7777) as u16;
        (self.uid, self.gid, self.mtime) = (entry.uid, entry.gid, entry.mtime);
        self.xattrs = hash::xattrs(&entry.xattrs);
    }
}
