//! Which files have several names, on either side.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use crate::rootfs::Metadata;

/// Device and inode.
type FileKey = ((u32, u32), u64);

fn key(metadata: &Metadata) -> FileKey {
    (metadata.dev, metadata.inode)
}

/// What was synchronised so far.
#[derive(Default)]
pub(super) struct Links {
    /// Files of the source that have several names: the first one's counterpart, and which file that is.
    first: HashMap<FileKey, (PathBuf, Option<FileKey>)>,
    /// Files of the destination that have several names: which file of the source they became.
    taken: HashMap<FileKey, FileKey>,
}

impl Links {
    /// Where the first name of a file of the source went, and whether `found` is that very file.
    pub(super) fn first(&self, from: &Metadata, found: Option<&Metadata>) -> Option<(&Path, bool)> {
        if from.links < 2 {
            return None;
        }
        let (path, file) = self.first.get(&key(from))?;
        Some((path, file.is_some() && *file == found.map(key)))
    }

    /// Remembers where the first name of a file with several went. `made`: what stands there now.
    pub(super) fn remember(&mut self, from: &Metadata, path: &Path, made: Option<&Metadata>) {
        if from.links > 1 {
            self.first.insert(key(from), (path.to_owned(), made.map(key)));
        }
    }

    /// Whether `found`, which has several names, was made equal to another file of the source already: then this name
    /// needs a file of its own. Else it is this one's from now on.
    pub(super) fn is_taken(&mut self, from: &Metadata, found: &Metadata) -> bool {
        found.links > 1 && *self.taken.entry(key(found)).or_insert(key(from)) != key(from)
    }
}
