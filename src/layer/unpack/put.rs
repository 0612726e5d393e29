//! Puts one entry in its place.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;

use super::casefold;
use super::file::{self, Job, stat};
use super::prune::remove;
use super::rootfs_target::RootfsTarget;
use crate::error::{Attempt, Error, Result};
use crate::layer::content::Content;
use crate::layer::entry::{Entry, EntryKind};
use crate::layer::name::Name;
use crate::layer::target::{self, Step, Steps};
use crate::rootfs::{self, Dir, FileType, Metadata};

/// Files up to this size, in bytes, are made by the pool.
const SMALL: u64 = 64 << 10;

impl RootfsTarget<'_> {
    /// Puts an entry in its place.
    pub(super) fn put_entry(&mut self, entry: &Entry, content: &mut dyn Content) -> Result<()> {
        let Some((directory, name)) = entry.name.split() else {
            self.top();
            let metadata = stat(self.dir()?.as_fd())?;
            return self.set_directory(entry, &metadata);
        };
        self.enter(directory)?;
        match &entry.kind {
            EntryKind::Directory => self.put_directory(entry, name),
            EntryKind::File { size } => self.put_file(entry, name, *size, content),
            EntryKind::Symlink(to) => self.put_special(entry, name, |dir, leaf| dir.symlink(leaf, to)),
            EntryKind::HardLink(to) => self.put_hard_link(entry, name, to),
            &EntryKind::Fifo => self.put_node(entry, name, FileType::Fifo, (0, 0)),
            &EntryKind::Character(major, minor) => {
                self.put_node(entry, name, FileType::Character, (major, minor))
            }
            &EntryKind::Block(major, minor) => self.put_node(entry, name, FileType::Block, (major, minor)),
        }
    }

    fn put_node(&mut self, entry: &Entry, name: &[u8], file_type: FileType, rdev: (u32, u32)) -> Result<()> {
        self.put_special(entry, name, |dir, leaf| dir.mknod(leaf, file_type, entry.mode & 0o777, rdev))
    }

    /// Makes something at the position, in place of what may stand there.
    pub(super) fn replace<T>(
        &mut self,
        name: &[u8],
        make: impl Fn(&Dir, &OsStr) -> io::Result<T>,
    ) -> Result<T> {
        self.wait_for(name)?;
        let dir = self.dir()?;
        let leaf = OsStr::from_bytes(name);
        let made = match make(&dir, leaf) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                casefold::refuse_another(&dir, leaf)?;
                self.forget_below()?;
                remove(&dir, leaf).attempt("replace what stands there")?;
                make(&dir, leaf)
            }
            made => made,
        };
        self.mark(Some(name));
        made.attempt("create it")
    }

    fn put_directory(&mut self, entry: &Entry, name: &[u8]) -> Result<()> {
        self.wait_for(name)?;
        let dir = self.dir()?;
        let leaf = OsStr::from_bytes(name);
        let create = |dir: &Dir, leaf: &OsStr| dir.create_dir(leaf, entry.mode & 0o777);
        let at = self.at;
        match create(&dir, leaf) {
            Ok(()) => {
                self.mark(Some(name));
                self.close(at + 1)?;
                let metadata = self.push(name, dir.dir(leaf).attempt("open it")?)?;
                self.set_directory(entry, &metadata)?;
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                casefold::refuse_another(&dir, leaf)?;
                if !matches!(self.down(name, false)?, Step::Entered) {
                    self.replace(name, create)?;
                    self.down(name, true)?;
                }
                self.mark(None);
                let here = self.dir()?;
                let metadata = stat(&*here)?;
                remove_attributes(&here, &dir.xattrs(leaf).attempt("read its extended attributes")?, entry)?;
                self.set_directory(entry, &metadata)?;
            }
            Err(error) => return Err(Error::io("create it", error)),
        }
        self.at = at;
        Ok(())
    }

    /// Gives the directory at the position what an entry says of it; the time comes when it is closed.
    pub(super) fn set_directory(&mut self, entry: &Entry, metadata: &Metadata) -> Result<()> {
        let dir = self.dir()?;
        file::set_owner_and_mode(&*dir, entry, metadata)?;
        let refused = file::set_xattrs(entry, |key, value| rootfs::set_xattr(dir.as_fd(), key, value))?;
        self.warn(entry, refused);
        let here = self.here();
        here.mtime = entry.mtime;
        here.changed = true;
        Ok(())
    }

    fn put_file(&mut self, entry: &Entry, name: &[u8], size: u64, content: &mut dyn Content) -> Result<()> {
        if size > SMALL || !content.is_whole(size) {
            let file = self.replace(name, |dir, leaf| file::create(dir, leaf, entry))?;
            file::fill(&file, size, content)?;
            let refused = file::describe(&file, entry)?;
            self.warn(entry, refused);
            return Ok(());
        }
        self.wait_for(name)?;
        self.mark(Some(name));
        let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or_default());
        while let Some((_, run)) = content.chunk()? {
            bytes.extend_from_slice(run);
        }
        let (place, dir) = (self.place(name), self.dir()?);
        self.turn += 1;
        let job = Job { dir, place, turn: self.turn, entry: entry.clone(), content: bytes };
        match self.pool.make(job) {
            Some(outcome) => self.note(outcome, false),
            None => Ok(()),
        }
    }

    /// Waits for a file of this name at the position, if one is under way.
    fn wait_for(&mut self, name: &[u8]) -> Result<()> {
        let place = self.place(name);
        if self.pool.is_pending(place) { self.wait_for_all() } else { Ok(()) }
    }

    /// What cannot be opened: links, pipes, devices.
    fn put_special(
        &mut self,
        entry: &Entry,
        name: &[u8],
        make: impl Fn(&Dir, &OsStr) -> io::Result<()>,
    ) -> Result<()> {
        self.replace(name, make)?;
        let dir = self.dir()?;
        let leaf = OsStr::from_bytes(name);
        let metadata = dir.metadata(leaf).attempt("stat it")?;
        if (metadata.uid, metadata.gid) != (entry.uid, entry.gid) {
            dir.chown(leaf, entry.uid, entry.gid).attempt("set its owner")?;
        }
        if metadata.file_type != FileType::Symlink && metadata.mode != entry.mode {
            dir.chmod(leaf, entry.mode).attempt("set its mode")?;
        }
        let refused = file::set_xattrs(entry, |key, value| dir.set_xattr(leaf, key, value))?;
        self.warn(entry, refused);
        dir.set_mtime(leaf, entry.mtime).attempt("set its time")
    }

    fn put_hard_link(&mut self, entry: &Entry, name: &[u8], to: &Name) -> Result<()> {
        let (directory, _) = entry.name.split().unwrap_or_default();
        let not_there = || Error::invalid(format_args!("is a hard link to '{to}', which does not exist"));
        let Some((to_directory, to_name)) = to.split() else { return Err(not_there()) };
        if to_directory != directory && !target::walk(self, to_directory, false)? {
            return Err(not_there());
        }
        self.wait_for(to_name)?;
        let to_dir = self.dir()?;
        self.enter(directory)?;
        self.wait_for(name)?;
        let to_leaf = OsStr::from_bytes(to_name);
        let found = match to_dir.metadata(to_leaf) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(not_there()),
            found => found.attempt(format_args!("stat '{to}'"))?,
        };
        if found.file_type == FileType::Directory {
            return Err(Error::invalid(format_args!("is a hard link to the directory '{to}'")));
        }
        let here = self.dir()?;
        let same = |there: Metadata| (there.dev, there.inode) == (found.dev, found.inode);
        match here.hard_link(OsStr::from_bytes(name), &to_dir, to_leaf) {
            // A link to itself, or said twice.
            Err(error)
                if error.kind() == io::ErrorKind::AlreadyExists
                    && here.metadata(OsStr::from_bytes(name)).is_ok_and(same) =>
            {
                self.mark(Some(name));
                Ok(())
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                let made = self.replace(name, |dir, leaf| dir.hard_link(leaf, &to_dir, to_leaf));
                // It went with the directory that made way.
                made.map_err(|error| if error.errno() == Some(libc::ENOENT) { not_there() } else { error })
            }
            made => {
                self.mark(Some(name));
                made.attempt(format_args!("link it to '{to}'"))
            }
        }
    }
}

/// A directory that stood there loses the attributes that its new entry does not have. Those of the `security`
/// namespace are the host's (SELinux labels).
fn remove_attributes(dir: &Dir, had: &[(OsString, Vec<u8>)], entry: &Entry) -> Result<()> {
    for (key, _) in had {
        let kept = key.as_bytes().starts_with(b"security.") || entry.xattrs.iter().any(|(new, _)| new == key);
        if !kept {
            rustix::fs::fremovexattr(dir, key)
                .attempt(format_args!("remove its extended attribute '{}'", key.display()))?;
        }
    }
    Ok(())
}
