//! What an index tells of one path.

use std::ffi::OsStr;

use crate::rootfs::{FileType, Timestamp};

/// What stands at a path of an [`super::Index`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Node<'a> {
    /// The type.
    pub file_type: FileType,
    /// Permission bits with setuid, setgid and sticky: 0 to 0o7777.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Modification time.
    pub mtime: Timestamp,
    /// Bytes of a regular file; 0 for everything else.
    pub size: u64,
    /// Where a symlink points.
    pub link: Option<&'a OsStr>,
    /// Device number of a device node: major, minor.
    pub rdev: (u32, u32),
    /// The same for all names of one file, when it has several.
    pub hard_link: Option<u32>,
    /// Of a regular file: a hash of its contents, the same with holes and with zeros in their places, 0 when there
    /// is nothing else. None of other types, and where the index was stored before it had hashes.
    pub content_hash: Option<u64>,
    /// A hash of the extended attributes that an installation keeps, 0 without any: of those that the image names,
    /// though a filesystem may have refused some. None where the index was stored
    /// before it had hashes.
    pub xattr_hash: Option<u64>,
}
