//! A tree in memory, as a [`Target`]: what a rootfs looks like after its layers, without contents. Kept beside a
//! container, it makes `diff` a tree walk that needs no layers.
//!
//! Names and inodes are apart, as in a filesystem, so hard links are what they are. An entry costs about 80 bytes
//! and its name: an image of 100,000 files fits in 10 MB.

mod codec;

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use super::content::Content;
use super::entry::{Entry, Kind};
use super::name::Name;
use super::target::{self, Step, Steps, Target};
use crate::error::{Attempt, Error, Result};
use crate::rootfs::{FileType, Timestamp};

/// What stands at a path of an [`Index`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Node<'a> {
    pub file_type: FileType,
    /// Permission bits with setuid, setgid and sticky: 0 to 0o7777.
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
    pub mtime: Timestamp,
    /// Bytes of a regular file; 0 for everything else.
    pub size: u64,
    /// Where a symlink points.
    pub link: Option<&'a OsStr>,
    /// Device number of a device node: major, minor.
    pub rdev: (u32, u32),
    /// The same for all names of one file, when it has several.
    pub hard_link: Option<u32>,
}

/// A tree in memory.
#[derive(Debug, Clone)]
pub struct Index {
    /// Number 0 is the root.
    inodes: Vec<Inode>,
    free: Vec<u32>,
    /// All names and link targets, one after the other; what is replaced stays until the index is stored.
    text: Vec<u8>,
    layer: u16,
    /// The directories from the root to the position.
    path: Vec<u32>,
}

const ROOT: u32 = 0;

#[derive(Debug, Clone)]
struct Inode {
    data: Data,
    mode: u16,
    uid: u32,
    gid: u32,
    mtime: Timestamp,
    links: u32,
}

#[derive(Debug, Clone)]
enum Data {
    File(u64),
    /// Sorted by name.
    Directory(Vec<Child>),
    Symlink(Span),
    Fifo,
    Character(u32, u32),
    Block(u32, u32),
}

#[derive(Debug, Clone, Copy)]
struct Child {
    name: Span,
    inode: u32,
    /// The layer that last put it there, or something below it.
    layer: u16,
}

#[derive(Debug, Clone, Copy)]
struct Span {
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
        Index { inodes: vec![root], free: Vec::new(), text: Vec::new(), layer: 0, path: vec![ROOT] }
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
        self.visit(ROOT, &mut Vec::new(), visit);
    }

    fn visit(&self, inode: u32, path: &mut Vec<u8>, visit: &mut dyn FnMut(&OsStr, Node<'_>)) {
        visit(OsStr::from_bytes(path), self.node(inode));
        let length = path.len();
        for child in self.children(inode) {
            if length > 0 {
                path.push(b'/');
            }
            path.extend_from_slice(self.text(child.name));
            self.visit(child.inode, path, visit);
            path.truncate(length);
        }
    }

    fn node(&self, number: u32) -> Node<'_> {
        let inode = self.inode(number);
        let (file_type, size, link, rdev) = match inode.data {
            Data::File(size) => (FileType::Regular, size, None, (0, 0)),
            Data::Directory(_) => (FileType::Directory, 0, None, (0, 0)),
            Data::Symlink(to) => (FileType::Symlink, 0, Some(OsStr::from_bytes(self.text(to))), (0, 0)),
            Data::Fifo => (FileType::Fifo, 0, None, (0, 0)),
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
        }
    }

    fn inode(&self, number: u32) -> &Inode {
        &self.inodes[number as usize]
    }

    fn inode_mut(&mut self, number: u32) -> &mut Inode {
        &mut self.inodes[number as usize]
    }

    fn text(&self, span: Span) -> &[u8] {
        &self.text[span.start as usize..][..usize::from(span.length)]
    }

    fn add_text(&mut self, text: &[u8]) -> Result<Span> {
        let span = u32::try_from(self.text.len()).ok().zip(u16::try_from(text.len()).ok());
        let (start, length) = span.ok_or_else(|| Error::invalid("has a name too long, or one too many"))?;
        self.text.extend_from_slice(text);
        Ok(Span { start, length })
    }

    fn children(&self, directory: u32) -> &[Child] {
        match &self.inode(directory).data {
            Data::Directory(children) => children,
            _ => &[],
        }
    }

    fn children_mut(&mut self, directory: u32) -> Option<&mut Vec<Child>> {
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

    fn child(&self, directory: u32, name: &[u8]) -> Option<Child> {
        self.find(directory, name).ok().map(|at| self.children(directory)[at])
    }

    fn here(&self) -> u32 {
        self.path.last().copied().unwrap_or(ROOT)
    }

    fn allocate(&mut self, inode: Inode) -> Result<u32> {
        if let Some(number) = self.free.pop() {
            *self.inode_mut(number) = inode;
            return Ok(number);
        }
        let number = u32::try_from(self.inodes.len()).map_err(|_| Error::invalid("is one file too many"))?;
        self.inodes.push(inode);
        Ok(number)
    }

    /// Gives `name` in a directory to an inode, in place of what had it.
    fn link(&mut self, directory: u32, name: &[u8], inode: u32) -> Result<()> {
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

    /// Removes what lower layers put into a directory.
    fn prune(&mut self, directory: u32) {
        let mut children = self.children_mut(directory).map(std::mem::take).unwrap_or_default();
        children.retain(|child| self.keep(child));
        if let Some(emptied) = self.children_mut(directory) {
            *emptied = children;
        }
    }

    /// Whether the current layer made a child; what is below one that stays is pruned, what goes is released.
    fn keep(&mut self, child: &Child) -> bool {
        let fresh = child.layer == self.layer;
        if fresh {
            self.prune(child.inode);
        } else {
            self.release(child.inode);
        }
        fresh
    }

    /// Notes that the current layer put something at or below a child.
    fn touch(&mut self, directory: u32, name: &[u8]) {
        let layer = self.layer;
        if let Ok(at) = self.find(directory, name)
            && let Some(children) = self.children_mut(directory)
        {
            children[at].layer = layer;
        }
    }

    fn put_entry(&mut self, entry: &Entry) -> Result<()> {
        let Some((directory, name)) = entry.name.split() else {
            self.inode_mut(ROOT).describe(entry);
            return Ok(());
        };
        target::walk(self, directory, true)?;
        let directory = self.here();
        let data = match &entry.kind {
            Kind::HardLink(to) => return self.put_hard_link(name, to),
            Kind::Directory => {
                if let Some(old) = self.child(directory, name).filter(|old| self.is_directory(old.inode)) {
                    self.inode_mut(old.inode).describe(entry);
                    self.touch(directory, name);
                    return Ok(());
                }
                Data::Directory(Vec::new())
            }
            Kind::File { size } => Data::File(*size),
            Kind::Symlink(to) => Data::Symlink(self.add_text(to.as_bytes())?),
            Kind::Fifo => Data::Fifo,
            &Kind::Character(major, minor) => Data::Character(major, minor),
            &Kind::Block(major, minor) => Data::Block(major, minor),
        };
        let mut inode = Inode::new(data, 0);
        inode.describe(entry);
        let inode = self.allocate(inode)?;
        self.link(directory, name, inode)
    }

    fn put_hard_link(&mut self, name: &[u8], to: &Name) -> Result<()> {
        let not_there = || Error::invalid(format!("is a hard link to '{to}', which does not exist"));
        let directory = self.here();
        let Some((to_directory, to_name)) = to.split() else { return Err(not_there()) };
        if !target::walk(self, to_directory, false)? {
            return Err(not_there());
        }
        let to_directory = self.here();
        let found = self.child(to_directory, to_name).ok_or_else(not_there)?.inode;
        if self.is_directory(found) {
            return Err(Error::invalid(format!("is a hard link to the directory '{to}'")));
        }
        // A directory makes way, and the target may go with it.
        if self.child(directory, name).is_some_and(|old| self.is_directory(old.inode)) {
            self.remove(directory, name);
            self.child(to_directory, to_name).ok_or_else(not_there)?;
        }
        self.link(directory, name, found)
    }

    fn is_directory(&self, inode: u32) -> bool {
        matches!(self.inode(inode).data, Data::Directory(_))
    }

    fn remove(&mut self, directory: u32, name: &[u8]) {
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
    fn new(data: Data, mode: u16) -> Inode {
        Inode { data, mode, uid: 0, gid: 0, mtime: Timestamp::default(), links: 0 }
    }

    fn describe(&mut self, entry: &Entry) {
        self.mode = (entry.mode & 0o7777) as u16;
        (self.uid, self.gid, self.mtime) = (entry.uid, entry.gid, entry.mtime);
    }
}

impl Target for Index {
    fn begin(&mut self) -> Result<()> {
        self.layer = self.layer.checked_add(1).ok_or_else(|| Error::invalid("too many layers"))?;
        Ok(())
    }

    fn put(&mut self, entry: &Entry, _: &mut dyn Content) -> Result<()> {
        self.put_entry(entry).attempt(|| format!("entry '{}'", entry.name))
    }

    fn hide(&mut self, name: &Name) -> Result<()> {
        if let Some((directory, leaf)) = name.split()
            && target::walk(self, directory, false)?
        {
            let directory = self.here();
            if self.child(directory, leaf).is_some_and(|child| !self.keep(&child)) {
                self.unlist(directory, leaf);
            }
        }
        Ok(())
    }

    fn hide_children(&mut self, name: &Name) -> Result<()> {
        if target::walk(self, name.as_bytes(), false)? {
            self.prune(self.here());
        }
        Ok(())
    }

    fn end(&mut self) -> Result<()> {
        Ok(())
    }
}

impl Steps for Index {
    fn top(&mut self) {
        self.path.truncate(1);
    }

    fn up(&mut self) {
        self.path.truncate(self.path.len().saturating_sub(1).max(1));
    }

    fn down(&mut self, name: &[u8], make: bool) -> Result<Step> {
        let directory = self.here();
        let found = self.child(directory, name).map(|child| child.inode);
        if let Some(&Data::Symlink(to)) = found.map(|inode| &self.inode(inode).data) {
            return Ok(Step::Link(self.text(to).to_vec()));
        }
        let enterable = found.is_some_and(|inode| self.is_directory(inode));
        match (enterable, make) {
            (false, false) => return Ok(Step::Missing),
            (true, false) => {}
            (true, true) => self.touch(directory, name),
            (false, true) => {
                let made = self.allocate(Inode::new(Data::Directory(Vec::new()), 0o755))?;
                self.link(directory, name, made)?;
            }
        }
        self.path.extend(self.child(directory, name).map(|child| child.inode));
        Ok(Step::Entered)
    }
}

#[cfg(test)]
mod tests;
