//! Fills an empty root from wherever the user said.

use std::fs::File;

use super::assemble::Assembly;
use super::download::{download, open_archive, read_stdin};
use crate::error::{Error, Kind, Result};
use crate::host::Host;
use crate::image::{
    self, Archive, Holds, Image, Imported, LayoutDirectory, Local, Origin, Pull, Source, Whose, image_in,
};
use crate::layer::Index;
use crate::net::Settings;
use crate::oci::{Platform, Provenance, Reference};
use crate::report::Report;
use crate::store::{Name, Named, Staged, Store};

/// A container that is to be made.
#[derive(Debug)]
pub struct NewContainer {
    /// Where its image or root filesystem comes from.
    pub source: Source,
    /// Its name.
    pub name: Name,
    /// The CPU that it is for.
    pub platform: Platform,
    /// Limits and patience for downloads.
    pub settings: Settings,
}

/// What stands in a root that was filled.
pub(super) struct Filled {
    /// What the container remembers of the image, where there is one.
    pub(super) provenance: Option<Provenance>,
    /// The tree as its layers, or its archive, have it.
    pub(super) index: Index,
}

impl Filled {
    /// Of an image that no registry may be asked for.
    pub(super) fn local(self) -> Filled {
        Filled { provenance: self.provenance.map(Provenance::local), ..self }
    }
}

/// Fills the empty root.
pub(super) fn fill(
    store: &Store,
    new: &NewContainer,
    host: &Host,
    staged: &mut Staged,
    report: &dyn Report,
) -> Result<Filled> {
    let workers = new.settings.workers;
    match &new.source {
        Source::Kept(digest) => {
            let library = store.library();
            let _holding = library.hold(report)?;
            let kept = library.images()?.into_iter().find(|image| image.descriptor.digest == *digest);
            let kept =
                kept.ok_or_else(|| Error::not_found(format_args!("image {digest} is not here any more")))?;
            let image = image::open(&library, &kept, &new.platform)?;
            let filled = assemble(store, &Local(&library), image, workers, staged, report);
            filled.map(Filled::local).map_err(|error| damaged(error, &kept))
        }
        Source::Registry(reference) => from_name(store, reference, new, host, staged, report),
        Source::Layout(path) => {
            let directory = LayoutDirectory::new(path);
            let image = directory.image(&new.platform, report)?;
            assemble(store, &directory, image, workers, staged, report).map(Filled::local)
        }
        Source::Archive(path) => {
            let file = open_archive(store, path, report)?;
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            from_archive(store, file, name, new, staged, report)
        }
        Source::Stdin => {
            let file = read_stdin(store, report)?;
            from_archive(store, file, new.source.to_string(), new, staged, report)
        }
        Source::Url(url) => {
            let file = download(store, url, &new.settings, host, report)?;
            from_archive(store, file, new.source.to_string(), new, staged, report)
        }
    }
}

/// From the images that are kept here, or from the registry.
fn from_name(
    store: &Store,
    reference: &Reference,
    new: &NewContainer,
    host: &Host,
    staged: &mut Staged,
    report: &dyn Report,
) -> Result<Filled> {
    let pull = Pull::new(store, reference, &new.platform, new.settings.clone(), host, report);
    let library = store.library();
    let holding = library.hold(report)?;
    let (image, whose) = image::meant(&library, &pull, true, report)?;
    // Who only downloads keeps nobody from deleting images.
    let _holding = (whose != Whose::Registry).then_some(holding);
    let local = Local(&library);
    let origin: &dyn Origin = if whose == Whose::Registry { &pull } else { &local };
    for layer in &image.manifest.layers {
        store.share_with_cache(&layer.digest, layer.size)?;
    }
    let kept = library.named(&reference.full())?.filter(|_| whose != Whose::Registry);
    let filled = assemble(store, origin, image, new.settings.workers, staged, report);
    let filled = filled.map_err(|error| kept.iter().fold(error, damaged))?;
    Ok(if whose == Whose::Own { filled.local() } else { filled })
}

/// No registry has altered what is kept here.
fn damaged(error: Error, image: &Named) -> Error {
    match error.kind() {
        Kind::Invalid => error.hint_instead(image::again_named(image)),
        _ => error,
    }
}

/// Applies the layers.
pub(super) fn assemble(
    store: &Store,
    origin: &dyn Origin,
    image: Image,
    workers: usize,
    staged: &mut Staged,
    report: &dyn Report,
) -> Result<Filled> {
    let index = Assembly { store, origin, image: &image, workers, report }.apply(staged)?;
    Ok(Filled { provenance: Some(image.provenance()), index })
}

/// Of a bare root filesystem there is no image to remember.
fn from_archive(
    store: &Store,
    file: File,
    name: String,
    new: &NewContainer,
    staged: &mut Staged,
    report: &dyn Report,
) -> Result<Filled> {
    let archive = Archive::new(file, name, report)?;
    match archive.survey()? {
        Holds::Rootfs { prefix, manifest } => {
            let index = archive.unpack(&prefix, staged.rootfs())?;
            Ok(Filled { provenance: manifest, index })
        }
        Holds::Image(contents) => {
            let image = image_in(&contents, archive.name(), &new.platform, report)?;
            archive.import(store, &image, &contents)?;
            let workers = new.settings.workers;
            assemble(store, &Imported, image, workers, staged, report).map(Filled::local)
        }
    }
}
