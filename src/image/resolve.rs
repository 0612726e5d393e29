//! From a reference to one image: the manifest for the wanted platform and its config. From the registry when it
//! has something newer, from the cache when that is enough.

use std::time::Duration;

use super::copy::{copy_blob, document};
use super::description::Image;
use super::destination::{Cache, Destination};
use super::origin::Origin;
use crate::error::{Error, Kind, Result};
use crate::host::Host;
use crate::net::{Patience, Settings, Sink};
use crate::oci::{Descriptor, Digest, Document, ImageConfig, ImageManifest, Platform, Reference};
use crate::registry::{Client, Fetched};
use crate::report::{Report, Silent, Task};
use crate::store::{CachedImage, Store};

/// How many indexes are followed from one to the next. Real registries have one level.
const DEPTH: usize = 4;

/// Is shown a document: its bytes, its type as served, and its digest.
type See<'a> = dyn FnMut(&[u8], Option<&str>, &Digest) + 'a;

/// A document as a registry serves it.
pub(super) struct Served {
    /// Byte for byte: its digest is of these.
    pub(super) bytes: Vec<u8>,
    /// `Content-Type`.
    pub(super) kind: Option<String>,
    /// The one that it was asked for by, and has: of another algorithm perhaps.
    pub(super) digest: Digest,
}

/// An image's blobs in its registry.
pub struct Pull<'a> {
    host: &'a Host,
    client: Client<'a>,
    reference: &'a Reference,
    store: &'a Store,
    platform: &'a Platform,
    report: &'a dyn Report,
}

impl Origin for Pull<'_> {
    fn fetch(&self, blob: &Descriptor, sink: &mut dyn Sink, task: &dyn Task) -> Result<()> {
        self.client.blob(self.reference, blob, sink, task)
    }
}

impl<'a> Pull<'a> {
    /// The image that `reference` names, for `platform`; nothing is asked yet.
    pub fn new(
        store: &'a Store,
        reference: &'a Reference,
        platform: &'a Platform,
        settings: Settings,
        host: &'a Host,
        report: &'a dyn Report,
    ) -> Pull<'a> {
        Pull { host, client: Client::new(host, settings, report), reference, store, platform, report }
    }

    /// The image as it is remembered, if all of it is in the cache. Asks nobody.
    pub fn cached(&self) -> Result<Option<Image>> {
        let cached = self.store.image(self.reference, self.platform.arch)?;
        let image = cached.and_then(|cached| self.image_of(&cached).ok());
        Ok(image.filter(|image| self.is_here(image)))
    }

    /// Finds the image, and remembers what it found.
    pub fn resolve(&self) -> Result<Image> {
        let cached = self.store.image(self.reference, self.platform.arch)?;
        let known = cached.as_ref().and_then(|cached| Some((self.image_of(cached).ok()?, cached)));
        let whole = known.as_ref().is_some_and(|(image, _)| self.is_here(image));
        if let Some((image, _)) = &known
            && whole
            && self.reference.digest.is_some()
        {
            // A digest names one image for ever.
            return Ok(image.clone());
        }
        match (self.ask(known.as_ref().map(|(_, cached)| *cached), whole), known) {
            (Ok(Fetched::Document { bytes, content_type, digest }), _) => {
                self.read(bytes, content_type, digest)
            }
            (Ok(Fetched::Unchanged), Some((image, _))) => Ok(image),
            (Ok(Fetched::Unchanged), None) => {
                Err(Error::network("the registry says that an image unknown here has not changed"))
            }
            (Err(error), Some((image, _))) if whole && error.kind() == Kind::Network => {
                self.report.info(&format!("Using the cached image, because {error}"));
                Ok(image)
            }
            (Err(error), _) => Err(error),
        }
    }

    /// Asks the registry for something newer than `cached`.
    fn ask(&self, cached: Option<&CachedImage>, whole: bool) -> Result<Fetched> {
        // The cache has one entry an architecture: it may be of another variant.
        let known = cached.filter(|_| self.platform.variant.is_none());
        let known = known.and_then(|cached| cached.resolved.as_ref());
        if !whole {
            return self.client.manifest(self.reference, known);
        }
        // When the network is down, the cached image must be usable soon.
        let patience = Patience {
            connect: Duration::from_secs(5),
            read: Duration::from_secs(10),
            ..Patience::default()
        };
        let settings = Settings { max_retries: 0, patience, ..self.client.settings().clone() };
        Client::new(self.host, settings, self.report).manifest(self.reference, known)
    }

    /// Reads a fresh manifest or index, and remembers the image.
    fn read(&self, bytes: Vec<u8>, content_type: Option<String>, resolved: Digest) -> Result<Image> {
        let (raw, manifest) = self.choose(bytes, content_type)?;
        let text = document(self, &Cache::new(self.store, self.report), &manifest.config)
            .map_err(|error| error.context("the image config"))?;
        let config = ImageConfig::parse(&text)?;
        let image = Image::new(self.reference.to_string(), manifest, config, self.platform)?;
        let cached =
            CachedImage { manifest_raw: raw, config: image.config.json.clone(), resolved: Some(resolved) };
        self.store.put_image(self.reference, self.platform.arch, &cached)?;
        Ok(image)
    }

    /// What the registry has now, whatever the cache remembers: the documents from the named one down to the manifest,
    /// and that.
    pub(super) fn documents(&self) -> Result<(Vec<Served>, ImageManifest)> {
        let Fetched::Document { bytes, content_type, .. } = self.client.manifest(self.reference, None)?
        else {
            return Err(Error::network("the registry sent no manifest"));
        };
        let mut served = Vec::new();
        let (_, manifest) = self.descend(bytes, content_type, &mut |bytes, kind, digest| {
            served.push(Served {
                bytes: bytes.to_vec(),
                kind: kind.map(str::to_owned),
                digest: digest.clone(),
            });
        })?;
        Ok((served, manifest))
    }

    /// The manifest of an attestation, whose blobs `to` has then.
    pub(super) fn attestation(&self, of: &Descriptor, to: &dyn Destination) -> Result<Served> {
        let Fetched::Document { bytes, content_type: kind, digest } =
            self.client.manifest(&self.reference.at(&of.digest), None)?
        else {
            return Err(Error::network("the registry sent no manifest"));
        };
        if let Document::Manifest(manifest) = Document::parse(&bytes, kind.as_deref())? {
            for blob in manifest.layers.iter().chain([&manifest.config]) {
                copy_blob(blob, self, to, &Silent)?;
            }
        }
        Ok(Served { bytes, kind, digest })
    }

    /// The platform that is wanted.
    pub(super) fn platform(&self) -> &Platform {
        self.platform
    }

    /// What was asked for.
    pub(super) fn reference(&self) -> &Reference {
        self.reference
    }

    /// The manifest for our platform.
    fn choose(&self, bytes: Vec<u8>, kind: Option<String>) -> Result<(Vec<u8>, ImageManifest)> {
        self.descend(bytes, kind, &mut |_, _, _| ())
    }

    /// The same; `seen` is shown each document on the way.
    fn descend(
        &self,
        mut bytes: Vec<u8>,
        mut kind: Option<String>,
        seen: &mut See<'_>,
    ) -> Result<(Vec<u8>, ImageManifest)> {
        let mut digest = self.reference.digest.clone().unwrap_or_else(|| Digest::of(&bytes));
        for _ in 0..DEPTH {
            seen(&bytes, kind.as_deref(), &digest);
            let entries = match Document::parse(&bytes, kind.as_deref())? {
                Document::Manifest(manifest) => return Ok((bytes, manifest)),
                Document::Index(entries) => entries,
            };
            let chosen = self.platform.choose(&entries)?;
            digest = chosen.digest.clone();
            (bytes, kind) = match &chosen.data {
                Some(data) => (data.clone(), Some(chosen.media_type.clone())),
                None => match self.client.manifest(&self.reference.at(&chosen.digest), None)? {
                    Fetched::Document { bytes, content_type, .. } => (bytes, content_type),
                    Fetched::Unchanged => return Err(Error::network("the registry sent no manifest")),
                },
            };
        }
        Err(Error::invalid(format_args!("the image's indexes are nested more than {DEPTH} deep")))
    }

    fn image_of(&self, cached: &CachedImage) -> Result<Image> {
        let Document::Manifest(manifest) = Document::parse(&cached.manifest_raw, None)? else {
            return Err(Error::invalid("the cached manifest is an index"));
        };
        let config = ImageConfig { json: cached.config.clone() };
        Image::new(self.reference.to_string(), manifest, config, self.platform)
    }

    /// Whether every layer is cached.
    fn is_here(&self, image: &Image) -> bool {
        image.manifest.layers.iter().all(|layer| self.store.has_blob(&layer.digest, layer.size))
    }
}
