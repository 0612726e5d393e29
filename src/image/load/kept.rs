//! What is loaded, under which names.

use super::parts::Place;
use super::ready::Ready;
use super::{docker, oci};
use crate::error::Result;
use crate::image::pull::Keeping;
use crate::oci::{Descriptor, Digest, Reference};
use crate::report::{Report, Silent};
use crate::store::{Named, Store};

/// An image that was loaded, under one of its names.
#[derive(Debug, Clone)]
pub struct Kept {
    /// Its name; none when the archive gives it none.
    pub name: Option<Reference>,
    /// The digest of its manifest or index.
    pub digest: Digest,
}

/// Loads every image. They get their names at the end, when the blobs of all of them are there: what fails before
/// changes nothing that `images` shows.
///
/// # Errors
///
/// [`Kind::Invalid`](crate::error::Kind::Invalid) for blobs that are not what their digests say, and documents that are not
/// those of images; [`Kind::NotFound`](crate::error::Kind::NotFound) for missing ones.
pub fn load(store: &Store, place: &Place<'_>, report: &dyn Report) -> Result<Vec<Kept>> {
    let keeping = Keeping::healing(store, report)?;
    let there = store.library().inventory()?;
    let kept = keep(store, place, &keeping, report);
    drop(keeping);
    if kept.is_err() {
        // What it brought is no part of an image. What cannot be freed now is freed by the next 'prune' or 'rmi'.
        let _ = store.library().collect_but(&there, &Silent);
    }
    kept
}

fn keep(store: &Store, place: &Place<'_>, keeping: &Keeping<'_>, report: &dyn Report) -> Result<Vec<Kept>> {
    let ready = match (place.index()?, place) {
        (None, Place::Archive(archive, contents)) => docker::load(archive, contents, keeping, report)?,
        (index, _) => oci::load(place, &index.unwrap_or_default(), keeping, report)?,
    };
    crate::sys::point::reach("load.blobs");
    let (mut kept, mut new) = (Vec::new(), Vec::new());
    let there = store.library().images()?;
    for Ready { image, names } in &ready {
        let digest = &image.digest;
        if names.is_empty() {
            new.push(Named { name: None, descriptor: image.clone(), pulled: false });
            kept.push(Kept { name: None, digest: digest.clone() });
        }
        for name in names {
            if let Some(other) = kept.iter_mut().find(|other: &&mut Kept| other.name.as_ref() == Some(name)) {
                report.warn(&format!(
                    "two images here are called {name}: {} gets this name, and {} none",
                    digest.short(),
                    other.digest.short()
                ));
                other.name = None;
            }
            if is_new(&there, name, image, report) {
                new.push(Named { name: Some(name.full()), descriptor: image.clone(), pulled: false });
            }
            kept.push(Kept { name: Some(name.clone()), digest: digest.clone() });
        }
    }
    keeping.add_all(&new)?;
    Ok(kept)
}

/// A name that the image has already stays as it is: it may be that of a registry.
fn is_new(there: &[Named], name: &Reference, image: &Descriptor, report: &dyn Report) -> bool {
    let full = Some(name.full());
    match there.iter().find(|named| named.name == full) {
        Some(old) if old.descriptor.digest == image.digest => return false,
        Some(old) => report.info(&format!("{name} was the image {} until now", old.descriptor.short())),
        None => {}
    }
    true
}
