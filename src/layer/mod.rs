//! Layers: read (decompress and untar), apply to a target, index, pack.
//!
//! [`apply`] is the one place that knows what a layer entry means, so that install, build, restore and diff
//! share one whiteout semantics. `Rootfs` is one target, the in-memory `Index` another.
//! Memory stays bounded whatever a header claims; one bad entry fails the whole layer with its name and reason.

mod apply;
mod decompress;
mod entry;
mod flow;
mod header;
mod index;
mod name;
pub mod pack;
mod pax;
mod read;
mod sparse;
mod target;
#[cfg(test)]
mod tests;
mod unpack;

use std::io::{self, Read};
use std::thread;

use crate::error::{Error, Result};
use crate::oci::Digest;

pub use decompress::decompress;
pub use entry::{Entry, Kind};
pub use index::{Index, Node};
pub use name::Name;
pub use read::{Content, Reader};
pub use target::{Target, Tee};
pub use unpack::RootfsTarget;

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

/// Applies one layer, compressed in any of the ways [`decompress`] knows, media types not believed.
/// Inflating runs on a thread beside the writing. `layer` may block (a download being followed); an
/// [`Error`] inside its `io::Error` comes out as it is.
pub fn apply(layer: impl Read + Send, target: &mut dyn Target, options: &Options) -> Result<Applied> {
    thread::scope(|scope| {
        let (producer, mut consumer) = flow::flow();
        thread::Builder::new()
            .name("inflate".into())
            .spawn_scoped(scope, move || producer.run(layer))
            .map_err(|error| Error::io("start a thread", error))?;
        let entries = apply::apply_tar(&mut consumer, target, options)?;
        let (diff_id, bytes) = consumer.finish();
        Ok(Applied { diff_id, bytes, entries })
    })
}

/// A failure to read an archive. Damage is the archive's fault; the rest is the system's or the network's.
fn read_error(error: io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => Error::invalid("the archive is cut short"),
        _ if error.raw_os_error().is_some() => Error::io("read the archive", error),
        _ => match error.downcast::<Error>() {
            Ok(ours) => ours,
            Err(error) => Error::invalid(format!("the archive is damaged: {error}")),
        },
    }
}
