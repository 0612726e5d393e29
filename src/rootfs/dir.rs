//! One directory inside a root, and what can be done to one name in it: the hot path of unpacking, so each
//! operation is one system call wherever the kernel has one that follows no link.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use rustix::fs::{AtFlags, Mode, OFlags};

use super::metadata::{FileType, Metadata, Timestamp};
use super::{attributes, regular};
use crate::sys;

/// How every directory is opened.
pub const OPEN_FLAGS: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

/// For getdents64(2), in bytes: several hundred entries at a time.
pub const BUFFER: usize = 32 * 1024;

/// One directory inside a root. Each operation takes a single name: not empty, no `/`, not `.` or `..`;
/// anything else is `InvalidInput`. None follows a symlink. Modes of what is made are cut by the umask, and
/// the kernel drops setgid from them: `chmod` after.
#[derive(Debug)]
pub struct Dir {
    fd: OwnedFd,
}

/// A directory opened for reading.
impl From<OwnedFd> for Dir {
    fn from(fd: OwnedFd) -> Dir {
        Dir { fd }
    }
}

impl From<Dir> for OwnedFd {
    fn from(dir: Dir) -> OwnedFd {
        dir.fd
    }
}

impl AsFd for Dir {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl Dir {
    /// The descriptor (opened for reading, so that it can be listed and synced).
    pub fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    /// The names in it, without `.` and `..`, in no order.
    pub fn names(&self) -> io::Result<Vec<OsString>> {
        rustix::fs::seek(&self.fd, rustix::fs::SeekFrom::Start(0))?;
        let mut buffer = Vec::with_capacity(BUFFER);
        let mut names = Vec::new();
        let mut entries = rustix::fs::RawDir::new(&self.fd, buffer.spare_capacity_mut());
        while let Some(entry) = entries.next() {
            let entry = entry?;
            let name = entry.file_name().to_bytes();
            if !matches!(name, b"." | b"..") {
                names.push(OsString::from_vec(name.to_vec()));
            }
        }
        Ok(names)
    }

    /// A subdirectory.
    pub fn dir(&self, name: &OsStr) -> io::Result<Dir> {
        let flags = OPEN_FLAGS | OFlags::NOFOLLOW;
        Ok(Dir { fd: rustix::fs::openat(&self.fd, leaf(name)?, flags, Mode::empty())? })
    }

    /// The directory that holds this one; of a root, what is around it. For whoever knows what it must be, and checks.
    pub fn parent(&self) -> io::Result<Dir> {
        Ok(Dir { fd: rustix::fs::openat(&self.fd, c"..", OPEN_FLAGS, Mode::empty())? })
    }

    /// What stands there.
    pub fn metadata(&self, name: &OsStr) -> io::Result<Metadata> {
        Ok(rustix::fs::statat(&self.fd, leaf(name)?, AtFlags::SYMLINK_NOFOLLOW)?.into())
    }

    /// Makes a directory.
    pub fn create_dir(&self, name: &OsStr, mode: u32) -> io::Result<()> {
        Ok(rustix::fs::mkdirat(&self.fd, leaf(name)?, Mode::from_raw_mode(mode))?)
    }

    /// Makes a new regular file (`O_EXCL`) for writing.
    pub fn create_file(&self, name: &OsStr, mode: u32) -> io::Result<File> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        Ok(rustix::fs::openat(&self.fd, leaf(name)?, flags, Mode::from_raw_mode(mode))?.into())
    }

    /// A regular file for reading; everything else is refused unopened.
    pub fn open(&self, name: &OsStr) -> io::Result<File> {
        self.open_found(name).map(|(file, _)| file)
    }

    /// The same, and what it is.
    pub fn open_found(&self, name: &OsStr) -> io::Result<(File, Metadata)> {
        let name = leaf(name)?;
        let open = |flags| {
            let flags = flags | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            rustix::fs::openat(&self.fd, name, flags, Mode::empty())
        };
        regular::open_found(&open(OFlags::PATH)?, open)
    }

    /// An `O_PATH` descriptor of what stands there, of any type.
    pub fn open_path(&self, name: &OsStr) -> io::Result<OwnedFd> {
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Ok(rustix::fs::openat(&self.fd, leaf(name)?, flags, Mode::empty())?)
    }

    /// Makes a symlink; `target` is any bytes but NUL, at least one.
    pub fn symlink(&self, name: &OsStr, target: &OsStr) -> io::Result<()> {
        Ok(rustix::fs::symlinkat(target, &self.fd, leaf(name)?)?)
    }

    /// What a symlink holds.
    pub fn read_link(&self, name: &OsStr) -> io::Result<OsString> {
        let target = rustix::fs::readlinkat(&self.fd, leaf(name)?, Vec::new())?;
        Ok(OsString::from_vec(target.into_bytes()))
    }

    /// Makes a FIFO, socket or device node.
    pub fn mknod(&self, name: &OsStr, file_type: FileType, mode: u32, rdev: (u32, u32)) -> io::Result<()> {
        use rustix::fs::FileType as Raw;
        let file_type = match file_type {
            FileType::Fifo => Raw::Fifo,
            FileType::Character => Raw::CharacterDevice,
            FileType::Block => Raw::BlockDevice,
            FileType::Socket => Raw::Socket,
            FileType::Regular | FileType::Directory | FileType::Symlink => {
                return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a special file"));
            }
        };
        let rdev = rustix::fs::makedev(rdev.0, rdev.1);
        Ok(rustix::fs::mknodat(&self.fd, leaf(name)?, file_type, Mode::from_raw_mode(mode), rdev)?)
    }

    /// Makes `name` a hard link to `to_name` in `to`, a symlink there not followed.
    pub fn hard_link(&self, name: &OsStr, to: &Dir, to_name: &OsStr) -> io::Result<()> {
        Ok(rustix::fs::linkat(&to.fd, leaf(to_name)?, &self.fd, leaf(name)?, AtFlags::empty())?)
    }

    /// Renames `name` to `to_name` in `to`, replacing what stands there.
    pub fn rename(&self, name: &OsStr, to: &Dir, to_name: &OsStr) -> io::Result<()> {
        Ok(rustix::fs::renameat(&self.fd, leaf(name)?, &to.fd, leaf(to_name)?)?)
    }

    /// Owner and group, of a link itself.
    pub fn chown(&self, name: &OsStr, uid: u32, gid: u32) -> io::Result<()> {
        let (owner, group) = attributes::ids(uid, gid);
        Ok(rustix::fs::chownat(&self.fd, leaf(name)?, owner, group, AtFlags::SYMLINK_NOFOLLOW)?)
    }

    /// Permission bits, of anything but a symlink (which has none: `Ok`).
    pub fn chmod(&self, name: &OsStr, mode: u32) -> io::Result<()> {
        Ok(sys::chmod::at(self.as_fd(), leaf(name)?, Mode::from_raw_mode(mode))?)
    }

    /// Modification time (and access time the same), of a link itself; clamped to what the filesystem holds.
    pub fn set_mtime(&self, name: &OsStr, mtime: Timestamp) -> io::Result<()> {
        let name = leaf(name)?;
        attributes::clamped(mtime, |times| {
            rustix::fs::utimensat(&self.fd, name, times, AtFlags::SYMLINK_NOFOLLOW)
        })
    }

    /// Removes an empty directory.
    pub fn remove_dir(&self, name: &OsStr) -> io::Result<()> {
        Ok(rustix::fs::unlinkat(&self.fd, leaf(name)?, AtFlags::REMOVEDIR)?)
    }

    /// Unlinks what is not a directory.
    pub fn remove_file(&self, name: &OsStr) -> io::Result<()> {
        Ok(rustix::fs::unlinkat(&self.fd, leaf(name)?, AtFlags::empty())?)
    }
}

/// A single name, or `InvalidInput`. NUL is refused by the system call layer, likewise.
pub(super) fn leaf(name: &OsStr) -> io::Result<&OsStr> {
    match name.as_bytes() {
        b"" | b"." | b".." => {}
        bytes if bytes.contains(&b'/') => {}
        _ => return Ok(name),
    }
    Err(io::Error::new(io::ErrorKind::InvalidInput, "not a single file name"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{TempDir, needs_root};
    use std::io::{Read, Write};

    fn name(text: &str) -> &OsStr {
        OsStr::new(text)
    }

    #[test]
    fn takes_single_names_only() {
        let dir = Dir::from(TempDir::new().open());
        for bad in ["", ".", "..", "/", "a/b", "a/", "../x", "a\0b"] {
            let bad = name(bad);
            for answer in [
                dir.dir(bad).map(drop),
                dir.metadata(bad).map(drop),
                dir.create_dir(bad, 0o755),
                dir.create_file(bad, 0o644).map(drop),
                dir.open(bad).map(drop),
                dir.open_path(bad).map(drop),
                dir.symlink(bad, name("x")),
                dir.read_link(bad).map(drop),
                dir.mknod(bad, FileType::Fifo, 0o600, (0, 0)),
                dir.hard_link(bad, &dir, name("x")),
                dir.hard_link(name("x"), &dir, bad),
                dir.rename(bad, &dir, name("x")),
                dir.rename(name("x"), &dir, bad),
                dir.chown(bad, 0, 0),
                dir.chmod(bad, 0o777),
                dir.set_mtime(bad, Timestamp::default()),
                dir.set_xattr(bad, name("user.x"), b""),
                dir.xattrs(bad).map(drop),
                dir.remove_file(bad),
                dir.remove_all(bad, &mut |_| {}),
            ] {
                assert_eq!(answer.unwrap_err().kind(), io::ErrorKind::InvalidInput, "{bad:?}");
            }
        }
    }

    #[test]
    fn makes_and_tells_every_type() {
        needs_root!();
        let temp = TempDir::new();
        let dir = Dir::from(temp.open());
        dir.create_dir(name("d"), 0o700).unwrap();
        dir.create_file(name("f"), 0o600).unwrap().write_all(b"12345").unwrap();
        dir.symlink(name("l"), name("f")).unwrap();
        dir.hard_link(name("h"), &dir, name("l")).unwrap();
        dir.mknod(name("p"), FileType::Fifo, 0o600, (0, 0)).unwrap();
        dir.mknod(name("s"), FileType::Socket, 0o600, (0, 0)).unwrap();
        dir.mknod(name("c"), FileType::Character, 0o600, (1, 300)).unwrap();
        dir.mknod(name("b"), FileType::Block, 0o600, (4000, 1)).unwrap();
        assert_eq!(dir.create_file(name("l"), 0o600).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        for (file, file_type) in [
            ("d", FileType::Directory),
            ("f", FileType::Regular),
            ("l", FileType::Symlink),
            ("h", FileType::Symlink),
            ("p", FileType::Fifo),
            ("s", FileType::Socket),
            ("c", FileType::Character),
            ("b", FileType::Block),
        ] {
            assert_eq!(dir.metadata(name(file)).unwrap().file_type, file_type, "{file}");
        }
        assert_eq!(dir.metadata(name("c")).unwrap().rdev, (1, 300));
        assert_eq!(dir.metadata(name("b")).unwrap().rdev, (4000, 1));
        let file = dir.metadata(name("f")).unwrap();
        assert_eq!((file.mode, file.size, file.links), (0o600, 5, 1));
        assert_eq!(dir.metadata(name("h")).unwrap().links, 2);
        assert_eq!(dir.read_link(name("h")).unwrap(), "f");
        for _ in 0..2 {
            let mut names = dir.names().unwrap();
            names.sort();
            assert_eq!(names, ["b", "c", "d", "f", "h", "l", "p", "s"]);
        }
        let mut text = String::new();
        dir.open(name("f")).unwrap().read_to_string(&mut text).unwrap();
        assert_eq!(text, "12345");
        // A FIFO would block, the devices do not exist.
        for file in ["d", "l", "p", "s", "c", "b"] {
            dir.open(name(file)).unwrap_err();
        }
        dir.dir(name("l")).unwrap_err();
    }

    #[test]
    fn attributes_are_a_links_own() {
        needs_root!();
        let temp = TempDir::new();
        let dir = Dir::from(temp.open());
        let file = dir.create_file(name("f"), 0o600).unwrap();
        dir.symlink(name("l"), name("f")).unwrap();
        let before = dir.metadata(name("f")).unwrap();
        let time = Timestamp { seconds: -5, nanoseconds: 7 };
        dir.chown(name("l"), 1, 70_000).unwrap();
        dir.chmod(name("l"), 0o777).unwrap();
        dir.set_mtime(name("l"), time).unwrap();
        dir.set_xattr(name("l"), name("trusted.t"), b"\0link").unwrap();
        let after = dir.metadata(name("f")).unwrap();
        assert_eq!(
            (after.uid, after.gid, after.mode, after.mtime),
            (before.uid, before.gid, 0o600, before.mtime)
        );
        let link = dir.metadata(name("l")).unwrap();
        assert_eq!((link.uid, link.gid, link.mtime), (1, 70_000, time));
        assert_eq!(dir.xattrs(name("f")).unwrap(), []);
        assert_eq!(dir.xattrs(name("l")).unwrap(), [("trusted.t".into(), b"\0link".to_vec())]);

        attributes::chown(&file, 2, 3).unwrap();
        attributes::chmod(&file, 0o6755).unwrap();
        attributes::set_mtime(&file, time).unwrap();
        for (key, value) in [("user.b", vec![]), ("trusted.a", vec![7; 2000])] {
            attributes::set_xattr(&file, name(key), &value).unwrap();
        }
        let changed = dir.metadata(name("f")).unwrap();
        assert_eq!((changed.uid, changed.gid, changed.mode, changed.mtime), (2, 3, 0o6755, time));
        let expected = [("trusted.a".into(), vec![7; 2000]), ("user.b".into(), vec![])];
        assert_eq!(dir.xattrs(name("f")).unwrap(), expected);
        assert_eq!(dir.xattrs(name("none")).unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn times_out_of_range_are_clamped() {
        let temp = TempDir::new();
        let dir = Dir::from(temp.open());
        dir.create_file(name("f"), 0o600).unwrap();
        for seconds in [i64::MIN, i64::MAX] {
            dir.set_mtime(name("f"), Timestamp { seconds, nanoseconds: u32::MAX }).unwrap();
            assert_eq!(dir.metadata(name("f")).unwrap().mtime.seconds.signum(), seconds.signum());
        }
    }
}
