//! The layers above a base image as a directory of their own, which an overlay has below what RUNs change. It is in memory
//! (tmpfs): many small files cost no disk then, neither to make nor to delete.
//!
//! Only layers that mean the same there are put there: they hide nothing of the base, and replace no directory of it. All
//! others, and those that take too much memory, are laid out on the mounted overlay itself ([`Tree::apply`](super::Tree)).

use std::collections::HashMap;
use std::ffi::{CString, OsStr};
use std::os::fd::BorrowedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use rustix::fs::{Mode, OFlags, open};
use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};

use super::base::apply_layer;
use crate::error::{Attempt, Error, Result};
use crate::image::Layer;
use crate::layer::{
    Content, Entry, EntryKind, Index, Name, NoContent, Recording, RootfsTarget, Target, free_memory,
};
use crate::report::Silent;
use crate::rootfs::{FileType, Follow, Metadata, Rootfs};
use crate::store::{Store, Work};

/// Bytes that the files of the layers may take at most.
const MOST: u64 = 128 << 20;

/// Part of the free memory that they may take.
const SHARE: u64 = 8;

/// The layers, laid out. It is unmounted when it is dropped, and with the process's mount namespace.
#[derive(Debug)]
pub struct Above {
    at: PathBuf,
    root: Rootfs,
}

impl Above {
    /// Lays out `layers`, which stand on `base`, in the private directory `work`; with the index of all of them, made of the
    /// base's. None where that cannot be, or where they mean something else there. The calling process must be in a mount
    /// namespace of its own.
    pub fn new(
        store: &Store,
        layers: &[Layer],
        base: &Rootfs,
        index: &Index,
        work: &Work,
    ) -> Option<(Above, Index)> {
        let room = (free_memory() / SHARE).min(MOST);
        let packed: u64 = layers.iter().map(|layer| layer.blob.size).sum();
        if layers.is_empty() || packed > room / 2 {
            return None;
        }
        let above = Above::mount(work, room).ok()?;
        let mut all = index.clone();
        above.fill(store, layers, base, &mut all).ok()?;
        Some((above, all))
    }

    fn mount(work: &Work, room: u64) -> Result<Above> {
        work.directory("above")?;
        let at = work.path().join("above");
        let options = CString::new(format!("mode=755,size={room}")).unwrap_or_default();
        let attempt = format_args!("mount '{}'", at.display());
        mount("chroot-distro", &at, "tmpfs", MountFlags::empty(), &*options).attempt(attempt)?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let root = open(&at, flags, Mode::empty()).attempt(attempt)?;
        Ok(Above { at, root: Rootfs::new(root) })
    }

    fn fill(&self, store: &Store, layers: &[Layer], base: &Rootfs, index: &mut Index) -> Result<()> {
        let mut fitting =
            Fitting { base, tree: RootfsTarget::new(&self.root, &Silent), directories: HashMap::new() };
        for layer in layers {
            apply_layer(store, layer, &mut Recording::new(&mut fitting, index))?;
        }
        fitting.tree.finish()
    }

    /// Its root.
    pub fn as_fd(&self) -> BorrowedFd<'_> {
        self.root.as_fd()
    }
}

impl Drop for Above {
    fn drop(&mut self) {
        // What cannot be unmounted goes with the namespace.
        let _ = unmount(&self.at, UnmountFlags::DETACH | UnmountFlags::NOFOLLOW);
    }
}

/// Lets through what means the same in a directory of its own, and ends with an error at everything else.
struct Fitting<'a> {
    base: &'a Rootfs,
    tree: RootfsTarget<'a>,
    /// Those that stand there, each with whether it is one of the base, too.
    directories: HashMap<Vec<u8>, bool>,
}

impl Fitting<'_> {
    /// Goes to a directory on the way to an entry; whether it is one of the base. That has its owner and mode here, too: of two
    /// directories of one name, an overlay shows those of the upper one.
    fn enter(&mut self, directory: &[u8]) -> Result<bool> {
        if directory.is_empty() {
            return Ok(true);
        }
        if let Some(is_of_base) = self.directories.get(directory) {
            return Ok(*is_of_base);
        }
        let name = Name::parse(directory)?;
        let found = self.below(&name)?;
        if let Some(found) = &found {
            if found.file_type != FileType::Directory {
                return Err(unfit());
            }
            let Metadata { mode, uid, gid, mtime, .. } = *found;
            let entry = Entry::new(name.as_path(), EntryKind::Directory)?.owner(uid, gid);
            let entry = entry.mode(mode).mtime(mtime.seconds, mtime.nanoseconds);
            self.tree.put(&entry, &mut NoContent)?;
        }
        self.directories.insert(directory.to_vec(), found.is_some());
        Ok(found.is_some())
    }

    /// What the base has at `name`.
    fn below(&mut self, name: &Name) -> Result<Option<Metadata>> {
        let (parent, _) = name.split().ok_or_else(unfit)?;
        if !self.enter(parent)? {
            return Ok(None);
        }
        let found = match self.base.metadata(name.as_path(), Follow::No) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            found => found.attempt(format_args!("look at '{name}'"))?,
        };
        let is_plain = found.file_type != FileType::Directory
            || self
                .base
                .dir(name.as_path())
                .and_then(|dir| dir.own_xattrs())
                .is_ok_and(|xattrs| xattrs.is_empty());
        if is_plain { Ok(Some(found)) } else { Err(unfit()) }
    }
}

impl Target for Fitting<'_> {
    fn begin(&mut self) -> Result<()> {
        self.tree.begin()
    }

    fn put(&mut self, entry: &Entry, content: &mut dyn Content) -> Result<()> {
        let is_directory = entry.kind == EntryKind::Directory;
        let found = self.below(&entry.name)?;
        let is_of_base = found.is_some_and(|found| found.file_type == FileType::Directory);
        let was_directory = is_of_base || self.directories.contains_key(entry.name.as_bytes());
        let leads_below = match &entry.kind {
            EntryKind::HardLink(target) => self.below(target)?.is_some(),
            _ => false,
        };
        let is_refused = entry.xattrs.iter().any(|(key, _)| is_refused(key));
        if was_directory && !is_directory || leads_below || is_refused {
            return Err(unfit());
        }
        if is_directory {
            self.directories.insert(entry.name.as_bytes().to_vec(), is_of_base);
        }
        self.tree.put(entry, content)
    }

    fn hide(&mut self, _name: &Name) -> Result<()> {
        Err(unfit())
    }

    fn hide_children(&mut self, _name: &Name) -> Result<()> {
        Err(unfit())
    }

    fn end(&mut self) -> Result<()> {
        self.tree.end()
    }
}

/// tmpfs has no such attributes before Linux 6.6.
fn is_refused(key: &OsStr) -> bool {
    key.as_bytes().starts_with(b"user.")
}

fn unfit() -> Error {
    Error::unsupported("it is another thing in a directory of its own")
}
