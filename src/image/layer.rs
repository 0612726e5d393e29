//! A layer by itself: its blob, and what is in it.

use super::description::Image;
use crate::oci::{Descriptor, Digest};

/// One layer of an image.
#[derive(Debug, Clone)]
pub struct Layer {
    /// The compressed blob.
    pub blob: Descriptor,
    /// The digest of the uncompressed tar.
    pub diff_id: Digest,
}

impl Layer {
    /// Those of an image, bottom first.
    pub fn all_of(image: &Image) -> Vec<Layer> {
        let layers = image.manifest.layers.iter().zip(&image.diff_ids);
        layers.map(|(blob, diff_id)| Layer { blob: blob.clone(), diff_id: diff_id.clone() }).collect()
    }
}
