//! Writes entries into a guest's root, through descriptors alone: names are walked component by component and no
//! step follows a link ([`target::walk`] does, inside the root), so no archive reaches outside.
//!
//! The directories on the way to the last entry stay open, and each remembers the modification time it must have
//! in the end: its last entry's, or, when a layer changes its content without mentioning it, the one it had. The
//! time is set when the directory is closed, so nothing has to be remembered of directories long left.

mod fresh;

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use super::entry::{Entry, Kind};
use super::name::{Escaped, Name};
use super::read::Content;
use super::target::{self, Step, Steps, Target};
use crate::error::{Attempt, Error, Result};
use crate::report::Report;
use crate::rootfs::{self, Dir, FileType, Metadata, Rootfs, Timestamp};
use fresh::Fresh;

/// Writes entries into a guest's root.
pub struct RootfsTarget<'a> {
    rootfs: &'a Rootfs,
    report: &'a dyn Report,
    /// The root and the directories below it that are open, each in the one before.
    open: Vec<Open>,
    /// The position: an index into `open`.
    at: usize,
    /// The directory part that led to the position, and nothing has changed what it means since.
    last: Option<Vec<u8>>,
    /// What this layer made; none while there is nothing below the layer.
    fresh: Option<Fresh>,
    layers: u32,
    /// Whether the user knows that attributes are refused.
    warned: bool,
}

/// A directory that is being worked in.
struct Open {
    name: Vec<u8>,
    dir: Arc<Dir>,
    /// Names it in [`Fresh`].
    key: u64,
    /// What must stand there when it is closed.
    mtime: Timestamp,
    /// Whether the kernel has changed it since.
    changed: bool,
}

impl<'a> RootfsTarget<'a> {
    /// Refused xattrs are warned of once through `report`.
    pub fn new(rootfs: &'a Rootfs, report: &'a dyn Report) -> RootfsTarget<'a> {
        RootfsTarget {
            rootfs,
            report,
            open: Vec::new(),
            at: 0,
            last: None,
            fresh: None,
            layers: 0,
            warned: false,
        }
    }

    /// Sets what must come last (directory times), after the last layer.
    pub fn finish(mut self) -> Result<()> {
        self.close(0)
    }

    /// Closes the open directories from an index on, the innermost first.
    fn close(&mut self, from: usize) -> Result<()> {
        while self.open.len() > from {
            if let Some(open) = self.open.pop()
                && open.changed
            {
                rootfs::set_mtime(open.dir.as_fd(), open.mtime)
                    .attempt(|| format!("set the time of directory '{}'", Escaped(&open.name)))?;
            }
        }
        if from == 0 {
            self.top();
        }
        Ok(())
    }

    fn here(&mut self) -> &mut Open {
        &mut self.open[self.at]
    }

    /// Goes to a directory that is made if it is missing.
    fn enter(&mut self, directory: &[u8]) -> Result<()> {
        if self.last.as_deref() != Some(directory) {
            target::walk(self, directory, true)?;
            let last = self.last.get_or_insert_default();
            last.clear();
            last.extend_from_slice(directory);
        }
        self.here().changed = true;
        Ok(())
    }

    /// Opens a directory below the position and goes there.
    fn push(&mut self, name: &[u8], dir: Dir) -> Result<Metadata> {
        let metadata = stat(&dir)?;
        let key = Fresh::key(self.here().key, name);
        let open =
            Open { name: name.to_vec(), dir: Arc::new(dir), key, mtime: metadata.mtime, changed: false };
        self.open.push(open);
        self.at += 1;
        Ok(metadata)
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
        let dir = self.here().dir.clone();
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

    /// Before something at the position is removed or replaced: what is open below may go with it, and names may
    /// come to mean something else.
    fn forget_below(&mut self) -> Result<()> {
        self.close(self.at + 1)?;
        self.last = None;
        Ok(())
    }

    fn put_directory(&mut self, entry: &Entry, name: &[u8]) -> Result<()> {
        let dir = self.here().dir.clone();
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
                let metadata = stat(&self.here().dir)?;
                self.remove_attributes(&dir, leaf, entry)?;
                self.set_directory(entry, &metadata)?;
            }
            Err(error) => return Err(Error::io("create it", error)),
        }
        self.at = at;
        Ok(())
    }

    /// Gives the directory at the position what an entry says of it; the time comes when it is closed.
    fn set_directory(&mut self, entry: &Entry, metadata: &Metadata) -> Result<()> {
        let dir = self.here().dir.clone();
        set_owner_and_mode(&*dir, entry, metadata)?;
        self.set_xattrs(entry, |key, value| rootfs::set_xattr(dir.as_fd(), key, value))?;
        let here = self.here();
        here.mtime = entry.mtime;
        here.changed = true;
        Ok(())
    }

    /// A directory that stood there loses the attributes that its new entry does not have. Those of the `security`
    /// namespace are the host's (SELinux labels).
    fn remove_attributes(&self, parent: &Dir, leaf: &OsStr, entry: &Entry) -> Result<()> {
        let had = parent.xattrs(leaf).attempt(|| "read its extended attributes")?;
        for (key, _) in had {
            let kept =
                key.as_bytes().starts_with(b"security.") || entry.xattrs.iter().any(|(new, _)| *new == key);
            if !kept {
                rustix::fs::fremovexattr(&*self.open[self.at].dir, &key)
                    .attempt(|| format!("remove its extended attribute '{}'", key.display()))?;
            }
        }
        Ok(())
    }

    fn put_file(&mut self, entry: &Entry, name: &[u8], size: u64, content: &mut Content<'_>) -> Result<()> {
        let file = self.replace(name, |dir, leaf| dir.create_file(leaf, entry.mode & 0o777))?;
        fill(&file, size, content)?;
        set_owner_and_mode(&file, entry, &stat(&file)?)?;
        self.set_xattrs(entry, |key, value| rootfs::set_xattr(&file, key, value))?;
        rootfs::set_mtime(&file, entry.mtime).attempt(|| "set its time")
    }

    /// What cannot be opened: links, pipes, devices.
    fn put_special(
        &mut self,
        entry: &Entry,
        name: &[u8],
        make: impl Fn(&Dir, &OsStr) -> io::Result<()>,
    ) -> Result<()> {
        self.replace(name, make)?;
        let dir = self.here().dir.clone();
        let leaf = OsStr::from_bytes(name);
        let metadata = dir.metadata(leaf).attempt(|| "stat it")?;
        if (metadata.uid, metadata.gid) != (entry.uid, entry.gid) {
            dir.chown(leaf, entry.uid, entry.gid).attempt(|| "set its owner")?;
        }
        if metadata.file_type != FileType::Symlink && metadata.mode != entry.mode {
            dir.chmod(leaf, entry.mode).attempt(|| "set its mode")?;
        }
        self.set_xattrs(entry, |key, value| dir.set_xattr(leaf, key, value))?;
        dir.set_mtime(leaf, entry.mtime).attempt(|| "set its time")
    }

    fn put_hard_link(&mut self, entry: &Entry, name: &[u8], to: &Name) -> Result<()> {
        let (directory, _) = entry.name.split().unwrap_or_default();
        let not_there = || Error::invalid(format!("is a hard link to '{to}', which does not exist"));
        let Some((to_directory, to_name)) = to.split() else { return Err(not_there()) };
        if to_directory != directory && !target::walk(self, to_directory, false)? {
            return Err(not_there());
        }
        let to_dir = self.here().dir.clone();
        self.enter(directory)?;
        let to_leaf = OsStr::from_bytes(to_name);
        let found = match to_dir.metadata(to_leaf) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(not_there()),
            found => found.attempt(|| format!("stat '{to}'"))?,
        };
        if found.file_type == FileType::Directory {
            return Err(Error::invalid(format!("is a hard link to the directory '{to}'")));
        }
        let here = self.here().dir.clone();
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
                self.replace(name, |dir, leaf| dir.hard_link(leaf, &to_dir, to_leaf))
            }
            made => {
                self.mark(Some(name));
                made.attempt(|| format!("link it to '{to}'"))
            }
        }
    }

    /// Attributes that a filesystem refuses are no reason to fail: most programs never miss them.
    fn set_xattrs(&mut self, entry: &Entry, set: impl Fn(&OsStr, &[u8]) -> io::Result<()>) -> Result<()> {
        for (key, value) in &entry.xattrs {
            if is_hosts_own(key) {
                continue;
            }
            let Err(error) = set(key, value) else { continue };
            let refused = matches!(
                error.raw_os_error(),
                Some(libc::ENOTSUP | libc::EPERM | libc::EACCES | libc::EINVAL | libc::ENOSYS)
            );
            if !refused {
                return Err(Error::io(format!("set its extended attribute '{}'", key.display()), error));
            }
            if !self.warned {
                self.warned = true;
                self.report.warn(&format!(
                    "the extended attribute '{}' of '{}' was refused ({}); others may be missing too",
                    Escaped(key.as_bytes()),
                    entry.name,
                    Error::io("set it", error),
                ));
            }
        }
        Ok(())
    }

    /// Removes `name` in `dir` as far as lower layers made it.
    fn prune(&self, dir: &Dir, key: u64, name: &OsStr) -> io::Result<()> {
        let key = Fresh::key(key, name.as_bytes());
        if !self.fresh.as_ref().is_some_and(|fresh| fresh.contains(key)) {
            return match remove(dir, name) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
                done => done,
            };
        }
        match dir.dir(name) {
            Ok(below) => {
                let metadata = Metadata::from(rustix::fs::fstat(&below)?);
                for name in below.names()? {
                    self.prune(&below, key, &name)?;
                }
                rootfs::set_mtime(below.as_fd(), metadata.mtime)
            }
            Err(error) if is_no_directory(&error) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

impl Target for RootfsTarget<'_> {
    fn begin(&mut self) -> Result<()> {
        if self.open.is_empty() {
            let dir = self.rootfs.dir("/").attempt(|| "open the root")?;
            let mtime = stat(&dir)?.mtime;
            self.open.push(Open { name: Vec::new(), dir: Arc::new(dir), key: 0, mtime, changed: false });
        }
        self.last = None;
        self.layers += 1;
        let lower = self.layers > 1 || !self.open[0].dir.names().attempt(|| "list the root")?.is_empty();
        self.fresh = lower.then(Fresh::default);
        Ok(())
    }

    fn put(&mut self, entry: &Entry, content: &mut Content<'_>) -> Result<()> {
        let Some((directory, name)) = entry.name.split() else {
            self.top();
            let metadata = stat(&self.here().dir)?;
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

    fn hide(&mut self, name: &Name) -> Result<()> {
        let Some((directory, leaf)) = name.split() else { return Ok(()) };
        if self.fresh.is_none() || !target::walk(self, directory, false)? {
            return Ok(());
        }
        self.forget_below()?;
        let here = self.here();
        here.changed = true;
        let (dir, key) = (here.dir.clone(), here.key);
        self.prune(&dir, key, OsStr::from_bytes(leaf)).attempt(|| format!("remove '{name}'"))
    }

    fn hide_children(&mut self, name: &Name) -> Result<()> {
        if self.fresh.is_none() || !target::walk(self, name.as_bytes(), false)? {
            return Ok(());
        }
        self.forget_below()?;
        let here = self.here();
        here.changed = true;
        let (dir, key) = (here.dir.clone(), here.key);
        let names = dir.names().attempt(|| format!("list '{name}'"))?;
        names.iter().try_for_each(|leaf| self.prune(&dir, key, leaf)).attempt(|| format!("empty '{name}'"))
    }

    fn end(&mut self) -> Result<()> {
        self.fresh = None;
        Ok(())
    }
}

impl RootfsTarget<'_> {
    fn put_node(&mut self, entry: &Entry, name: &[u8], file_type: FileType, rdev: (u32, u32)) -> Result<()> {
        self.put_special(entry, name, |dir, leaf| dir.mknod(leaf, file_type, entry.mode & 0o777, rdev))
    }
}

impl Steps for RootfsTarget<'_> {
    fn top(&mut self) {
        self.at = 0;
        self.last = None;
    }

    fn up(&mut self) {
        self.at = self.at.saturating_sub(1);
    }

    fn down(&mut self, name: &[u8], make: bool) -> Result<Step> {
        if self.open.get(self.at + 1).is_some_and(|below| below.name == name) {
            self.at += 1;
            if make {
                self.mark(None);
            }
            return Ok(Step::Entered);
        }
        self.close(self.at + 1)?;
        let dir = self.here().dir.clone();
        let leaf = OsStr::from_bytes(name);
        let found = match dir.dir(leaf) {
            Ok(found) => found,
            Err(error) if is_no_directory(&error) => {
                match dir.metadata(leaf).map(|there| there.file_type) {
                    Ok(FileType::Symlink) => {
                        let target =
                            dir.read_link(leaf).attempt(|| format!("read the link '{}'", Escaped(name)))?;
                        return Ok(Step::Link(target.into_vec()));
                    }
                    _ if !make => return Ok(Step::Missing),
                    _ => {}
                }
                self.here().changed = true;
                self.replace(name, |dir, leaf| dir.create_dir(leaf, 0o755))?;
                let made = dir.dir(leaf).attempt(|| format!("open the directory '{}'", Escaped(name)))?;
                let metadata = self.push(name, made)?;
                let implied = Entry::new("", Kind::Directory)?;
                self.set_directory(&implied, &metadata)?;
                return Ok(Step::Entered);
            }
            Err(error) => return Err(Error::io(format!("open the directory '{}'", Escaped(name)), error)),
        };
        self.push(name, found)?;
        if make {
            self.mark(None);
        }
        Ok(Step::Entered)
    }
}

/// Writes a file's contents. A run of zeros as long as the buffer becomes a hole: an archive cannot fill the disk
/// with what compressed to nothing.
fn fill(file: &File, size: u64, content: &mut Content<'_>) -> Result<()> {
    let mut end = 0;
    while let Some((offset, bytes)) = content.chunk()? {
        if bytes.len() >= HOLE && bytes.iter().all(|&byte| byte == 0) {
            continue;
        }
        file.write_all_at(bytes, offset).attempt(|| "write it")?;
        end = offset + bytes.len() as u64;
    }
    if end < size {
        file.set_len(size).attempt(|| "write it")?;
    }
    Ok(())
}

/// The least run of zeros that is worth a hole.
const HOLE: usize = 64 << 10;

fn stat(file: impl AsFd) -> Result<Metadata> {
    rustix::fs::fstat(file).map(Metadata::from).attempt(|| "stat it")
}

/// The owner first: chown(2) clears setuid and setgid. What is as it should be costs no call.
fn set_owner_and_mode(file: &impl AsFd, entry: &Entry, metadata: &Metadata) -> Result<()> {
    let chown = (metadata.uid, metadata.gid) != (entry.uid, entry.gid);
    if chown {
        rootfs::chown(file, entry.uid, entry.gid).attempt(|| "set its owner")?;
    }
    if metadata.mode != entry.mode || chown && entry.mode & 0o6000 != 0 {
        rootfs::chmod(file, entry.mode).attempt(|| "set its mode")?;
    }
    Ok(())
}

/// Attributes that mean something to the host, not to the image: SELinux labels are of the host's policy, and
/// overlayfs's would change what a directory is when it becomes a layer of a mount.
fn is_hosts_own(key: &OsStr) -> bool {
    key == "security.selinux" || key.as_bytes().starts_with(b"trusted.overlay.")
}

/// Nothing there, or something else: `ENOTDIR` and, of a link, `ELOOP`.
fn is_no_directory(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::ENOENT | libc::ENOTDIR | libc::ELOOP))
}

fn remove(dir: &Dir, name: &OsStr) -> io::Result<()> {
    match dir.remove_file(name) {
        // Linux says EISDIR, POSIX EPERM.
        Err(error) if matches!(error.raw_os_error(), Some(libc::EISDIR | libc::EPERM)) => {
            dir.remove_all(name, &mut |_| ())
        }
        done => done,
    }
}
