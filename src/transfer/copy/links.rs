//! Which files were copied that have several names, and where: their further names become hard links of the copy.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Component, Path, PathBuf};
use std::rc::Rc;

use super::put::Spot;
use crate::rootfs::{Dir, Metadata};

/// Device and inode.
pub(super) type FileKey = ((u32, u32), u64);

/// What tells a file from every other.
pub(super) fn key(metadata: &Metadata) -> FileKey {
    (metadata.dev, metadata.inode)
}

/// The first copy of each file that has several names.
#[derive(Default)]
pub(super) struct Links(HashMap<FileKey, Copied>);

struct Copied {
    /// A directory above it, and the way from there.
    base: Rc<Dir>,
    directory: PathBuf,
    leaf: OsString,
    file: FileKey,
}

impl Links {
    /// Remembers that the file `source` was copied to `spot`, whose directory is `directory` below `base`. What cannot
    /// be seen any more is not remembered: the next name gets a copy of its own.
    pub(super) fn remember(&mut self, source: &Metadata, spot: &Spot<'_>, base: &Rc<Dir>, directory: &Path) {
        if source.links < 2 {
            return;
        }
        let Ok(copy) = spot.dir.metadata(spot.leaf) else { return };
        let (base, leaf) = (base.clone(), spot.leaf.to_owned());
        let copied = Copied { base, directory: directory.to_owned(), leaf, file: key(&copy) };
        self.0.insert(key(source), copied);
    }

    /// Makes another name of the copy at `spot`, if there is one: whether it did. Somebody may have put something else
    /// where the copy was; then it does nothing. So it does where the filesystem has no such links.
    pub(super) fn link(&self, source: &Metadata, spot: &Spot<'_>) -> bool {
        let Some(copied) = self.0.get(&key(source)).filter(|_| source.links > 1) else { return false };
        copied.link(spot).unwrap_or(false)
    }
}

impl Copied {
    fn link(&self, spot: &Spot<'_>) -> io::Result<bool> {
        let dir = self.reach()?;
        let dir = dir.as_ref().unwrap_or(&self.base);
        if key(&dir.metadata(&self.leaf)?) != self.file {
            return Ok(false);
        }
        spot.link(dir, &self.leaf).map(|()| true)
    }

    /// Its directory, name by name, for a path may be longer than a system call takes; none for the base itself.
    fn reach(&self) -> io::Result<Option<Dir>> {
        let mut dir: Option<Dir> = None;
        for component in self.directory.components() {
            let Component::Normal(name) = component else { continue };
            dir = Some(dir.as_ref().unwrap_or(&self.base).dir(OsStr::new(name))?);
        }
        Ok(dir)
    }
}
