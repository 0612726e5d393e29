//! One image, whose parts fit each other.

use crate::error::{Error, Result};
use crate::oci::{Digest, ImageConfig, ImageManifest, IndexEntry, Offered, Platform, Provenance};

/// One image: what to apply and what to remember of it.
#[derive(Debug, Clone)]
pub struct Image {
    /// As the user would name it: a reference, or an archive's file name.
    pub name: String,
    /// Its layers and its config, by digest.
    pub manifest: ImageManifest,
    /// What to run in it and how, and its layers' diff_ids.
    pub config: ImageConfig,
    /// The digest of each layer's uncompressed tar, bottom layer first.
    pub diff_ids: Vec<Digest>,
    platform: Platform,
}

impl Image {
    /// Checks that the parts fit each other, and the image the wanted platform.
    pub fn new(
        name: String,
        manifest: ImageManifest,
        config: ImageConfig,
        wanted: &Platform,
    ) -> Result<Image> {
        manifest.refuse_artifact()?;
        let diff_ids = diff_ids(&manifest, &config)?;
        let platform = config.platform();
        if platform != Offered::Unnamed {
            wanted.choose(&[IndexEntry { descriptor: manifest.config.clone(), platform }])?;
        }
        Ok(Image { name, manifest, config, diff_ids, platform: wanted.clone() })
    }

    /// What the container remembers of it.
    pub fn provenance(&self) -> Provenance {
        Provenance::new(&self.name, &self.platform, &self.manifest, &self.config)
    }
}

/// The digest of each layer's uncompressed tar, bottom layer first. A config that has others than the manifest's is an error.
pub(super) fn diff_ids(manifest: &ImageManifest, config: &ImageConfig) -> Result<Vec<Digest>> {
    let (layers, diff_ids) = (manifest.layers.len(), config.diff_ids()?);
    match diff_ids.len() == layers {
        true => Ok(diff_ids),
        false => Err(Error::invalid(format_args!(
            "the image has {layers} layers, but its config has diff_ids for {}",
            diff_ids.len()
        ))),
    }
}
