//! A container's lock: flock(2) on `locks/<name>.lock`, the Python tool's own, so that each respects the other.
//!
//! The kernel releases it when the holder ends, however it ends. The file holds `PID command`, for messages
//! only. Who cannot have a lock in time is told who holds it.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use rustix::process::geteuid;

use super::files;
use crate::error::{Attempt, Error, Kind, Result};

/// After which time somebody who waits is told what for, and how often the lock is tried until then.
const LONG: Duration = Duration::from_secs(1);
const PAUSE: Duration = Duration::from_millis(2);
const LONG_PAUSE: Duration = Duration::from_millis(50);
/// The mode of a lock.
const OWN: u32 = 0o600;

/// A held lock. Not inherited by programs that are executed (`O_CLOEXEC`).
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

/// Whether others may hold it too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LockMode {
    /// Sessions being set up.
    Shared,
    /// Whoever makes, changes or deletes the container.
    Exclusive,
}

impl Lock {
    /// Takes the lock at `path` for `command`, trying for `patience`; `Busy` names the holder.
    pub(super) fn take(path: &Path, mode: LockMode, command: &str, patience: Duration) -> Result<Lock> {
        let operation = match mode {
            LockMode::Shared => FlockOperation::NonBlockingLockShared,
            LockMode::Exclusive => FlockOperation::NonBlockingLockExclusive,
        };
        let deadline = Instant::now() + patience;
        if let Some(parent) = path.parent() {
            files::make_dir(parent)?;
        }
        loop {
            let mut file = open(path)?;
            match flock(&file, operation) {
                Ok(()) if names(path, &file) => {
                    sign(&mut file, command);
                    return Ok(Lock { _file: file });
                }
                // The Python tool unlinks a removed container's lock: ours was the old file.
                Ok(()) | Err(Errno::INTR) => continue,
                Err(Errno::AGAIN) if Instant::now() < deadline => thread::sleep(LONG_PAUSE),
                Err(Errno::AGAIN) => return Err(busy(holder(&mut file))),
                Err(error) => return Err(error).attempt(format_args!("lock '{}'", path.display())),
            }
        }
    }

    /// Takes the lock at `path` exclusively, unsigned, however long that takes: its holders are quick. Says so by
    /// `long` when one is not, stopped or stuck perhaps. The file stays.
    pub(super) fn wait(path: &Path, long: &dyn Fn()) -> Result<Lock> {
        let operations = [FlockOperation::NonBlockingLockExclusive, FlockOperation::LockExclusive];
        Lock::wait_for(path, operations, long)
    }

    /// Takes the lock at `path` exclusively for `command`, as [`Lock::wait`], but only for `patience`; `Busy` names the
    /// holder.
    pub(super) fn wait_signed(
        path: &Path,
        command: &str,
        patience: Duration,
        long: &dyn Fn(),
    ) -> Result<Lock> {
        let begun = Instant::now();
        let mut told = false;
        let mut file = open_private(path)?;
        loop {
            match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => {
                    sign(&mut file, command);
                    return Ok(Lock { _file: file });
                }
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) if begun.elapsed() > patience => return Err(busy(holder(&mut file))),
                Err(Errno::AGAIN) => {
                    if begun.elapsed() > LONG && !std::mem::replace(&mut told, true) {
                        long();
                    }
                    thread::sleep(if told { LONG_PAUSE } else { PAUSE });
                }
                Err(error) => return Err(error).attempt(format_args!("lock '{}'", path.display())),
            }
        }
    }

    /// The same as [`Lock::wait`] for a lock that others may hold beside.
    pub(super) fn wait_shared(path: &Path, long: &dyn Fn()) -> Result<Lock> {
        Lock::wait_for(path, [FlockOperation::NonBlockingLockShared, FlockOperation::LockShared], long)
    }

    /// The lock at `path`, exclusively, if nobody has it.
    pub(super) fn alone_now(path: &Path) -> Result<Option<Lock>> {
        let attempt = format_args!("lock '{}'", path.display());
        let file = open_private(path)?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Err(Errno::AGAIN) => Ok(None),
            locked => locked.attempt(attempt).map(|()| Some(Lock { _file: file })),
        }
    }

    fn wait_for(path: &Path, [now, later]: [FlockOperation; 2], long: &dyn Fn()) -> Result<Lock> {
        let attempt = format_args!("lock '{}'", path.display());
        let file = open_private(path)?;
        let mut operation = now;
        let deadline = Instant::now() + LONG;
        loop {
            match flock(&file, operation) {
                Ok(()) => return Ok(Lock { _file: file }),
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) if Instant::now() < deadline => thread::sleep(PAUSE),
                Err(Errno::AGAIN) => {
                    long();
                    operation = later;
                }
                Err(error) => return Err(error).attempt(attempt),
            }
        }
    }

    /// The lock at `path`, if it is there and nobody has it.
    pub(super) fn held_now(path: &Path) -> Option<Lock> {
        let file = files::open(path, OpenOptions::new().write(true)).ok()?;
        flock(&file, FlockOperation::NonBlockingLockExclusive).ok()?;
        Some(Lock { _file: file })
    }

    /// Who holds the lock at `path` exclusively: `PID command`, empty when they did not sign.
    pub(super) fn holder(path: &Path) -> Option<String> {
        let mut file = files::open_read(path).ok()?;
        let free = flock(&file, FlockOperation::NonBlockingLockShared);
        (free == Err(Errno::AGAIN)).then(|| holder(&mut file))
    }
}

fn open_private(path: &Path) -> Result<File> {
    if let Some(parent) = path.parent() {
        files::make_dir(parent)?;
    }
    open(path)
}

/// Whoever may open it, for reading too, could hold it for ever: so nobody else may, also where the Python tool made it.
fn open(path: &Path) -> Result<File> {
    let attempt = format_args!("open the lock '{}'", path.display());
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(OWN);
    let file = files::open(path, &mut options).attempt(attempt)?;
    let metadata = file.metadata().attempt(attempt)?;
    if metadata.nlink() > 1 {
        let many = std::io::Error::other("the file has another name too, and is not ours to write");
        return Err(many).attempt(attempt);
    }
    if metadata.mode() & 0o777 != OWN && metadata.uid() == geteuid().as_raw() {
        file.set_permissions(Permissions::from_mode(OWN)).attempt(attempt)?;
    }
    Ok(file)
}

/// Whether `path` still names this open file.
pub(super) fn names(path: &Path, file: &File) -> bool {
    match (fs::metadata(path), file.metadata()) {
        (Ok(there), Ok(here)) => (there.dev(), there.ino()) == (here.dev(), here.ino()),
        _ => false,
    }
}

/// Signing is for messages: a full disk must not refuse the lock.
fn sign(file: &mut File, command: &str) {
    let _ = file.set_len(0);
    let _ = writeln!(file, "{} {command}", std::process::id());
}

fn holder(file: &mut File) -> String {
    let mut text = String::new();
    let _ = file.rewind();
    let _ = file.take(200).read_to_string(&mut text);
    text.trim().to_owned()
}

fn busy(holder: String) -> Error {
    let by = match holder.split_once(' ') {
        Some((pid, command)) => format!("another chroot-distro ({command}, PID {pid}) is working on it"),
        None => "another chroot-distro is working on it".to_owned(),
    };
    Error::new(Kind::Busy, by).hint("wait until it has finished, then try again")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::tests::Scene;

    #[test]
    fn whoever_only_reads_cannot_hold_one() {
        let scene = Scene::new();
        for name in ["a.lock", ".lists.lock"] {
            let path = scene.root().join("locks").join(name);
            files::make_dir(path.parent().unwrap()).unwrap();
            // As the Python tool leaves it.
            fs::write(&path, "").unwrap();
            fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
            let taken = match name {
                "a.lock" => Lock::take(&path, LockMode::Exclusive, "install", Duration::ZERO),
                _ => Lock::wait(&path, &|| ()),
            };
            assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, OWN, "{name}");
            drop(taken.unwrap());
        }
    }

    #[test]
    fn excludes_names_its_holder_and_survives_an_unlinked_file() {
        let scene = Scene::new();
        let path = scene.root().join("locks/a.lock");
        let take = |mode| Lock::take(&path, mode, "install", Duration::ZERO);
        let shared = take(LockMode::Shared).unwrap();
        let shared_too = take(LockMode::Shared).unwrap();
        assert_eq!(Lock::holder(&path), None);
        assert_eq!(take(LockMode::Exclusive).unwrap_err().kind(), Kind::Busy);
        drop((shared, shared_too));
        let exclusive = take(LockMode::Exclusive).unwrap();
        let holder = format!("{} install", std::process::id());
        assert_eq!(Lock::holder(&path), Some(holder));
        let error = take(LockMode::Shared).unwrap_err();
        assert!(error.to_string().contains("install, PID"), "{error}");
        fs::remove_file(&path).unwrap();
        let other = take(LockMode::Exclusive).unwrap();
        drop(exclusive);
        assert_eq!(take(LockMode::Exclusive).unwrap_err().kind(), Kind::Busy);
        drop(other);
    }

    #[test]
    fn who_waits_is_told_and_gives_up_in_time() {
        let scene = Scene::new();
        let path = scene.root().join("locks/a.lock");
        let take = |patience| Lock::wait_signed(&path, "login", patience, &|| ());
        let held = take(Duration::ZERO).unwrap();
        let error = take(Duration::from_millis(5)).unwrap_err();
        assert_eq!(error.kind(), Kind::Busy);
        assert!(error.to_string().contains(&format!("login, PID {}", std::process::id())), "{error}");
        drop(held);
        take(Duration::ZERO).unwrap();
    }
}
