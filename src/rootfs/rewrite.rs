//! Editing a small file of a guest's: read, changed, and put in its place by one rename, mode and owner as before.

use std::io;
use std::path::Path;

use super::metadata::FileType;
use super::root::{Follow, Rootfs};

/// Bytes; account files and their like are smaller by far.
const LIMIT: u64 = 4 << 20;

impl Rootfs {
    /// Has `edit` change the contents of the regular file at `path`, links not followed; whether it did. A missing file
    /// is left missing. `InvalidInput`: something else stands there; `FileTooLarge`.
    pub fn rewrite(
        &self,
        path: impl AsRef<Path>,
        edit: impl FnOnce(&[u8]) -> io::Result<Vec<u8>>,
    ) -> io::Result<bool> {
        let path = path.as_ref();
        let found = match self.metadata(path, Follow::No) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            found => found?,
        };
        if found.file_type != FileType::Regular {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let before = self.read(path, LIMIT)?;
        let after = edit(&before)?;
        if after == before {
            return Ok(false);
        }
        self.write(path, &after, found.mode)?;
        let (dir, name) = self.parent(path)?;
        dir.chown(&name, found.uid, found.gid)?;
        Ok(true)
    }
}
