//! Base images: found here or in their registries, and their blobs brought into the cache.

use super::request::Request;
use crate::error::{Attempt, Result};
use crate::host::Host;
use crate::image::{self, Cache, Image, Local, Origin, Pull};
use crate::oci::{Platform, Reference};
use crate::report::Report;
use crate::store::Store;

/// Where base images come from.
pub struct Bases<'a> {
    pub store: &'a Store,
    pub host: &'a Host,
    pub request: &'a Request,
    pub report: &'a dyn Report,
}

impl Bases<'_> {
    /// What `reference` names. An image that was made or loaded here wins; one that was pulled is enough, unless newer ones
    /// are asked for.
    pub fn find(&self, reference: &Reference, platform: &Platform) -> Result<Image> {
        let library = self.store.library();
        let kept = library.named(&reference.full())?;
        if let Some(kept) = kept.filter(|kept| !(kept.pulled && self.request.pull)) {
            match image::open(&library, &kept, platform) {
                Err(_) if kept.pulled => {}
                opened => return opened.attempt(|| format!("image '{reference}'")),
            }
        }
        let pull = self.pull(reference, platform);
        let cached = if self.request.pull { None } else { pull.cached()? };
        cached.map_or_else(|| pull.resolve(), Ok).attempt(|| format!("image '{reference}'"))
    }

    /// Brings all its blobs into the cache.
    pub fn fetch(&self, image: &Image, reference: &Reference, platform: &Platform) -> Result<()> {
        let library = self.store.library();
        for blob in image.manifest.layers.iter().chain([&image.manifest.config]) {
            self.store.share_with_cache(&blob.digest, blob.size)?;
        }
        let cache = Cache::new(self.store, self.report);
        let blobs = || image.manifest.layers.iter();
        if blobs().all(|blob| self.store.has_blob(&blob.digest, blob.size)) {
            return Ok(());
        }
        let workers = self.request.settings.workers;
        if blobs().all(|blob| library.has(&blob.digest, blob.size)) {
            return image::copy(image, &Local(&library), &cache, workers, self.report);
        }
        self.report.info(&format!("Pulling {reference}"));
        image::copy(image, &self.pull(reference, platform), &cache, workers, self.report)
            .attempt(|| format!("pull '{reference}'"))
    }

    /// Brings all blobs of an image that is in a layout into the cache.
    pub fn copy(&self, image: &Image, from: &dyn Origin) -> Result<()> {
        let cache = Cache::new(self.store, self.report);
        image::copy(image, from, &cache, self.request.settings.workers, self.report)
    }

    fn pull<'p>(&'p self, reference: &'p Reference, platform: &'p Platform) -> Pull<'p> {
        let settings = self.request.settings.clone();
        Pull::new(self.store, reference, platform, settings, self.host, self.report)
    }
}
