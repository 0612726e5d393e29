//! Fills an [`Index`], as a [`Target`].

use std::os::unix::ffi::OsStrExt;

use super::hash::ContentHash;
use super::tree::{Data, Index, Inode, ROOT};
use crate::error::{Attempt, Error, Result};
use crate::layer::content::Content;
use crate::layer::entry::{Entry, EntryKind};
use crate::layer::name::Name;
use crate::layer::target::{self, Step, Steps, Target};

impl Index {
    /// Puts an entry, of a regular file with the hash of its contents.
    pub(super) fn record(&mut self, entry: &Entry, hash: u64) -> Result<()> {
        let Some((directory, name)) = entry.name.split() else {
            self.inode_mut(ROOT).describe(entry);
            return Ok(());
        };
        target::walk(self, directory, true)?;
        let directory = self.here();
        let data = match &entry.kind {
            EntryKind::HardLink(to) => return self.put_hard_link(name, to),
            EntryKind::Directory => {
                if let Some(old) = self.child(directory, name).filter(|old| self.is_directory(old.inode)) {
                    self.inode_mut(old.inode).describe(entry);
                    self.touch(directory, name);
                    return Ok(());
                }
                Data::Directory(Vec::new())
            }
            &EntryKind::File { size } => Data::File { size, hash: Some(hash) },
            EntryKind::Symlink(to) => Data::Symlink(self.add_text(to.as_bytes())?),
            EntryKind::Fifo => Data::Fifo,
            &EntryKind::Character(major, minor) => Data::Character(major, minor),
            &EntryKind::Block(major, minor) => Data::Block(major, minor),
        };
        let mut inode = Inode::new(data, 0);
        inode.describe(entry);
        let inode = self.allocate(inode)?;
        self.link(directory, name, inode)
    }

    fn put_hard_link(&mut self, name: &[u8], to: &Name) -> Result<()> {
        let not_there = || Error::invalid(format_args!("is a hard link to '{to}', which does not exist"));
        let directory = self.here();
        let Some((to_directory, to_name)) = to.split() else { return Err(not_there()) };
        if !target::walk(self, to_directory, false)? {
            return Err(not_there());
        }
        let to_directory = self.here();
        let found = self.child(to_directory, to_name).ok_or_else(not_there)?.inode;
        if self.is_directory(found) {
            return Err(Error::invalid(format_args!("is a hard link to the directory '{to}'")));
        }
        // A directory makes way, and the target may go with it.
        if self.child(directory, name).is_some_and(|old| self.is_directory(old.inode)) {
            self.remove(directory, name);
            self.child(to_directory, to_name).ok_or_else(not_there)?;
        }
        self.link(directory, name, found)
    }
}

impl Target for Index {
    fn begin(&mut self) -> Result<()> {
        self.layer = self.layer.checked_add(1).ok_or_else(|| Error::invalid("too many layers"))?;
        Ok(())
    }

    fn put(&mut self, entry: &Entry, content: &mut dyn Content) -> Result<()> {
        let hash = ContentHash::new().read(content);
        hash.and_then(|hash| self.record(entry, hash)).attempt(format_args!("entry '{}'", entry.name))
    }

    fn hide(&mut self, name: &Name) -> Result<()> {
        if let Some((directory, leaf)) = name.split()
            && target::walk(self, directory, false)?
        {
            self.hide_child(self.here(), leaf);
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
