//! Repositories of one registry that have blobs of an image: those that images came from which share them. A registry can
//! take a blob from there ("mount"), and nothing is sent.

use std::collections::HashMap;

use super::below::Below;
use super::shelf::{Shelf, Stored};
use crate::error::Result;
use crate::oci::{Arch, Descriptor, Digest, Document, Reference};
use crate::store::{Library, Store};

/// How many places of one blob are remembered: the next is asked where one refuses.
const PLACES: usize = 2;

/// Which repositories of a registry have which blobs.
#[derive(Debug, Default)]
pub struct Neighbours(HashMap<Digest, Vec<String>>);

impl Neighbours {
    /// What the images that were pulled from the registry of `target` tell. What cannot be read tells nothing.
    pub fn of(store: &Store, library: &Library, target: &Reference) -> Neighbours {
        let mut found = Neighbours::default();
        let shelf = Stored { library, store };
        for image in library.images().unwrap_or_default().into_iter().filter(|image| image.pulled) {
            if let Some(repository) = image.name.as_deref().and_then(|name| beside(name, target)) {
                // What is damaged tells nothing.
                let _ = found.learn(&shelf, &image.descriptor, &repository);
            }
        }
        for name in store.cached_references().unwrap_or_default() {
            if let Some(repository) = beside(&name, target) {
                found.learn_cached(store, &name, &repository);
            }
        }
        found
    }

    /// Where the blob may be.
    pub fn get(&self, blob: &Descriptor) -> &[String] {
        self.0.get(&blob.digest).map_or(&[], Vec::as_slice)
    }

    fn learn(&mut self, shelf: &dyn Shelf, top: &Descriptor, repository: &str) -> Result<()> {
        for found in Below::of(top, &|descriptor| shelf.document(descriptor))?.manifests {
            found.blobs().for_each(|blob| self.add(blob, repository));
        }
        Ok(())
    }

    fn learn_cached(&mut self, store: &Store, name: &str, repository: &str) {
        let Ok(reference) = Reference::parse(name) else { return };
        for cached in Arch::ALL.iter().filter_map(|arch| store.image(&reference, *arch).ok()?) {
            if let Ok(Document::Manifest(manifest)) = Document::parse(&cached.manifest_raw, None) {
                manifest.layers.iter().chain([&manifest.config]).for_each(|b| self.add(b, repository));
            }
        }
    }

    fn add(&mut self, blob: &Descriptor, repository: &str) {
        let places = self.0.entry(blob.digest.clone()).or_default();
        if places.len() < PLACES && !places.iter().any(|place| place == repository) {
            places.push(repository.to_owned());
        }
    }
}

/// The repository of an image, where it is another one of the target's registry.
fn beside(name: &str, target: &Reference) -> Option<String> {
    let reference = Reference::parse(name).ok()?;
    let near = reference.registry == target.registry && reference.repository != target.repository;
    near.then_some(reference.repository)
}
