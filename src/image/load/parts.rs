//! Where images are loaded from: an archive, or a directory with an OCI layout.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::error::{Attempt, Error, Result};
use crate::image::archive::Archive;
use crate::image::copy::copy_blob;
use crate::image::destination::Destination;
use crate::image::import::{blob_path, resolve};
use crate::image::layout::{LayoutDirectory, verified};
use crate::image::origin::Origin;
use crate::image::pull::Keeping;
use crate::image::survey::Contents;
use crate::layer::flatten_claimed;
use crate::oci::{Descriptor, Digest};
use crate::report::{Report, Silent};

/// What images are loaded from.
pub enum Place<'a> {
    /// An archive, with what a look through it has shown.
    Archive(&'a Archive<'a>, &'a Contents),
    /// A directory.
    Directory(&'a LayoutDirectory<'a>),
}

impl Place<'_> {
    /// Its `index.json`; none for what only docker's `manifest.json` describes.
    pub(super) fn index(&self) -> Result<Option<Vec<u8>>> {
        match self {
            Place::Archive(_, contents) => Ok(contents.documents.get(Path::new("index.json")).cloned()),
            Place::Directory(directory) => directory.index().map(Some),
        }
    }

    /// A document, verified; none when it is not here.
    pub(super) fn document(&self, blob: &Descriptor) -> Result<Option<Vec<u8>>> {
        let bytes = match (self, &blob.data) {
            (_, Some(data)) => Some(data.clone()),
            (Place::Archive(_, contents), None) => {
                archived(contents, &blob.digest).and_then(|path| contents.documents.get(&path).cloned())
            }
            (Place::Directory(directory), None) => match directory.has(blob) {
                true => Some(directory.document(blob)?),
                false => None,
            },
        };
        bytes.map(|bytes| verified(bytes, blob)).transpose()
    }

    /// Whether it has the blob, by its size alone.
    pub(super) fn has(&self, blob: &Descriptor) -> bool {
        match self {
            Place::Archive(_, contents) => archived(contents, &blob.digest)
                .is_some_and(|path| contents.blobs.get(&path) == Some(&blob.size)),
            Place::Directory(directory) => directory.has(blob),
        }
    }

    /// Brings blobs into the library.
    pub(super) fn bring(&self, blobs: &[Descriptor], to: &Keeping<'_>, report: &dyn Report) -> Result<()> {
        let told = |blob: &Descriptor| format!("blob {}", blob.short());
        let mut wanted: BTreeMap<PathBuf, &Descriptor> = BTreeMap::new();
        for blob in blobs {
            match self {
                _ if blob.data.is_some() => {
                    copy_blob(blob, &Nowhere, to, &Silent).attempt(|| told(blob))?;
                }
                Place::Archive(_, contents) => {
                    if let (false, Some(path)) = (to.has(blob)?, archived(contents, &blob.digest)) {
                        wanted.insert(contents.base.join(path), blob);
                    }
                }
                Place::Directory(directory) => {
                    let task = report.task(blob.short(), Some(blob.size));
                    copy_blob(blob, *directory, to, &*task).attempt(|| told(blob))?;
                }
            }
        }
        match self {
            Place::Archive(archive, _) if !wanted.is_empty() => from_archive(archive, wanted, to),
            _ => Ok(()),
        }
    }
}

/// Reads them in the order in which they stand there.
fn from_archive(
    archive: &Archive<'_>,
    mut wanted: BTreeMap<PathBuf, &Descriptor>,
    to: &Keeping<'_>,
) -> Result<()> {
    archive.files("load", &mut |name, size, content| {
        if let Some(blob) = wanted.remove(name) {
            to.receive(blob, &mut |sink| {
                sink.restart()?;
                flatten_claimed(content, size, &mut |bytes| sink.append(bytes))
            })
            .attempt(format_args!("blob {}", blob.short()))?;
        }
        Ok(!wanted.is_empty())
    })?;
    match wanted.values().next() {
        Some(blob) => Err(Error::invalid(format_args!("the archive lacks blob {}", blob.short()))),
        None => Ok(()),
    }
}

/// The file that holds a blob, by the links of the archive.
fn archived(contents: &Contents, digest: &Digest) -> Option<PathBuf> {
    resolve(contents, &blob_path(digest))
}

/// For blobs that come in their descriptors.
struct Nowhere;

impl Origin for Nowhere {
    fn fetch(
        &self,
        blob: &Descriptor,
        _: &mut dyn crate::net::Sink,
        _: &dyn crate::report::Task,
    ) -> Result<()> {
        Err(Error::not_found(format_args!("blob {} is missing", blob.short())))
    }
}
