//! Resolved images: `oci_manifests/<key>.json`, `{"manifest", "repo", "image_config"}` as the Python tool has
//! them, with the manifest's raw bytes added, because a digest is of bytes and not of parsed JSON, and the reference.

use serde_json::{Value, json};

use super::files;
use super::layout::Layout;
use crate::error::{Error, Result};
use crate::oci::{Arch, Digest, Reference};

/// Bytes; a manifest is at most 4 MiB where registries limit it at all.
const LIMIT: u64 = 32 << 20;

/// A resolved image: what `oci_manifests/` holds.
#[derive(Debug, Clone)]
pub struct CachedImage {
    /// The manifest's bytes as served: a digest is of bytes. Re-made from JSON when the Python tool cached it.
    pub manifest_raw: Vec<u8>,
    /// The image config.
    pub config: Value,
    /// The digest of what the reference named (an index, perhaps), for conditional requests.
    pub resolved: Option<Digest>,
}

/// What is remembered of `reference`. An entry that cannot be understood is none.
pub(super) fn get(layout: &Layout, reference: &Reference, arch: Arch) -> Result<Option<CachedImage>> {
    // 2.x of the Python tool has our key, 3.x the other.
    for key in [reference.cache_key(arch), reference.cache_key_by_platform(arch)] {
        let Some(text) = files::read(&layout.image(&key), LIMIT)? else { continue };
        if let Some(image) = parse(&text) {
            return Ok(Some(image));
        }
    }
    Ok(None)
}

pub(super) fn put(layout: &Layout, reference: &Reference, arch: Arch, image: &CachedImage) -> Result<()> {
    let raw = std::str::from_utf8(&image.manifest_raw)
        .map_err(|_| Error::invalid("the manifest is not UTF-8, so it is not JSON"))?;
    let manifest: Value = serde_json::from_str(raw)
        .map_err(|error| Error::invalid(format_args!("the manifest is not JSON: {error}")))?;
    let document = json!({
        "reference": reference.to_string(),
        "manifest": manifest,
        "repo": reference.repository,
        "image_config": image.config,
        "manifest_raw": raw,
        "resolved": image.resolved.as_ref().map(Digest::to_string),
    });
    let path = layout.image(&reference.cache_key(arch));
    if let Some(parent) = path.parent() {
        files::make_dir(parent)?;
    }
    files::write(&path, document.to_string().as_bytes(), 0o644)
}

/// What the entries of ours were asked for as.
pub(super) fn references(layout: &Layout) -> Result<Vec<String>> {
    let read = |name: &String| {
        let text = files::read(&layout.images().join(name), LIMIT).ok()??;
        Some(serde_json::from_slice::<Value>(&text).ok()?["reference"].as_str()?.to_owned())
    };
    Ok(files::names(&layout.images())?.iter().filter_map(read).collect())
}

fn parse(text: &[u8]) -> Option<CachedImage> {
    let document: Value = serde_json::from_slice(text).ok()?;
    let manifest_raw = match document["manifest_raw"].as_str() {
        Some(raw) => raw.as_bytes().to_vec(),
        None => document.get("manifest")?.as_object().map(|_| document["manifest"].to_string())?.into_bytes(),
    };
    let resolved = document["resolved"].as_str().and_then(|text| Digest::parse(text).ok());
    Some(CachedImage { manifest_raw, config: document.get("image_config")?.clone(), resolved })
}
