//! Layers: read (decompress and untar), apply to a target, index, pack, compress.
//!
//! [`apply`] is the one place that knows what a layer entry means, so that install, build, restore and diff
//! share one whiteout semantics. A [`Target`] takes entries: a guest's root, the in-memory [`Index`], or an archive
//! that is written. Archives, trees ([`send`]) and what is different between two trees ([`changes`]) send them, with their [`Content`].
//! Memory stays bounded whatever a header claims; one bad entry fails the whole layer with its name and reason.

mod ahead;
mod apply;
mod changes;
mod compress;
mod content;
mod decompress;
mod entry;
mod file_content;
mod found;
mod header;
mod index;
mod inflating;
mod linked;
mod live_content;
mod name;
pub mod pack;
mod pax;
mod read;
mod read_error;
mod send;
mod sparse;
mod target;
#[cfg(test)]
mod tests;
mod unpack;
mod whiteout;
mod workers;

pub use apply::{Applied, Options, Sort, apply, apply_sorted};
pub use changes::changes;
pub use compress::{Compression, Compressor, free_memory};
pub use content::{BytesContent, Content, NoContent, flatten_claimed};
pub use decompress::decompress;
pub use entry::{Entry, EntryKind, is_kept_xattr};
pub use file_content::FileContent;
pub use index::{Index, Node, Recording, Trust, content_hash, hash_of, pairs};
pub use name::Name;
pub use read::{Reader, TarContent};
pub use send::{Sent, send, send_one};
pub use target::Target;
pub use unpack::RootfsTarget;
