//! What is there of an image before it has a name.

use crate::oci::{Descriptor, Reference};

/// An image whose blobs are all in the library, and what it shall be called.
pub(super) struct Ready {
    pub(super) image: Descriptor,
    pub(super) names: Vec<Reference>,
}
