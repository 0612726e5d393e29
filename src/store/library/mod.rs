//! The images that people pull, load or make: an OCI layout (image-layout.md) in the data directory, so other tools read
//! it in place. Data, not cache: no clearing of the cache touches it.
//!
//! `index.json` has an entry a name, and one for each image that lost its last name. Blobs are added while the lock of
//! the images is shared, and freed only while nobody shares it, so nothing that is on its way in is taken for unneeded.

mod index;
mod keep;
mod reach;

pub use index::{Named, index_entry};
pub use keep::{Freed, Holding, Library};
