//! The sole owner of the on-disk layout: containers, staging, locks, records, blobs, images.
//!
//! Hands out handles; no one else joins state paths. The layout is that of the Python tool (2.x, 3.x), so its
//! containers and caches are used in place and ours by it. Every change is staged beside its target and
//! committed by one rename; what a killed process left is swept at the next start. Images that people pull, load or
//! make, and their names, are data beside the containers: an OCI layout ([`Library`]) that no clearing of the cache touches.

mod blobs;
mod building;
mod cache;
mod cache_mounts;
mod container;
mod files;
mod flush;
mod handle;
mod images;
mod layout;
mod library;
mod lists;
mod lock;
mod log;
mod logs;
mod name;
mod new_blob;
mod place;
mod ranges;
mod records;
mod renamed;
mod replace;
mod scratch;
mod staged;
mod steps;
mod trees;
mod upload;

pub use blobs::{Fetch, Partial, is_sound};
pub use building::Building;
pub use cache_mounts::CacheMount;
pub use container::Container;
pub use handle::Store;
pub use images::CachedImage;
pub use library::{Freed, Holding, Library, Named, index_entry};
pub use lists::{Entry, List};
pub use lock::Lock;
pub use log::Log;
pub use logs::LogWriter;
pub use name::Name;
pub use new_blob::NewBlob;
pub use place::Place;
pub use records::Records;
pub use staged::{Replacement, Staged};
pub use trees::{KeptTree, Work};
pub use upload::UploadRecord;

#[cfg(test)]
mod tests;
