//! Writes entries into a guest's root, through descriptors alone: names are walked component by component and no
//! step follows a link ([`super::target::walk`] does, inside the root), so no archive reaches outside.
//!
//! The directories on the way to the last entry stay open, and each remembers the modification time it must have
//! in the end: its last entry's, or, when a layer changes its content without mentioning it, the one it had. The
//! time is set when the directory is closed, so nothing has to be remembered of directories long left.
//!
//! Small files are made by a [`Pool`] of threads; everything else happens here, in the archive's order, and waits
//! for the files that it depends on.

mod clone;
mod directories;
mod file;
mod fresh;
mod pool;
mod prune;

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;

use super::content::Content;
use super::entry::{Entry, Kind};
use super::name::{Escaped, Name};
use super::target::{self, Step, Steps, Target};
use crate::error::{Attempt, Error, Result};
use crate::report::Report;
use crate::rootfs::{self, Dir, FileType, Metadata, Rootfs};
use directories::Open;
use file::{Done, Job, Outcome, Refused, stat};
use fresh::Fresh;
use pool::Pool;
use prune::{prune, remove};

/// Files up to this size, in bytes, are made by the pool.
const SMALL: u64 = 64 << 10;

/// Writes entries into a guest's root.
pub struct RootfsTarget<'a> {
    rootfs: &'a Rootfs,
    report: &'a dyn Report,
    /// The root and the directories below it that are open, each in the one before.
    open: Vec<Open>,
    /// The position: an index into `open`.
    at: usize,
    /// Directories left whose last files are still being made.
    left: Vec<Open>,
    /// The directory part that led to the position, and nothing has changed what it means since.
    last: Option<Vec<u8>>,
    /// What this layer made; none while there is nothing below the layer.
    fresh: Option<Fresh>,
    layers: u32,
    pool: Pool,
    /// Of the last job given to the pool.
    turn: u64,
    /// Whether the pool's failure was the cause of ours: it names its own entry.
    pool_failed: bool,
    /// Whether the user knows that attributes are refused.
    warned: bool,
}

impl<'a> RootfsTarget<'a> {
    /// Refused xattrs are warned of once through `report`.
    pub fn new(rootfs: &'a Rootfs, report: &'a dyn Report) -> RootfsTarget<'a> {
        RootfsTarget {
            rootfs,
            report,
            open: Vec::new(),
            at: 0,
            left: Vec::new(),
            last: None,
            fresh: None,
            layers: 0,
            pool: Pool::new(),
            turn: 0,
            pool_failed: false,
            warned: false,
        }
    }

    /// Sets what must come last (directory times), after the last layer.
    pub fn finish(mut self) -> Result<()> {
        self.settle()?;
        self.close(0)
    }

    /// Waits for all files under way, and closes the directories that only waited for them.
    fn settle(&mut self) -> Result<()> {
        self.reap(true)?;
        self.close_left()
    }

    /// Takes note of files that the pool has made: of all, or of those that are ready.
    fn reap(&mut self, all: bool) -> Result<()> {
        match self.pool.finished(all) {
            Some(first) => self.note(first, all),
            None => Ok(()),
        }
    }

    /// Takes note of an outcome, and of those after it. Where something stood, room is made in the archive's order
    /// and when all others are done: what stands there may be a directory in which files are being made, and one
    /// of those may itself have to make room first.
    fn note(&mut self, first: Outcome, mut all: bool) -> Result<()> {
        let mut occupied = Vec::new();
        let mut next = Some(first);
        while let Some(outcome) = next {
            match outcome {
                Outcome::Done(done) => self.conclude(done)?,
                Outcome::Occupied(job) => {
                    all = true;
                    occupied.push(job);
                }
            }
            next = self.pool.finished(all);
        }
        occupied.sort_by_key(|job| job.turn);
        occupied.into_iter().try_for_each(|job| self.make_room(job))
    }

    /// Makes a file where something stands: removes that, and closes what may be open below it.
    fn make_room(&mut self, job: Job) -> Result<()> {
        self.forget_below()?;
        let (_, leaf) = job.entry.name.split().unwrap_or_default();
        let removed = remove(&job.dir, OsStr::from_bytes(leaf));
        let outcome = match removed {
            Ok(()) => job.run(),
            Err(_) => Outcome::Occupied(job),
        };
        self.conclude(match outcome {
            Outcome::Done(done) => done,
            Outcome::Occupied(Job { place, entry, .. }) => {
                let error = removed.err().unwrap_or_else(|| io::ErrorKind::AlreadyExists.into());
                let result = Err(Error::io("replace what stands there", error));
                Done { place, entry, result }
            }
        })
    }

    fn conclude(&mut self, done: Done) -> Result<()> {
        let refused = done.result.map_err(|error| {
            self.pool_failed = true;
            error.context(format!("entry '{}'", done.entry.name))
        })?;
        self.warn(&done.entry, refused);
        Ok(())
    }

    /// Most refusals are of the whole filesystem, so one says enough.
    fn warn(&mut self, entry: &Entry, refused: Option<Refused>) {
        if let Some(Refused { key, error }) = refused
            && !self.warned
        {
            self.warned = true;
            let error = Error::io(format!("set '{}' of '{}'", Escaped(key.as_bytes()), entry.name), error);
            self.report.warn(&format!("{error}; other extended attributes may be missing, too"));
        }
    }

    /// Notes that this layer made `name` at the position, or the position itself.
    fn mark(&mut self, name: Option<&[u8]>) {
        let key = self.here().key;
        if let Some(fresh) = &mut self.fresh {
            fresh.insert(name.map_or(key, |name| Fresh::key(key, name)));
        }
    }

    /// Makes something at the position, in place of what may stand there.
    fn replace<T>(&mut self, name: &[u8], make: impl Fn(&Dir, &OsStr) -> io::Result<T>) -> Result<T> {
        self.wait_for(name)?;
        let dir = self.dir()?;
        let leaf = OsStr::from_bytes(name);
        let made = match make(&dir, leaf) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                self.forget_below()?;
                remove(&dir, leaf).attempt(|| "replace what stands there")?;
                make(&dir, leaf)
            }
            made => made,
        };
        self.mark(Some(name));
        made.attempt(|| "create it")
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
                let metadata = self.push(name, dir.dir(leaf).attempt(|| "open it")?)?;
                self.set_directory(entry, &metadata)?;
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                if !matches!(self.down(name, false)?, Step::Entered) {
                    self.replace(name, create)?;
                    self.down(name, true)?;
                }
                self.mark(None);
                let here = self.dir()?;
                let metadata = stat(&*here)?;
                remove_attributes(
                    &here,
                    &dir.xattrs(leaf).attempt(|| "read its extended attributes")?,
                    entry,
                )?;
                self.set_directory(entry, &metadata)?;
            }
            Err(error) => return Err(Error::io("create it", error)),
        }
        self.at = at;
        Ok(())
    }

    /// Gives the directory at the position what an entry says of it; the time comes when it is closed.
    fn set_directory(&mut self, entry: &Entry, metadata: &Metadata) -> Result<()> {
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
        if self.pool.is_pending(place) { self.settle() } else { Ok(()) }
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
        let metadata = dir.metadata(leaf).attempt(|| "stat it")?;
        if (metadata.uid, metadata.gid) != (entry.uid, entry.gid) {
            dir.chown(leaf, entry.uid, entry.gid).attempt(|| "set its owner")?;
        }
        if metadata.file_type != FileType::Symlink && metadata.mode != entry.mode {
            dir.chmod(leaf, entry.mode).attempt(|| "set its mode")?;
        }
        let refused = file::set_xattrs(entry, |key, value| dir.set_xattr(leaf, key, value))?;
        self.warn(entry, refused);
        dir.set_mtime(leaf, entry.mtime).attempt(|| "set its time")
    }

    fn put_hard_link(&mut self, entry: &Entry, name: &[u8], to: &Name) -> Result<()> {
        let (directory, _) = entry.name.split().unwrap_or_default();
        let not_there = || Error::invalid(format!("is a hard link to '{to}', which does not exist"));
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
            found => found.attempt(|| format!("stat '{to}'"))?,
        };
        if found.file_type == FileType::Directory {
            return Err(Error::invalid(format!("is a hard link to the directory '{to}'")));
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
                made.attempt(|| format!("link it to '{to}'"))
            }
        }
    }
}

impl Target for RootfsTarget<'_> {
    fn begin(&mut self) -> Result<()> {
        if self.open.is_empty() {
            self.open.push(Open::root(self.rootfs.dir("/").attempt(|| "open the root")?)?);
        }
        self.top();
        self.layers += 1;
        let lower = self.layers > 1 || !self.dir()?.names().attempt(|| "list the root")?.is_empty();
        self.fresh = lower.then(Fresh::default);
        Ok(())
    }

    fn put(&mut self, entry: &Entry, content: &mut dyn Content) -> Result<()> {
        self.reap(false)?;
        let put = self.put_entry(entry, content);
        self.named(put, &entry.name)
    }

    fn hide(&mut self, name: &Name) -> Result<()> {
        let hidden = self.hide_name(name);
        self.named(hidden, name)
    }

    fn hide_children(&mut self, name: &Name) -> Result<()> {
        let hidden = self.hide_all(name);
        self.named(hidden, name)
    }

    fn end(&mut self) -> Result<()> {
        self.settle()?;
        self.fresh = None;
        Ok(())
    }
}

impl RootfsTarget<'_> {
    /// Says which entry failed, but not of what failed in the pool meanwhile.
    fn named(&self, result: Result<()>, name: &Name) -> Result<()> {
        if self.pool_failed { result } else { result.attempt(|| format!("entry '{name}'")) }
    }

    fn hide_name(&mut self, name: &Name) -> Result<()> {
        let Some((directory, leaf)) = name.split() else { return Ok(()) };
        if self.fresh.is_none() || !target::walk(self, directory, false)? {
            return Ok(());
        }
        self.prune_here(&[OsStr::from_bytes(leaf)])
    }

    fn hide_all(&mut self, directory: &Name) -> Result<()> {
        if self.fresh.is_none() || !target::walk(self, directory.as_bytes(), false)? {
            return Ok(());
        }
        self.settle()?;
        let names = self.dir()?.names().attempt(|| "list it")?;
        self.prune_here(&names)
    }

    /// Removes names at the position as far as lower layers made them.
    fn prune_here(&mut self, names: &[impl AsRef<OsStr>]) -> Result<()> {
        self.forget_below()?;
        let dir = self.dir()?;
        let here = self.here();
        here.changed = true;
        let key = here.key;
        let Some(fresh) = &self.fresh else { return Ok(()) };
        names.iter().try_for_each(|name| prune(fresh, &dir, key, name.as_ref())).attempt(|| "remove it")
    }

    fn put_entry(&mut self, entry: &Entry, content: &mut dyn Content) -> Result<()> {
        let Some((directory, name)) = entry.name.split() else {
            self.top();
            let metadata = stat(self.dir()?.as_fd())?;
            return self.set_directory(entry, &metadata);
        };
        self.enter(directory)?;
        match &entry.kind {
            Kind::Directory => self.put_directory(entry, name),
            Kind::File { size } => self.put_file(entry, name, *size, content),
            Kind::Symlink(to) => self.put_special(entry, name, |dir, leaf| dir.symlink(leaf, to)),
            Kind::HardLink(to) => self.put_hard_link(entry, name, to),
            &Kind::Fifo => self.put_node(entry, name, FileType::Fifo, (0, 0)),
            &Kind::Character(major, minor) => self.put_node(entry, name, FileType::Character, (major, minor)),
            &Kind::Block(major, minor) => self.put_node(entry, name, FileType::Block, (major, minor)),
        }
    }

    fn put_node(&mut self, entry: &Entry, name: &[u8], file_type: FileType, rdev: (u32, u32)) -> Result<()> {
        self.put_special(entry, name, |dir, leaf| dir.mknod(leaf, file_type, entry.mode & 0o777, rdev))
    }
}

/// A directory that stood there loses the attributes that its new entry does not have. Those of the `security`
/// namespace are the host's (SELinux labels).
fn remove_attributes(dir: &Dir, had: &[(OsString, Vec<u8>)], entry: &Entry) -> Result<()> {
    for (key, _) in had {
        let kept = key.as_bytes().starts_with(b"security.") || entry.xattrs.iter().any(|(new, _)| new == key);
        if !kept {
            rustix::fs::fremovexattr(dir, key)
                .attempt(|| format!("remove its extended attribute '{}'", key.display()))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
