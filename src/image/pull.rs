//! From a registry into the images that are kept here.

use std::collections::HashSet;
use std::fs::File;
use std::sync::{Mutex, PoisonError};

use super::attestations::attestations;
use super::copy::{copy, copy_blob};
use super::description::Image;
use super::destination::Destination;
use super::resolve::{Pull, Served};
use crate::error::{Attempt, Error, Kind, Result};
use crate::net::Sink;
use crate::oci::{Descriptor, Digest, ImageConfig, media_type};
use crate::report::{Report, Silent};
use crate::store::{Fetch, Holding, Library, Named, NewBlob, Store};

/// The kept images as a destination of blobs. What the cache has already is not copied, where both are on one filesystem.
pub struct Keeping<'a> {
    store: &'a Store,
    library: Library,
    holding: Holding,
    report: &'a dyn Report,
    /// Blobs of the images that are what their names say; none while sizes are enough.
    verified: Option<Mutex<HashSet<Digest>>>,
}

impl<'a> Keeping<'a> {
    /// Waits while images are deleted; nobody deletes any while this lives.
    pub fn new(store: &'a Store, report: &'a dyn Report) -> Result<Keeping<'a>> {
        let library = store.library();
        let holding = library.hold(report)?;
        Ok(Keeping { store, library, holding, report, verified: None })
    }

    /// The same for blobs that can be had from elsewhere: what is here already is read, and taken again if it is damaged.
    pub fn healing(store: &'a Store, report: &'a dyn Report) -> Result<Keeping<'a>> {
        Ok(Keeping { verified: Some(Mutex::default()), ..Keeping::new(store, report)? })
    }

    /// Whether a blob that is here can be relied on. Each is read once.
    fn is_sound(&self, blob: &Descriptor) -> bool {
        let Some(verified) = &self.verified else { return true };
        let known = || verified.lock().unwrap_or_else(PoisonError::into_inner);
        if known().contains(&blob.digest) {
            return true;
        }
        let sound = self.library.is_sound(&blob.digest);
        match sound {
            true => drop(known().insert(blob.digest.clone())),
            false => self.report.warn(&format!("blob {} was damaged here: it is taken again", blob.short())),
        }
        sound
    }

    /// Adds a document whose digest is known to be right.
    pub(super) fn put(&self, digest: &Digest, bytes: &[u8]) -> Result<()> {
        self.library.put(&self.holding, digest, bytes)
    }

    /// Gives `name` to what is all here now. `pulled`: a registry has it under this name.
    pub fn tag(&self, name: &str, pulled: bool, descriptor: &Descriptor) -> Result<()> {
        self.library.tag(&self.holding, name, pulled, descriptor)
    }

    /// Adds what is all here now, all of it at once.
    pub(super) fn add_all(&self, images: &[Named]) -> Result<()> {
        self.library.add(&self.holding, images)
    }

    /// Keeps what is all here now by its digest.
    pub(super) fn keep(&self, descriptor: &Descriptor) -> Result<()> {
        self.library.keep(&self.holding, descriptor)
    }

    /// Adds a document that was made here.
    pub(super) fn add(&self, bytes: &[u8], media_type: &str) -> Result<Descriptor> {
        let digest = Digest::of(bytes);
        self.put(&digest, bytes)?;
        let size = bytes.len() as u64;
        Ok(Descriptor { media_type: media_type.to_owned(), digest, size, urls: Vec::new(), data: None })
    }

    /// Begins a blob whose digest is not known yet.
    pub(super) fn new_blob(&self) -> Result<NewBlob> {
        self.library.new_blob(&self.holding)
    }

    /// A file without a name, for what must be whole before it is read.
    pub(super) fn temporary(&self) -> Result<File> {
        self.store.temporary()
    }

    /// A blob that is here, for reading.
    pub(super) fn open(&self, digest: &Digest) -> Result<File> {
        self.library.open(digest)
    }

    /// A whole small blob that is here, verified.
    pub(super) fn document(&self, descriptor: &Descriptor) -> Result<Vec<u8>> {
        self.library.document(descriptor)?.ok_or_else(|| Error::not_found("it is gone again"))
    }
}

impl Destination for Keeping<'_> {
    fn has(&self, blob: &Descriptor) -> Result<bool> {
        let here = self.library.has(&blob.digest, blob.size)
            || self.store.share_with_library(&self.holding, &blob.digest, blob.size)?;
        Ok(here && self.is_sound(blob))
    }

    fn receive(&self, blob: &Descriptor, send: &mut dyn FnMut(&mut dyn Sink) -> Result<()>) -> Result<()> {
        let healing = self.verified.is_some();
        let mut partial =
            match self.library.receive(&self.holding, &blob.digest, blob.size, healing, self.report)? {
                Fetch::Have(_) => return Ok(()),
                Fetch::Missing(partial) => *partial,
            };
        if partial.len() < blob.size {
            send(&mut partial).inspect_err(|error| {
                // A full disk: what is here would keep it full, and clear-cache does not reach it.
                if error.kind() == Kind::System {
                    partial.discard();
                }
            })?;
        }
        crate::sys::point::reach("images.blob");
        partial.commit().map(drop)
    }
}

/// Gets what `pull` names from its registry and keeps it under that name: the documents byte for byte, and the blobs for
/// one platform. What the name led to before stays. The digest that the name has in its registry.
pub fn pull(pull: &Pull<'_>, to: &Keeping<'_>, workers: usize, report: &dyn Report) -> Result<Digest> {
    let (mut served, manifest) = pull.documents()?;
    copy_blob(&manifest.config, pull, to, &Silent).attempt("the image config")?;
    let config = ImageConfig::parse(&to.document(&manifest.config)?)?;
    let image = Image::new(pull.reference().to_string(), manifest, config, pull.platform())?;
    copy(&image, pull, to, workers, report)?;
    keep_attestations(pull, to, &mut served, report)?;
    let mut named = None;
    // The lowest first: a document is never here before what it names.
    for document in served.iter().rev() {
        to.put(&document.digest, &document.bytes)?;
        named = Some(descriptor(document));
    }
    let named = named.ok_or_else(|| Error::network("the registry sent no manifest"))?;
    to.tag(&pull.reference().full(), true, &named)?;
    Ok(named.digest)
}

/// What belongs to an image in its index. Without it the image can be used; it can only not be pushed with its index.
fn keep_attestations(
    pull: &Pull<'_>,
    to: &Keeping<'_>,
    served: &mut Vec<Served>,
    report: &dyn Report,
) -> Result<()> {
    let Some(image) = served.last().map(|served| served.digest.clone()) else { return Ok(()) };
    let found: Vec<Descriptor> =
        served.iter().flat_map(|served| attestations(&served.bytes, &image)).collect();
    for attestation in found {
        match pull.attestation(&attestation, to) {
            Ok(document) => served.push(document),
            Err(error) if matches!(error.kind(), Kind::NotFound | Kind::Invalid) => {
                report.detail(&format!("attestation {} is left out: {error}", attestation.short()));
            }
            Err(error) => return Err(error.context(format_args!("attestation {}", attestation.short()))),
        }
    }
    Ok(())
}

fn descriptor(document: &Served) -> Descriptor {
    let json: serde_json::Value = serde_json::from_slice(&document.bytes).unwrap_or_default();
    let own = json["mediaType"].as_str().or(document.kind.as_deref());
    let guess = if json["manifests"].is_array() { media_type::OCI_INDEX } else { media_type::OCI_MANIFEST };
    Descriptor {
        media_type: own.unwrap_or(guess).to_owned(),
        size: document.bytes.len() as u64,
        digest: document.digest.clone(),
        urls: Vec::new(),
        data: None,
    }
}
