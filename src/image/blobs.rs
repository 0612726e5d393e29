//! Blobs that are here already: in the cache, or among the kept images.

use std::fs::File;

use crate::error::{Error, Kind, Result};
use crate::oci::Descriptor;
use crate::report::Silent;
use crate::store::{Fetch, Store};

/// A blob for reading, from the cache or the kept images. Its contents are not verified.
///
/// # Errors
///
/// [`Kind::NotFound`] when neither has it.
pub fn open_blob(store: &Store, blob: &Descriptor) -> Result<File> {
    if store.has_blob(&blob.digest, blob.size)
        && let Fetch::Have(file) = store.blob(&blob.digest, blob.size, &Silent)?
    {
        return Ok(file);
    }
    match store.library().open(&blob.digest) {
        Err(error) if error.kind() == Kind::NotFound => {
            Err(Error::not_found(format_args!("blob {} is not here any more", blob.short()))
                .hint("pull the image that it belongs to: chroot-distro pull IMAGE"))
        }
        opened => opened,
    }
}
