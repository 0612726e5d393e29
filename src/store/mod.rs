//! The sole owner of the on-disk layout: containers, staging, locks, sessions, blobs, images.
//!
//! Hands out handles; no one else joins state paths. The layout is that of the Python tool (2.x, 3.x), so its
//! containers and caches are used in place and ours by it. Every change is staged beside its target and
//! committed by one rename; what a killed process left is swept at the next start.

use std::fs::File;

use serde_json::Value;

use crate::error::Result;
use crate::host::Paths;
use crate::oci::{Arch, Digest, Reference};
use crate::rootfs::Rootfs;

/// A container's name: starts with a letter or digit; letters, digits, `_`, `.`, `-`; at most 128 bytes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(String);
impl Name {
    /// Checks once.
    pub fn parse(text: &str) -> Result<Name> {
        todo!()
    }
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The two trees.
pub struct Store {
    paths: Paths,
}
impl Store {
    /// Opens; makes nothing until something is written, so it also reads without root.
    pub fn open(paths: Paths) -> Store {
        todo!()
    }
    /// Installed containers (those with a `rootfs/`), sorted by name. A missing tree is an empty list.
    pub fn containers(&self) -> Result<Vec<Container>> {
        todo!()
    }
    /// One container; `NotFound` suggests the nearest name.
    pub fn container(&self, name: &Name) -> Result<Container> {
        todo!()
    }
    /// Begins a container: takes its exclusive lock; `Exists` when it is there, `Busy` while another makes it.
    pub fn stage(&self, name: &Name) -> Result<Staged> {
        todo!()
    }
    /// A verified blob, or the right to fetch it. Waits while another process fetches the same one.
    pub fn blob(&self, digest: &Digest, size: u64) -> Result<Fetch> {
        todo!()
    }
    /// A cached manifest.
    pub fn image(&self, reference: &Reference, arch: Arch) -> Result<Option<CachedImage>> {
        todo!()
    }
    /// Remembers one.
    pub fn put_image(&self, reference: &Reference, arch: Arch, image: &CachedImage) -> Result<()> {
        todo!()
    }
    /// Deletes every entry of the cache; `each` hears the name of each; returns bytes freed.
    pub fn clear_cache(&self, each: &mut dyn FnMut(&str)) -> Result<u64> {
        todo!()
    }
}

/// `Store::blob`'s answer.
pub enum Fetch {
    /// It is here, open for reading. Readers still verify what they stream.
    Have(File),
    /// It is not; what an earlier run got of it counts.
    Missing(Partial),
}

/// A blob being written, append only. Dropped without `commit` it stays for a later run to resume.
pub struct Partial {
    _p: (),
}
impl Partial {
    /// Bytes on disk that a resumed download may keep.
    pub fn len(&self) -> u64 {
        todo!()
    }
    /// Appends and hashes; fails when the blob outgrows its declared size.
    pub fn append(&mut self, bytes: &[u8]) -> Result<()> {
        todo!()
    }
    /// Starts over (a server without Range, or a digest mismatch).
    pub fn restart(&mut self) -> Result<()> {
        todo!()
    }
    /// A second descriptor, for a reader that follows the writer.
    pub fn reader(&self) -> Result<File> {
        todo!()
    }
    /// Checks size and digest, then renames it into place. A mismatch is `Invalid` and deletes the file.
    pub fn commit(self) -> Result<File> {
        todo!()
    }
}

/// A resolved image: what `oci_manifests/` holds.
#[derive(Debug, Clone)]
pub struct CachedImage {
    /// The manifest's bytes as served: a digest is of bytes.
    pub manifest_raw: Vec<u8>,
    /// The image config.
    pub config: Value,
    /// The digest of what the reference named (an index, perhaps), for conditional requests.
    pub resolved: Option<Digest>,
}

/// An installed container.
pub struct Container {
    _p: (),
}
impl Container {
    /// Its name.
    pub fn name(&self) -> &Name {
        todo!()
    }
    /// Its root.
    pub fn rootfs(&self) -> Result<Rootfs> {
        todo!()
    }
    /// `manifest.json`, when it has one.
    pub fn manifest(&self) -> Result<Option<Value>> {
        todo!()
    }
    /// Deletes it: exclusive lock, trash rename, then by descriptors, never crossing a mount.
    pub fn remove(self, each: &mut dyn FnMut(&std::path::Path)) -> Result<()> {
        todo!()
    }
}

/// A container being made; nothing lists it. Gone on drop unless committed.
pub struct Staged {
    _p: (),
}
impl Staged {
    /// Its empty root.
    pub fn rootfs(&self) -> &Rootfs {
        todo!()
    }
    /// Writes `manifest.json` (mode 0644) and renames it in.
    pub fn commit(self, manifest: Option<&Value>) -> Result<Container> {
        todo!()
    }
}
