//! A container being made, in a private directory that nothing lists, committed by one rename: as a new one, or in the
//! place of an old one of the same name.

use std::path::PathBuf;
use std::time::Duration;

use rustix::fs::{Mode, OFlags, open, syncfs};
use serde_json::Value;

use super::container::{INDEX, SIZE, exists, settle};
use super::flush::Flusher;
use super::lock::{self, Lock};
use super::scratch::{self, Scratch};
use super::{Container, Layout, Name, files, logs, place, replace};
use crate::error::{Attempt, Result};
use crate::rootfs::Rootfs;

/// A container being made; nothing lists it. Gone on drop unless committed. Its name is locked: for itself, or shared
/// while the container that it replaces is still there and in use.
#[derive(Debug)]
pub struct Staged {
    layout: Layout,
    name: Name,
    flusher: Flusher,
    scratch: Scratch,
    rootfs: Rootfs,
    replaces: Option<Container>,
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
        let lock = Lock::take(&layout.lock(name), lock::Mode::Exclusive, command, Duration::ZERO)
            .attempt(|| format!("container '{name}'"))?;
        free()?;
        Staged::begin(layout, name, lock, None)
    }

    /// To take the place of `container`, which is there and can be used until then.
    pub(super) fn replacing(container: &Container, command: &str) -> Result<Staged> {
        let lock = container.lock_shared(command)?;
        Staged::begin(&container.layout, container.name(), lock, Some(container.clone()))
    }

    fn begin(layout: &Layout, name: &Name, lock: Lock, replaces: Option<Container>) -> Result<Staged> {
        let staging = layout.staging();
        // Litter that cannot be deleted is not this container's concern.
        let _ = scratch::sweep(&staging);
        let scratch = Scratch::new(&staging, name)?;
        let rootfs = make_root(&scratch, name)?;
        crate::sys::point::reach("staged.made");
        let flusher = Flusher::new(scratch.as_file().try_clone().attempt(|| "duplicate a descriptor")?);
        Ok(Staged { layout: layout.clone(), name: name.clone(), flusher, scratch, rootfs, replaces, lock })
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

    /// Writes `manifest.json` (mode 0644), puts everything on disk, and renames it in. What runs in the container that
    /// it replaces is ended then, and not before.
    pub fn commit(self, manifest: Option<&Value>) -> Result<Container> {
        let directory = self.directory();
        crate::sys::point::reach("staged.filled");
        if let Some(manifest) = manifest {
            files::write(&directory.join("manifest.json"), format!("{manifest:#}\n").as_bytes(), 0o644)?;
        }
        let size = self.rootfs.disk_usage().attempt(|| "measure the new container")?;
        files::write(&directory.join(SIZE), size.to_string().as_bytes(), 0o644)?;
        // A name must not appear before its files are on disk: a phone loses power when it likes.
        drop(self.flusher);
        syncfs(self.scratch.as_file()).attempt(|| "write the new container to disk")?;
        crate::sys::point::reach("staged.synced");
        let Some(old) = self.replaces else {
            let settled = settle(&self.layout, &self.name, &directory, &self.scratch);
            crate::sys::point::reach("staged.settled");
            return settled;
        };
        drop(self.lock);
        let _lock = old.seize("reset")?;
        replace::replace(&self.layout, &self.name, &directory)?;
        crate::sys::point::reach("staged.replaced");
        scratch::delete(&self.layout.session_state(&self.name), &mut |_| ())?;
        logs::remove(&self.layout.logs(), &self.name)?;
        Ok(old)
    }

    fn directory(&self) -> PathBuf {
        self.scratch.path().join(self.name.as_str())
    }
}

/// Makes `<name>/rootfs/` below the private directory.
fn make_root(scratch: &Scratch, name: &Name) -> Result<Rootfs> {
    let path = scratch.path().join(name.as_str()).join("rootfs");
    files::make_dir(&path)?;
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let root = open(&path, flags, Mode::empty()).attempt(|| format!("open '{}'", path.display()))?;
    Ok(Rootfs::new(root))
}
