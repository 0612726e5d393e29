//! From here into a registry. The blobs first, several at once; then the registry is asked for each of them again; then the
//! manifests, the lowest first. So whatever a tag leads to is whole, whenever this ends.

use super::copy::at_once;
use super::neighbours::Neighbours;
use super::parts::Parts;
use super::shelf::Shelf;
use crate::error::{Attempt, Error, Result};
use crate::oci::{Descriptor, Digest, Reference};
use crate::registry::{self, Client, Put, Repository, Source};
use crate::report::{Report, Task};

/// Pushes the parts of an image to `target`: under its tag, or by digest alone where it has one. The digest that the
/// registry has them by.
pub fn push(
    parts: &Parts,
    shelf: &dyn Shelf,
    neighbours: &Neighbours,
    client: &Client<'_>,
    target: &Reference,
    report: &dyn Report,
) -> Result<Digest> {
    let Some(top) = parts.parts.last() else { return Err(Error::invalid("the image has no manifest")) };
    if let Some(wanted) = target.digest.as_ref().filter(|wanted| **wanted != top.document.digest) {
        return Err(Error::usage(format!(
            "what is pushed has the digest {}, not {wanted}",
            top.document.digest
        ))
        .hint("leave the digest of the destination out, or give it a tag"));
    }
    let to = Repository::new(client, target);
    let (blobs, workers) = (parts.blobs(), client.settings().workers);
    at_once(&blobs, workers, &|blob| {
        let task = report.task(blob.short(), Some(blob.size));
        send(&to, shelf, neighbours, blob, &*task).attempt(|| format!("push blob {}", blob.short()))
    })?;
    crate::sys::point::reach("push.blobs");
    at_once(&blobs, workers, &|blob| assure(&to, shelf, neighbours, blob))?;
    for part in &parts.parts {
        let tag = match (part.document.digest == top.document.digest, &target.digest) {
            (true, None) => target.tag.as_deref(),
            _ => None,
        };
        to.manifest(&part.document, &part.bytes, tag).attempt(|| "push the manifest")?;
        crate::sys::point::reach("push.manifest");
    }
    Ok(top.document.digest.clone())
}

fn send(
    to: &Repository<'_, '_>,
    shelf: &dyn Shelf,
    neighbours: &Neighbours,
    blob: &Descriptor,
    task: &dyn Task,
) -> Result<()> {
    if to.has(blob)? == Some(true) {
        task.state("exists");
        return Ok(());
    }
    bring(to, shelf, neighbours, blob, task)
}

fn bring(
    to: &Repository<'_, '_>,
    shelf: &dyn Shelf,
    neighbours: &Neighbours,
    blob: &Descriptor,
    task: &dyn Task,
) -> Result<()> {
    let source = Source::new(shelf.open(blob)?, blob, task);
    match registry::push(to, &source, neighbours.get(blob))? {
        Put::Mounted => task.state("mounted"),
        Put::Sent => (),
    }
    crate::sys::point::reach("push.blob");
    Ok(())
}

/// A blob may be gone again: a registry frees what no manifest needs.
fn assure(
    to: &Repository<'_, '_>,
    shelf: &dyn Shelf,
    neighbours: &Neighbours,
    blob: &Descriptor,
) -> Result<()> {
    for _ in 0..2 {
        if to.has(blob)? != Some(false) {
            return Ok(());
        }
        bring(to, shelf, neighbours, blob, &crate::report::Silent)?;
    }
    match to.has(blob)? {
        None | Some(true) => Ok(()),
        Some(false) => {
            Err(Error::network(format!("the registry takes blob {} but does not keep it", blob.short())))
        }
    }
}
