//! Takes away what lower layers made, and spares what this layer made.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::fresh::Fresh;
use crate::rootfs::walk::{self, Doing, Next, Order, Visit, Visited};
use crate::rootfs::{self, Dir, Metadata, Timestamp};

/// Removes `name` in `dir`, a directory with the place `key`, as far as lower layers made it. Directories that stay
/// keep their times.
pub(super) fn prune(fresh: &Fresh, dir: &Dir, key: u64, name: &OsStr) -> io::Result<()> {
    let key = Fresh::key(key, name.as_bytes());
    if !fresh.contains(key) {
        return remove_if_there(dir, name);
    }
    let kept = match dir.dir(name) {
        Err(error) if is_no_directory(&error) => return Ok(()),
        opened => opened?,
    };
    let mtime = Metadata::from(rustix::fs::fstat(&kept)?).mtime;
    let start = kept.as_fd().try_clone_to_owned()?.into();
    walk::below(start, Order::Sorted, &mut Pruning { fresh, kept: vec![(key, mtime)] })?;
    rootfs::set_mtime(kept.as_fd(), mtime)
}

/// Removes `name`, with all below it if it is a directory.
pub(super) fn remove(dir: &Dir, name: &OsStr) -> io::Result<()> {
    match dir.remove_file(name) {
        // Linux says EISDIR, POSIX EPERM.
        Err(error) if matches!(error.raw_os_error(), Some(libc::EISDIR | libc::EPERM)) => {
            dir.remove_all(name, &mut |_| ())
        }
        done => done,
    }
}

/// Nothing there, or something else: `ENOTDIR` and, of a link, `ELOOP`.
pub(super) fn is_no_directory(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::ENOENT | libc::ENOTDIR | libc::ELOOP))
}

fn remove_if_there(dir: &Dir, name: &OsStr) -> io::Result<()> {
    match remove(dir, name) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        done => done,
    }
}

struct Pruning<'a> {
    fresh: &'a Fresh,
    /// The directories on the way down, which stay: place, and modification time.
    kept: Vec<(u64, Timestamp)>,
}

impl Pruning<'_> {
    /// The place of what this layer made; what it did not make is removed.
    fn kept(&self, at: &Visited<'_>) -> io::Result<Option<u64>> {
        let parent = self.kept.last().map_or(0, |&(key, _)| key);
        let key = Fresh::key(parent, at.leaf.as_bytes());
        if self.fresh.contains(key) {
            return Ok(Some(key));
        }
        remove_if_there(at.dir, at.leaf).map(|()| None)
    }
}

impl Visit for Pruning<'_> {
    type Error = io::Error;

    fn enter(&mut self, at: &Visited<'_>, _opened: &Dir) -> io::Result<Next> {
        match self.kept(at)? {
            Some(key) if !at.mounted => {
                self.kept.push((key, at.metadata.mtime));
                Ok(Next::Into)
            }
            _ => Ok(Next::Over),
        }
    }

    fn other(&mut self, at: &Visited<'_>) -> io::Result<()> {
        self.kept(at).map(drop)
    }

    fn leave(&mut self, left: &Dir) -> io::Result<()> {
        self.kept.pop().map_or(Ok(()), |(_, mtime)| rootfs::set_mtime(left.as_fd(), mtime))
    }

    fn failed(&mut self, doing: Doing, _path: &Path, error: io::Error) -> io::Result<()> {
        let gone = matches!(doing, Doing::Stat | Doing::Open) && is_no_directory(&error);
        if gone { Ok(()) } else { Err(error) }
    }
}
