//! Fills an empty root from wherever the user said.

use std::fs::File;

use super::assemble::Assembly;
use super::download::{download, open_archive};
use crate::error::Result;
use crate::host::Host;
use crate::image::{Archive, Holds, Image, Imported, LayoutDirectory, Origin, Pull, Source, image_in};
use crate::net::Settings;
use crate::oci::{Platform, Provenance};
use crate::report::Report;
use crate::store::{Name, Staged, Store};

/// What `install` was asked for.
#[derive(Debug)]
pub struct Request {
    /// From where.
    pub source: Source,
    /// The container to make.
    pub name: Name,
    /// For which CPU.
    pub platform: Platform,
    /// How to download.
    pub settings: Settings,
}

/// Fills the empty root; what is to be remembered of the image, where there is one.
pub(super) fn fill(
    store: &Store,
    request: &Request,
    host: &Host,
    staged: &mut Staged,
    report: &dyn Report,
) -> Result<Option<Provenance>> {
    let workers = request.settings.workers;
    match &request.source {
        Source::Registry(reference) => {
            let pull = Pull::new(store, reference, &request.platform, request.settings.clone(), host, report);
            let image = pull.resolve()?;
            assemble(store, &pull, image, workers, staged, report).map(Some)
        }
        Source::Layout(path) => {
            let directory = LayoutDirectory::new(path);
            let image = directory.image(&request.platform, report)?;
            assemble(store, &directory, image, workers, staged, report).map(Provenance::local).map(Some)
        }
        Source::Archive(path) => {
            let file = open_archive(store, path)?;
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            from_archive(store, file, name, request, staged, report)
        }
        Source::Url(url) => {
            let file = download(store, url, &request.settings, host, report)?;
            from_archive(store, file, request.source.to_string(), request, staged, report)
        }
    }
}

/// Applies the layers; what is to be remembered of the image.
pub(super) fn assemble(
    store: &Store,
    origin: &dyn Origin,
    image: Image,
    workers: usize,
    staged: &mut Staged,
    report: &dyn Report,
) -> Result<Provenance> {
    Assembly { store, origin, image: &image, workers, report }.apply(staged)?;
    Ok(image.provenance())
}

/// `None` for a bare root filesystem: there is no image to remember.
fn from_archive(
    store: &Store,
    file: File,
    name: String,
    request: &Request,
    staged: &mut Staged,
    report: &dyn Report,
) -> Result<Option<Provenance>> {
    let archive = Archive::new(file, name, report)?;
    match archive.survey()? {
        Holds::Rootfs { prefix, manifest } => {
            archive.unpack(&prefix, staged.rootfs())?;
            Ok(manifest)
        }
        Holds::Image(contents) => {
            let image = image_in(&contents, archive.name(), &request.platform, report)?;
            archive.import(store, &image, &contents)?;
            let workers = request.settings.workers;
            assemble(store, &Imported, image, workers, staged, report).map(Provenance::local).map(Some)
        }
    }
}
