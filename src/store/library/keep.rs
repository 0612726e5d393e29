//! The images on disk: `images/{oci-layout,index.json,blobs/<algorithm>/<hex>}`.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::Read;
use std::ops::Add;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::syncfs;

use super::index::{Index, Named};
use super::reach::reachable;
use crate::error::{Attempt, Error, Kind, Result};
use crate::oci::{Algorithm, Descriptor, Digest};
use crate::report::{Report, Silent};
use crate::store::blobs::{self, Fetch};
use crate::store::files::{make_dir, names, read, remove, write, write_transient};
use crate::store::layout::PARTIAL;
use crate::store::lock::Lock;
use crate::store::new_blob::NewBlob;

/// Bytes; a manifest or an index is at most 4 MiB where registries limit it at all.
const DOCUMENT_MAX: u64 = 16 << 20;

/// What marks a directory as a layout (image-layout.md).
const MARK: &[u8] = br#"{"imageLayoutVersion":"1.0.0"}"#;

/// The images.
#[derive(Debug)]
pub struct Library {
    root: PathBuf,
    /// Shared by whoever adds blobs, held alone by whoever frees some.
    blobs_lock: PathBuf,
    /// Held while the index is read and written again.
    index_lock: PathBuf,
}

/// Held while blobs are added, until a name leads to them: nothing is freed meanwhile.
#[derive(Debug)]
pub struct Holding {
    _lock: Lock,
}

impl Library {
    pub(crate) fn new(root: PathBuf, blobs_lock: PathBuf, index_lock: PathBuf) -> Library {
        Library { root, blobs_lock, index_lock }
    }

    /// Every image with each of its names, in the order in which they came.
    pub fn images(&self) -> Result<Vec<Named>> {
        Ok(self.index()?.entries().filter_map(Result::ok).collect())
    }

    /// Why an entry of the index is no image; [`Library::images`] leaves those out.
    pub fn unreadable(&self) -> Result<Vec<Error>> {
        Ok(self.index()?.entries().filter_map(Result::err).collect())
    }

    /// What has this name, `registry/repository:tag`.
    pub fn named(&self, name: &str) -> Result<Option<Named>> {
        Ok(self.images()?.into_iter().find(|image| image.name.as_deref() == Some(name)))
    }

    /// Whether this process may read what images there are, and there are any.
    pub fn is_readable(&self) -> bool {
        File::open(self.root.join("index.json")).is_ok()
    }

    /// Whether a blob is here, by its size alone: readers verify.
    pub fn has(&self, digest: &Digest, size: u64) -> bool {
        self.blob(digest).metadata().is_ok_and(|found| found.is_file() && found.len() == size)
    }

    /// A blob for reading; its contents are not verified. `NotFound` when it is not here.
    pub fn open(&self, digest: &Digest) -> Result<File> {
        File::open(self.blob(digest)).attempt(format_args!("open blob {digest} of the images"))
    }

    /// A whole small blob, verified; none when it is not here.
    pub fn document(&self, descriptor: &Descriptor) -> Result<Option<Vec<u8>>> {
        let digest = &descriptor.digest;
        let mut bytes = Vec::new();
        match self.open(digest) {
            Err(error) if error.kind() == Kind::NotFound => return Ok(None),
            file => file?
                .take(DOCUMENT_MAX + 1)
                .read_to_end(&mut bytes)
                .attempt(format_args!("read blob {digest}"))?,
        };
        if bytes.len() as u64 > DOCUMENT_MAX || Digest::with(digest.algorithm(), &bytes) != *digest {
            return Err(Error::invalid(format_args!("blob {digest} of the images is damaged"))
                .hint("pull or load the image again"));
        }
        Ok(Some(bytes))
    }

    /// Before blobs are added. Waits while some are freed.
    pub fn hold(&self, report: &dyn Report) -> Result<Holding> {
        let long = || report.info("Waiting for another command that deletes images");
        Lock::wait_shared(&self.blobs_lock, &long).map(|_lock| Holding { _lock })
    }

    /// Before blobs are read that nobody may free meanwhile. On a read-only filesystem nobody can, and there is no lock.
    pub fn reading(&self, report: &dyn Report) -> Result<Option<Holding>> {
        match self.hold(report) {
            Err(error) if error.errno() == Some(libc::EROFS) => Ok(None),
            held => held.map(Some),
        }
    }

    /// Whether the bytes of a blob that is here are those of its digest, all of them readable.
    pub fn is_sound(&self, digest: &Digest) -> bool {
        self.open(digest).is_ok_and(|file| blobs::is_sound(&file, digest))
    }

    /// A blob, or the right to add it. `healing`: also the right to replace one that is damaged.
    pub fn receive(
        &self,
        _: &Holding,
        digest: &Digest,
        size: u64,
        healing: bool,
        report: &dyn Report,
    ) -> Result<Fetch> {
        let target = self.blob(digest);
        let mut partial = target.clone().into_os_string();
        partial.push(PARTIAL);
        blobs::fetch(target, partial.into(), digest, size, healing, report)
    }

    /// Begins a blob whose digest is not known yet.
    pub fn new_blob(&self, _: &Holding) -> Result<NewBlob> {
        let directory = self.root.join("blobs").join(Algorithm::Sha256.name());
        NewBlob::new(directory, |digest| digest.hex().to_owned())
    }

    /// Takes a blob that has another name on disk already, without copying it; whether that was possible.
    pub(crate) fn adopt(&self, _: &Holding, from: &Path, digest: &Digest) -> Result<bool> {
        let target = self.blob(digest);
        make_dir(target.parent().unwrap_or(&self.root))?;
        Ok(target.exists() || fs::hard_link(from, &target).is_ok())
    }

    /// Adds a document. One that is here already is written again only when it is damaged.
    pub fn put(&self, _: &Holding, digest: &Digest, bytes: &[u8]) -> Result<()> {
        let target = self.blob(digest);
        if fs::read(&target).is_ok_and(|there| there == bytes) {
            return Ok(());
        }
        make_dir(target.parent().unwrap_or(&self.root))?;
        // It is on disk before a name leads to it.
        write_transient(&target, bytes, 0o644)
    }

    /// Gives `name` to an image whose blobs are all here; on disk when this returns.
    pub fn tag(&self, _: &Holding, name: &str, pulled: bool, descriptor: &Descriptor) -> Result<()> {
        self.sync()?;
        self.change(|index| index.set(name, pulled, descriptor)).map(drop)
    }

    /// Keeps an image whose blobs are all here by its digest alone; on disk when this returns.
    pub fn keep(&self, _: &Holding, descriptor: &Descriptor) -> Result<()> {
        self.sync()?;
        self.change(|index| index.keep(descriptor)).map(drop)
    }

    /// Adds images whose blobs are all here, with their names, all at once; on disk when this returns.
    pub fn add(&self, _: &Holding, images: &[Named]) -> Result<()> {
        self.sync()?;
        self.change(|index| {
            for Named { name, descriptor, pulled } in images {
                match name {
                    Some(name) => index.set(name, *pulled, descriptor),
                    None => index.keep(descriptor),
                }
            }
        })
        .map(drop)
    }

    /// After a power cut no name leads to what is not there.
    fn sync(&self) -> Result<()> {
        let attempt = format_args!("write the images to '{}'", self.root.display());
        make_dir(&self.root)?;
        File::open(&self.root).and_then(|root| Ok(syncfs(root)?)).attempt(attempt)?;
        crate::sys::point::reach("images.synced");
        Ok(())
    }

    /// Takes these entries away, all at once. An image that has another name stays under that. What this had to free to have
    /// room for a new index is told; [`Library::collect`] frees the rest.
    pub fn remove(&self, entries: &[Named]) -> Result<Freed> {
        let freed = self.change(|index| entries.iter().for_each(|entry| index.remove(entry)))?;
        crate::sys::point::reach("images.untied");
        Ok(freed)
    }

    /// Frees the blobs that no image needs. None, and nothing is done, while somebody adds some.
    ///
    /// # Errors
    ///
    /// [`Kind::Invalid`] when it cannot be known what the images need, as one is damaged: then nothing is freed.
    pub fn collect(&self, report: &dyn Report) -> Result<Option<Freed>> {
        self.collect_but(&HashSet::new(), report)
    }

    /// The same, but for what is in this [`Library::inventory`].
    pub fn collect_but(&self, there: &HashSet<String>, report: &dyn Report) -> Result<Option<Freed>> {
        let Some(_lock) = Lock::alone_now(&self.blobs_lock)? else { return Ok(None) };
        let needed = self.reachable(&self.index()?)?;
        self.free(&needed, there, report).map(Some)
    }

    /// What is where the blobs are, such as begun ones too.
    pub fn inventory(&self) -> Result<HashSet<String>> {
        let mut found = HashSet::new();
        for algorithm in [Algorithm::Sha256, Algorithm::Sha512] {
            let names = names(&self.root.join("blobs").join(algorithm.name()))?;
            found.extend(names.into_iter().map(|name| format!("{}:{name}", algorithm.name())));
        }
        Ok(found)
    }

    fn reachable(&self, index: &Index) -> Result<HashSet<Digest>> {
        reachable(index, &|descriptor| self.document(descriptor))
    }

    /// Deletes all other blobs. What is no blob, such as a directory, is told and stays.
    fn free(&self, needed: &HashSet<Digest>, there: &HashSet<String>, report: &dyn Report) -> Result<Freed> {
        let mut freed = Freed::default();
        let is_needed = |name: &str| Digest::parse(name).is_ok_and(|digest| needed.contains(&digest));
        let mut names: Vec<String> = self.inventory()?.into_iter().collect();
        names.sort_unstable();
        for name in names.iter().filter(|name| !is_needed(name) && !there.contains(*name)) {
            crate::sys::point::reach("images.free");
            let path = self.root.join("blobs").join(name.replacen(':', "/", 1));
            let found = path.symlink_metadata();
            match (remove(&path), found) {
                (Ok(()), Ok(found)) => freed.count(&found),
                (Ok(()), Err(_)) => {}
                (Err(error), _) => report.warn(&format!("not freed: {error}")),
            }
        }
        Ok(freed)
    }

    /// On a full disk: frees what the images of `new` do not need, while the old index still stands. The documents of what is
    /// taken away go first: if this is killed, their image is one whose manifest is missing, and not one that looks whole.
    fn make_room(&self, new: &Index) -> Result<Freed> {
        let Some(_lock) = Lock::alone_now(&self.blobs_lock)? else { return Ok(Freed::default()) };
        let needed = self.reachable(new)?;
        let mut freed = Freed::default();
        for entry in self.images()?.iter().filter(|entry| !needed.contains(&entry.descriptor.digest)) {
            let path = self.blob(&entry.descriptor.digest);
            if let Ok(found) = path.symlink_metadata() {
                remove(&path)?;
                freed.count(&found);
            }
        }
        crate::sys::point::reach("images.room");
        Ok(freed + self.free(&needed, &HashSet::new(), &Silent)?)
    }

    fn index(&self) -> Result<Index> {
        let path = self.root.join("index.json");
        let bytes = read(&path, DOCUMENT_MAX)?;
        Index::parse(bytes.as_deref()).attempt(format_args!("read '{}'", path.display())).map_err(|error| {
            error.hint(
                "move this file away, then pull or load the images again: their blobs are still here, until 'rmi' or 'prune' finds no image that needs them",
            )
        })
    }

    fn change(&self, change: impl FnOnce(&mut Index)) -> Result<Freed> {
        let _lock = Lock::wait(&self.index_lock, &|| ())?;
        let mut index = self.index()?;
        change(&mut index);
        match self.write(&index) {
            Err(error) if error.is_full() => {
                let freed = self.make_room(&index)?;
                self.write(&index).map(|()| freed)
            }
            written => written.map(|()| Freed::default()),
        }
    }

    fn write(&self, index: &Index) -> Result<()> {
        let mark = self.root.join("oci-layout");
        if !mark.exists() {
            make_dir(&self.root)?;
            write(&mark, MARK, 0o644)?;
        }
        write(&self.root.join("index.json"), &index.to_bytes(), 0o644)
    }

    pub(crate) fn blob(&self, digest: &Digest) -> PathBuf {
        self.root.join("blobs").join(digest.algorithm().name()).join(digest.hex())
    }

    /// Where the layout is.
    pub fn path(&self) -> &Path {
        &self.root
    }
}

/// What became of the disk, in bytes.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Freed {
    /// These are free now.
    pub bytes: u64,
    /// These are not: the blobs have other names, as a rule in the cache.
    pub shared: u64,
}

impl Freed {
    fn count(&mut self, found: &fs::Metadata) {
        let bytes = found.blocks() * 512;
        match found.nlink() > 1 {
            true => self.shared += bytes,
            false => self.bytes += bytes,
        }
    }
}

impl Add for Freed {
    type Output = Freed;

    fn add(self, other: Freed) -> Freed {
        Freed { bytes: self.bytes + other.bytes, shared: self.shared + other.shared }
    }
}

#[cfg(test)]
mod tests;
