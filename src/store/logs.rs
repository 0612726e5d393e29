//! What detached sessions print: `logs/<container>.log`, and what came before as `<container>.log.1`. For root's eyes
//! only: programs print secrets.
//!
//! What came before is the run before, or the first part of the same run: a log that is full becomes it. The mode of the
//! file says which. Whoever writes a log holds it locked (flock(2)), so that a reader knows when its end has come.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::{
    AtFlags, FlockOperation, Mode, OFlags, fchmod, flock, fstat, openat, renameat, statat, unlinkat,
};
use rustix::io::Errno;

use super::files;
use super::lock::Lock;
use super::name::Name;
use crate::error::{Attempt, Result};

const MODE: u32 = 0o600;
/// Of a first part, which is written no more.
const FIRST_PART: u32 = 0o400;

/// Bytes of a log that is full.
const FULL: u64 = 10 << 20;

/// Where it is.
pub(super) fn path(directory: &Path, name: &Name) -> PathBuf {
    directory.join(format!("{name}.log"))
}

pub(super) fn previous(directory: &Path, name: &Name) -> PathBuf {
    directory.join(format!("{name}.log.1"))
}

/// Whether what came before is a part of the same run.
pub(super) fn is_first_part(previous: &File) -> bool {
    previous.metadata().is_ok_and(|found| found.permissions().mode() & 0o7777 == FIRST_PART)
}

/// A log, for the one process that writes it.
#[derive(Debug)]
pub struct LogWriter {
    file: File,
    /// Opened once: its owner may be another user, who puts another one in its place.
    directory: OwnedFd,
    name: String,
    previous: String,
    /// Held by whoever begins a log.
    lock: PathBuf,
}

impl LogWriter {
    /// An empty one. What wrote the one before goes on writing there. The caller holds `lock`.
    pub(super) fn create(directory: &Path, name: &Name, lock: PathBuf) -> Result<LogWriter> {
        files::make_dir(directory)?;
        let path = path(directory, name);
        let attempt = format_args!("begin the log '{}'", path.display());
        let (name, previous) = (format!("{name}.log"), format!("{name}.log.1"));
        let directory = files::open_dir(directory).attempt(attempt)?;
        match renameat(&directory, &name, &directory, &previous) {
            Ok(()) | Err(Errno::NOENT) => {}
            Err(error) => return Err(error).attempt(attempt),
        }
        let file = begin(&directory, &name).attempt(attempt)?;
        Ok(LogWriter { file, directory, name, previous, lock })
    }

    /// Appends. What the disk refuses is lost: nothing that a program prints makes it fail or wait.
    pub fn write(&mut self, bytes: &[u8]) {
        if self.file.metadata().is_ok_and(|found| found.len() >= FULL) && self.begin_again().is_err() {
            return;
        }
        let _ = self.file.write_all(bytes);
    }

    /// What it needs open: its file, which changes when a new part begins, and its directory.
    pub fn descriptors(&self) -> [BorrowedFd<'_>; 2] {
        [self.file.as_fd(), self.directory.as_fd()]
    }

    /// A full log becomes the first part. One that another run has taken the place of begins at its start again.
    fn begin_again(&mut self) -> io::Result<()> {
        // Who holds it begins a run just now, and this log has no name any more then.
        let begins = Lock::held_now(&self.lock);
        if begins.is_none() || !self.has_its_name() {
            return self.file.set_len(0);
        }
        fchmod(&self.file, Mode::from_raw_mode(FIRST_PART))?;
        // Not by the rename: ext4 writes a file to disk at once that takes another's name (auto_da_alloc, ext4(5)).
        match unlinkat(&self.directory, &self.previous, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => {}
            Err(error) => return Err(error.into()),
        }
        renameat(&self.directory, &self.name, &self.directory, &self.previous)?;
        self.file = begin(&self.directory, &self.name)?;
        Ok(())
    }

    fn has_its_name(&self) -> bool {
        match (statat(&self.directory, &self.name, AtFlags::SYMLINK_NOFOLLOW), fstat(&self.file)) {
            (Ok(there), Ok(here)) => (there.st_dev, there.st_ino) == (here.st_dev, here.st_ino),
            _ => false,
        }
    }
}

fn begin(directory: &OwnedFd, name: &str) -> io::Result<File> {
    let flags = OFlags::WRONLY | OFlags::APPEND | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
    let file = File::from(openat(directory, name, flags, Mode::from_raw_mode(MODE))?);
    // A reader that asks whether it is written has it for a moment.
    flock(&file, FlockOperation::LockExclusive)?;
    Ok(file)
}

/// Gives both, as far as they are there, to a container of another name.
pub(super) fn rename(directory: &Path, old: &Name, new: &Name) -> Result<()> {
    for of in [path, previous] {
        let (from, to) = (of(directory, old), of(directory, new));
        match fs::rename(&from, &to) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            renamed => renamed.attempt(format_args!("rename '{}'", from.display()))?,
        }
    }
    Ok(())
}

/// Deletes both.
pub(super) fn remove(directory: &Path, name: &Name) -> Result<()> {
    files::remove(&path(directory, name))?;
    files::remove(&previous(directory, name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::tests::Scene;

    fn scene() -> (Scene, Name) {
        let scene = Scene::new();
        fs::write(scene.root().join("lock"), "").unwrap();
        (scene, Name::parse("a").unwrap())
    }

    fn create(scene: &Scene, name: &Name) -> LogWriter {
        LogWriter::create(scene.root(), name, scene.root().join("lock")).unwrap()
    }

    #[test]
    fn a_new_one_leaves_the_last_one_beside_it() {
        let (scene, name) = scene();
        for text in ["one", "two", "three"] {
            create(&scene, &name).write(text.as_bytes());
        }
        let (now, before) = (path(scene.root(), &name), previous(scene.root(), &name));
        assert_eq!(fs::read_to_string(&now).unwrap(), "three");
        assert_eq!(fs::read_to_string(&before).unwrap(), "two");
        assert_eq!(fs::metadata(&now).unwrap().permissions().mode() & 0o777, MODE);
        assert!(!is_first_part(&File::open(&before).unwrap()));
        remove(scene.root(), &name).unwrap();
        remove(scene.root(), &name).unwrap();
        assert_eq!(files::names(scene.root()).unwrap(), ["lock"]);
    }

    #[test]
    fn a_full_one_becomes_the_first_part() {
        let (scene, name) = scene();
        let (now, before) = (path(scene.root(), &name), previous(scene.root(), &name));
        let size = |path: &Path| fs::metadata(path).unwrap().len();
        let mut log = create(&scene, &name);
        let chunk = vec![b'x'; 1 << 20];
        (0..10).for_each(|_| log.write(&chunk));
        assert!(!before.exists());
        log.write(b"next");
        assert_eq!((size(&before), size(&now)), (FULL, 4));
        assert!(is_first_part(&File::open(&before).unwrap()));
        // Another run begins: this one keeps to its own file, and that does not grow without end.
        let _other = create(&scene, &name);
        assert!(!is_first_part(&File::open(&before).unwrap()));
        (0..25).for_each(|_| log.write(&chunk));
        assert_eq!((size(&before) <= FULL + 4, size(&now)), (true, 0));
        remove(scene.root(), &name).unwrap();
        log.write(&chunk);
        assert!(!now.exists());
    }

    #[test]
    fn while_another_run_begins_no_log_is_renamed() {
        let (scene, name) = scene();
        let mut log = create(&scene, &name);
        log.write(&vec![b'x'; FULL as usize]);
        let held = Lock::held_now(&scene.root().join("lock")).unwrap();
        log.write(b"next");
        assert!(!previous(scene.root(), &name).exists());
        assert_eq!(fs::read(path(scene.root(), &name)).unwrap(), b"next");
        drop(held);
    }
}
