//! What is asked for, and by whom it is written.

use std::io::Write;

use super::tar::Tar;
use super::whole::Whole;
use super::{docker, oci};
use crate::error::{Attempt, Error, Result};
use crate::image::below::Below;
use crate::oci::Descriptor;
use crate::report::Report;
use crate::store::{Named, Store};

/// The form of an archive of images.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// An OCI image layout (image-layout.md) with the `manifest.json` of `docker save` beside it.
    Oci,
    /// What `docker save` wrote before it knew that layout: one platform an image, layers as plain tar.
    Docker,
}

impl Format {
    /// What a user's word asks for: `oci` or `docker`, or podman's names of them.
    pub fn parse(word: &str) -> Result<Format> {
        match word {
            "oci" | "oci-archive" => Ok(Format::Oci),
            "docker" | "docker-archive" => Ok(Format::Docker),
            _ => Err(Error::usage(format_args!("unknown format '{word}'")).hint("it can be oci or docker")),
        }
    }
}

/// Writes the images, each with the name that it has in `images` or without one. Of an index goes what is here.
///
/// # Errors
///
/// [`Kind::NotFound`](crate::error::Kind::NotFound) when blobs of an image are missing, before anything is written.
/// [`Kind::Invalid`](crate::error::Kind::Invalid) for a damaged one: what was written until then is no archive.
pub fn save(
    store: &Store,
    images: &[Named],
    format: Format,
    output: &mut dyn Write,
    report: &dyn Report,
) -> Result<()> {
    let library = store.library();
    // Nobody deletes them meanwhile.
    let _holding = library.reading(report)?;
    let has = |blob: &Descriptor| Ok(library.has(&blob.digest, blob.size));
    let whole = |named: &Named| -> Result<Whole> {
        let mut below = Below::of(&named.descriptor, &|descriptor| library.document(descriptor))?;
        below
            .keep_complete(&has)
            .map_err(|error| error.hint("pull or load the image again, then its missing parts are here"))?;
        Ok(Whole { named: named.clone(), below })
    };
    let wholes: Vec<Whole> = images
        .iter()
        .map(|named| whole(named).attempt(|| format!("image {}", called(named))))
        .collect::<Result<_>>()?;
    let mut tar = Tar::new(&library, output, report);
    match format {
        Format::Oci => oci::write(&mut tar, &wholes)?,
        Format::Docker => docker::write(&mut tar, &wholes, store)?,
    }
    tar.finish()
}

fn called(named: &Named) -> String {
    named.name.clone().unwrap_or_else(|| named.descriptor.digest.to_string())
}
