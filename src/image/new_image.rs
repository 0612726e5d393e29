//! Images that are made here: their documents and blobs go into the kept images, and get names there.

use serde_json::{Value, json};

use super::copy::copy_blob;
use super::damaged::damaged;
use super::destination::Cache;
use super::layer::Layer;
use super::origin::{Origin, send_file};
use super::pull::Keeping;
use crate::error::{Attempt, Error, Kind, Result};
use crate::net::Sink;
use crate::oci::{Descriptor, Digest, Reference, media_type};
use crate::report::{Report, Silent, Task};
use crate::store::Store;

/// Puts an image together of its config and its layers, bottom first, and keeps it under `names`; without any, by its
/// digest. The config's `rootfs` is set here. Returns the manifest's descriptor. It is on disk then.
///
/// # Errors
///
/// [`Kind::NotFound`](crate::error::Kind::NotFound) when a layer's blob is neither kept nor in the cache.
pub fn keep_new(
    store: &Store,
    config: &Value,
    layers: &[Layer],
    names: &[Reference],
    report: &dyn Report,
) -> Result<Descriptor> {
    let images = NewImages::new(store, report)?;
    let image = images.add(config, layers)?;
    images.name(&image, names)?;
    Ok(image)
}

/// Images on their way in. Nobody deletes kept images while this lives.
pub struct NewImages<'a> {
    store: &'a Store,
    keeping: Keeping<'a>,
}

impl<'a> NewImages<'a> {
    /// Waits while images are deleted.
    pub fn new(store: &'a Store, report: &'a dyn Report) -> Result<NewImages<'a>> {
        Ok(NewImages { store, keeping: Keeping::healing(store, report)? })
    }

    /// Adds the blobs and documents of one image; nothing leads to it yet. Blobs that are here already are read: what is
    /// damaged becomes no part of a new image. One that is here as a whole is not new.
    pub fn add(&self, config: &Value, layers: &[Layer]) -> Result<Descriptor> {
        let mut config = config.clone();
        let diff_ids: Vec<String> = layers.iter().map(|layer| layer.diff_id.to_string()).collect();
        config["rootfs"] = json!({"type": "layers", "diff_ids": diff_ids});
        let config = config.to_string();
        let manifest = manifest(&describe(&config, media_type::OCI_CONFIG), layers).to_string();
        if !self.is_here(&manifest, layers) {
            for layer in layers {
                self.layer(&layer.blob).attempt(format_args!("layer {}", layer.blob.short()))?;
            }
        }
        crate::sys::point::reach("new_image.layers");
        self.keeping.add(config.as_bytes(), media_type::OCI_CONFIG)?;
        self.keeping.add(manifest.as_bytes(), media_type::OCI_MANIFEST)
    }

    fn is_here(&self, manifest: &str, layers: &[Layer]) -> bool {
        let library = self.store.library();
        let has = |blob: &Descriptor| library.has(&blob.digest, blob.size);
        has(&describe(manifest, media_type::OCI_MANIFEST)) && layers.iter().all(|layer| has(&layer.blob))
    }

    fn layer(&self, blob: &Descriptor) -> Result<()> {
        copy_blob(blob, &Cached(self.store), &self.keeping, &Silent).or_else(|error| match error.kind() {
            Kind::Invalid => {
                // The next build makes it anew.
                self.store.discard_blob(&blob.digest)?;
                Err(damaged(&self.store.library(), &blob.digest))
            }
            _ => Err(error),
        })
    }

    /// Adds an index of images that [`NewImages::add`] made, each with its `platform` (image-index.md).
    pub fn index(&self, images: &[(Descriptor, Value)]) -> Result<Descriptor> {
        let entry = |(image, platform): &(Descriptor, Value)| {
            let mut entry = described(image, &image.media_type);
            entry["platform"] = platform.clone();
            entry
        };
        let index = json!({
            "schemaVersion": 2,
            "mediaType": media_type::OCI_INDEX,
            "manifests": images.iter().map(entry).collect::<Vec<Value>>(),
        });
        self.keeping.add(index.to_string().as_bytes(), media_type::OCI_INDEX)
    }

    /// Gives an image its names; without any it is kept by its digest.
    pub fn name(&self, image: &Descriptor, names: &[Reference]) -> Result<()> {
        if names.is_empty() {
            return self.keeping.keep(image);
        }
        names.iter().try_for_each(|name| self.keeping.tag(&name.full(), false, image))
    }
}

/// An image's manifest (manifest.md).
pub(super) fn manifest(config: &Descriptor, layers: &[Layer]) -> Value {
    let layers =
        layers.iter().map(|layer| described(&layer.blob, media_type::of_layer(&layer.blob.media_type)));
    json!({
        "schemaVersion": 2,
        "mediaType": media_type::OCI_MANIFEST,
        "config": described(config, &config.media_type),
        "layers": layers.collect::<Vec<Value>>(),
    })
}

fn describe(text: &str, media_type: &str) -> Descriptor {
    let (digest, size) = (Digest::of(text.as_bytes()), text.len() as u64);
    Descriptor { media_type: media_type.to_owned(), digest, size, urls: Vec::new(), data: None }
}

fn described(blob: &Descriptor, media_type: &str) -> Value {
    json!({"mediaType": media_type, "digest": blob.digest.to_string(), "size": blob.size})
}

/// The cache, where the kept images cannot share a blob with it: it is on another filesystem.
struct Cached<'a>(&'a Store);

impl Origin for Cached<'_> {
    fn fetch(&self, blob: &Descriptor, sink: &mut dyn Sink, task: &dyn Task) -> Result<()> {
        if !self.0.has_blob(&blob.digest, blob.size) {
            return Err(Error::not_found("its blob is not here any more")
                .hint("pull the image that it belongs to: chroot-distro pull IMAGE"));
        }
        send_file(Cache::new(self.0, &Silent).open(blob)?, sink, task)
    }
}

#[cfg(test)]
mod tests;
