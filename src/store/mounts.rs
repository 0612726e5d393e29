//! Mounts below a container's directory: our own namespace's are undone, anyone else's are a reason to refuse.
//! Never a lazy unmount: what is busy is in use.

use std::fs::File;
use std::path::Path;

use rustix::io::Errno;
use rustix::mount::{UnmountFlags, unmount};

use crate::error::{Attempt, Error, Kind, Result};
use crate::rootfs::Rootfs;
use crate::rootfs::mounts::Mount;

/// Unmounts what is mounted below `directory` in our namespace, the newest first: the Python tool leaves such
/// mounts in the host's table. `directory` is free of links.
pub(super) fn undo(directory: &Path) -> Result<()> {
    for mount in below(directory)?.iter().rev().filter(|mount| mount.pid == 0) {
        match unmount(&mount.point, UnmountFlags::NOFOLLOW) {
            // The Python tool, whose last session has ended, is at it too.
            Err(Errno::INVAL | Errno::NOENT) => {}
            unmounted => unmounted
                .attempt(|| format!("unmount '{}'", mount.point.display()))
                .map_err(|error| error.hint("a process on the host may use it: see 'fuser -m'"))?,
        }
    }
    Ok(())
}

/// Refuses when any mount namespace on this host has a mount below `directory`: deleting there might delete
/// through it.
pub(super) fn refuse(directory: &Path) -> Result<()> {
    let Some(mount) = below(directory)?.into_iter().next() else { return Ok(()) };
    let point = directory.join(&mount.path);
    let whose = match mount.pid {
        0 => String::new(),
        pid => format!(" for process {pid}"),
    };
    Err(Error::new(Kind::Busy, format!("something is still mounted on '{}'{whose}", point.display()))
        .hint("unmount it there, or end that process, then try again"))
}

fn below(directory: &Path) -> Result<Vec<Mount>> {
    File::open(directory)
        .and_then(|file| Rootfs::new(file.into()).mounts_below())
        .attempt(|| format!("find what is mounted below '{}'", directory.display()))
}
