//! What is told of a kept image.

use std::cell::RefCell;
use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::below::{Below, Found};
use super::local::shown;
use crate::error::{Error, Result};
use crate::oci::{Descriptor, Digest, ImageConfig, Offered, Reference};
use crate::store::{Library, Named};

/// One kept image, in short.
#[derive(Debug, Default)]
pub struct Summary {
    /// The platforms that are here, as the documents say.
    pub platforms: Vec<String>,
    /// When the first of them was made: RFC 3339.
    pub created: Option<String>,
    /// Its layers, configs and documents, with their sizes in bytes.
    pub blobs: BTreeMap<Digest, u64>,
    /// The first of its documents that is damaged or, if it is the first of all, missing.
    pub trouble: Option<Error>,
}

impl Summary {
    /// Reads the documents of an image. What is damaged or missing is left out.
    pub fn of(library: &Library, named: &Named) -> Summary {
        let trouble = RefCell::new(None);
        let note = |error: Error| {
            trouble.borrow_mut().get_or_insert(error);
        };
        let read = |descriptor: &Descriptor| Ok(library.document(descriptor).map_err(note).ok().flatten());
        let below = Below::of(&named.descriptor, &read).map_err(note).unwrap_or_default();
        if below.indexes.is_empty() && below.manifests.is_empty() {
            note(missing(&named.descriptor, "manifest"));
        }
        let mut summary = Summary::default();
        for (descriptor, _) in &below.indexes {
            summary.count(descriptor);
        }
        for found in &below.manifests {
            let config = library.document(&found.manifest.config).map_err(note).ok().flatten();
            let config = config.and_then(|bytes| ImageConfig::parse(&bytes).ok());
            summary.platforms.extend(platform(found, config.as_ref()));
            let created = config.as_ref().and_then(|config| config.json["created"].as_str());
            summary.created = summary.created.take().or(created.map(str::to_owned));
            summary.count(&found.descriptor);
            found.blobs().for_each(|blob| summary.count(blob));
        }
        summary.trouble = trouble.into_inner();
        summary
    }

    /// Bytes of all that it is made of, each blob once.
    pub fn size(&self) -> u64 {
        self.blobs.values().sum()
    }

    fn count(&mut self, blob: &Descriptor) {
        self.blobs.insert(blob.digest.clone(), blob.size);
    }
}

/// An image as JSON, with the names that `docker image inspect` gives to what it tells too. `names`: the entries of one
/// digest. Of an index one platform is told, this machine's if it is here, and which others there are.
///
/// # Errors
///
/// [`Kind::NotFound`](crate::error::Kind::NotFound) when its manifest or config is missing.
pub fn inspect(library: &Library, names: &[Named]) -> Result<Value> {
    let named = names.first().ok_or_else(|| Error::not_found("there is no image"))?;
    let top = &named.descriptor;
    let below = Below::of(top, &|descriptor| library.document(descriptor))?;
    let found = below.suitable().ok_or_else(|| missing(top, "manifest"))?;
    let config = config(library, found).ok_or_else(|| missing(top, "config"))?.json;
    let summary = Summary::of(library, named);
    let tags: Vec<String> = names.iter().filter_map(shown).collect();
    let mut document = json!({
        "Id": top.digest.to_string(),
        "RepoTags": tags,
        "RepoDigests": names.iter().filter(|named| named.pulled).filter_map(at_digest).collect::<Vec<String>>(),
        "Created": config["created"],
        "Author": config["author"].as_str().unwrap_or_default(),
        "Architecture": config["architecture"],
        "Os": config["os"],
        "Size": summary.size(),
        "Config": config["config"],
        "RootFS": {"Type": "layers", "Layers": config["rootfs"]["diff_ids"]},
        "Descriptor": described(top),
    });
    if let Some(variant) = config["variant"].as_str() {
        document["Variant"] = variant.into();
    }
    if !below.indexes.is_empty() {
        let entry = |found: &Found| {
            let mut descriptor = described(&found.descriptor);
            descriptor["platform"] = platform(found, None).into();
            descriptor
        };
        document["Manifests"] = below.manifests.iter().map(entry).collect();
    }
    Ok(document)
}

fn missing(top: &Descriptor, what: &str) -> Error {
    Error::not_found(format_args!("the {what} of image {} is missing", top.short()))
        .hint("pull or load the image again")
}

/// `repository@digest`, as a registry has it.
fn at_digest(named: &Named) -> Option<String> {
    let reference = Reference::parse(named.name.as_ref()?).ok()?;
    let tagless = Reference { tag: None, ..reference.at(&named.descriptor.digest) };
    Some(tagless.to_string())
}

fn described(blob: &Descriptor) -> Value {
    json!({"mediaType": blob.media_type, "digest": blob.digest.to_string(), "size": blob.size})
}

fn config(library: &Library, found: &Found) -> Option<ImageConfig> {
    let bytes = library.document(&found.manifest.config).ok().flatten()?;
    ImageConfig::parse(&bytes).ok()
}

/// What the index says, else the config.
fn platform(found: &Found, config: Option<&ImageConfig>) -> Option<String> {
    let of_config = || config.map(ImageConfig::platform);
    match Some(found.platform.clone()).filter(|platform| *platform != Offered::Unnamed).or_else(of_config)? {
        Offered::Runs(platform) => Some(platform.to_string()),
        // BuildKit's attestations.
        Offered::Foreign(name) if name == "unknown/unknown" => None,
        Offered::Foreign(name) => Some(name),
        Offered::Unnamed => None,
    }
}
