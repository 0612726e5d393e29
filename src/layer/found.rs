//! What stands at a name of a tree that may be changing.

use std::ffi::{OsStr, OsString};
use std::io;

use super::entry::EntryKind;
use super::live_content::LiveContent;
use crate::rootfs::{self, Dir, FileType, Metadata};

/// How often a name is looked at that stands for something else each time.
const ATTEMPTS: u32 = 8;

pub(super) type Xattrs = Vec<(OsString, Vec<u8>)>;

/// One name that is no directory.
pub(super) struct Found {
    pub(super) metadata: Metadata,
    pub(super) kind: EntryKind,
    pub(super) xattrs: Xattrs,
    /// Of a regular file.
    pub(super) content: Option<LiveContent>,
}

impl Found {
    /// Looks at `leaf` in `dir`, which was `metadata` a moment ago. None of a socket, of what has vanished, and of what a
    /// directory has replaced.
    pub(super) fn look(dir: &Dir, leaf: &OsStr, metadata: &Metadata) -> io::Result<Option<Found>> {
        let mut found = Found::as_expected(dir, leaf, metadata.clone());
        for _ in 1..ATTEMPTS {
            match found {
                Err(error) if is_replaced(&error) => {}
                found => return found,
            }
            match dir.metadata(leaf) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
                metadata => found = Found::as_expected(dir, leaf, metadata?),
            }
        }
        found
    }

    fn as_expected(dir: &Dir, leaf: &OsStr, metadata: Metadata) -> io::Result<Option<Found>> {
        let (major, minor) = metadata.rdev;
        let kind = match metadata.file_type {
            FileType::Regular => return Found::file(dir, leaf).map(Some),
            FileType::Symlink => EntryKind::Symlink(dir.read_link(leaf)?),
            FileType::Fifo => EntryKind::Fifo,
            FileType::Character => EntryKind::Character(major, minor),
            FileType::Block => EntryKind::Block(major, minor),
            FileType::Directory | FileType::Socket => return Ok(None),
        };
        Ok(Some(Found { metadata, kind, xattrs: dir.xattrs(leaf)?, content: None }))
    }

    /// With the contents read, if they are at most `most` bytes.
    pub(super) fn read_ahead(mut self, most: u64) -> Found {
        self.content = self.content.map(|content| content.read_ahead(most));
        self
    }

    /// All by one descriptor, for another file may have the name at any moment.
    fn file(dir: &Dir, leaf: &OsStr) -> io::Result<Found> {
        let (file, metadata) = dir.open_found(leaf)?;
        let xattrs = rootfs::xattrs(&file)?;
        let kind = EntryKind::File { size: metadata.size };
        let content = Some(LiveContent::new(file, metadata.clone()));
        Ok(Found { metadata, kind, xattrs, content })
    }
}

/// Whether something else stands there by now, or nothing.
fn is_replaced(error: &io::Error) -> bool {
    use io::ErrorKind::{InvalidInput, IsADirectory, NotADirectory, NotFound};
    matches!(error.kind(), InvalidInput | IsADirectory | NotADirectory | NotFound)
        || matches!(error.raw_os_error(), Some(libc::ELOOP | libc::ESTALE))
}
