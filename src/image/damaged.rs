//! What to do about a damaged blob of the images that are kept here.

use super::local::shown;
use super::summary::Summary;
use crate::error::Error;
use crate::oci::Digest;
use crate::store::{Library, Named};

/// That a blob that is here is damaged, and which image to get again.
pub fn damaged(library: &Library, digest: &Digest) -> Error {
    Error::invalid(format_args!("blob {} is damaged here", digest.short())).hint(again(library, digest))
}

/// How to get a blob of the kept images again. One that was pulled is the easiest to have.
pub fn again(library: &Library, digest: &Digest) -> String {
    let mut images = library.images().unwrap_or_default();
    images.retain(|image| Summary::of(library, image).blobs.contains_key(digest));
    let best = images.iter().find(|image| image.pulled).or(images.first());
    best.map_or_else(|| "pull, load or build its image again".to_owned(), again_named)
}

/// How to get this image again.
pub fn again_named(image: &Named) -> String {
    let name = shown(image).unwrap_or_else(|| image.descriptor.short().to_owned());
    match image.pulled {
        true => format!("the stored image '{name}' is damaged; get it again: chroot-distro pull {name}"),
        false => format!(
            "the stored image '{name}' is damaged; delete it, then load or build it again: chroot-distro rmi {name}"
        ),
    }
}
