//! A guest's root: paths resolve inside it and end in a descriptor, a [`Dir`] or a file's contents.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::path::{Component, Path};
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use super::dir::{Dir, OPEN_FLAGS};
use super::kept::Kept;
use super::metadata::Metadata;
use super::mounts::{self, Mount};
use super::{attributes, regular, usage};
use crate::sys::resolve::{Resolver, opath};

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
    fn with_resolver(root: OwnedFd, resolver: Resolver) -> Rootfs {
        Rootfs { root, resolver }
    }

    /// The root itself, for a session to enter.
    pub fn as_fd(&self) -> BorrowedFd<'_> {
        self.root.as_fd()
    }

    /// The directory at `path`, following links inside the root.
    pub fn dir(&self, path: impl AsRef<Path>) -> io::Result<Dir> {
        Ok(Dir::from(self.resolve(path.as_ref(), OPEN_FLAGS)?))
    }

    /// The same, also where the path is longer than one system call takes (`PATH_MAX`); no links are followed then.
    pub fn dir_at_any_depth(&self, path: impl AsRef<Path>) -> io::Result<Dir> {
        let path = path.as_ref();
        match self.dir(path) {
            Err(error) if error.raw_os_error() == Some(libc::ENAMETOOLONG) => {}
            found => return found,
        }
        let names = path.components().filter(|component| matches!(component, Component::Normal(_)));
        names.into_iter().try_fold(self.dir("")?, |dir, name| dir.dir(name.as_os_str()))
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
    /// file, in one rename. Owner 0:0, exactly `mode`. Not synced to disk. The directory keeps its modification time:
    /// what the program writes on its own is no change that a user made.
    pub fn write(&self, path: impl AsRef<Path>, contents: &[u8], mode: u32) -> io::Result<()> {
        let (parent, leaf) = self.parent(path)?;
        let _kept = Kept::time_of(&parent)?;
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

    /// Removes what is not a directory; a link itself. The directory keeps its modification time.
    pub fn remove_file(&self, path: impl AsRef<Path>) -> io::Result<()> {
        let (parent, leaf) = self.parent(path)?;
        let _kept = Kept::time_of(&parent)?;
        parent.remove_file(&leaf)
    }

    /// Bytes on disk, each inode once, not crossing a mount.
    pub fn disk_usage(&self) -> io::Result<u64> {
        usage::disk_usage(self.dir("")?)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rootfs::FileType;
    use crate::testing::{TempDir, needs_root};
    use std::fs;
    use std::os::unix::fs::{MetadataExt, symlink};

    /// `root/` with links out of it, `out/canary` beside it, and a check of the canary at the end.
    fn on_both(test: impl Fn(&Rootfs, &Path)) {
        for resolver in [Resolver::Best, Resolver::Walk] {
            let temp = TempDir::new();
            let root = temp.path().join("root");
            fs::create_dir_all(root.join("etc")).unwrap();
            fs::create_dir(temp.path().join("out")).unwrap();
            fs::write(temp.path().join("out/canary"), "alive").unwrap();
            symlink(temp.path().join("out"), root.join("abs")).unwrap();
            symlink("../out", root.join("rel")).unwrap();
            test(&Rootfs::with_resolver(fs::File::open(&root).unwrap().into(), resolver), &root);
            assert_eq!(fs::read(temp.path().join("out/canary")).unwrap(), b"alive");
            assert_eq!(fs::read_dir(temp.path().join("out")).unwrap().count(), 1);
        }
    }

    #[test]
    fn splits_off_the_leaf() {
        on_both(|rootfs, root| {
            symlink("/etc", root.join("link")).unwrap();
            for path in ["link/x", "/link/x/", "./etc/../link/./x/.", "../../../etc/x"] {
                let (dir, leaf) = rootfs.parent(path).unwrap();
                let inode = rustix::fs::fstat(dir.as_fd()).unwrap().st_ino;
                assert_eq!((inode, leaf), (root.join("etc").metadata().unwrap().ino(), "x".into()), "{path}");
            }
            for path in ["", "/", ".", "..", "etc/..", "/../"] {
                assert_eq!(rootfs.parent(path).unwrap_err().kind(), io::ErrorKind::InvalidInput, "{path}");
            }
            assert!(rootfs.parent("etc").is_ok());
        });
    }

    #[test]
    fn writes_replace_links_and_files_and_stay_inside() {
        needs_root!();
        on_both(|rootfs, root| {
            symlink("../../out/canary", root.join("etc/resolv.conf")).unwrap();
            for text in ["one", "two"] {
                rootfs.write("/etc/resolv.conf", text.as_bytes(), 0o4640).unwrap();
                let found = root.join("etc/resolv.conf").symlink_metadata().unwrap();
                assert!(found.is_file());
                assert_eq!((found.mode() & 0o7777, found.uid(), found.gid()), (0o4640, 0, 0));
                assert_eq!(rootfs.read("etc/resolv.conf", 3).unwrap(), text.as_bytes());
            }
            assert_eq!(rootfs.read("etc/resolv.conf", 2).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
            assert!(rootfs.write("abs/canary", b"dead", 0o644).is_err());
            assert!(rootfs.write("rel/canary", b"dead", 0o644).is_err());
            assert_eq!(rootfs.write("etc", b"", 0o644).unwrap_err().kind(), io::ErrorKind::IsADirectory);
            assert_eq!(rootfs.dir("/").unwrap().names().unwrap().len(), 3, "no temporary file stays");
        });
    }

    #[test]
    fn reads_regular_files_only() {
        needs_root!();
        on_both(|rootfs, root| {
            rootfs.dir("").unwrap().mknod("fifo".as_ref(), FileType::Fifo, 0o600, (0, 0)).unwrap();
            rootfs.dir("").unwrap().mknod("tty".as_ref(), FileType::Character, 0o600, (5, 0)).unwrap();
            symlink("/proc/self/fd/0", root.join("stdin")).unwrap();
            symlink("fifo", root.join("link")).unwrap();
            for (path, kind) in [
                ("fifo", io::ErrorKind::InvalidInput),
                ("link", io::ErrorKind::InvalidInput),
                ("tty", io::ErrorKind::InvalidInput),
                ("etc", io::ErrorKind::IsADirectory),
                ("stdin", io::ErrorKind::NotFound),
                ("abs/canary", io::ErrorKind::NotFound),
                ("rel/canary", io::ErrorKind::NotFound),
            ] {
                assert_eq!(rootfs.open(path).unwrap_err().kind(), kind, "{path}");
            }
        });
    }

    #[test]
    fn tells_links_from_what_they_lead_to() {
        on_both(|rootfs, root| {
            symlink("/etc", root.join("link")).unwrap();
            let file_type = |path, follow| rootfs.metadata(path, follow).unwrap().file_type;
            assert_eq!(file_type("link", Follow::No), FileType::Symlink);
            assert_eq!(file_type("link", Follow::Yes), FileType::Directory);
            assert_eq!(file_type("", Follow::No), FileType::Directory);
            assert_eq!(rootfs.read_link("link").unwrap(), "/etc");
            assert_eq!(rootfs.read_link("etc").unwrap_err().kind(), io::ErrorKind::InvalidInput);
        });
    }

    #[test]
    fn makes_directories_and_leaves_existing_ones() {
        on_both(|rootfs, root| {
            fs::write(root.join("file"), "").unwrap();
            let before = root.join("etc").metadata().unwrap().mode();
            rootfs.create_dir_all("etc", 0o700).unwrap();
            assert_eq!(root.join("etc").metadata().unwrap().mode(), before);
            rootfs.create_dir_all("/usr/share/doc", 0o750).unwrap();
            assert_eq!(root.join("usr/share").metadata().unwrap().mode() & 0o7777, 0o750);
            for path in ["file", "file/x"] {
                let error = rootfs.create_dir_all(path, 0o755).unwrap_err();
                assert_eq!(error.kind(), io::ErrorKind::NotADirectory, "{path}");
            }
            rootfs.create_dir_all("abs/made", 0o755).unwrap();
        });
    }
}
