//! An OCI image layout (image-layout.md), with docker's `manifest.json` beside it.

use serde_json::{Value, json};

use super::tar::Tar;
use super::whole::{Whole, repo_tags};
use crate::error::Result;
use crate::image::below::Found;
use crate::oci::{Descriptor, Digest, media_type};
use crate::store::index_entry;

/// What marks a directory as a layout.
const MARK: &[u8] = br#"{"imageLayoutVersion":"1.0.0"}"#;

/// Writes the documents first, so that a reader of a stream knows what follows.
pub(super) fn write(tar: &mut Tar<'_>, images: &[Whole]) -> Result<()> {
    tar.document("oci-layout", MARK)?;
    tar.document("index.json", &index(images))?;
    tar.document("manifest.json", manifest_json(images).to_string().as_bytes())?;
    tar.directory("blobs")?;
    for Whole { below, .. } in images {
        for (descriptor, bytes) in &below.indexes {
            document(tar, descriptor, bytes)?;
        }
        for found in &below.manifests {
            document(tar, &found.descriptor, &found.bytes)?;
        }
    }
    for found in images.iter().flat_map(|image| &image.below.manifests) {
        for blob in found.blobs() {
            // Who has the image gets such a layer from its own address.
            if blob.urls.is_empty() || tar.library.has(&blob.digest, blob.size) {
                directory(tar, &blob.digest)?;
                tar.blob(&path(&blob.digest), blob)?;
            }
        }
    }
    Ok(())
}

fn document(tar: &mut Tar<'_>, descriptor: &Descriptor, bytes: &[u8]) -> Result<()> {
    directory(tar, &descriptor.digest)?;
    tar.document(&path(&descriptor.digest), bytes)
}

fn directory(tar: &mut Tar<'_>, digest: &Digest) -> Result<()> {
    tar.directory(&format!("blobs/{}", digest.algorithm().name()))
}

fn path(digest: &Digest) -> String {
    format!("blobs/{}/{}", digest.algorithm().name(), digest.hex())
}

fn index(images: &[Whole]) -> Vec<u8> {
    let mut entries: Vec<Value> = Vec::new();
    for Whole { named, .. } in images {
        let entry = index_entry(named.name.as_deref(), &named.descriptor);
        if !entries.contains(&entry) {
            entries.push(entry);
        }
    }
    let index = json!({"schemaVersion": 2, "mediaType": media_type::OCI_INDEX, "manifests": entries});
    index.to_string().into_bytes()
}

/// The same for readers that know docker's form only, which has one platform an image.
fn manifest_json(images: &[Whole]) -> Value {
    let mut entries: Vec<(&Digest, Value)> = Vec::new();
    for image in images {
        let Some(found) = image.below.suitable() else { continue };
        let tags = repo_tags(&image.named);
        match entries.iter_mut().find(|(digest, _)| **digest == found.descriptor.digest) {
            Some((_, entry)) => {
                if let Some(list) = entry["RepoTags"].as_array_mut() {
                    list.extend(tags.into_iter().filter(|tag| !list.contains(tag)).collect::<Vec<_>>());
                }
            }
            None => entries.push((&found.descriptor.digest, entry(found, tags))),
        }
    }
    entries.into_iter().map(|(_, entry)| entry).collect()
}

fn entry(found: &Found, tags: Vec<Value>) -> Value {
    let layers: Vec<String> = found.manifest.layers.iter().map(|layer| path(&layer.digest)).collect();
    json!({"Config": path(&found.manifest.config.digest), "RepoTags": tags, "Layers": layers})
}
