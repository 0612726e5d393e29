//! Emptying the cache.

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::fs::{FlockOperation, flock};

use super::layout::{Layout, PARTIAL};
use super::{files, scratch};
use crate::error::Result;

/// Deletes every entry but the blobs that a live process is fetching; returns bytes of disk freed.
pub(super) fn clear(layout: &Layout, each: &mut dyn FnMut(&str)) -> Result<u64> {
    let mut freed = 0;
    let cache = layout.cache();
    for name in files::names(cache)? {
        let path = cache.join(&name);
        if !path.symlink_metadata().is_ok_and(|metadata| metadata.is_dir()) {
            freed += remove(&path, &name, each)?;
            continue;
        }
        for entry in files::names(&path)? {
            let path = path.join(&entry);
            if !is_being_fetched(&path) {
                freed += remove(&path, &format!("{name}/{entry}"), each)?;
            }
        }
        // It stays when something is being fetched.
        let _ = fs::remove_dir(&path);
    }
    Ok(freed)
}

fn remove(path: &Path, name: &str, each: &mut dyn FnMut(&str)) -> Result<u64> {
    let size = path.symlink_metadata().map_or(0, |metadata| metadata.blocks() * 512);
    scratch::delete(path, &mut |_| ())?;
    each(name);
    Ok(size)
}

/// Whether a fetcher holds it.
fn is_being_fetched(path: &Path) -> bool {
    path.to_string_lossy().ends_with(PARTIAL)
        && File::open(path).is_ok_and(|file| flock(&file, FlockOperation::NonBlockingLockExclusive).is_err())
}
