//! A guest's root: paths resolve inside it and end in a descriptor, a [`Dir`] or a file's contents.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use super::mounts::{self, Mount};
use super::{Dir, Metadata, Resolver, attributes, dir, regular, usage};
use crate::sys::resolve::opath;

/// Whether the last component, when a symlink, is followed (inside the root) or is itself the object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Follow {
    /// Follow it.
    Yes,
    /// Act on the link.
    No,
}

/// A guest's root directory.
#[derive(Debug)]
pub struct Rootfs {
    root: OwnedFd,
    resolver: Resolver,
}

impl Rootfs {
    /// Takes a directory that the store owns.
    pub fn new(root: OwnedFd) -> Rootfs {
        Rootfs::with_resolver(root, Resolver::Best)
    }

    /// The same, with a chosen resolver.
    pub fn with_resolver(root: OwnedFd, resolver: Resolver) -> Rootfs {
        Rootfs { root, resolver }
    }

    /// The root itself, for a session to enter.
    pub fn as_fd(&self) -> BorrowedFd<'_> {
        self.root.as_fd()
    }

    /// The directory at `path`, following links inside the root.
    pub fn dir(&self, path: impl AsRef<Path>) -> io::Result<Dir> {
        Ok(Dir::from(self.resolve(path.as_ref(), dir::OPEN_FLAGS)?))
    }

    /// The parent of `path` (links followed inside the root) and the leaf name (not resolved).
    /// `path` may be absolute or relative, with `.` and `..`: `..` at the root stays there. Fails with
    /// `InvalidInput` when the path names the root itself or ends in `..`.
    pub fn parent(&self, path: impl AsRef<Path>) -> io::Result<(Dir, OsString)> {
        let (parent, leaf) = split(path.as_ref())?;
        Ok((self.dir(parent)?, leaf.to_owned()))
    }

    /// An `O_PATH` descriptor of what stands at `path`, of any type, for a bind mount or fstat.
    pub fn open_path(&self, path: impl AsRef<Path>, follow: Follow) -> io::Result<OwnedFd> {
        let flags = match follow {
            Follow::Yes => OFlags::PATH,
            Follow::No => OFlags::PATH | OFlags::NOFOLLOW,
        };
        Ok(self.resolve(path.as_ref(), flags)?)
    }

    /// A regular file for reading, links followed. Refuses everything else, FIFOs and devices unopened.
    pub fn open(&self, path: impl AsRef<Path>) -> io::Result<File> {
        let path = path.as_ref();
        let found = self.open_path(path, Follow::Yes)?;
        regular::open(&found, |flags| self.resolve(path, flags))
    }

    /// The contents of a regular file of at most `limit` bytes (`FileTooLarge` beyond).
    pub fn read(&self, path: impl AsRef<Path>, limit: u64) -> io::Result<Vec<u8>> {
        let mut contents = Vec::new();
        self.open(path)?.take(limit.saturating_add(1)).read_to_end(&mut contents)?;
        if contents.len() as u64 > limit {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        Ok(contents)
    }

    /// What a symlink holds.
    pub fn read_link(&self, path: impl AsRef<Path>) -> io::Result<OsString> {
        let link = self.open_path(path, Follow::No)?;
        match rustix::fs::readlinkat(link, c"", Vec::new()) {
            // Through a descriptor of something else the kernel says ENOENT, by name EINVAL.
            Err(Errno::NOENT) => Err(Errno::INVAL.into()),
            target => Ok(OsString::from_vec(target?.into_bytes())),
        }
    }

    /// What stands at `path`.
    pub fn metadata(&self, path: impl AsRef<Path>, follow: Follow) -> io::Result<Metadata> {
        Ok(rustix::fs::fstat(self.open_path(path, follow)?)?.into())
    }

    /// Replaces what stands at `path` (a link is replaced, not followed; a directory is refused) with a regular
    /// file, in one rename. Owner 0:0, exactly `mode`. Not synced to disk.
    pub fn write(&self, path: impl AsRef<Path>, contents: &[u8], mode: u32) -> io::Result<()> {
        let (parent, leaf) = self.parent(path)?;
        let (temporary, file) = create_temporary(&parent)?;
        let written = fill(file, contents, mode).and_then(|()| parent.rename(&temporary, &parent, &leaf));
        if written.is_err() {
            // Already failing: the first error is the one to tell.
            let _ = parent.remove_file(&temporary);
        }
        written
    }

    /// Makes `path` and its missing parents with exactly `mode`, following links inside the root (a dangling
    /// one has its target made); existing directories stay as they are. Something else in the way is
    /// `NotADirectory`.
    pub fn create_dir_all(&self, path: impl AsRef<Path>, mode: u32) -> io::Result<Dir> {
        let path = path.as_ref();
        match self.dir(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Ok(Dir::from(opath::create(self.as_fd(), path.as_os_str(), Mode::from_raw_mode(mode))?))
            }
            found => found,
        }
    }

    /// Bytes on disk, each inode once, not crossing a mount.
    pub fn disk_usage(&self) -> io::Result<u64> {
        usage::disk_usage(self.dir("")?.into())
    }

    /// What is mounted below the root, in any mount namespace that this process may look into.
    pub fn mounts_below(&self) -> io::Result<Vec<Mount>> {
        mounts::below(self.as_fd())
    }

    fn resolve(&self, path: &Path, flags: OFlags) -> rustix::io::Result<OwnedFd> {
        self.resolver.open(self.as_fd(), path.as_os_str(), flags)
    }
}

/// The path of the parent and the leaf name.
fn split(path: &Path) -> io::Result<(&Path, &OsStr)> {
    path.parent()
        .zip(path.file_name())
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "the path names no file below the root"))
}

fn create_temporary(dir: &Dir) -> io::Result<(OsString, File)> {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    /// A killed process of the same pid may have left some.
    const ATTEMPTS: u32 = 100;
    let mut attempt = 0;
    loop {
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = OsString::from(format!(".cd-{}-{number}", std::process::id()));
        match dir.create_file(&name, 0o600) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && attempt < ATTEMPTS => attempt += 1,
            created => return Ok((name, created?)),
        }
    }
}

fn fill(mut file: File, contents: &[u8], mode: u32) -> io::Result<()> {
    file.write_all(contents)?;
    attributes::chown(&file, 0, 0)?;
    attributes::chmod(&file, mode)
}
