//! Where an image stands that goes out: with the images that are kept, or in the cache, as the Python tool leaves it.
//!
//! The Python tool remembers parsed JSON and not the bytes, and digests are of bytes. Its config is written anew in the
//! ways in which it may have been written. Where none has the digest, the image gets a config of its own, and so a digest of
//! its own.

use std::collections::HashMap;
use std::fs::File;
use std::io::{Seek, SeekFrom, Write};

use serde_json::Value;

use super::destination::Cache;
use crate::error::{Attempt, Error, Result};
use crate::oci::{Descriptor, Digest, Document, ImageManifest, media_type};
use crate::report::Report;
use crate::store::{CachedImage, Library, Store};

/// What has the documents and blobs of an image.
pub trait Shelf: Sync {
    /// A document, verified; none when it is not here.
    fn document(&self, descriptor: &Descriptor) -> Result<Option<Vec<u8>>>;
    /// Whether a blob is here, by its size alone.
    fn has(&self, blob: &Descriptor) -> bool;
    /// A blob for reading, not verified.
    fn open(&self, blob: &Descriptor) -> Result<File>;
}

/// The images that are kept.
pub struct Stored<'a> {
    /// They.
    pub library: &'a Library,
    /// Whose cache takes what is written only to be read.
    pub store: &'a Store,
}

impl Shelf for Stored<'_> {
    fn document(&self, descriptor: &Descriptor) -> Result<Option<Vec<u8>>> {
        self.library.document(descriptor)
    }

    fn has(&self, blob: &Descriptor) -> bool {
        blob.data.is_some() || self.library.has(&blob.digest, blob.size)
    }

    fn open(&self, blob: &Descriptor) -> Result<File> {
        match &blob.data {
            Some(data) if !self.library.has(&blob.digest, blob.size) => written(self.store, data),
            _ => self.library.open(&blob.digest),
        }
    }
}

/// An image of the cache.
pub struct Remembered<'a> {
    store: &'a Store,
    cache: Cache<'a>,
    documents: HashMap<Digest, Vec<u8>>,
    /// Its manifest.
    pub manifest: Descriptor,
}

impl<'a> Remembered<'a> {
    /// What the cache remembers of an image.
    pub fn new(store: &'a Store, cached: &CachedImage, report: &'a dyn Report) -> Result<Remembered<'a>> {
        let Document::Manifest(manifest) = Document::parse(&cached.manifest_raw, None)? else {
            return Err(Error::invalid("the cached manifest is an index"));
        };
        let has_config = store.has_blob(&manifest.config.digest, manifest.config.size);
        let (raw, config) = match (has_config, original(&cached.config, &manifest.config.digest)) {
            (true, _) => (cached.manifest_raw.clone(), None),
            (false, Some(config)) => (cached.manifest_raw.clone(), Some(config)),
            (false, None) => {
                let config = cached.config.to_string().into_bytes();
                (with_config(&manifest, &config), Some(config))
            }
        };
        let kind = manifest.json["mediaType"].as_str().unwrap_or(media_type::OCI_MANIFEST);
        let manifest = Descriptor {
            media_type: kind.to_owned(),
            digest: Digest::of(&raw),
            size: raw.len() as u64,
            urls: Vec::new(),
            data: None,
        };
        let documents = [Some(raw), config].into_iter().flatten();
        let documents = documents.map(|bytes| (Digest::of(&bytes), bytes)).collect();
        Ok(Remembered { store, cache: Cache::new(store, report), documents, manifest })
    }
}

impl Shelf for Remembered<'_> {
    fn document(&self, descriptor: &Descriptor) -> Result<Option<Vec<u8>>> {
        Ok(self.documents.get(&descriptor.digest).cloned())
    }

    fn has(&self, blob: &Descriptor) -> bool {
        self.documents.contains_key(&blob.digest) || self.store.has_blob(&blob.digest, blob.size)
    }

    fn open(&self, blob: &Descriptor) -> Result<File> {
        match self.documents.get(&blob.digest) {
            Some(bytes) => written(self.store, bytes),
            None => self.cache.open(blob),
        }
    }
}

/// The bytes in a file without a name.
fn written(store: &Store, bytes: &[u8]) -> Result<File> {
    let mut file = store.temporary()?;
    let write = file.write_all(bytes).and_then(|()| file.seek(SeekFrom::Start(0)));
    write.attempt("write a document to be sent")?;
    Ok(file)
}

/// The bytes of a config whose digest is known: as Rust, Go and Python write JSON.
fn original(config: &Value, digest: &Digest) -> Option<Vec<u8>> {
    let compact = config.to_string();
    // Go's encoding/json writes these so that no HTML comes of them.
    let go = compact.replace('&', "\\u0026").replace('<', "\\u003c").replace('>', "\\u003e");
    let spaced = spaced(&compact);
    let ways = [format!("{compact}\n"), format!("{go}\n"), compact, go, spaced];
    let is_it = |text: &String| Digest::with(digest.algorithm(), text.as_bytes()) == *digest;
    ways.into_iter().find(is_it).map(String::into_bytes)
}

/// Compact JSON with a blank after each comma and colon, as Python's `json.dumps` has it.
fn spaced(compact: &str) -> String {
    let (mut text, mut quoted, mut escaped) = (String::with_capacity(compact.len() + 256), false, false);
    for letter in compact.chars() {
        text.push(letter);
        if !quoted && matches!(letter, ',' | ':') {
            text.push(' ');
        }
        quoted ^= letter == '"' && !escaped;
        escaped = letter == '\\' && !escaped;
    }
    text
}

/// The manifest with another config.
fn with_config(manifest: &ImageManifest, config: &[u8]) -> Vec<u8> {
    let mut json = manifest.json.clone();
    json["config"]["digest"] = Digest::of(config).to_string().into();
    json["config"]["size"] = config.len().into();
    json.to_string().into_bytes()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_config_is_written_as_it_was() {
        let config = json!({"b": ["x, y: \"z\\", "<&>"], "a": {"n": 1}, "e": []});
        for text in [
            r#"{"b":["x, y: \"z\\","<&>"],"a":{"n":1},"e":[]}"#,
            r#"{"b":["x, y: \"z\\","\u003c\u0026\u003e"],"a":{"n":1},"e":[]}"#,
            r#"{"b": ["x, y: \"z\\", "<&>"], "a": {"n": 1}, "e": []}"#,
        ] {
            let found = original(&config, &Digest::of(text.as_bytes()));
            assert_eq!(found.as_deref(), Some(text.as_bytes()), "{text}");
        }
        assert_eq!(original(&config, &Digest::of(b"another")), None);
    }
}
