//! Making room in the build cache: what steps have made, and the trees of base images. What was used last stays longest.
//!
//! Layers that a container or a remembered image has are none of it, and the kept images have theirs for themselves: only
//! what nothing else leads to is freed.

use std::collections::HashSet;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use rustix::fs::{Mode, OFlags, open};
use serde_json::Value;

use super::cache::{is_in_use, remove};
use super::layout::{Layout, PARTIAL};
use super::lock::Lock;
use super::{files, steps};
use crate::error::{Attempt, Error, Kind, Result};
use crate::oci::Digest;
use crate::report::Report;
use crate::rootfs::Rootfs;

/// Held while a build runs: nobody makes room meanwhile.
#[derive(Debug)]
pub struct Building {
    _lock: Lock,
}

/// Bytes; as of a container's `manifest.json`.
const DOCUMENT_MAX: u64 = 64 << 20;

/// What the Python tool keeps in place of `build_cache/`.
const FOREIGN_INDEX: &str = "build_cache_index.json";

pub(super) fn building(layout: &Layout, report: &dyn Report) -> Result<Building> {
    let long = || report.info("Waiting for another command that clears the build cache");
    Lock::wait_shared(&layout.build_lock(), &long).map(|_lock| Building { _lock })
}

/// Nobody else's, so that no build is running. `Busy` while one is.
pub(super) fn alone(layout: &Layout) -> Result<Lock> {
    Lock::alone_now(&layout.build_lock())?.ok_or_else(|| {
        Error::new(Kind::Busy, "a build is running").hint("wait until it has finished, then try again")
    })
}

/// Something that can go by itself.
struct Item {
    path: PathBuf,
    used: SystemTime,
    /// Bytes of disk.
    size: u64,
    /// The layer of a step.
    blob: Option<Digest>,
}

/// Deletes all but the `keep` bytes that were used last; bytes of disk freed. `Busy` while a container is made or changed.
pub(super) fn clear(layout: &Layout, keep: u64, each: &mut dyn FnMut(&str)) -> Result<u64> {
    refuse_busy(layout)?;
    let pinned = &pinned(layout)?;
    let mut items = steps(layout, pinned)?;
    items.extend(trees(layout)?);
    items.sort_by(|one, other| other.used.cmp(&one.used).then_with(|| one.path.cmp(&other.path)));
    let (mut kept, mut left) = (HashSet::new(), keep);
    let mut freed = 0;
    for item in items {
        // A layer that several steps have made is there once.
        let size = if item.blob.as_ref().is_some_and(|blob| kept.contains(blob)) { 0 } else { item.size };
        match left.checked_sub(size).filter(|_| keep > 0) {
            Some(rest) => {
                left = rest;
                kept.extend(item.blob);
            }
            None => {
                // What was used before goes, too, however small.
                left = 0;
                freed += delete(layout, &item.path, each)?;
            }
        }
    }
    freed += orphans(layout, pinned, &kept, each)?;
    if keep == 0 {
        freed += delete(layout, &layout.cache().join(FOREIGN_INDEX), each)?;
    }
    Ok(freed)
}

fn steps(layout: &Layout, pinned: &HashSet<Digest>) -> Result<Vec<Item>> {
    let item = |(path, used, record): (PathBuf, SystemTime, Value)| {
        let blob = record["digest"].as_str().and_then(|digest| Digest::parse(digest).ok());
        let is_only_here = blob.as_ref().is_some_and(|blob| !pinned.contains(blob));
        let size = blob.as_ref().filter(|_| is_only_here).map_or(0, |blob| size(&layout.blob(blob)));
        Item { path, used, size, blob }
    };
    Ok(steps::all(layout)?.into_iter().map(item).collect())
}

/// Trees of base images, and what RUNs keep from one build to the next.
fn trees(layout: &Layout) -> Result<Vec<Item>> {
    let mut items = Vec::new();
    let all = |directory: PathBuf| -> Result<Vec<PathBuf>> {
        Ok(files::names(&directory)?.into_iter().map(|name| directory.join(name)).collect())
    };
    for path in all(layout.build_trees())?.into_iter().chain(all(layout.build_mounts())?) {
        let used = path.metadata().and_then(|found| found.modified()).unwrap_or(SystemTime::UNIX_EPOCH);
        let size = if path.is_dir() { disk_usage(&path)? } else { size(&path) };
        items.push(Item { path, used, size, blob: None });
    }
    Ok(items)
}

/// Blobs that nothing leads to, and what is left of downloads that nobody goes on with.
fn orphans(
    layout: &Layout,
    pinned: &HashSet<Digest>,
    kept: &HashSet<Digest>,
    each: &mut dyn FnMut(&str),
) -> Result<u64> {
    let mut freed = 0;
    for name in files::names(&layout.blobs())? {
        let digest = Digest::parse(&name.replacen('_', ":", 1)).ok();
        let is_needed =
            digest.as_ref().is_some_and(|digest| pinned.contains(digest) || kept.contains(digest));
        if !is_needed && (digest.is_some() || name.ends_with(PARTIAL)) {
            freed += delete(layout, &layout.blobs().join(&name), each)?;
        }
    }
    Ok(freed)
}

fn delete(layout: &Layout, path: &Path, each: &mut dyn FnMut(&str)) -> Result<u64> {
    if is_in_use(path) || !path.exists() {
        return Ok(0);
    }
    crate::sys::point::reach("build_cache.delete");
    let name = path.strip_prefix(layout.cache()).unwrap_or(path).to_string_lossy().into_owned();
    let freed = if path.is_dir() { disk_usage(path)? } else { size(path) };
    remove(path, &name, each)?;
    Ok(freed)
}

/// Bytes that deleting a file frees: none while it has other names, as among the kept images.
fn size(path: &Path) -> u64 {
    path.symlink_metadata().map_or(0, |found| if found.nlink() > 1 { 0 } else { found.blocks() * 512 })
}

fn disk_usage(path: &Path) -> Result<u64> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let opened = open(path, flags, Mode::empty()).attempt(format_args!("open '{}'", path.display()))?;
    Rootfs::new(opened).disk_usage().attempt(format_args!("measure '{}'", path.display()))
}

/// An installation may be about to need blobs that nothing leads to yet.
fn refuse_busy(layout: &Layout) -> Result<()> {
    for name in files::names(&layout.locks())?.iter().filter(|name| !name.starts_with('.')) {
        if let Some(holder) = Lock::holder(&layout.locks().join(name)) {
            let container = name.trim_end_matches(".lock");
            return Err(Error::new(
                Kind::Busy,
                format_args!("another chroot-distro is working on '{container}' ({holder})"),
            )
            .hint("wait until it has finished, then try again"));
        }
    }
    Ok(())
}

/// The blobs that containers and remembered images have.
fn pinned(layout: &Layout) -> Result<HashSet<Digest>> {
    let images = files::names(&layout.images())?.into_iter().map(|name| layout.images().join(name));
    let containers = files::names(&layout.containers())?.into_iter();
    let containers = containers.map(|name| layout.containers().join(name).join("manifest.json"));
    let mut found = HashSet::new();
    for path in images.chain(containers) {
        let text = files::read(&path, DOCUMENT_MAX)?.unwrap_or_default();
        digests(&serde_json::from_slice(&text).unwrap_or_default(), &mut found);
    }
    Ok(found)
}

/// The digests that a document has anywhere.
fn digests(document: &Value, found: &mut HashSet<Digest>) {
    let mut waiting = vec![document];
    while let Some(value) = waiting.pop() {
        match value {
            Value::String(text) => found.extend(Digest::parse(text).ok()),
            Value::Array(list) => waiting.extend(list),
            Value::Object(members) => waiting.extend(members.values()),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests;
