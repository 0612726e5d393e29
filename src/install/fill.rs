//! Fills an empty root from wherever the user said.

use std::fs::File;

use super::assemble::Assembly;
use super::download::{download, open_archive, read_stdin};
use crate::error::{Error, Kind, Result};
use crate::host::Host;
use crate::image::{
    self, Archive, Holds, Image, Imported, LayoutDirectory, Local, Origin, Pull, Source, image_in,
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
                kept.ok_or_else(|| Error::not_found(format!("image {digest} is not here any more")))?;
            let image = image::open(&library, &kept, &new.platform)?;
            assemble(store, &Local(&library), image, workers, staged, report).map(Filled::local)
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

/// From the images that are kept here, where one has the name and was not pulled, or the registry cannot be asked for a
/// newer one; else from the registry.
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
    let kept = library.named(&reference.full())?;
    // Nobody deletes it meanwhile.
    let _holding = kept.as_ref().map(|_| library.hold(report)).transpose()?;
    let local = Local(&library);
    let open = |kept: &Named| image::open(&library, kept, &new.platform);
    let (image, origin): (Image, &dyn Origin) = match &kept {
        None => (pull.resolve()?, &pull),
        Some(kept) if !kept.pulled => (open(kept)?, &local),
        Some(kept) => match pull.resolve() {
            Err(error) if error.kind() == Kind::Network => {
                report.info(&format!("Using the image that is kept here, because {error}"));
                (open(kept)?, &local)
            }
            resolved => (resolved?, &pull),
        },
    };
    for layer in &image.manifest.layers {
        store.share_with_cache(&layer.digest, layer.size)?;
    }
    let filled = assemble(store, origin, image, new.settings.workers, staged, report)?;
    // Its name is its owner's own: a registry may have a stranger's image of that name.
    Ok(if kept.is_some_and(|kept| !kept.pulled) { filled.local() } else { filled })
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
