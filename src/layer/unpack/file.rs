//! Makes one regular file, with everything that belongs to it.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use super::clone::{clone, share};
use crate::error::{Attempt, Error, Result};
use crate::layer::content::Content;
use crate::layer::entry::Entry;
use crate::rootfs::{self, Dir, Metadata};

/// A file that is to be made, with all of its contents.
pub(super) struct Job {
    pub(super) dir: Arc<Dir>,
    /// Names it in [`super::fresh::Fresh`].
    pub(super) place: u64,
    /// Its turn among the jobs, in the archive's order.
    pub(super) turn: u64,
    pub(super) entry: Entry,
    pub(super) content: Vec<u8>,
}

/// How a job ended.
pub(super) enum Outcome {
    Done(Done),
    /// Something stands there, and was left alone.
    Occupied(Job),
}

/// A job that made its file, or failed to.
pub(super) struct Done {
    pub(super) place: u64,
    pub(super) entry: Entry,
    pub(super) result: Result<Option<Refused>>,
}

/// An extended attribute that the filesystem did not take.
pub(super) struct Refused {
    pub(super) key: String,
    pub(super) error: io::Error,
}

impl Job {
    /// Makes the file and lets go of the directory, in this order.
    pub(super) fn run(self) -> Outcome {
        let (_, leaf) = self.entry.name.split().unwrap_or_default();
        let result = match create(&self.dir, OsStr::from_bytes(leaf), &self.entry) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Outcome::Occupied(self),
            Err(error) => Err(Error::io("create it", error)),
            Ok(file) => write(&file, &self.content, 0).and_then(|()| describe(&file, &self.entry)),
        };
        let Job { place, entry, .. } = self;
        Outcome::Done(Done { place, entry, result })
    }
}

impl Outcome {
    pub(super) fn place(&self) -> u64 {
        match self {
            Outcome::Done(done) => done.place,
            Outcome::Occupied(job) => job.place,
        }
    }
}

pub(super) fn create(dir: &Dir, leaf: &OsStr, entry: &Entry) -> io::Result<File> {
    dir.create_file(leaf, entry.mode & 0o777)
}

/// Writes contents as they are read. A run of zeros that fills the buffer becomes a hole: an archive cannot fill
/// the disk with what compressed to nothing.
pub(super) fn fill(file: &File, size: u64, content: &mut dyn Content) -> Result<()> {
    let is_whole = content.is_whole(size);
    if let Some(from) = content.descriptor()
        && (share(from, file, size)? || is_whole && clone(from, file, size)?)
    {
        return Ok(());
    }
    let mut end = 0;
    while let Some((offset, bytes)) = content.chunk()? {
        if bytes.len() >= HOLE && bytes.iter().all(|&byte| byte == 0) {
            continue;
        }
        write(file, bytes, offset)?;
        end = offset + bytes.len() as u64;
    }
    if end < size { file.set_len(size).attempt("write it") } else { Ok(()) }
}

/// The least run of zeros that is worth a hole.
const HOLE: usize = 64 << 10;

fn write(file: &File, bytes: &[u8], offset: u64) -> Result<()> {
    file.write_all_at(bytes, offset).attempt("write it")
}

/// Gives a new file everything but its contents, in the order that nothing undoes.
pub(super) fn describe(file: &File, entry: &Entry) -> Result<Option<Refused>> {
    set_owner_and_mode(file, entry, &stat(file)?)?;
    let refused = set_xattrs(entry, |key, value| rootfs::set_xattr(file, key, value))?;
    rootfs::set_mtime(file, entry.mtime).attempt("set its time")?;
    Ok(refused)
}

pub(super) fn stat(file: impl AsFd) -> Result<Metadata> {
    rustix::fs::fstat(file).map(Metadata::from).attempt("stat it")
}

/// The owner first: chown(2) clears setuid and setgid. What is as it should be costs no call.
pub(super) fn set_owner_and_mode(file: &impl AsFd, entry: &Entry, metadata: &Metadata) -> Result<()> {
    let chown = (metadata.uid, metadata.gid) != (entry.uid, entry.gid);
    if chown {
        rootfs::chown(file, entry.uid, entry.gid).attempt("set its owner")?;
    }
    if metadata.mode != entry.mode || chown && entry.mode & 0o6000 != 0 {
        rootfs::chmod(file, entry.mode).attempt("set its mode")?;
    }
    Ok(())
}

/// After the owner: chown(2) clears `security.capability`. Attributes that a filesystem refuses are no reason to
/// fail, most programs never miss them; the first such is returned.
pub(super) fn set_xattrs(
    entry: &Entry,
    set: impl Fn(&OsStr, &[u8]) -> io::Result<()>,
) -> Result<Option<Refused>> {
    let mut refused = None;
    for (key, value) in entry.kept_xattrs() {
        let Err(error) = set(key, value) else { continue };
        match error.raw_os_error() {
            Some(libc::ENOTSUP | libc::EPERM | libc::EACCES | libc::EINVAL | libc::ENOSYS) => {
                let key = key.to_string_lossy().into_owned();
                refused.get_or_insert(Refused { key, error });
            }
            _ => {
                return Err(Error::io(format_args!("set its extended attribute '{}'", key.display()), error));
            }
        }
    }
    Ok(refused)
}
