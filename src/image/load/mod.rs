//! Images out of an archive or a layout into the library: every blob verified, documents byte for byte, and a name only for
//! what is whole.

mod docker;
mod kept;
mod layer;
mod oci;
mod parts;
mod ready;

pub use kept::{Kept, load};
pub use parts::Place;
