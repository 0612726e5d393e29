//! What an image is made of: the documents from its manifest or index down, as far as they are here.

use std::collections::HashSet;

use super::layout::DEPTH;
use crate::error::{Attempt, Error, Result};
use crate::oci::{Descriptor, Digest, Document, ImageManifest, Offered, Platform};

/// A document by its descriptor, verified; none when it is not here.
pub(super) type Read<'a> = dyn Fn(&Descriptor) -> Result<Option<Vec<u8>>> + 'a;

/// Everything below a descriptor.
#[derive(Default)]
pub(super) struct Below {
    /// The indexes, outer ones first, each once.
    pub(super) indexes: Vec<(Descriptor, Vec<u8>)>,
    /// The manifests that are here, in the order of their index.
    pub(super) manifests: Vec<Found>,
}

/// A manifest that is here.
pub(super) struct Found {
    /// What its index says of it.
    pub(super) descriptor: Descriptor,
    /// Its bytes.
    pub(super) bytes: Vec<u8>,
    /// What they say.
    pub(super) manifest: ImageManifest,
    /// The platform that its index names.
    pub(super) platform: Offered,
}

impl Found {
    /// Its config and its layers; some may stand there twice.
    pub(super) fn blobs(&self) -> impl Iterator<Item = &Descriptor> {
        [&self.manifest.config].into_iter().chain(&self.manifest.layers)
    }

    /// The first blob that is not there, of those that must be: others have said where to get a layer with `urls`.
    pub(super) fn lacks(&self, has: &dyn Fn(&Descriptor) -> Result<bool>) -> Result<Option<&Descriptor>> {
        for blob in self.blobs() {
            if blob.data.is_none() && blob.urls.is_empty() && !has(blob)? {
                return Ok(Some(blob));
            }
        }
        Ok(None)
    }
}

impl Below {
    /// Reads them. What is no document of an image is an error, also far down.
    pub(super) fn of(top: &Descriptor, read: &Read<'_>) -> Result<Below> {
        let mut below = Below::default();
        let mut seen: HashSet<Digest> = HashSet::new();
        let mut waiting = vec![(top.clone(), Offered::Unnamed, 0)];
        while let Some((descriptor, platform, depth)) = waiting.pop() {
            if !seen.insert(descriptor.digest.clone()) {
                continue;
            }
            if depth > DEPTH {
                return Err(Error::invalid(format_args!(
                    "the image's indexes are nested more than {DEPTH} deep"
                )));
            }
            let Some(bytes) = read(&descriptor)? else { continue };
            let document = Document::parse(&bytes, Some(&descriptor.media_type))
                .attempt(format_args!("document {}", descriptor.short()))?;
            match document {
                Document::Index(entries) => {
                    let entries = entries.into_iter().rev();
                    waiting.extend(entries.map(|entry| (entry.descriptor, entry.platform, depth + 1)));
                    below.indexes.push((descriptor, bytes));
                }
                Document::Manifest(manifest) => {
                    below.manifests.push(Found { descriptor, bytes, manifest, platform });
                }
            }
        }
        Ok(below)
    }

    /// The image for this machine, or the first that is one.
    pub(super) fn suitable(&self) -> Option<&Found> {
        let images = || self.manifests.iter().filter(|found| found.manifest.refuse_artifact().is_ok());
        let host = Platform::host().arch;
        let is_host =
            |found: &&Found| matches!(&found.platform, Offered::Runs(platform) if platform.arch == host);
        images().find(is_host).or_else(|| images().next())
    }

    /// Leaves the manifests whose blobs are all there. Without any it is an error that names what is missing.
    pub(super) fn keep_complete(&mut self, has: &dyn Fn(&Descriptor) -> Result<bool>) -> Result<()> {
        let mut missing = None;
        for found in std::mem::take(&mut self.manifests) {
            match found.lacks(has)? {
                Some(blob) => missing = missing.or_else(|| Some(blob.clone())),
                None => self.manifests.push(found),
            }
        }
        match missing {
            _ if !self.manifests.is_empty() => Ok(()),
            Some(blob) => {
                Err(Error::not_found(format_args!("blob {} of the image is missing", blob.short())))
            }
            None => Err(Error::not_found("the manifest of the image is missing")),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use serde_json::{Value, json};

    use super::*;

    fn described(bytes: &[u8]) -> Value {
        json!({"digest": Digest::of(bytes).to_string(), "size": bytes.len()})
    }

    fn descriptor(bytes: &[u8]) -> Descriptor {
        Descriptor::parse(&described(bytes), "x").unwrap()
    }

    fn manifest(layer: &str) -> Vec<u8> {
        json!({"config": described(b"{}"), "layers": [described(layer.as_bytes())]}).to_string().into_bytes()
    }

    fn index(of: &[&[u8]]) -> Vec<u8> {
        let entries: Vec<Value> = of.iter().map(|bytes| described(bytes)).collect();
        json!({"manifests": entries}).to_string().into_bytes()
    }

    fn below(top: &[u8], there: &[&[u8]]) -> Result<Below> {
        let there: HashMap<Digest, Vec<u8>> =
            there.iter().map(|bytes| (Digest::of(bytes), bytes.to_vec())).collect();
        Below::of(&descriptor(top), &|blob| Ok(there.get(&blob.digest).cloned()))
    }

    #[test]
    fn all_that_is_here_comes_once_and_in_order() {
        let (a, b, c) = (manifest("a"), manifest("b"), manifest("c"));
        let inner = index(&[&c, &a]);
        let outer = index(&[&a, &inner, &b, &inner]);
        let mut found = below(&outer, &[&outer, &inner, &a, &c]).unwrap();
        assert_eq!(found.indexes.len(), 2);
        let layers = |found: &Below| -> Vec<Digest> {
            found.manifests.iter().map(|found| found.manifest.layers[0].digest.clone()).collect()
        };
        assert_eq!(layers(&found), [Digest::of(b"a"), Digest::of(b"c")]);
        found.keep_complete(&|blob| Ok(blob.digest != Digest::of(b"a"))).unwrap();
        assert_eq!(layers(&found), [Digest::of(b"c")]);
        assert!(found.keep_complete(&|_| Ok(false)).unwrap_err().to_string().contains("is missing"));
    }

    #[test]
    fn what_is_no_image_or_has_no_end_is_an_error() {
        let wrong = index(&[b"{}"]);
        assert!(below(&wrong, &[&wrong, b"{}"]).is_err());
        let mut top = manifest("a");
        let mut all = vec![top.clone()];
        for _ in 0..=DEPTH {
            top = index(&[&top]);
            all.push(top.clone());
        }
        let all: Vec<&[u8]> = all.iter().map(Vec::as_slice).collect();
        assert!(below(&top, &all).is_err_and(|error| error.to_string().contains("nested")));
        assert!(below(all[1], &all).is_ok());
    }
}
