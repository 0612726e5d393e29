//! The tree of a container as it was installed: from the index that was written then, or from its image's layers.

use std::io::Read;

use crate::error::{Attempt, Error, Kind, Result};
use crate::layer::{self, Index};
use crate::oci::{Descriptor, Hasher, Provenance};
use crate::report::Report;
use crate::store::{Container, Fetch, Store};

/// A tree as it was.
pub struct Baseline {
    pub index: Index,
    /// It was made of the layers, so it has not what was written while the container was installed.
    pub rebuilt: bool,
}

impl Baseline {
    /// Of `container`. `NotFound` when neither its index nor all layers of its image are there.
    pub fn of(store: &Store, container: &Container, report: &dyn Report) -> Result<Baseline> {
        match Baseline::written(container)? {
            Some(index) => Ok(Baseline { index, rebuilt: false }),
            None => {
                let index = rebuild(store, container, report)?;
                Ok(Baseline { index, rebuilt: true })
            }
        }
    }

    /// The index that was written at install, where there is one.
    pub fn written(container: &Container) -> Result<Option<Index>> {
        let Some(mut file) = container.index()? else { return Ok(None) };
        let mut bytes = Vec::new();
        let attempt = format_args!("read the index of container '{}'", container.name());
        file.read_to_end(&mut bytes).attempt(attempt)?;
        Index::from_bytes(&bytes).map(Some).attempt(attempt)
    }
}

fn rebuild(store: &Store, container: &Container, report: &dyn Report) -> Result<Index> {
    let name = container.name();
    let why = || format!("container '{name}' has no index of its files as installed");
    let provenance = container.provenance()?;
    let Some(provenance) = provenance.filter(|provenance| provenance.image_ref().is_some()) else {
        return Err(Error::not_found(format_args!("{}, and no image to compare it with", why()))
            .hint(format_args!("compare it with another container: 'chroot-distro diff OTHER {name}'")));
    };
    let manifest = provenance.manifest()?;
    let is_missing = |layer: &&Descriptor| !store.has_blob(&layer.digest, layer.size);
    let missing = manifest.layers.iter().filter(is_missing).count();
    if missing > 0 {
        let all = manifest.layers.len();
        return Err(Error::not_found(format_args!(
            "{}, and {missing} of the {all} layers of its image are not in the cache",
            why()
        ))
        .hint(again(&provenance, name.as_str())));
    }
    report.info(&format!("Container '{name}' has no index: reading the layers of its image"));
    let mut index = Index::new();
    for layer in &manifest.layers {
        apply(store, layer, &mut index, report).attempt(format_args!("layer {}", layer.short()))?;
    }
    Ok(index)
}

/// What to type for an image to compare with.
fn again(provenance: &Provenance, name: &str) -> String {
    let image = provenance.image_ref().unwrap_or_default();
    format!(
        "install the image once more, then compare: 'chroot-distro install {image} --name NEW', 'chroot-distro diff NEW {name}'"
    )
}

fn apply(store: &Store, layer: &Descriptor, index: &mut Index, report: &dyn Report) -> Result<()> {
    let Fetch::Have(file) = store.blob(&layer.digest, layer.size, report)? else {
        return Err(Error::not_found("it is not in the cache any more"));
    };
    let mut reader = Hashed { file, hasher: Hasher::new(layer.digest.algorithm()) };
    let options = layer::Options { whiteouts: true, ..layer::Options::default() };
    let applied = layer::apply(&mut reader, index, &options);
    // What stands behind the end of the compressed data belongs to the digest too.
    std::io::copy(&mut reader, &mut std::io::sink()).attempt("read it")?;
    if reader.hasher.finish() != layer.digest {
        store.discard_blob(&layer.digest)?;
        return Err(Error::new(Kind::Invalid, "its cached copy was damaged, and is deleted now"));
    }
    applied.map(drop)
}

/// Bytes that are hashed as they are read.
struct Hashed<R> {
    file: R,
    hasher: Hasher,
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.file.read(buffer)?;
        self.hasher.update(&buffer[..count]);
        Ok(count)
    }
}
