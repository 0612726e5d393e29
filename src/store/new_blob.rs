//! A blob of the cache that is made here: nobody knows its digest before its last byte is written.
//!
//! Until then it is `oci_layers/new.<pid>.<n>.partial`, held by flock(2). Such a file that nobody holds was left by a killed
//! process; the next one that makes a blob deletes it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::fs::{FlockOperation, flock};

use super::layout::PARTIAL;
use super::{files, lock};
use crate::error::{Attempt, Result};
use crate::oci::{Algorithm, Digest, Hasher};

/// Begins the names of blobs in the making.
const NEW: &str = "new.";

/// The file's name of a digest in its directory.
type Name = fn(&Digest) -> String;

/// A blob being made. Dropped without [`NewBlob::commit`] nothing of it stays.
pub struct NewBlob {
    directory: PathBuf,
    name: Name,
    path: PathBuf,
    file: File,
    hasher: Hasher,
    size: u64,
    kept: bool,
}

impl NewBlob {
    /// A blob of `directory`, where a digest is called so.
    pub(super) fn new(directory: PathBuf, name: Name) -> Result<NewBlob> {
        files::make_dir(&directory)?;
        sweep(&directory)?;
        let (path, file) = create(&directory)?;
        let hasher = Hasher::new(Algorithm::Sha256);
        Ok(NewBlob { directory, name, path, file, hasher, size: 0, kept: false })
    }

    /// Gives it the name of its digest: that, and its size in bytes. Not synced to disk.
    pub fn commit(mut self) -> Result<(Digest, u64)> {
        let digest = std::mem::replace(&mut self.hasher, Hasher::new(Algorithm::Sha256)).finish();
        crate::sys::point::reach("new_blob.written");
        fs::rename(&self.path, self.directory.join((self.name)(&digest)))
            .attempt(format_args!("rename '{}'", self.path.display()))?;
        self.kept = true;
        Ok((digest, self.size))
    }
}

impl Write for NewBlob {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.file.write(bytes)?;
        self.hasher.update(&bytes[..count]);
        self.size += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for NewBlob {
    fn drop(&mut self) {
        if !self.kept {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// A new file that this process holds.
fn create(directory: &Path) -> Result<(PathBuf, File)> {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    loop {
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = directory.join(format!("{NEW}{}.{count}{PARTIAL}", std::process::id()));
        let mut options = OpenOptions::new();
        let file = match options.write(true).create_new(true).mode(0o600).open(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
            made => made.attempt(format_args!("make '{}'", path.display()))?,
        };
        // A sweep may have come between.
        if is_free(&file) && lock::names(&path, &file) {
            return Ok((path, file));
        }
    }
}

/// Deletes what killed processes left.
fn sweep(directory: &Path) -> Result<()> {
    for name in files::names(directory)?.iter().filter(|name| name.starts_with(NEW)) {
        let path = directory.join(name);
        if File::open(&path).is_ok_and(|file| is_free(&file)) {
            files::remove(&path)?;
        }
    }
    Ok(())
}

/// Whether nobody held it; then it is held now.
fn is_free(file: &File) -> bool {
    flock(file, FlockOperation::NonBlockingLockExclusive).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::layout::Layout;
    use crate::store::tests::Scene;

    fn new(layout: &Layout) -> Result<NewBlob> {
        NewBlob::new(layout.blobs(), |digest| format!("sha256_{}", digest.hex()))
    }

    #[test]
    fn it_has_a_name_only_when_it_is_whole() {
        let scene = Scene::new();
        let layout = scene.layout();
        let names = || files::names(&layout.blobs()).unwrap();
        let mut dropped = new(&layout).unwrap();
        dropped.write_all(b"half").unwrap();
        let mut blob = new(&layout).unwrap();
        assert_eq!(names().len(), 2);
        drop(dropped);
        blob.write_all(b"hel").unwrap();
        blob.write_all(b"lo").unwrap();
        assert_eq!(blob.commit().unwrap(), (Digest::of(b"hello"), 5));
        assert_eq!(names(), [format!("sha256_{}", Digest::of(b"hello").hex())]);
    }

    #[test]
    fn what_a_killed_process_left_goes_with_the_next() {
        let scene = Scene::new();
        let layout = scene.layout();
        files::make_dir(&layout.blobs()).unwrap();
        let left = layout.blobs().join("new.1.0.partial");
        fs::write(&left, "half").unwrap();
        let held = new(&layout).unwrap();
        let other = new(&layout).unwrap();
        assert!(!left.exists() && held.path.exists() && other.path.exists());
    }
}
