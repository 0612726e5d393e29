//! Uploads that a registry has begun to take: where each goes on, for the run after one that was killed or cut off.
//!
//! `uploads/<hex>.partial` in the cache, of the blob and where it goes. It is held by flock(2) while the upload runs: of two
//! pushes of one blob to one place, only one goes on with what an earlier one began.

use std::fs::{File, OpenOptions};
use std::io::Read;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::PathBuf;

use rustix::fs::{FlockOperation, flock};

use super::{files, lock};
use crate::error::{Attempt, Result};

/// Bytes; addresses are shorter.
const LIMIT: u64 = 64 << 10;

/// Where one upload goes on. Without a place, nothing stays of it on the disk.
#[derive(Debug)]
pub struct UploadRecord {
    path: PathBuf,
    file: File,
}

impl UploadRecord {
    /// The record at `path`; none while another process has it.
    pub(super) fn open(path: PathBuf) -> Result<Option<UploadRecord>> {
        if let Some(directory) = path.parent() {
            files::make_dir(directory)?;
        }
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let file = options.open(&path).attempt(format_args!("open '{}'", path.display()))?;
        let held = flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok();
        Ok((held && lock::names(&path, &file)).then(|| UploadRecord { path, file }))
    }

    /// The place; none when nothing is known to have begun.
    pub fn place(&self) -> Option<String> {
        let mut text = String::new();
        (&self.file).take(LIMIT).read_to_string(&mut text).ok()?;
        // A killed writer leaves no line without its end.
        Some(text.strip_suffix('\n').filter(|place| !place.is_empty())?.to_owned())
    }

    /// Remembers the place. What cannot be written is forgotten: the next run begins anew.
    pub fn put(&self, place: &str) {
        let line = format!("{place}\n");
        let written = self.file.set_len(0).and_then(|()| self.file.write_all_at(line.as_bytes(), 0));
        if written.is_err() {
            self.forget();
        }
    }

    /// The upload has ended, or is lost.
    pub fn forget(&self) {
        let _ = self.file.set_len(0);
    }
}

impl Drop for UploadRecord {
    fn drop(&mut self) {
        if self.file.metadata().is_ok_and(|metadata| metadata.len() == 0) {
            let _ = files::remove(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::tests::Scene;

    #[test]
    fn a_place_is_remembered_by_one_at_a_time_until_it_is_forgotten() {
        let scene = Scene::new();
        let path = scene.root().join("uploads/x.partial");
        let open = || UploadRecord::open(path.clone()).unwrap();
        let first = open().unwrap();
        assert!(open().is_none());
        assert_eq!(first.place(), None);
        first.put("https://h/a-long-one");
        first.put("https://h/1");
        drop(first);
        let again = open().unwrap();
        assert_eq!(again.place().as_deref(), Some("https://h/1"));
        again.forget();
        drop(again);
        assert!(!path.exists());
        // As a killed writer may leave it.
        std::fs::write(&path, "https://h/").unwrap();
        assert_eq!(open().unwrap().place(), None);
    }
}
