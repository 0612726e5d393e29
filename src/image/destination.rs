//! Where the blobs of an image go.

use std::fs::File;

use crate::error::{Error, Result};
use crate::net::Sink;
use crate::oci::Descriptor;
use crate::report::Report;
use crate::store::{Fetch, Partial, Store};

/// The cache, a registry, an archive being written: whatever takes blobs.
pub trait Destination {
    /// Whether it has the blob already.
    fn has(&self, blob: &Descriptor) -> Result<bool>;

    /// Takes one blob, which `send` puts into the sink that it is given. Bytes that are not the blob's are an error,
    /// and nothing of them stays.
    fn receive(&self, blob: &Descriptor, send: &mut dyn FnMut(&mut dyn Sink) -> Result<()>) -> Result<()>;
}

/// The cache of blobs: what `install` pulled.
pub struct Cache<'a> {
    store: &'a Store,
    report: &'a dyn Report,
}

impl<'a> Cache<'a> {
    /// `report` is told when another process has to be waited for.
    pub fn new(store: &'a Store, report: &'a dyn Report) -> Cache<'a> {
        Cache { store, report }
    }

    /// A blob that [`Destination::receive`] has taken. Its contents are not verified again.
    pub fn open(&self, blob: &Descriptor) -> Result<File> {
        match self.store.blob(&blob.digest, blob.size, self.report)? {
            Fetch::Have(file) => Ok(file),
            Fetch::Missing(_) => {
                Err(Error::not_found(format_args!("the cached blob {} is gone", blob.short())))
            }
        }
    }

    /// Deletes a blob that turned out damaged.
    pub fn discard(&self, blob: &Descriptor) -> Result<()> {
        self.store.discard_blob(&blob.digest)
    }
}

impl Destination for Cache<'_> {
    fn has(&self, blob: &Descriptor) -> Result<bool> {
        Ok(self.store.has_blob(&blob.digest, blob.size))
    }

    fn receive(&self, blob: &Descriptor, send: &mut dyn FnMut(&mut dyn Sink) -> Result<()>) -> Result<()> {
        let mut partial = match self.store.blob(&blob.digest, blob.size, self.report)? {
            Fetch::Have(_) => return Ok(()),
            Fetch::Missing(partial) => *partial,
        };
        if partial.len() < blob.size {
            send(&mut partial)?;
        }
        partial.commit().map(drop)
    }
}

impl Sink for Partial {
    fn len(&self) -> u64 {
        Partial::len(self)
    }

    fn append(&mut self, bytes: &[u8]) -> Result<()> {
        Partial::append(self, bytes)
    }

    fn restart(&mut self) -> Result<()> {
        Partial::restart(self)
    }
}
