//! Places to mount something on, made in a guest's own tree. They are told from what a guest made by their times: a
//! mount point of ours was modified at the epoch, and the directory that holds it keeps its own time.

use std::io;
use std::path::Path;

use super::attributes::{chmod, set_mtime};
use super::kept::Kept;
use super::metadata::{FileType, Metadata, Timestamp};
use super::root::{Follow, Rootfs};

/// Permission bits of a directory.
const DIRECTORY: u32 = 0o755;
/// Permission bits of an empty file.
const FILE: u32 = 0o644;

impl Rootfs {
    /// Makes a directory, or else an empty file, for something to be mounted on, and its missing parents. Nothing stands
    /// there yet.
    pub fn create_mount_point(&self, path: impl AsRef<Path>, directory: bool) -> io::Result<()> {
        let path = path.as_ref();
        let missing: Vec<&Path> = path.ancestors().take_while(|above| !self.is_there(above)).collect();
        let above = missing.last().and_then(|topmost| topmost.parent()).unwrap_or(Path::new("/"));
        let above = self.dir(above)?;
        let _kept = Kept::time_of(&above)?;
        if directory {
            self.create_dir_all(path, DIRECTORY)?;
        } else {
            let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
            let parent = self.create_dir_all(path.parent().unwrap_or(Path::new("/")), DIRECTORY)?;
            let file = parent.create_file(name, FILE)?;
            chmod(&file, FILE)?;
            set_mtime(&file, Timestamp::default())?;
        }
        // From the innermost: making one in another sets that one's time.
        for made in missing {
            if let Ok(made) = self.dir(made) {
                set_mtime(made, Timestamp::default())?;
            }
        }
        Ok(())
    }

    /// Removes what [`Rootfs::create_mount_point`] made, unless somebody has changed it since. Whether it is gone.
    pub fn remove_mount_point(&self, path: impl AsRef<Path>) -> io::Result<bool> {
        let (parent, leaf) = self.parent(path)?;
        let found = parent.metadata(&leaf)?;
        if !is_mount_point(&found) {
            return Ok(false);
        }
        let _kept = Kept::time_of(&parent)?;
        let removed = match found.file_type {
            FileType::Directory => parent.remove_dir(&leaf),
            _ => parent.remove_file(&leaf),
        };
        match removed {
            Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => Ok(false),
            removed => removed.map(|()| true),
        }
    }

    fn is_there(&self, path: &Path) -> bool {
        self.open_path(path, Follow::Yes).is_ok()
    }
}

/// Whether that is one, as it was made: what it holds, if it is a directory, does not show here.
pub fn is_mount_point(found: &Metadata) -> bool {
    let made = match found.file_type {
        FileType::Directory => found.mode == DIRECTORY,
        FileType::Regular => found.mode == FILE && found.size == 0,
        _ => false,
    };
    made && (found.uid, found.gid, found.mtime) == (0, 0, Timestamp::default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{TempDir, needs_root};
    use std::fs;
    use std::os::unix::fs::MetadataExt;

    #[test]
    fn is_told_from_what_a_guest_made() {
        needs_root!();
        let tree = TempDir::new();
        let rootfs = Rootfs::new(tree.open());
        fs::create_dir(tree.path().join("own")).unwrap();
        fs::write(tree.path().join("own/empty"), "").unwrap();
        let times =
            |path: &str| tree.path().join(path).symlink_metadata().map(|m| (m.mtime(), m.mtime_nsec()));
        let (root, own) = (times("").unwrap(), times("own").unwrap());
        rootfs.create_mount_point("/a/b/c", true).unwrap();
        rootfs.create_mount_point("/a/b/f", false).unwrap();
        rootfs.create_mount_point("own/x", true).unwrap();
        let is = |path: &str| is_mount_point(&rootfs.metadata(path, Follow::No).unwrap());
        for path in ["a", "a/b", "a/b/c", "a/b/f", "own/x"] {
            assert!(is(path), "{path}");
        }
        for path in ["", "own", "own/empty"] {
            assert!(!is(path), "{path}");
        }
        assert_eq!((times("").unwrap(), times("own").unwrap()), (root, own));
        assert!(!rootfs.remove_mount_point("a/b").unwrap() && rootfs.remove_mount_point("own/x").unwrap());
        assert!(!tree.path().join("own/x").exists());
        assert_eq!(times("own").unwrap(), own);
        fs::write(tree.path().join("a/b/f"), "x").unwrap();
        fs::write(tree.path().join("a/b/c/x"), "x").unwrap();
        assert!(!is("a/b/f") && !is("a/b/c"));
    }
}
