//! From here into a registry. The blobs first, several at once; then the registry is asked for each of them again; then the
//! manifests, the lowest first. So whatever a tag leads to is whole, whenever this ends.

use super::copy::at_once;
use super::damaged::damaged;
use super::neighbours::Neighbours;
use super::parts::Parts;
use super::shelf::Shelf;
use crate::error::{Attempt, Error, Result};
use crate::oci::{Descriptor, Digest, Reference};
use crate::registry::{self, Client, Put, Repository, Source};
use crate::report::{Report, Silent, Task};
use crate::store::{Store, UploadRecord, is_sound};

/// The smallest blob, in bytes, whose upload a later run goes on with. Of others too little is saved.
const LARGE: u64 = 1 << 20;

/// Where an image comes from and goes to.
pub struct Push<'a> {
    /// What has its blobs.
    pub shelf: &'a dyn Shelf,
    /// Which blobs the registry has elsewhere.
    pub neighbours: &'a Neighbours,
    /// Whose cache remembers uploads that were begun.
    pub store: &'a Store,
    /// Speaks to the registry.
    pub client: &'a Client<'a>,
    /// The new name.
    pub target: &'a Reference,
}

impl Push<'_> {
    /// Pushes the parts of an image: under the target's tag, or by digest alone where it has one. The digest that the
    /// registry has them by.
    pub fn run(&self, parts: &Parts, report: &dyn Report) -> Result<Digest> {
        let Some(top) = parts.parts.last() else { return Err(Error::invalid("the image has no manifest")) };
        if let Some(wanted) = self.target.digest.as_ref().filter(|wanted| **wanted != top.document.digest) {
            return Err(Error::usage(format_args!(
                "what is pushed has the digest {}, not {wanted}",
                top.document.digest
            ))
            .hint("leave the digest of the destination out, or give it a tag"));
        }
        let to = Repository::new(self.client, self.target);
        let (blobs, workers) = (parts.blobs(), self.client.settings().workers);
        at_once(&blobs, workers, &|blob| {
            let task = report.task(blob.short(), Some(blob.size));
            self.send(&to, blob, &*task).attempt(format_args!("push blob {}", blob.short()))
        })?;
        crate::sys::point::reach("push.blobs");
        at_once(&blobs, workers, &|blob| self.assure(&to, blob))?;
        for part in &parts.parts {
            let tag = match (part.document.digest == top.document.digest, &self.target.digest) {
                (true, None) => self.target.tag.as_deref(),
                _ => None,
            };
            registry::manifest(&to, &part.document, &part.bytes, tag).attempt("push the manifest")?;
            crate::sys::point::reach("push.manifest");
        }
        Ok(top.document.digest.clone())
    }

    fn send(&self, to: &Repository<'_, '_>, blob: &Descriptor, task: &dyn Task) -> Result<()> {
        if to.has(blob)? == Some(true) {
            task.state("exists");
            self.check(blob)?;
            // The answer to the last request of an earlier run was lost.
            self.record(blob).inspect(UploadRecord::forget);
            return Ok(());
        }
        self.bring(to, blob, task)
    }

    fn bring(&self, to: &Repository<'_, '_>, blob: &Descriptor, task: &dyn Task) -> Result<()> {
        let source = Source::new(self.shelf.open(blob)?, blob, task, self.record(blob));
        match registry::push(to, &source, self.neighbours.get(blob))? {
            Put::Mounted => {
                task.state("mounted");
                self.check(blob)?;
            }
            Put::Sent => (),
        }
        crate::sys::point::reach("push.blob");
        Ok(())
    }

    /// What the registry has already is not read on its way. If it is damaged here, its image is not published as if it
    /// were whole.
    fn check(&self, blob: &Descriptor) -> Result<()> {
        match is_sound(&self.shelf.open(blob)?, &blob.digest) {
            true => Ok(()),
            false => Err(damaged(&self.store.library(), &blob.digest)),
        }
    }

    /// Where the upload goes on. A cache that cannot be written keeps nobody from pushing.
    fn record(&self, blob: &Descriptor) -> Option<UploadRecord> {
        let Reference { registry, repository, .. } = self.target;
        let what = || format!("{registry}/{repository}@{}", blob.digest);
        (blob.size >= LARGE).then(|| self.store.upload(&what()).ok()?)?
    }

    /// A blob may be gone again: a registry frees what no manifest needs.
    fn assure(&self, to: &Repository<'_, '_>, blob: &Descriptor) -> Result<()> {
        for _ in 0..2 {
            if to.has(blob)? != Some(false) {
                return Ok(());
            }
            self.bring(to, blob, &Silent)?;
        }
        match to.has(blob)? {
            None | Some(true) => Ok(()),
            Some(false) => Err(Error::network(format_args!(
                "the registry takes blob {} but does not keep it",
                blob.short()
            ))),
        }
    }
}
