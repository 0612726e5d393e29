//! One entry of an archive, typed: what [`super::read`] makes of headers and what [`super::pack`] writes.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

use super::name::Name;
use crate::error::Result;
use crate::rootfs::Timestamp;

/// A file of any type with its metadata; the contents stand beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Where it goes.
    pub name: Name,
    /// What it is.
    pub kind: EntryKind,
    /// Permission bits with setuid, setgid and sticky: 0 to 0o7777.
    pub mode: u32,
    /// Owner, by number: names in archives are the packer's.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Modification time.
    pub mtime: Timestamp,
    /// Extended attributes, in the archive's order.
    pub xattrs: Vec<(OsString, Vec<u8>)>,
}

/// The type of an entry, with what only that type has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EntryKind {
    /// A regular file.
    File {
        /// Bytes, holes included.
        size: u64,
    },
    /// A directory.
    Directory,
    /// A symbolic link; the target is any bytes, never checked, never followed by us.
    Symlink(OsString),
    /// Another name of an entry that came before, in this layer or a lower one.
    HardLink(Name),
    /// A named pipe.
    Fifo,
    /// A character device: major, minor.
    Character(u32, u32),
    /// A block device: major, minor.
    Block(u32, u32),
}

/// Those of `xattrs` that [`Entry::kept_xattrs`] tells of.
pub(super) fn kept(xattrs: &[(OsString, Vec<u8>)]) -> impl Iterator<Item = &(OsString, Vec<u8>)> {
    xattrs.iter().filter(|(key, _)| is_kept_xattr(key))
}

/// Whether an extended attribute means something to the guest ([`Entry::kept_xattrs`]).
pub fn is_kept_xattr(key: &OsStr) -> bool {
    key != "security.selinux" && !key.as_bytes().starts_with(b"trusted.overlay.")
}

impl Entry {
    /// An entry owned by 0:0, modified at the epoch, with the type's usual mode. `name` is checked.
    pub fn new(name: impl AsRef<OsStr>, kind: EntryKind) -> Result<Entry> {
        let mode = match kind {
            EntryKind::Directory => 0o755,
            EntryKind::Symlink(_) => 0o777,
            _ => 0o644,
        };
        let name = Name::parse(name.as_ref().as_bytes())?;
        Ok(Entry { name, kind, mode, uid: 0, gid: 0, mtime: Timestamp::default(), xattrs: Vec::new() })
    }

    /// The extended attributes that mean something to the guest. Others are the host's: SELinux labels are of its
    /// policy, and overlayfs's would change what a directory is when it becomes a layer of a mount.
    pub fn kept_xattrs(&self) -> impl Iterator<Item = &(OsString, Vec<u8>)> {
        kept(&self.xattrs)
    }

    /// With permission bits.
    #[must_use]
    pub fn mode(self, mode: u32) -> Entry {
        Entry { mode, ..self }
    }

    /// With an owner and a group.
    #[must_use]
    pub fn owner(self, uid: u32, gid: u32) -> Entry {
        Entry { uid, gid, ..self }
    }

    /// With a modification time.
    #[must_use]
    pub fn mtime(self, seconds: i64, nanoseconds: u32) -> Entry {
        Entry { mtime: Timestamp { seconds, nanoseconds }, ..self }
    }

    /// With one more extended attribute.
    #[must_use]
    pub fn xattr(mut self, key: impl Into<OsString>, value: impl Into<Vec<u8>>) -> Entry {
        self.xattrs.push((key.into(), value.into()));
        self
    }
}
