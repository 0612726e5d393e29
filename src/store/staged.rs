//! A container being made, in a private directory that nothing lists, committed by one rename.

use std::fs;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags, open, statfs, syncfs};
use serde_json::Value;

use super::container::{INDEX, SIZE, exists};
use super::flush::Flusher;
use super::lock::{self, Lock};
use super::scratch::{self, Scratch};
use super::{Container, Layout, Name, files};
use crate::error::{Attempt, Error, Result};
use crate::rootfs::Rootfs;

/// A container being made; nothing lists it. Gone on drop unless committed. Its name is locked.
#[derive(Debug)]
pub struct Staged {
    layout: Layout,
    name: Name,
    flusher: Flusher,
    scratch: Scratch,
    rootfs: Rootfs,
    _lock: Lock,
}

impl Staged {
    pub(super) fn new(layout: &Layout, name: &Name, command: &str) -> Result<Staged> {
        let free = || match Container::find(layout, name) {
            Some(_) => Err(exists(name)),
            None => Ok(()),
        };
        free()?;
        let staging = layout.staging();
        refuse_filesystem(&staging)?;
        let lock = Lock::take(&layout.lock(name), lock::Mode::Exclusive, command, std::time::Duration::ZERO)
            .attempt(|| format!("container '{name}'"))?;
        free()?;
        // Litter that cannot be deleted is not this container's concern.
        let _ = scratch::sweep(&staging);
        let scratch = Scratch::new(&staging, name)?;
        let rootfs = make_root(&scratch, name)?;
        let flusher = Flusher::new(scratch.as_file().try_clone().attempt(|| "duplicate a descriptor")?);
        Ok(Staged { layout: layout.clone(), name: name.clone(), flusher, scratch, rootfs, _lock: lock })
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

    /// Writes `manifest.json` (mode 0644), puts everything on disk, and renames it in.
    pub fn commit(self, manifest: Option<&Value>) -> Result<Container> {
        let directory = self.directory();
        if let Some(manifest) = manifest {
            files::write(&directory.join("manifest.json"), format!("{manifest:#}\n").as_bytes(), 0o644)?;
        }
        let size = self.rootfs.disk_usage().attempt(|| "measure the new container")?;
        files::write(&directory.join(SIZE), size.to_string().as_bytes(), 0o644)?;
        // A name must not appear before its files are on disk: a phone loses power when it likes.
        drop(self.flusher);
        syncfs(self.scratch.as_file()).attempt(|| "write the new container to disk")?;
        let target = self.layout.container(&self.name);
        files::make_dir(&self.layout.containers())?;
        if target.symlink_metadata().is_ok() {
            // Without a root, what an interrupted Python tool left: no container. It goes with the staging.
            fs::rename(&target, self.scratch.path().join("debris"))
                .attempt(|| format!("move '{}' away", target.display()))?;
        }
        fs::rename(&directory, &target)
            .attempt(|| format!("rename the new container to '{}'", target.display()))?;
        Container::find(&self.layout, &self.name)
            .ok_or_else(|| Error::not_found(format!("container '{}' vanished", self.name)))
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

/// Filesystems without owners, modes, links or devices cannot hold a guest (statfs(2), linux/magic.h). Asked of
/// the directory that is there already, so that a refusal leaves nothing behind.
fn refuse_filesystem(staging: &Path) -> Result<()> {
    let place = staging.ancestors().find(|path| path.exists()).unwrap_or(Path::new("/"));
    let found = statfs(place).attempt(|| format!("look at the filesystem of '{}'", place.display()))?;
    match unfit(found.f_type as u32) {
        None => Ok(()),
        Some(name) => Err(Error::unsupported(format!(
            "'{}' is on {name}, which keeps no owners, permissions, links or devices",
            place.display()
        ))
        .hint("put the data directory on ext4, f2fs, xfs, btrfs or the like (XDG_DATA_HOME moves it)")),
    }
}

fn unfit(magic: u32) -> Option<&'static str> {
    Some(match magic {
        0x4d44 => "vfat",
        0x2011_bab0 => "exfat",
        0x5346_544e | 0x7366_746e => "ntfs",
        0x6573_5546 => "FUSE (shared storage, or a foreign filesystem)",
        0x5dca_2df5 => "sdcardfs",
        _ => return None,
    })
}
