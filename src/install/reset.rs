//! The image that a container was installed from, as its `manifest.json` remembers it.
//!
//! An image from an archive, or one that was made here, may have the same name as a stranger's in a registry. So no
//! registry is asked for it: it is made anew from the kept image of its name, or else from the cached layers.

use super::fill::{Filled, NewContainer, assemble, fill};
use crate::error::{Error, Kind, Result};
use crate::host::Host;
use crate::image::{Image, Imported, Source};
use crate::net::Settings;
use crate::oci::{Digest, Platform, Provenance, Reference};
use crate::report::Report;
use crate::store::{Container, Name, Staged, Store};

/// The image, as `manifest.json` describes it.
pub(super) struct Recorded {
    /// The image's name, as a user would write it.
    pub(super) image_ref: String,
    platform: Platform,
    provenance: Provenance,
}

impl Recorded {
    pub(super) fn of(container: &Container) -> Result<Recorded> {
        let provenance = container.provenance()?;
        let Some(provenance) = provenance.filter(|provenance| provenance.image_ref().is_some()) else {
            return Err(Error::unsupported("it was made from a root filesystem, not from an image").hint(format_args!(
                "delete it with 'chroot-distro remove {0}', then install its archive again with '--name {0}'",
                container.name()
            )));
        };
        let image_ref = provenance.image_ref().unwrap_or_default().to_owned();
        Ok(Recorded { image_ref, platform: provenance.platform()?, provenance })
    }

    /// Fills the empty root.
    pub(super) fn fill(
        self,
        store: &Store,
        name: &Name,
        settings: Settings,
        host: &Host,
        staged: &mut Staged,
        report: &dyn Report,
    ) -> Result<Filled> {
        let reference = Reference::parse(&self.image_ref);
        match reference {
            Ok(reference) if !self.provenance.is_local() || is_own(store, &reference)? => {
                let source = Source::Registry(reference);
                let new = NewContainer { source, name: name.clone(), platform: self.platform, settings };
                let filled = fill(store, &new, host, staged, report)
                    .map_err(|error| if is_unknown(&error) { error.hint(AGAIN) } else { error })?;
                if filled.provenance.as_ref().and_then(config) != config(&self.provenance) {
                    report.info(&format!(
                        "The image {} has changed since '{name}' was made: it is made from the new one",
                        self.image_ref
                    ));
                }
                Ok(filled)
            }
            _ => self.fill_from_cache(store, &settings, staged, report),
        }
    }

    fn fill_from_cache(
        self,
        store: &Store,
        settings: &Settings,
        staged: &mut Staged,
        report: &dyn Report,
    ) -> Result<Filled> {
        let manifest = self.provenance.manifest().map_err(|error| error.hint(AGAIN))?;
        // Its image may be kept without a name.
        for layer in &manifest.layers {
            store.share_with_cache(&layer.digest, layer.size)?;
        }
        let is_here = manifest.layers.iter().all(|layer| store.has_blob(&layer.digest, layer.size));
        if !is_here {
            return Err(Error::not_found(format_args!(
                "its image '{}' came from an archive or was made here. No image of this name is kept, and not all \
                 its layers are cached any more",
                self.image_ref
            ))
            .hint(AGAIN));
        }
        let config = self.provenance.config();
        let image = Image::new(self.image_ref, manifest, config, &self.platform)?;
        assemble(store, &Imported, image, settings.workers, staged, report).map(Filled::local)
    }
}

/// The containers that `reset` makes anew of an image that no name leads to, with the digest of its config.
pub fn without_a_name(store: &Store) -> Result<Vec<(Name, Digest)>> {
    let mut found = Vec::new();
    for container in store.containers()? {
        // What cannot be read cannot be reset either.
        let Ok(Recorded { image_ref, provenance, .. }) = Recorded::of(&container) else { continue };
        let own = Reference::parse(&image_ref).is_ok_and(|name| is_own(store, &name).unwrap_or(false));
        if let (true, false, Ok(manifest)) = (provenance.is_local(), own, provenance.manifest()) {
            found.push((container.name().clone(), manifest.config.digest));
        }
    }
    Ok(found)
}

/// The digest of the image's config: the same image has the same.
fn config(provenance: &Provenance) -> Option<Digest> {
    Some(provenance.manifest().ok()?.config.digest)
}

const AGAIN: &str =
    "if you have the image elsewhere, or its archive: remove the container, and install it from there again";

/// Whether an image of this name is kept that came from no registry.
fn is_own(store: &Store, reference: &Reference) -> Result<bool> {
    Ok(store.library().named(&reference.full())?.is_some_and(|kept| !kept.pulled))
}

fn is_unknown(error: &Error) -> bool {
    matches!(error.kind(), Kind::NotFound | Kind::Denied)
}
