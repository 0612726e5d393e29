//! Base images: found here or in their registries, and their blobs brought into the cache.

use super::request::Request;
use super::scope::Globals;
use crate::dockerfile::{Dockerfile, Stage};
use crate::error::{Attempt, Result};
use crate::host::Host;
use crate::image::{self, Cache, Image, Local, Origin, Pull};
use crate::oci::{Platform, Reference};
use crate::report::Report;
use crate::store::Store;

/// Where base images come from.
#[allow(missing_docs)]
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
        let _holding = library.hold(self.report)?;
        let found = image::meant(&library, &self.pull(reference, platform), self.request.pull, self.report);
        let found = found.map(|(image, _)| image).map_err(|error| match error.hint_text() {
            Some(hint) if hint.contains("--architecture") => error.hint_instead(
                "choose one of these with --platform, for this stage alone with FROM --platform=PLATFORM, or choose another tag",
            ),
            _ => error,
        });
        found.attempt(format_args!("image '{reference}'"))
    }

    /// The same where it is here. Asks nobody.
    fn here(&self, reference: &Reference, platform: &Platform) -> Result<Option<Image>> {
        let library = self.store.library();
        let found = image::here(&library, &self.pull(reference, platform), self.request.pull)?;
        Ok(found.map(|(image, _)| image))
    }

    /// The names of the variables that the image of a stage sets, if it is here, for checks. Asks nobody.
    pub fn environment(&self, file: &Dockerfile, stage: &Stage) -> Option<Vec<String>> {
        let request = self.request;
        let platform = request.platforms.first()?;
        let globals = Globals::of(file, &request.arguments, platform, "").ok()?;
        let name = globals.expand(&stage.image).ok()?;
        if request.contexts.iter().any(|(other, _)| *other == name) {
            return None;
        }
        let image = self.here(&Reference::parse(&name).ok()?, platform).ok()??;
        let config = &image.config.json["config"];
        // Its triggers may set others.
        if config["OnBuild"].as_array().is_some_and(|triggers| !triggers.is_empty()) {
            return None;
        }
        let words = config["Env"].as_array().into_iter().flatten().filter_map(|word| word.as_str());
        Some(words.map(|word| word.split('=').next().unwrap_or(word).to_owned()).collect())
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
            .attempt(format_args!("pull '{reference}'"))
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
