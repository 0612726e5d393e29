//! Layers: read (decompress and untar), apply to a target, index, pack.
//!
//! [`apply`] is the one place that knows what a layer entry means, so that install, build, restore and diff
//! share one whiteout semantics. `Rootfs` is one target, the in-memory `Index` another.
//! Memory stays bounded whatever a header claims; one bad entry fails the whole layer with its name and reason.

use std::io::Read;

use crate::error::Result;
use crate::oci::Digest;
use crate::report::Report;
use crate::rootfs::Rootfs;

/// How the tar stream is to be understood.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// `.wh.` entries delete (a layer) or are ordinary names (a plain rootfs archive).
    pub whiteouts: bool,
    /// Leading components to drop from each name; entries with fewer are skipped.
    pub strip: usize,
    /// Only entries under this path count, and it is dropped from their names (a backup's `NAME/rootfs`).
    pub prefix: Option<std::path::PathBuf>,
}

/// What was read.
#[derive(Debug, Clone)]
pub struct Applied {
    /// SHA-256 of the uncompressed tar, whole: the layer's diff_id (OCI image config).
    pub diff_id: Digest,
    /// Bytes of the uncompressed tar.
    pub bytes: u64,
    /// Entries applied.
    pub entries: u64,
}

/// Where entries go. See `RootfsTarget` and `Index`.
pub trait Target {}

/// Writes entries into a guest's root.
pub struct RootfsTarget<'a> {
    _p: std::marker::PhantomData<&'a ()>,
}

impl<'a> RootfsTarget<'a> {
    /// Refused xattrs are warned of once through `report`.
    pub fn new(rootfs: &'a Rootfs, report: &'a dyn Report) -> RootfsTarget<'a> {
        todo!()
    }
    /// Sets what must come last (directory times), after the last layer.
    pub fn finish(self) -> Result<()> {
        todo!()
    }
}
impl Target for RootfsTarget<'_> {}

/// Applies one layer, compressed in any of the ways [`decompress`] knows, media types not believed.
/// Inflating runs on a thread beside the writing.
pub fn apply(layer: impl Read + Send, target: &mut dyn Target, options: &Options) -> Result<Applied> {
    todo!()
}

/// The uncompressed bytes of a gzip (any number of members), zstd (any number of frames, skippable ones too),
/// xz, lzma, bzip2 (multi-stream) or plain stream, told apart by content.
pub fn decompress<'a>(input: impl Read + Send + 'a) -> Result<Box<dyn Read + Send + 'a>> {
    todo!()
}
