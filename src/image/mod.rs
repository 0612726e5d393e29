//! Images into containers: pulled from a registry, or read from an archive, a layout directory or a URL.
//!
//! Everything is made in a staging directory and checked on the way: the manifest, the config and each blob by
//! digest, each layer's contents by diff_id. Refused before anything is fetched: an image for a CPU that was not
//! asked for.

mod archive;
mod assemble;
mod import;
mod layout;
mod recorded;
mod resolve;
mod slot;
mod source;
mod survey;

pub use source::Source;

use std::fs::File;
use std::io::Read;

use crate::error::{Attempt, Error, Result};
use crate::guest::provision::provision;
use crate::guest::systemd;
use crate::host::Host;
use crate::net::{Settings, Sink};
use crate::oci::{Descriptor, Digest, ImageConfig, ImageManifest, IndexEntry, Offered, Platform, Provenance};
use crate::registry::Client;
use crate::report::{Report, Silent};
use crate::store::{Container, Fetch, Name, Partial, Staged, Store};
use assemble::{Assembly, Origin};
use layout::LayoutDirectory;
use recorded::Recorded;
use resolve::Pull;

/// The largest config or manifest blob believed in, in bytes.
const DOCUMENT_MAX: u64 = 16 << 20;

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

/// One image: what to apply and what to remember of it.
#[derive(Debug, Clone)]
struct Image {
    /// As the user would name it: a reference, or an archive's file name.
    name: String,
    manifest: ImageManifest,
    config: ImageConfig,
    /// One for each layer.
    diff_ids: Vec<Digest>,
    platform: Platform,
}

impl Image {
    /// Checks that the parts fit each other, and the image the wanted platform.
    fn new(name: String, manifest: ImageManifest, config: ImageConfig, wanted: &Platform) -> Result<Image> {
        manifest.refuse_artifact()?;
        let diff_ids = config.diff_ids()?;
        if diff_ids.len() != manifest.layers.len() {
            return Err(Error::invalid(format!(
                "the image has {} layers, but its config has diff_ids for {}",
                manifest.layers.len(),
                diff_ids.len()
            )));
        }
        let platform = config.platform();
        if platform != Offered::Unnamed {
            wanted.choose(&[IndexEntry { descriptor: manifest.config.clone(), platform }])?;
        }
        Ok(Image { name, manifest, config, diff_ids, platform: wanted.clone() })
    }

    /// What the container remembers of it.
    fn provenance(&self) -> Provenance {
        Provenance::new(&self.name, &self.platform, &self.manifest, &self.config)
    }
}

/// Makes the container, or nothing.
pub fn install(store: &Store, request: &Request, host: &Host, report: &dyn Report) -> Result<Container> {
    let make = || {
        // First, so that a name that is taken costs no download.
        let mut staged = store.stage(&request.name, "install")?;
        report.info(&format!("Installing {} as '{}'", request.source, request.name));
        let document = fill(store, request, &mut staged, report)?;
        finish(&staged, host, report)?;
        staged.commit(document.as_ref())
    };
    make().attempt(|| format!("install '{}'", request.name))
}

/// Makes the container anew from the image that it was installed from, or leaves it as it is. It is there, and can be
/// used, until the new one is whole; then what runs inside is ended.
pub fn reset(
    store: &Store,
    container: &Container,
    settings: Settings,
    host: &Host,
    report: &dyn Report,
) -> Result<Container> {
    let name = container.name();
    let make = || {
        let recorded = Recorded::of(container)?;
        let mut replacement = store.stage_again(container, "reset")?;
        report.info(&format!("Installing {} anew as '{name}'", recorded.image_ref));
        let document = recorded.fill(store, name, settings, replacement.staged(), report)?;
        finish(replacement.staged(), host, report)?;
        replacement.commit(document.as_ref(), &|old| old.seize("reset"))
    };
    make().attempt(|| format!("reset '{name}'"))
}

/// Fills the empty root; what is to be remembered of the image, where there is one.
fn fill(
    store: &Store,
    request: &Request,
    staged: &mut Staged,
    report: &dyn Report,
) -> Result<Option<Provenance>> {
    let workers = request.settings.workers;
    match &request.source {
        Source::Registry(reference) => {
            let pull = Pull::new(store, reference, &request.platform, request.settings.clone(), report)?;
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
            let file = download(store, url, request, report)?;
            from_archive(store, file, request.source.to_string(), request, staged, report)
        }
    }
}

/// What every new tree gets, and is warned of.
fn finish(staged: &Staged, host: &Host, report: &dyn Report) -> Result<()> {
    provision(staged.rootfs(), host, report)?;
    systemd::warn(staged.rootfs(), report);
    Ok(())
}

fn assemble(
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
    let archive = archive::Archive::new(file, name, report)?;
    match archive.survey()? {
        survey::Kind::Rootfs { prefix, manifest } => {
            archive.unpack(&prefix, staged.rootfs())?;
            Ok(manifest)
        }
        survey::Kind::Image(contents) => {
            let image = import::image(&contents, archive.name(), &request.platform, report)?;
            archive.import(store, &image, &contents)?;
            let workers = request.settings.workers;
            assemble(store, &import::Imported, image, workers, staged, report)
                .map(Provenance::local)
                .map(Some)
        }
    }
}

/// Opens a local archive; what cannot be read twice (a pipe) is copied first.
fn open_archive(store: &Store, path: &std::path::Path) -> Result<File> {
    let attempt = || format!("read '{}'", path.display());
    let mut file = File::open(path).attempt(attempt)?;
    if file.metadata().attempt(attempt)?.is_file() {
        return Ok(file);
    }
    let mut copy = store.temporary()?;
    std::io::copy(&mut file, &mut copy).attempt(attempt)?;
    Ok(copy)
}

/// Downloads an archive whole, into a file without a name.
fn download(store: &Store, url: &str, request: &Request, report: &dyn Report) -> Result<File> {
    let mut sink = FileSink { file: store.temporary()?, length: 0 };
    let client = Client::new(request.settings.clone(), report)?;
    client.download(url, &mut sink, &*report.task("archive", None))?;
    Ok(sink.file)
}

struct FileSink {
    file: File,
    length: u64,
}

impl Sink for FileSink {
    fn len(&self) -> u64 {
        self.length
    }

    fn append(&mut self, bytes: &[u8]) -> Result<()> {
        std::io::Write::write_all(&mut self.file, bytes).attempt(|| "write the downloaded archive")?;
        self.length += bytes.len() as u64;
        Ok(())
    }

    fn restart(&mut self) -> Result<()> {
        std::io::Seek::rewind(&mut self.file)
            .and_then(|()| self.file.set_len(0))
            .attempt(|| "truncate the downloaded archive")?;
        self.length = 0;
        Ok(())
    }
}

/// A whole small blob, through the cache.
fn small_blob(store: &Store, origin: &dyn Origin, blob: &Descriptor, report: &dyn Report) -> Result<Vec<u8>> {
    if let Some(data) = &blob.data {
        return Ok(data.clone());
    }
    if blob.size > DOCUMENT_MAX {
        return Err(Error::invalid(format!("its {} bytes are too many for a document", blob.size)));
    }
    let fetched = |mut partial: Partial| {
        if partial.len() < blob.size {
            origin.fetch(blob, &mut partial, &Silent)?;
        }
        partial.commit()
    };
    for _ in 0..2 {
        let mut file = match store.blob(&blob.digest, blob.size, report)? {
            Fetch::Have(file) => file,
            Fetch::Missing(partial) => fetched(*partial)?,
        };
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).attempt(|| format!("read blob {}", blob.digest))?;
        if Digest::with(blob.digest.algorithm(), &bytes) == blob.digest {
            return Ok(bytes);
        }
        // What is fetched is verified: this one lay damaged in the cache.
        store.discard_blob(&blob.digest)?;
    }
    Err(Error::invalid(format!("the cached blob {} is damaged", blob.digest)))
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
