//! A guest's root as a directory descriptor, and every operation on guest files.
//!
//! Names come from layers, archives and guests, all hostile. Nothing outside this block joins a host path
//! with a guest path: a [`Rootfs`] exposes no `PathBuf`. Each operation resolves inside the root (openat2
//! `RESOLVE_IN_ROOT`, or an `O_PATH|O_NOFOLLOW` walk where the kernel has none) to a [`Dir`] and a leaf name,
//! and acts there. Links are followed inside the root, never out of it.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

/// Whether the last component, when a symlink, is followed (inside the root) or is itself the object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Follow {
    /// Follow it.
    Yes,
    /// Act on the link.
    No,
}

/// The type of a file, as in the `S_IFMT` bits of inode(7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum FileType {
    Regular,
    Directory,
    Symlink,
    Fifo,
    Character,
    Block,
    Socket,
}

/// A point in time; before 1970 `seconds` is negative and `nanoseconds` still counts forward.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp {
    /// Seconds since the epoch.
    pub seconds: i64,
    /// 0 to 999,999,999.
    pub nanoseconds: u32,
}

/// What statx (or fstatat, before Linux 4.11) says of a file.
#[derive(Debug, Clone)]
#[allow(missing_docs)]
pub struct Metadata {
    pub file_type: FileType,
    /// Permission bits with setuid, setgid and sticky: 0 to 0o7777.
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
    /// Bytes.
    pub size: u64,
    /// Blocks of 512 bytes on disk.
    pub blocks: u64,
    pub mtime: Timestamp,
    pub links: u64,
    /// Device number of a device node: major, minor.
    pub rdev: (u32, u32),
    /// Device of the filesystem: major, minor.
    pub dev: (u32, u32),
    pub inode: u64,
}

/// A guest's root directory.
#[derive(Debug)]
pub struct Rootfs {
    root: OwnedFd,
}

/// One directory inside a root. Each operation takes a single name: not empty, no `/`, not `.` or `..`;
/// anything else is `InvalidInput`. None follows a symlink.
#[derive(Debug)]
pub struct Dir {
    fd: OwnedFd,
}

impl Rootfs {
    /// Takes a directory that the store owns.
    pub fn new(root: OwnedFd) -> Rootfs {
        todo!()
    }
    /// The root itself, for a session to enter.
    pub fn as_fd(&self) -> BorrowedFd<'_> {
        self.root.as_fd()
    }
    /// The directory at `path`, following links inside the root.
    pub fn dir(&self, path: impl AsRef<Path>) -> io::Result<Dir> {
        todo!()
    }
    /// The parent of `path` (links followed inside the root) and the leaf name (not resolved).
    /// `path` may be absolute or relative, with `.` and `..`: `..` at the root stays there. Fails with
    /// `InvalidInput` when the path names the root itself.
    pub fn parent(&self, path: impl AsRef<Path>) -> io::Result<(Dir, OsString)> {
        todo!()
    }
    /// An `O_PATH` descriptor of what stands at `path`, of any type, for a bind mount or fstat.
    pub fn open_path(&self, path: impl AsRef<Path>, follow: Follow) -> io::Result<OwnedFd> {
        todo!()
    }
    /// A regular file for reading. Refuses everything else, FIFOs and devices unopened.
    pub fn open(&self, path: impl AsRef<Path>) -> io::Result<File> {
        todo!()
    }
    /// The contents of a regular file of at most `limit` bytes (`FileTooLarge` beyond).
    pub fn read(&self, path: impl AsRef<Path>, limit: u64) -> io::Result<Vec<u8>> {
        todo!()
    }
    /// What a symlink holds.
    pub fn read_link(&self, path: impl AsRef<Path>) -> io::Result<OsString> {
        todo!()
    }
    /// What stands at `path`.
    pub fn metadata(&self, path: impl AsRef<Path>, follow: Follow) -> io::Result<Metadata> {
        todo!()
    }
    /// Replaces what stands at `path` (a link is replaced, not followed; a directory is refused) with a regular
    /// file, in one rename. Owner 0:0.
    pub fn write(&self, path: impl AsRef<Path>, contents: &[u8], mode: u32) -> io::Result<()> {
        todo!()
    }
    /// Makes `path` and its missing parents, following links inside the root; existing directories stay as
    /// they are. Something else in the way is `NotADirectory`.
    pub fn create_dir_all(&self, path: impl AsRef<Path>, mode: u32) -> io::Result<Dir> {
        todo!()
    }
    /// Bytes on disk, each inode once, not crossing a mount.
    pub fn disk_usage(&self) -> io::Result<u64> {
        todo!()
    }
}

impl Dir {
    /// The descriptor (opened for reading, so that it can be listed and synced).
    pub fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
    /// The names in it, without `.` and `..`, in no order.
    pub fn names(&self) -> io::Result<Vec<OsString>> {
        todo!()
    }
    /// A subdirectory.
    pub fn dir(&self, name: &OsStr) -> io::Result<Dir> {
        todo!()
    }
    /// What stands there.
    pub fn metadata(&self, name: &OsStr) -> io::Result<Metadata> {
        todo!()
    }
    /// Makes a directory.
    pub fn create_dir(&self, name: &OsStr, mode: u32) -> io::Result<()> {
        todo!()
    }
    /// Makes a new regular file (`O_EXCL`) for writing.
    pub fn create_file(&self, name: &OsStr, mode: u32) -> io::Result<File> {
        todo!()
    }
    /// A regular file for reading; everything else is refused unopened.
    pub fn open(&self, name: &OsStr) -> io::Result<File> {
        todo!()
    }
    /// Makes a symlink; `target` is any bytes.
    pub fn symlink(&self, name: &OsStr, target: &OsStr) -> io::Result<()> {
        todo!()
    }
    /// What a symlink holds.
    pub fn read_link(&self, name: &OsStr) -> io::Result<OsString> {
        todo!()
    }
    /// Makes a FIFO, socket or device node.
    pub fn mknod(&self, name: &OsStr, file_type: FileType, mode: u32, rdev: (u32, u32)) -> io::Result<()> {
        todo!()
    }
    /// A hard link to `(dir, name)`, a symlink there not followed.
    pub fn hard_link(&self, name: &OsStr, to: &Dir, to_name: &OsStr) -> io::Result<()> {
        todo!()
    }
    /// Renames within the root.
    pub fn rename(&self, name: &OsStr, to: &Dir, to_name: &OsStr) -> io::Result<()> {
        todo!()
    }
    /// Owner and group, of a link itself.
    pub fn chown(&self, name: &OsStr, uid: u32, gid: u32) -> io::Result<()> {
        todo!()
    }
    /// Permission bits, of anything but a symlink (which has none: `Ok`).
    pub fn chmod(&self, name: &OsStr, mode: u32) -> io::Result<()> {
        todo!()
    }
    /// Modification time (and access time the same), of a link itself; clamped to what the filesystem holds.
    pub fn set_mtime(&self, name: &OsStr, mtime: Timestamp) -> io::Result<()> {
        todo!()
    }
    /// Sets an extended attribute, of a link itself.
    pub fn set_xattr(&self, name: &OsStr, key: &OsStr, value: &[u8]) -> io::Result<()> {
        todo!()
    }
    /// The extended attributes, sorted by name.
    pub fn xattrs(&self, name: &OsStr) -> io::Result<Vec<(OsString, Vec<u8>)>> {
        todo!()
    }
    /// Unlinks what is not a directory.
    pub fn remove_file(&self, name: &OsStr) -> io::Result<()> {
        todo!()
    }
    /// Deletes `name` and everything below it by descriptors: mode-000 trees, any depth, any names. Stops with
    /// an error naming the path at any change of device or mount id, having deleted nothing beyond it.
    /// `each` hears every path deleted, relative to this directory.
    pub fn remove_all(&self, name: &OsStr, each: &mut dyn FnMut(&Path)) -> io::Result<()> {
        todo!()
    }
}
