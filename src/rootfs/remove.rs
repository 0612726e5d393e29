//! Deleting a tree by descriptors. It never enters another mount: a guest's root with the phone's storage bound
//! into it loses the guest and keeps the storage. Any depth, any names, any modes; what is put into the tree
//! meanwhile is deleted too, what is moved out of it is not followed.
//!
//! Not a [`super::walk`]: it deletes while it lists, a few hundred names at a time, so that a directory of millions
//! costs no memory; it lists again what is not empty yet; and it opens with force what may not be opened.

use std::ffi::{CStr, CString, OsStr};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, IFlags, Mode, OFlags, RawDir};
use rustix::io::Errno;

use super::descent::Descent;
use super::dir::{BUFFER, Dir, OPEN_FLAGS, leaf};
use super::regular;
use crate::error::reason;
use crate::sys::{chmod, identity::FileId};

impl Dir {
    /// Deletes `name` and everything below it by descriptors: mode-000 trees, any depth, any names. Stops with
    /// an error naming the path at any change of device or mount id, having deleted nothing beyond it.
    /// `each` hears every path deleted, relative to this directory.
    pub fn remove_all(&self, name: &OsStr, each: &mut dyn FnMut(&Path)) -> io::Result<()> {
        remove_all(self, leaf(name)?, each)
    }
}

fn remove_all(parent: &Dir, name: &OsStr, each: &mut dyn FnMut(&Path)) -> io::Result<()> {
    let mount = FileId::of(parent.as_fd())?;
    let start = Level {
        name: CString::default(),
        deleted: 0,
        pending: vec![CString::new(name.as_bytes())?],
        drained: true,
    };
    let descent = Descent::new(parent.as_fd().try_clone_to_owned()?.into(), mount, start);
    let mut removal =
        Removal { mount, path: PathBuf::new(), deleted: 0, buffer: Vec::with_capacity(BUFFER), each };
    removal.run(descent).map_err(|error| at_path(&removal.path, error))
}

struct Removal<'a> {
    /// What must not be left.
    mount: FileId,
    /// What is being deleted, from where the deletion started: in an error, the culprit.
    path: PathBuf,
    /// How many files and directories are gone.
    deleted: u64,
    buffer: Vec<u8>,
    each: &'a mut dyn FnMut(&Path),
}

/// A directory being emptied.
struct Level {
    name: CString,
    /// `Removal::deleted` on entering it.
    deleted: u64,
    /// Its subdirectories met so far.
    pending: Vec<CString>,
    /// All of it was read.
    drained: bool,
}

impl Removal<'_> {
    fn run(&mut self, mut descent: Descent<Level>) -> io::Result<()> {
        loop {
            if let Some(name) = descent.data().pending.pop() {
                self.push(&name);
                if let Some((fd, identity)) = self.open_or_unlink(descent.dir().as_fd(), &name)? {
                    let deleted = self.deleted;
                    descent.enter(
                        fd.into(),
                        identity,
                        Level { name, deleted, pending: Vec::new(), drained: false },
                    );
                }
            } else if !descent.data().drained {
                let (pending, drained) = self.sweep(descent.dir().as_fd())?;
                descent.data().pending = pending;
                descent.data().drained = drained;
            } else {
                let Some(emptied) = descent.leave()? else { return Ok(()) };
                match self.unlink(descent.dir().as_fd(), &emptied.name, AtFlags::REMOVEDIR) {
                    Ok(()) => self.gone(),
                    Err(Errno::NOENT) => {}
                    // Something was put in, or the filesystem skips entries while others are deleted: once more,
                    // as long as that gets anywhere.
                    Err(Errno::NOTEMPTY | Errno::EXIST) if self.deleted > emptied.deleted => {
                        descent.data().pending.push(emptied.name);
                    }
                    Err(errno) => return Err(errno.into()),
                }
                self.path.pop();
            }
        }
    }

    /// Deletes the files among the next few hundred entries of `dir`; the names of the directories, and whether
    /// that was the end.
    fn sweep(&mut self, dir: BorrowedFd<'_>) -> io::Result<(Vec<CString>, bool)> {
        let mut buffer = std::mem::take(&mut self.buffer);
        let mut directories = Vec::new();
        let mut entries = RawDir::new(dir, buffer.spare_capacity_mut());
        let mut drained = true;
        while let Some(entry) = entries.next() {
            let entry = match entry {
                // The directory itself was deleted by somebody else.
                Err(Errno::NOENT) => break,
                entry => entry?,
            };
            let name = entry.file_name();
            if !matches!(name.to_bytes(), b"." | b"..") {
                let directory = entry.file_type() == rustix::fs::FileType::Directory;
                if directory || !self.unlink_file(dir, name)? {
                    directories.push(name.to_owned());
                }
            }
            if entries.is_buffer_empty() {
                drained = false;
                break;
            }
        }
        self.buffer = buffer;
        Ok((directories, drained))
    }

    /// Deletes `name`; false when it is a directory.
    fn unlink_file(&mut self, dir: BorrowedFd<'_>, name: &CStr) -> io::Result<bool> {
        self.push(name);
        let deleted = match self.unlink(dir, name, AtFlags::empty()) {
            Ok(()) => {
                self.gone();
                true
            }
            Err(Errno::NOENT) => true,
            Err(Errno::ISDIR) => false,
            Err(errno) => return Err(errno.into()),
        };
        self.path.pop();
        Ok(deleted)
    }

    /// Opens the directory `name`, unless a mount begins there. Anything else that stands there is deleted.
    fn open_or_unlink(&mut self, dir: BorrowedFd<'_>, name: &CStr) -> io::Result<Option<(OwnedFd, FileId)>> {
        let open = || rustix::fs::openat(dir, name, OPEN_FLAGS | OFlags::NOFOLLOW, Mode::empty());
        let opened = match open() {
            Err(Errno::ACCESS) => {
                self.permit(dir);
                // Whether it helped, the second attempt tells.
                let _ = chmod::at(dir, OsStr::from_bytes(name.to_bytes()), Mode::RWXU);
                open()
            }
            opened => opened,
        };
        let fd = match opened {
            Ok(fd) => fd,
            Err(Errno::NOTDIR | Errno::LOOP) => {
                self.path.pop();
                return match self.unlink_file(dir, name)? {
                    true => Ok(None),
                    false => Err(Errno::AGAIN.into()),
                };
            }
            Err(Errno::NOENT) if self.is_inside() => {
                self.path.pop();
                return Ok(None);
            }
            Err(errno) => return Err(errno.into()),
        };
        let identity = FileId::of(fd.as_fd())?;
        if !identity.same_mount(&self.mount) {
            return Err(io::Error::new(io::ErrorKind::CrossesDevices, "something is mounted there"));
        }
        Ok(Some((fd, identity)))
    }

    fn unlink(&mut self, dir: BorrowedFd<'_>, name: &CStr, flags: AtFlags) -> rustix::io::Result<()> {
        match rustix::fs::unlinkat(dir, name, flags) {
            Err(Errno::ACCESS) => self.permit(dir),
            Err(Errno::PERM) => self.unlock(dir, name),
            answer => return answer,
        }
        rustix::fs::unlinkat(dir, name, flags)
    }

    /// Lets the owner write to `dir`. Root never needs it.
    fn permit(&self, dir: BorrowedFd<'_>) {
        if self.is_inside() {
            let _ = rustix::fs::fchmod(dir, Mode::RWXU);
        }
    }

    /// Takes the immutable and append-only flags from `name` and from the directory that holds it.
    fn unlock(&self, dir: BorrowedFd<'_>, name: &CStr) {
        if self.is_inside() {
            clear_flags(dir);
        }
        let open =
            |flags| rustix::fs::openat(dir, name, flags | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty());
        if let Ok(directory) = open(OPEN_FLAGS) {
            clear_flags(directory.as_fd());
        } else if let Ok(found) = open(OFlags::PATH)
            && let Ok(file) = regular::open(&found, open)
        {
            clear_flags(file.as_fd());
        }
    }

    /// Whether what holds `path` is part of what is to be deleted, not the directory around it.
    fn is_inside(&self) -> bool {
        self.path.parent().is_some_and(|parent| !parent.as_os_str().is_empty())
    }

    fn push(&mut self, name: &CStr) {
        self.path.push(OsStr::from_bytes(name.to_bytes()));
    }

    fn gone(&mut self) {
        self.deleted += 1;
        (self.each)(&self.path);
    }
}

/// `FS_IOC_SETFLAGS`. A filesystem without flags refuses, and then they were not what stood in the way.
fn clear_flags(fd: BorrowedFd<'_>) {
    let locked = IFlags::IMMUTABLE | IFlags::APPEND;
    if let Ok(flags) = rustix::fs::ioctl_getflags(fd)
        && flags.intersects(locked)
    {
        let _ = rustix::fs::ioctl_setflags(fd, flags.difference(locked));
    }
}

/// Names the culprit. `EBUSY` is how the kernel refuses to delete a mount point.
fn at_path(path: &Path, error: io::Error) -> io::Error {
    let reason = match error.raw_os_error().map(Errno::from_raw_os_error) {
        Some(Errno::BUSY) => "something is mounted there".to_owned(),
        _ => reason(&error),
    };
    io::Error::new(error.kind(), format!("'{}': {reason}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{TempDir, in_mount_namespace, needs_root};
    use std::collections::BTreeSet;
    use std::fs::{self, Permissions};
    use std::os::unix::fs::{PermissionsExt, symlink};

    fn remove(temp: &TempDir, name: &str) -> io::Result<Vec<PathBuf>> {
        let mut deleted = Vec::new();
        Dir::from(temp.open()).remove_all(name.as_ref(), &mut |path| deleted.push(path.to_owned()))?;
        assert!(fs::symlink_metadata(temp.path().join(name)).is_err());
        Ok(deleted)
    }

    #[test]
    fn deletes_what_is_named_and_tells_of_each() {
        let temp = TempDir::new();
        let at = |path: &str| temp.path().join(path);
        fs::create_dir_all(at("tree/sub/empty")).unwrap();
        fs::create_dir(at("kept")).unwrap();
        fs::write(at("kept/canary"), "").unwrap();
        fs::write(at("tree/file"), "").unwrap();
        symlink("../kept", at("tree/link")).unwrap();
        symlink(at("kept"), at("tree/sub/link")).unwrap();
        let odd = OsStr::from_bytes(b"\xff\n");
        fs::write(at("tree/sub").join(odd), "").unwrap();
        let deleted = remove(&temp, "tree").unwrap();
        let parents_last =
            deleted.iter().enumerate().all(|(n, path)| !deleted[..n].iter().any(|p| path.starts_with(p)));
        assert!(parents_last, "{deleted:?}");
        let all = ["tree", "tree/file", "tree/link", "tree/sub", "tree/sub/empty", "tree/sub/link"];
        let expected = all.iter().map(PathBuf::from).chain([Path::new("tree/sub").join(odd)]);
        assert_eq!(deleted.into_iter().collect::<BTreeSet<_>>(), expected.collect());
        assert!(at("kept/canary").exists());

        assert_eq!(remove(&temp, "none").unwrap_err().kind(), io::ErrorKind::NotFound);
        symlink("kept", at("link")).unwrap();
        assert_eq!(remove(&temp, "link").unwrap(), [PathBuf::from("link")]);
        assert!(at("kept/canary").exists());
    }

    #[test]
    fn deletes_a_directory_larger_than_many_batches() {
        let temp = TempDir::new();
        fs::create_dir(temp.path().join("tree")).unwrap();
        for number in 0..3000 {
            let name = temp.path().join(format!("tree/{number:->100}"));
            if number % 3 == 0 { fs::create_dir(name).unwrap() } else { fs::write(name, "").unwrap() }
        }
        assert_eq!(remove(&temp, "tree").unwrap().len(), 3001);
    }

    #[test]
    fn deletes_6000_levels() {
        let temp = TempDir::new();
        let mut dir = Dir::from(temp.open());
        for _ in 0..6000 {
            dir.create_dir("d".as_ref(), 0o755).unwrap();
            dir = dir.dir("d".as_ref()).unwrap();
        }
        dir.create_file("file".as_ref(), 0o644).unwrap();
        // Held open, the innermost keeps all dentries in memory, and each rmdir walks those below.
        drop(dir);
        assert_eq!(remove(&temp, "d").unwrap().len(), 6001);
    }

    #[test]
    fn an_owner_without_privileges_deletes_a_tree_of_mode_000() {
        needs_root!();
        let temp = TempDir::new();
        fs::create_dir_all(temp.path().join("mine/tree/sub/sub")).unwrap();
        fs::write(temp.path().join("mine/tree/sub/file"), "").unwrap();
        for path in ["mine/tree/sub/file", "mine/tree/sub/sub", "mine/tree/sub", "mine/tree", "mine"] {
            let path = temp.path().join(path);
            fs::set_permissions(
                &path,
                Permissions::from_mode(if path.ends_with("mine") { 0o700 } else { 0 }),
            )
            .unwrap();
            std::os::unix::fs::chown(&path, Some(65534), Some(65534)).unwrap();
        }
        let mine = Dir::from(OwnedFd::from(fs::File::open(temp.path().join("mine")).unwrap()));
        // The identity of this thread alone.
        let thread = std::thread::spawn(move || {
            let nobody = rustix::process::Uid::from_raw(65534);
            rustix::thread::set_thread_res_uid(nobody, nobody, nobody).unwrap();
            assert!(mine.dir("tree".as_ref()).is_err(), "still privileged");
            mine.remove_all("tree".as_ref(), &mut |_| {})
        });
        thread.join().unwrap().unwrap();
        assert!(!temp.path().join("mine/tree").exists());
    }

    #[test]
    fn stops_at_mounts_of_the_same_device_and_of_others() {
        in_mount_namespace(|| {
            for (target, name) in
                [("dir", "tree/a/dir"), ("dir", "tree"), ("file", "tree/file"), ("/proc", "tree/a/dir")]
            {
                let temp = TempDir::new();
                let at = |path: &str| temp.path().join(path);
                fs::create_dir_all(at("tree/a/dir")).unwrap();
                fs::create_dir(at("dir")).unwrap();
                fs::write(at("tree/file"), "").unwrap();
                fs::write(at("dir/canary"), "").unwrap();
                fs::write(at("file"), "").unwrap();
                rustix::mount::mount_bind(at(target), at(name)).unwrap();
                let error = remove(&temp, "tree").unwrap_err().to_string();
                assert_eq!(error, format!("'{name}': something is mounted there"));
                assert!(at("dir/canary").exists() && at("file").exists());
                rustix::mount::unmount(at(name), rustix::mount::UnmountFlags::DETACH).unwrap();
                remove(&temp, "tree").unwrap();
            }
        });
    }

    #[test]
    fn clears_immutable_and_append_only_flags() {
        needs_root!();
        let temp = TempDir::new();
        fs::create_dir_all(temp.path().join("tree/sub")).unwrap();
        fs::write(temp.path().join("tree/sub/file"), "").unwrap();
        for (path, flag) in
            [("tree/sub/file", IFlags::IMMUTABLE), ("tree/sub", IFlags::APPEND), ("tree", IFlags::IMMUTABLE)]
        {
            let file = fs::File::open(temp.path().join(path)).unwrap();
            let flags = rustix::fs::ioctl_getflags(&file).unwrap();
            rustix::fs::ioctl_setflags(&file, flags | flag).unwrap();
        }
        assert!(fs::remove_file(temp.path().join("tree/sub/file")).is_err());
        assert_eq!(remove(&temp, "tree").unwrap().len(), 3);
    }

    /// Each directory, already known as one, turns into a link before it is entered.
    #[test]
    fn follows_no_link_that_takes_the_place_of_a_directory() {
        let temp = TempDir::new();
        let at = |path: &str| temp.path().join(path);
        fs::create_dir(at("kept")).unwrap();
        fs::write(at("kept/canary"), "").unwrap();
        for sub in ["tree/a", "tree/b"] {
            fs::create_dir_all(at(sub)).unwrap();
            fs::write(at(sub).join("file"), "").unwrap();
        }
        let mut swapped = false;
        let swap = &mut |path: &Path| {
            let other = if path.starts_with("tree/a") { "tree/b" } else { "tree/a" };
            if path.ends_with("file") {
                fs::remove_dir_all(at(other)).unwrap();
                symlink(at("kept"), at(other)).unwrap();
                swapped = true;
            }
        };
        Dir::from(temp.open()).remove_all("tree".as_ref(), swap).unwrap();
        assert!(swapped && at("kept/canary").exists() && !at("tree").exists());
    }

    /// Too deep for its parents to be open still, a tree is moved next to what must not be deleted.
    #[test]
    fn goes_up_to_no_other_parent() {
        let temp = TempDir::new();
        let at = |path: &str| temp.path().join(path);
        fs::create_dir_all(at("kept/d")).unwrap();
        fs::create_dir_all(at("tree").join("d/".repeat(100))).unwrap();
        let mut deepest = true;
        let moving = &mut |_: &Path| {
            if std::mem::take(&mut deepest) {
                fs::rename(at("tree/d/d"), at("kept/moved")).unwrap();
            }
        };
        let error = Dir::from(temp.open()).remove_all("tree".as_ref(), moving).unwrap_err();
        assert!(error.to_string().ends_with("the tree was moved meanwhile"), "{error}");
        assert!(at("kept/d").exists());
    }
}
