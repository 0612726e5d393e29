//! What goes out of an image: its documents, each after all that it names, and the blobs of each. Nothing may be missing.

use super::layout::DEPTH;
use super::shelf::Shelf;
use crate::error::{Error, Result};
use crate::oci::{Descriptor, Document, ImageConfig, IndexEntry, Offered, Platform, media_type};

/// Which parts of an image for many platforms.
#[derive(Debug, Clone)]
pub enum Which {
    /// Every one, under their index.
    All,
    /// The one that the user asks for.
    Only(Platform),
    /// This machine's out of an index. What is no index goes as it is.
    Usual,
}

/// A document that goes out.
#[derive(Debug)]
pub struct Part {
    /// Its own media type, digest and size.
    pub document: Descriptor,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// What it names: layers and config. Of an index none.
    pub blobs: Vec<Descriptor>,
}

/// The documents of an image; what one names comes before it.
#[derive(Debug, Default)]
pub struct Parts {
    /// The last is what a tag leads to.
    pub parts: Vec<Part>,
}

impl Parts {
    /// Those of what `shelf` has under `top`. A document or a blob that is not there is an error that names its platform.
    pub fn of(shelf: &dyn Shelf, top: &Descriptor, which: &Which) -> Result<Parts> {
        let mut parts = Parts::default();
        parts.add(shelf, top, which, "the image", DEPTH)?;
        match parts.blobs().into_iter().find(|blob| !shelf.has(blob)) {
            Some(blob) => Err(lost(&format!("blob {}", blob.digest))),
            None => Ok(parts),
        }
    }

    /// Every blob once.
    pub fn blobs(&self) -> Vec<&Descriptor> {
        let mut blobs: Vec<&Descriptor> = Vec::new();
        for blob in self.parts.iter().flat_map(|part| &part.blobs) {
            if !blobs.iter().any(|other| other.digest == blob.digest) {
                blobs.push(blob);
            }
        }
        blobs
    }

    fn add(
        &mut self,
        shelf: &dyn Shelf,
        at: &Descriptor,
        which: &Which,
        whose: &str,
        depth: usize,
    ) -> Result<()> {
        if depth == 0 {
            return Err(Error::invalid(format_args!(
                "the image's indexes are nested more than {DEPTH} deep"
            )));
        }
        if self.parts.iter().any(|part| part.document.digest == at.digest) {
            return Ok(());
        }
        let bytes = match &at.data {
            Some(data) => data.clone(),
            None => shelf.document(at)?.ok_or_else(|| absent(whose))?,
        };
        let mut blobs = Vec::new();
        match (Document::parse(&bytes, Some(&at.media_type))?, which) {
            (Document::Manifest(manifest), which) => {
                if let Which::Only(platform) = which {
                    suits(shelf, &manifest.config, platform)?;
                }
                let layers = manifest.layers.into_iter();
                // Foreign layers are fetched from elsewhere.
                blobs.extend(layers.filter(|layer| layer.urls.is_empty() || shelf.has(layer)));
                blobs.push(manifest.config);
            }
            (Document::Index(entries), Which::All) => {
                for entry in &entries {
                    self.add(shelf, &entry.descriptor, which, &name(&entry.platform), depth - 1)?;
                }
            }
            (Document::Index(entries), Which::Only(platform)) => {
                return self.add_one(shelf, &entries, platform, depth);
            }
            (Document::Index(entries), Which::Usual) => {
                return self.add_one(shelf, &entries, &Platform::host(), depth);
            }
        }
        self.parts.push(Part { document: described(at, &bytes), bytes, blobs });
        Ok(())
    }

    fn add_one(
        &mut self,
        shelf: &dyn Shelf,
        entries: &[IndexEntry],
        platform: &Platform,
        depth: usize,
    ) -> Result<()> {
        let chosen = platform.choose(entries)?;
        let is_here =
            |at: &Descriptor| -> Result<bool> { Ok(at.data.is_some() || shelf.document(at)?.is_some()) };
        if !is_here(chosen)? {
            let mut here = Vec::new();
            for entry in entries {
                if let (Offered::Runs(platform), true) = (&entry.platform, is_here(&entry.descriptor)?) {
                    here.push(platform.to_string());
                }
            }
            return Err(other_platform(platform, &here));
        }
        self.add(shelf, chosen, &Which::Only(platform.clone()), &platform.to_string(), depth - 1)
    }
}

/// That a manifest's config speaks of this platform, or of none.
fn suits(shelf: &dyn Shelf, config: &Descriptor, platform: &Platform) -> Result<()> {
    let bytes = match &config.data {
        Some(data) => data.clone(),
        None => shelf.document(config)?.ok_or_else(|| absent(&platform.to_string()))?,
    };
    match ImageConfig::parse(&bytes)?.platform() {
        Offered::Unnamed => Ok(()),
        offered => platform.choose(&[IndexEntry { descriptor: config.clone(), platform: offered }]).map(drop),
    }
}

/// Of an index often one platform is here, which need not be the one that is asked for.
fn other_platform(wanted: &Platform, here: &[String]) -> Error {
    let name = wanted.to_string();
    match here.first() {
        Some(first) => Error::not_found(format_args!("the manifest of {name} is not here"))
            .hint(format_args!("here is {}: add '--platform {first}'", here.join(", "))),
        None => absent(&name),
    }
}

/// What BuildKit says of how an image was made.
const ATTESTATION: &str = "an attestation";

fn name(platform: &Offered) -> String {
    match platform {
        Offered::Runs(platform) => platform.to_string(),
        Offered::Foreign(name) if name == "unknown/unknown" => format!("{ATTESTATION} (unknown/unknown)"),
        Offered::Foreign(name) => name.clone(),
        Offered::Unnamed => "one of its platforms".to_owned(),
    }
}

fn absent(whose: &str) -> Error {
    let hint = match whose.starts_with(ATTESTATION) {
        true => "pull the image again: it brings the attestations too",
        false => {
            "'chroot-distro pull --platform PLATFORM IMAGE' gets one platform more; without '--all-platforms' one is pushed"
        }
    };
    Error::not_found(format_args!("the manifest of {whose} is not here")).hint(hint)
}

fn lost(what: &str) -> Error {
    Error::not_found(format_args!("the image's {what} is not here, or is damaged"))
        .hint("pull, load or build the image again")
}

/// What the document is, in its own words first.
fn described(at: &Descriptor, bytes: &[u8]) -> Descriptor {
    let json: serde_json::Value = serde_json::from_slice(bytes).unwrap_or_default();
    let guess = if json["manifests"].is_array() { media_type::OCI_INDEX } else { media_type::OCI_MANIFEST };
    let told = Some(&*at.media_type).filter(|kind| !kind.is_empty());
    let kind = json["mediaType"].as_str().or(told).unwrap_or(guess);
    Descriptor {
        media_type: kind.to_owned(),
        size: bytes.len() as u64,
        urls: Vec::new(),
        data: None,
        ..at.clone()
    }
}
