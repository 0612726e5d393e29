//! Private directories below `staging/`, on the containers' filesystem and listed by nobody: where containers
//! are made, and where they go to be deleted.
//!
//! Each is held by flock(2) on the directory itself, which the kernel releases when the holder dies, also in
//! another PID namespace and across reboots. So one rule finds all litter: what nobody holds, goes.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::fs::{FlockOperation, Mode, OFlags, flock, open};

use super::name::Name;
use super::{files, lock};
use crate::error::{Attempt, Error, Result};
use crate::rootfs::Rootfs;

/// A held private directory; deleted when dropped.
#[derive(Debug)]
pub(super) struct Scratch {
    path: PathBuf,
    directory: File,
}

impl Scratch {
    /// Makes one below `staging`; `name` is only to recognize it by.
    pub(super) fn new(staging: &Path, name: &Name) -> Result<Scratch> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        files::make_dir(staging)?;
        loop {
            let count = COUNT.fetch_add(1, Ordering::Relaxed);
            let path = staging.join(format!("{name}.{}.{count}", std::process::id()));
            match fs::create_dir(&path) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
                made => made.attempt(format_args!("make the directory '{}'", path.display()))?,
            }
            // A sweep may have come between: then it is gone, or in the sweeper's hands.
            if let Some(directory) = hold(&path) {
                return Ok(Scratch { path, directory });
            }
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn as_file(&self) -> &File {
        &self.directory
    }

    /// Deletes it with all that is in it, never crossing a mount; `each` hears every path, relative to it.
    pub(super) fn remove(self, each: &mut dyn FnMut(&Path)) -> Result<()> {
        delete(&self.path, each)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What cannot be deleted now stays for the next sweep.
        let _ = delete(&self.path, &mut |_| ());
    }
}

/// Deletes what dead processes left below `staging`.
pub(super) fn sweep(staging: &Path) -> Result<()> {
    for name in files::names(staging)? {
        let path = staging.join(name);
        if let Some(_held) = hold(&path) {
            delete(&path, &mut |_| ())?;
        }
    }
    Ok(())
}

/// The lock on the directory at `path`; `None` when it is held or is not what the path names any more.
fn hold(path: &Path) -> Option<File> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let directory = File::from(open(path, flags, Mode::empty()).ok()?);
    flock(&directory, FlockOperation::NonBlockingLockExclusive).ok()?;
    lock::names(path, &directory).then_some(directory)
}

/// Deletes by descriptors from the parent on.
pub(super) fn delete(path: &Path, each: &mut dyn FnMut(&Path)) -> Result<()> {
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(Error::invalid(format_args!("'{}' has no parent", path.display())));
    };
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let parent = match open(parent, flags, Mode::empty()) {
        Err(rustix::io::Errno::NOENT) => return Ok(()),
        opened => opened.attempt(format_args!("open '{}'", parent.display()))?,
    };
    let prefix = Path::new(name);
    let mut relative = |path: &Path| match path.strip_prefix(prefix) {
        Ok(below) if below.as_os_str().is_empty() => (),
        Ok(below) => each(below),
        Err(_) => each(path),
    };
    match Rootfs::new(parent).dir(".").and_then(|parent| parent.remove_all(name, &mut relative)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        deleted => deleted.attempt(format_args!("delete '{}'", path.display())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::tests::Scene;

    #[test]
    fn held_ones_stay_and_litter_goes() {
        let scene = Scene::new();
        let staging = scene.root().join("staging");
        let name = Name::parse("a").unwrap();
        let held = Scratch::new(&staging, &name).unwrap();
        let dropped = Scratch::new(&staging, &name).unwrap();
        assert_ne!(held.path(), dropped.path());
        fs::write(held.path().join("x"), "").unwrap();
        fs::create_dir_all(staging.join("killed.1.0/rootfs/etc")).unwrap();
        drop(dropped);
        sweep(&staging).unwrap();
        assert_eq!(files::names(&staging).unwrap().len(), 1);
        assert!(held.path().join("x").exists());
        let mut seen = Vec::new();
        held.remove(&mut |path| seen.push(path.to_owned())).unwrap();
        assert_eq!(seen, [PathBuf::from("x")]);
        assert!(files::names(&staging).unwrap().is_empty());
    }
}
