//! Deletes what has no counterpart in the source, but for what is excluded.

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};

use super::syncer::Syncer;
use crate::error::{Attempt, Error, Result};
use crate::rootfs::walk::{self, Doing, Next, Order, Visit, Visited};
use crate::rootfs::{Dir, FileType};
use crate::transfer::diff::Kind;

impl Syncer<'_> {
    /// Deletes `leaf` with all below it; `path` is its path from the top. Directories that hold something excluded stay.
    pub(super) fn prune(&self, dir: &Dir, leaf: &OsStr, path: &Path) -> Result<()> {
        let attempt = format_args!("delete '{}'", path.display());
        let metadata = dir.metadata(leaf).attempt(attempt)?;
        let is_directory = metadata.file_type == FileType::Directory;
        if self.options.exclude.has(path, is_directory) {
            return Ok(());
        }
        let mut found = Found { syncer: self, top: path, all: Vec::new(), kept: Vec::new() };
        if is_directory && (self.options.dry_run || !self.options.exclude.is_empty()) {
            let below = dir.dir(leaf).attempt(attempt)?;
            walk::below(below, Order::Sorted, &mut found)?;
        }
        let Found { all, kept, .. } = found;
        if self.options.dry_run {
            let goes = |path: &PathBuf| !kept.iter().any(|kept| kept.starts_with(path));
            let everything = std::iter::once(path.to_owned()).chain(all);
            everything.filter(goes).for_each(|path| self.tell(Kind::Deleted, &path, Vec::new()));
            return Ok(());
        }
        self.remove(dir, leaf, path, &kept)
    }

    /// Removes everything but `kept`, and what holds it.
    fn remove(&self, dir: &Dir, leaf: &OsStr, path: &Path, kept: &[PathBuf]) -> Result<()> {
        let attempt = format_args!("delete '{}'", path.display());
        if kept.iter().any(|kept| kept == path) {
            return Ok(());
        }
        if !kept.iter().any(|kept| kept.starts_with(path)) {
            let above = path.parent().unwrap_or(Path::new(""));
            let mut each = |gone: &Path| {
                crate::sys::point::reach("sync.deleted");
                self.tell(Kind::Deleted, &above.join(gone), Vec::new());
            };
            return dir.remove_all(leaf, &mut each).attempt(attempt);
        }
        let below = dir.dir(leaf).attempt(attempt)?;
        for name in below.names().attempt(attempt)? {
            self.remove(&below, &name, &path.join(&name), kept)?;
        }
        Ok(())
    }
}

/// Lists what is below a directory that is not in the source.
struct Found<'a> {
    syncer: &'a Syncer<'a>,
    top: &'a Path,
    all: Vec<PathBuf>,
    /// What is excluded.
    kept: Vec<PathBuf>,
}

impl Found<'_> {
    /// Whether it is excluded.
    fn see(&mut self, at: &Visited<'_>, directory: bool) -> bool {
        let path = self.top.join(at.path());
        let excluded = self.syncer.options.exclude.has(&path, directory);
        if excluded {
            self.kept.push(path);
        } else if self.syncer.options.dry_run {
            self.all.push(path);
        }
        excluded
    }
}

impl Visit for Found<'_> {
    type Error = Error;

    fn enter(&mut self, at: &Visited<'_>, _opened: &Dir) -> Result<Next> {
        Ok(if self.see(at, true) { Next::Over } else { Next::Into })
    }

    fn other(&mut self, at: &Visited<'_>) -> Result<()> {
        self.see(at, false);
        Ok(())
    }

    fn failed(&mut self, _doing: Doing, path: &Path, error: io::Error) -> Result<()> {
        if error.kind() == io::ErrorKind::NotFound {
            return Ok(());
        }
        Err(Error::io(format_args!("look at '{}'", self.top.join(path).display()), error))
    }
}
