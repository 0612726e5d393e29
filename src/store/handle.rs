//! The store as a whole: what there is, and where new things begin.

use std::fs::File;
use std::path::Path;

use serde_json::Value;

use super::blobs::{self, Fetch};
use super::building::{self, Building};
use super::cache_mounts::{self, CacheMount};
use super::container::Container;
use super::images::{self, CachedImage};
use super::layout::Layout;
use super::library::{Holding, Library};
use super::lists::{self, Entry, List};
use super::name::Name;
use super::new_blob::NewBlob;
use super::place::{self, Place};
use super::records::Records;
use super::staged::{Replacement, Staged};
use super::trees::{self, KeptTree, Work};
use super::upload::UploadRecord;
use super::{cache, files, renamed, replace, scratch, steps};
use crate::error::{Error, Result};
use crate::host::Paths;
use crate::oci::{Arch, Digest, Reference};
use crate::report::Report;
use crate::rootfs::Rootfs;
use crate::suggest::nearest;

/// The two trees.
#[derive(Debug)]
pub struct Store {
    pub(super) layout: Layout,
}

impl Store {
    /// Opens; makes nothing until something is written, so it also reads without root.
    pub fn open(paths: Paths) -> Store {
        Store { layout: Layout::new(paths) }
    }

    /// Installed containers (those with a `rootfs/`), sorted by name. A missing tree is an empty list.
    pub fn containers(&self) -> Result<Vec<Container>> {
        let list = || files::names(&self.layout.containers());
        let mut names = list()?;
        if names.is_empty() {
            place::refuse_locked(&self.layout.containers())?;
        }
        if names.iter().any(|name| name.starts_with('.')) {
            // Who may not, or finds it in somebody's hands, leaves it to the next.
            names.iter().for_each(|name| drop(replace::recover(&self.layout, name)));
            names = list()?;
        }
        let find = |name: &String| Container::find(&self.layout, &Name::parse(name).ok()?);
        let containers: Vec<Container> = names.iter().filter_map(find).collect();
        containers.iter().for_each(renamed::recover);
        Ok(containers)
    }

    /// One container; `NotFound` suggests the nearest name.
    pub fn container(&self, name: &Name) -> Result<Container> {
        if let Some(container) = Container::find(&self.layout, name) {
            renamed::recover(&container);
            return Ok(container);
        }
        let there = self.containers()?;
        if let Some(container) = there.iter().find(|container| container.name() == name) {
            return Ok(container.clone());
        }
        let error = Error::not_found(format_args!("there is no container '{name}'"));
        Err(match nearest(name.as_str(), there.iter().map(|container| container.name().as_str())) {
            Some(near) => error.hint(format_args!("did you mean '{near}'?")),
            None if there.is_empty() => {
                let image = Reference::parse(name.as_str()).map_or("alpine", |_| name.as_str());
                error.hint(format_args!(
                    "no container is installed yet; to install one: chroot-distro install {image}"
                ))
            }
            None => error.hint("'chroot-distro list' shows what is installed"),
        })
    }

    /// The records of all containers' sessions.
    pub fn records(&self) -> Records {
        Records::new(self.layout.sessions())
    }

    /// Begins a container for `command`: takes its exclusive lock; `Exists` when it is there, `Busy` while
    /// another makes it. Sweeps what killed processes left.
    pub fn stage(&self, name: &Name, command: &str) -> Result<Staged> {
        Staged::new(&self.layout, name, command)
    }

    /// Begins a container for `command` that will take the place of `container`, which can be used until then.
    pub fn stage_again(&self, container: &Container, command: &str) -> Result<Replacement> {
        Replacement::new(container, command)
    }

    /// Deletes what killed processes left: half-made and half-deleted containers.
    pub fn sweep(&self) -> Result<()> {
        scratch::sweep(&self.layout.staging())
    }

    /// The filesystem that the containers are on, or would be.
    pub fn place(&self) -> Result<Place> {
        place::look(&self.layout)
    }

    /// The directory that is there already of those that lead to the containers.
    pub fn nearest(&self) -> &Path {
        place::existing(self.layout.data())
    }

    /// The containers to start with the machine, in order. They need not be there.
    pub fn autostart(&self) -> Result<Vec<Entry>> {
        renamed::recover_all(&self.layout)?;
        lists::read(&self.layout, List::Autostart)
    }

    /// Changes that list; what it is then.
    pub fn change_autostart(&self, change: &dyn Fn(&mut Vec<Entry>)) -> Result<Vec<Entry>> {
        lists::change(&self.layout, List::Autostart, change)
    }

    /// What `XDG_DATA_HOME` must be for a process to find this data.
    pub fn data_home(&self) -> &Path {
        self.layout.data_home()
    }

    /// A verified blob, or the right to fetch it. Waits while another process fetches the same one.
    pub fn blob(&self, digest: &Digest, size: u64, report: &dyn Report) -> Result<Fetch> {
        blobs::fetch(self.layout.blob(digest), self.layout.partial(digest), digest, size, false, report)
    }

    /// Begins a blob that is made here, whose digest is not known yet.
    pub fn new_blob(&self) -> Result<NewBlob> {
        NewBlob::new(self.layout.blobs(), Layout::blob_name)
    }

    /// The tree that the layers of `chain` make, kept for all builds. One that is not there is made: `make` fills an empty
    /// root and returns its index as bytes.
    pub fn kept_tree(
        &self,
        chain: &Digest,
        make: &mut dyn FnMut(&Rootfs) -> Result<Vec<u8>>,
        report: &dyn Report,
    ) -> Result<KeptTree> {
        trees::get(&self.layout, chain, make, report)
    }

    /// That tree, if it is kept.
    pub fn find_tree(&self, chain: &Digest) -> Option<KeptTree> {
        trees::find(&self.layout.build_tree(chain))
    }

    /// The index of that tree, as bytes, if it is known.
    pub fn kept_index(&self, chain: &Digest) -> Result<Option<Vec<u8>>> {
        trees::index(&self.layout, chain)
    }

    /// Keeps the index of a tree that nobody needs on disk.
    pub fn put_index(&self, chain: &Digest, index: &[u8]) -> Result<()> {
        trees::put_index(&self.layout, chain, index)
    }

    /// A private directory beside those trees, gone when it is dropped.
    pub fn work(&self) -> Result<Work> {
        Work::new(&self.layout)
    }

    /// What a build's step with this key has made, as it was put there, and whether the blob that it names must be verified.
    pub fn step(&self, key: &Digest) -> Result<Option<(Value, bool)>> {
        steps::get(&self.layout, key)
    }

    /// Remembers what a build's step has made.
    pub fn put_step(&self, key: &Digest, record: &Value) -> Result<()> {
        steps::put(&self.layout, key, record)
    }

    /// Forgets it.
    pub fn forget_step(&self, key: &Digest) -> Result<()> {
        steps::forget(&self.layout, key)
    }

    /// What `RUN --mount=type=cache` keeps under `id`; see [`CacheMount`].
    pub fn cache_mount(
        &self,
        id: &str,
        alone: Option<bool>,
        owner: (u32, u32),
        mode: u32,
        report: &dyn Report,
    ) -> Result<CacheMount> {
        cache_mounts::get(&self.layout, id, alone, owner, mode, report)
    }

    /// Deletes the directories of [`Store::work`] that a process had which was killed, when the last of its children lets go of
    /// them.
    pub fn clear_work_of(&self, pid: i32) -> Result<()> {
        trees::clear_work_of(&self.layout, pid)
    }

    /// Whether the cache has the blob, by its size alone: readers verify.
    pub fn has_blob(&self, digest: &Digest, size: u64) -> bool {
        self.layout.blob(digest).metadata().is_ok_and(|metadata| metadata.len() == size)
    }

    /// A file without a name in the cache, for what must be whole before it is read. The kernel frees it.
    pub fn temporary(&self) -> Result<File> {
        files::temporary(self.layout.cache())
    }

    /// Deletes a cached blob that turned out damaged.
    pub fn discard_blob(&self, digest: &Digest) -> Result<()> {
        files::remove(&self.layout.blob(digest))
    }

    /// Whether this process may write where images and the cache are, or would be.
    pub fn is_writable(&self) -> bool {
        let layout = &self.layout;
        let library = layout.library();
        let locks = [layout.build_lock(), layout.library_lock(), layout.library_index_lock()];
        let data = [library.join("blobs/sha256"), library, layout.locks()];
        let cache =
            [layout.blobs(), layout.steps(), layout.build_trees(), layout.build_scratch(), layout.images()];
        locks.iter().chain(&data).chain(&cache).all(|path| place::is_writable(path))
    }

    /// The images that people pull, load or make.
    pub fn library(&self) -> Library {
        Library::new(self.layout.library(), self.layout.library_lock(), self.layout.library_index_lock())
    }

    /// Lets the images have a cached blob without copying it, where both are on one filesystem; whether they have it.
    pub fn share_with_library(&self, holding: &Holding, digest: &Digest, size: u64) -> Result<bool> {
        if !self.has_blob(digest, size) {
            return Ok(false);
        }
        self.library().adopt(holding, &self.layout.blob(digest), digest)
    }

    /// Lets the cache have a blob of the images without copying it, where both are on one filesystem.
    pub fn share_with_cache(&self, digest: &Digest, size: u64) -> Result<()> {
        let library = self.library();
        if library.has(digest, size) && !self.has_blob(digest, size) {
            files::make_dir(&self.layout.blobs())?;
            // Else it is copied when it is wanted.
            let _ = std::fs::hard_link(library.blob(digest), self.layout.blob(digest));
        }
        Ok(())
    }

    /// What is remembered of the upload of `what`, a blob with the repository that it goes to; none while another process
    /// is at it.
    pub fn upload(&self, what: &str) -> Result<Option<UploadRecord>> {
        UploadRecord::open(self.layout.upload(what))
    }

    /// A cached manifest.
    pub fn image(&self, reference: &Reference, arch: Arch) -> Result<Option<CachedImage>> {
        images::get(&self.layout, reference, arch)
    }

    /// Remembers one.
    pub fn put_image(&self, reference: &Reference, arch: Arch, image: &CachedImage) -> Result<()> {
        images::put(&self.layout, reference, arch, image)
    }

    /// The images that the cache remembers by what they were asked for as. The Python tool's entries do not tell.
    pub fn cached_references(&self) -> Result<Vec<String>> {
        images::references(&self.layout)
    }

    /// Deletes every entry of the cache but the blobs that a live process is fetching; `each` hears the name of
    /// each; returns bytes of disk freed. `Busy` while a build runs.
    pub fn clear_cache(&self, each: &mut dyn FnMut(&str)) -> Result<u64> {
        let _lock = building::alone(&self.layout)?;
        cache::clear(&self.layout, each)
    }

    /// Held while a build runs: the build cache and what it needs of the cache stay. Waits while they are cleared.
    pub fn building(&self, report: &dyn Report) -> Result<Building> {
        building::building(&self.layout, report)
    }

    /// Deletes what builds have cached but the `keep` bytes that were used last, and the blobs that nothing else leads to;
    /// bytes of disk freed. `Busy` while a build runs, or a container is made or changed.
    pub fn clear_build_cache(&self, keep: u64, each: &mut dyn FnMut(&str)) -> Result<u64> {
        let _lock = building::alone(&self.layout)?;
        building::clear(&self.layout, keep, each)
    }
}
