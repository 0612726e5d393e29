//! Trees of base images, unpacked once and kept for builds: `build_trees/<chain>/{rootfs/,index,boot}` of the cache, where
//! `<chain>` names the layers; or `<chain>.index`, where only that was needed. Beside them, in `build_scratch/`, stands what a running build needs.
//!
//! Whoever uses a tree shares its lock; it is deleted only while nobody does. A tree is not synced to disk: `boot` says
//! when it was made, and one of an earlier boot, which may have lost files to a power cut, is made anew.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use rustix::fs::{FlockOperation, Mode, OFlags, flock, open};

use super::layout::Layout;
use super::lock::{self, Lock};
use super::name::Name;
use super::scratch::{self, Scratch};
use super::{files, place};
use crate::error::{Attempt, Result};
use crate::oci::Digest;
use crate::report::Report;
use crate::rootfs::Rootfs;

/// Bytes; an index takes some sixty a file.
const INDEX_MAX: u64 = 1 << 30;

/// What private directories are called, with the process's number and another one.
const WORK: &str = "stage";

/// A tree that is kept, and stays while this lives.
#[derive(Debug)]
pub struct KeptTree {
    path: PathBuf,
    _lock: File,
}

impl KeptTree {
    /// Its root. It is shared: nothing may be changed there.
    pub fn rootfs(&self) -> Result<Rootfs> {
        open_root(&self.path.join("rootfs"))
    }

    /// The index of it, as bytes.
    pub fn index(&self) -> Result<Vec<u8>> {
        Ok(files::read(&self.path.join("index"), INDEX_MAX)?.unwrap_or_default())
    }
}

/// Finds the tree of `chain`, or has `make` fill an empty root, which returns its index.
pub(super) fn get(
    layout: &Layout,
    chain: &Digest,
    make: &mut dyn FnMut(&Rootfs) -> Result<Vec<u8>>,
    report: &dyn Report,
) -> Result<KeptTree> {
    let path = layout.build_tree(chain);
    place::refuse_unfit(layout.cache())?;
    if let Some(tree) = find(&path) {
        return Ok(tree);
    }
    let long = || report.info("Waiting for another build that unpacks the same image");
    let _lock = Lock::wait(&path.with_extension("lock"), &long)?;
    if let Some(tree) = find(&path) {
        return Ok(tree);
    }
    let scratch = work(layout)?;
    let root = scratch.path().join("tree/rootfs");
    files::make_dir(&root)?;
    let index = make(&open_root(&root)?)?;
    let directory = scratch.path().join("tree");
    files::write_transient(&directory.join("index"), &index, 0o644)?;
    files::write_transient(&directory.join("boot"), boot_id().as_bytes(), 0o644)?;
    crate::sys::point::reach("tree.filled");
    // What is there is of an earlier boot, or damaged; nobody uses it.
    scratch::delete(&path, &mut |_| ())?;
    fs::rename(&directory, &path).attempt(format_args!("rename '{}'", directory.display()))?;
    crate::sys::point::reach("tree.kept");
    find(&path)
        .ok_or_else(|| crate::error::Error::not_found(format_args!("'{}' is gone again", path.display())))
}

/// The index alone of what the layers of `chain` make: of the tree that is kept, or as [`put_index`] wrote it.
pub(super) fn index(layout: &Layout, chain: &Digest) -> Result<Option<Vec<u8>>> {
    let path = layout.build_tree(chain);
    if let Some(tree) = find(&path) {
        return tree.index().map(Some);
    }
    let path = path.with_extension("index");
    let Some(bytes) = files::read(&path, INDEX_MAX)? else { return Ok(None) };
    if let Ok(file) = File::open(&path) {
        let _ = file.set_modified(SystemTime::now());
    }
    let boot = format!("{}\n", boot_id());
    Ok(bytes.strip_prefix(boot.as_bytes()).map(<[u8]>::to_vec))
}

/// Keeps an index where the tree itself is not needed.
pub(super) fn put_index(layout: &Layout, chain: &Digest, index: &[u8]) -> Result<()> {
    files::make_dir(&layout.build_trees())?;
    let bytes = [boot_id().as_bytes(), b"\n", index].concat();
    files::write_transient(&layout.build_tree(chain).with_extension("index"), &bytes, 0o644)
}

/// The tree at `path`, if it is whole and of this boot.
pub(super) fn find(path: &Path) -> Option<KeptTree> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let lock = File::from(open(path, flags, Mode::empty()).ok()?);
    flock(&lock, FlockOperation::NonBlockingLockShared).ok()?;
    let boot = fs::read_to_string(path.join("boot")).ok()?;
    if !lock::names(path, &lock) || boot != boot_id() {
        return None;
    }
    // Whoever makes room deletes first what was not used for long.
    let _ = lock.set_modified(SystemTime::now());
    Some(KeptTree { path: path.to_owned(), _lock: lock })
}

/// A private directory beside the trees, for a build that runs; deleted when dropped. What killed ones left is swept.
pub(super) fn work(layout: &Layout) -> Result<Scratch> {
    let directory = layout.build_scratch();
    place::refuse_unfit(layout.cache())?;
    // Litter that cannot be deleted is not this build's concern.
    let _ = scratch::sweep(&directory);
    Scratch::new(&directory, &Name::parse(WORK)?)
}

/// Deletes the private directories of a dead process. Its children, which are ending, may hold them still.
pub(super) fn clear_work_of(layout: &Layout, pid: i32) -> Result<()> {
    let directory = layout.build_scratch();
    let own = format!("{WORK}.{pid}.");
    for name in files::names(&directory)?.iter().filter(|name| name.starts_with(&own)) {
        let path = directory.join(name);
        let held = File::open(&path).attempt(format_args!("open '{}'", path.display()))?;
        flock(&held, FlockOperation::LockExclusive).attempt(format_args!("lock '{}'", path.display()))?;
        scratch::delete(&path, &mut |_| ())?;
    }
    Ok(())
}

fn open_root(path: &Path) -> Result<Rootfs> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let root = open(path, flags, Mode::empty()).attempt(format_args!("open '{}'", path.display()))?;
    Ok(Rootfs::new(root))
}

/// Empty where the kernel does not tell: then every boot is the same.
pub(super) fn boot_id() -> String {
    fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default().trim().to_owned()
}

/// A private directory of a build.
#[derive(Debug)]
pub struct Work {
    scratch: Scratch,
}

impl Work {
    pub(super) fn new(layout: &Layout) -> Result<Work> {
        Ok(Work { scratch: work(layout)? })
    }

    /// Where it is. The names in it are the build's own.
    pub fn path(&self) -> &Path {
        self.scratch.path()
    }

    /// Makes a directory in it, opened.
    pub fn directory(&self, name: &str) -> Result<File> {
        let path = self.scratch.path().join(name);
        files::make_dir(&path)?;
        File::open(&path).attempt(format_args!("open '{}'", path.display()))
    }
}
