//! A container being made, in a private directory that nothing lists, committed by one rename: as a new one, or in the
//! place of an old one of the same name.

use std::path::PathBuf;
use std::time::Duration;

use rustix::fs::{Mode, OFlags, open};

use super::container::{Container, INDEX, SIZE, exists, settle};
use super::flush::Flusher;
use super::layout::Layout;
use super::lock::{self, Lock};
use super::name::Name;
use super::scratch::{self, Scratch};
use super::{files, logs, place, renamed, replace};
use crate::error::{Attempt, Result};
use crate::oci::Provenance;
use crate::rootfs::Rootfs;

/// A container being made; nothing lists it. Gone on drop unless committed. Its name is locked.
#[derive(Debug)]
pub struct Staged {
    layout: Layout,
    name: Name,
    flusher: Flusher,
    scratch: Scratch,
    rootfs: Rootfs,
    lock: Lock,
}

impl Staged {
    pub(super) fn new(layout: &Layout, name: &Name, command: &str) -> Result<Staged> {
        let free = || match Container::find(layout, name) {
            Some(_) => Err(exists(name)),
            None => Ok(()),
        };
        free()?;
        // Before anything is made, the lock included.
        place::refuse_unfit(&layout.staging())?;
        renamed::recover_all(layout)?;
        let lock = Lock::take(&layout.lock(name), lock::LockMode::Exclusive, command, Duration::ZERO)
            .attempt(format_args!("container '{name}'"))?;
        free()?;
        Staged::begin(layout, name, lock)
    }

    fn begin(layout: &Layout, name: &Name, lock: Lock) -> Result<Staged> {
        let staging = layout.staging();
        // Litter that cannot be deleted is not this container's concern.
        let _ = scratch::sweep(&staging);
        let scratch = Scratch::new(&staging, name)?;
        let rootfs = make_root(&scratch, name)?;
        crate::sys::point::reach("staged.made");
        let flusher = Flusher::new(scratch.as_file().try_clone().attempt("duplicate a descriptor")?);
        Ok(Staged { layout: layout.clone(), name: name.clone(), flusher, scratch, rootfs, lock })
    }

    /// Its name.
    pub fn name(&self) -> &Name {
        &self.name
    }

    /// Its root, empty at first.
    pub fn rootfs(&self) -> &Rootfs {
        &self.rootfs
    }

    /// Starts again with an empty root.
    pub fn clear(&mut self) -> Result<()> {
        scratch::delete(&self.directory(), &mut |_| ())?;
        self.rootfs = make_root(&self.scratch, &self.name)?;
        Ok(())
    }

    /// Keeps the index of the tree as installed, for a later comparison.
    pub fn put_index(&self, index: &[u8]) -> Result<()> {
        files::write(&self.directory().join(INDEX), index, 0o644)
    }

    /// Keeps a `manifest.json` as it stands elsewhere, damaged perhaps.
    pub fn put_manifest(&self, manifest: &[u8]) -> Result<()> {
        files::write(&self.directory().join("manifest.json"), manifest, 0o644)
    }

    /// Writes `manifest.json` (mode 0644), puts everything on disk, and renames it in.
    pub fn commit(self, provenance: Option<&Provenance>) -> Result<Container> {
        let ready = self.write(provenance)?;
        let settled = settle(&ready.layout, &ready.name, &ready.directory, &ready.scratch);
        crate::sys::point::reach("staged.settled");
        settled
    }

    /// Writes what stands beside the root, and puts everything on disk.
    fn write(self, provenance: Option<&Provenance>) -> Result<Written> {
        let directory = self.directory();
        crate::sys::point::reach("staged.filled");
        if let Some(provenance) = provenance {
            files::write(&directory.join("manifest.json"), format!("{provenance}\n").as_bytes(), 0o644)?;
        }
        // A name must not appear before its files are on disk: a phone loses power when it likes.
        let size = self.flusher.finish(|| self.rootfs.disk_usage());
        let size = size.attempt("write the new container to disk")?.attempt("measure the new container")?;
        files::write(&directory.join(SIZE), size.to_string().as_bytes(), 0o644)?;
        crate::sys::point::reach("staged.synced");
        Ok(Written {
            layout: self.layout,
            name: self.name,
            directory,
            scratch: self.scratch,
            lock: self.lock,
        })
    }

    fn directory(&self) -> PathBuf {
        self.scratch.path().join(self.name.as_str())
    }
}

/// A container being made that will take the place of one that is there, and can be used until then.
#[derive(Debug)]
pub struct Replacement {
    staged: Staged,
    old: Container,
}

impl Replacement {
    pub(super) fn new(old: &Container, command: &str) -> Result<Replacement> {
        let lock = old.lock_shared(command)?;
        Ok(Replacement { staged: Staged::begin(&old.layout, old.name(), lock)?, old: old.clone() })
    }

    /// The new one, to be filled.
    pub fn staged(&mut self) -> &mut Staged {
        &mut self.staged
    }

    /// Like [`Staged::commit`]. `seize` ends what runs in the old one, and takes that for us alone: it is called when
    /// the new one is whole, not before.
    pub fn commit(
        self,
        provenance: Option<&Provenance>,
        seize: &dyn Fn(&Container) -> Result<Lock>,
    ) -> Result<Container> {
        let ready = self.staged.write(provenance)?;
        drop(ready.lock);
        let _lock = seize(&self.old)?;
        replace::replace(&ready.layout, &ready.name, &ready.directory)?;
        crate::sys::point::reach("staged.replaced");
        scratch::delete(&ready.layout.session_state(&ready.name), &mut |_| ())?;
        logs::remove(&ready.layout.logs(), &ready.name)?;
        Ok(self.old)
    }
}

/// A container that is whole on disk, and still has its private name.
struct Written {
    layout: Layout,
    name: Name,
    directory: PathBuf,
    scratch: Scratch,
    lock: Lock,
}

/// Makes `<name>/rootfs/` below the private directory.
fn make_root(scratch: &Scratch, name: &Name) -> Result<Rootfs> {
    let path = scratch.path().join(name.as_str()).join("rootfs");
    files::make_dir(&path)?;
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let root = open(&path, flags, Mode::empty()).attempt(format_args!("open '{}'", path.display()))?;
    Ok(Rootfs::new(root))
}
