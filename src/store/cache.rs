//! Emptying the cache.

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::fs::{FlockOperation, flock};

use super::layout::{Layout, PARTIAL};
use super::{files, scratch};
use crate::error::Result;

/// Deletes every entry but the blobs that a live process is fetching, and a running build's directories; returns bytes of
/// disk freed.
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
            if !is_in_use(&path) {
                freed += remove(&path, &format!("{name}/{entry}"), each)?;
            }
        }
        // It stays when something in it is in use.
        let _ = fs::remove_dir(&path);
    }
    Ok(freed)
}

pub(super) fn remove(path: &Path, name: &str, each: &mut dyn FnMut(&str)) -> Result<u64> {
    // A blob that the images have too stays on the disk.
    let of_ours = |metadata: &fs::Metadata| metadata.is_dir() || metadata.nlink() == 1;
    let size = path.symlink_metadata().ok().filter(of_ours).map_or(0, |metadata| metadata.blocks() * 512);
    scratch::delete(path, &mut |_| ())?;
    each(name);
    Ok(size)
}

/// Whether a live process holds it: an unfinished blob, or a build's directory.
pub(super) fn is_in_use(path: &Path) -> bool {
    let can_be_held = path.to_string_lossy().ends_with(PARTIAL) || path.is_dir();
    can_be_held
        && File::open(path).is_ok_and(|file| flock(&file, FlockOperation::NonBlockingLockExclusive).is_err())
}
