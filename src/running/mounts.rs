//! Mounts below a container's directory: our own namespace's are undone, anyone else's are a reason to refuse.
//! Never a lazy unmount: what is busy is in use.

use std::fs::File;
use std::path::Path;

use rustix::io::Errno;
use rustix::mount::{MountPropagationFlags, UnmountFlags, mount_change, unmount};

use crate::error::{Attempt, Error, Kind, Result};
use crate::rootfs::Rootfs;
use crate::rootfs::mounts::Mount;

/// More mounts on one place than anybody has.
const ROUNDS: usize = 64;

/// Unmounts what is mounted below `directory` in our namespace, the newest first: the Python tool leaves such
/// mounts in the host's table. `directory` is free of links.
///
/// A bind of the host's `/dev`, say, may be its peer (mount_namespaces(7)): what is unmounted on the one goes from the
/// other. So each is made private before anything on it is unmounted.
pub(super) fn undo(directory: &Path) -> Result<()> {
    // Once more for what another one covered; bounded, should somebody go on mounting.
    for _ in 0..ROUNDS {
        let ours: Vec<Mount> = below(directory)?.into_iter().filter(|mount| mount.pid == 0).collect();
        if ours.is_empty() {
            break;
        }
        for mount in &ours {
            match mount_change(&mount.point, MountPropagationFlags::PRIVATE | MountPropagationFlags::REC) {
                Err(Errno::INVAL | Errno::NOENT) => {}
                changed => {
                    changed.attempt(format_args!("make the mount '{}' private", mount.point.display()))?
                }
            }
        }
        let mut covered: Vec<&Path> = Vec::new();
        for mount in ours.iter().rev() {
            // The next of several on one place is for the next round.
            if covered.contains(&&*mount.point) {
                continue;
            }
            covered.push(&mount.point);
            match unmount(&mount.point, UnmountFlags::NOFOLLOW) {
                // The Python tool, whose last session has ended, is at it too.
                Err(Errno::INVAL | Errno::NOENT) => {}
                // What is on a covered one is for the next round.
                Err(Errno::BUSY) if has_covered(&ours) => {}
                unmounted => unmounted
                    .attempt(format_args!("unmount '{}'", mount.point.display()))
                    .map_err(|error| error.hint("a process on the host may use it: see 'fuser -m'"))?,
            }
        }
    }
    Ok(())
}

/// Whether one of the mounts lies on another one's place.
fn has_covered(mounts: &[Mount]) -> bool {
    mounts
        .iter()
        .enumerate()
        .any(|(at, mount)| mounts.iter().skip(at + 1).any(|next| next.point == mount.point))
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
    Err(Error::new(Kind::Busy, format_args!("something is still mounted on '{}'{whose}", point.display()))
        .hint("unmount it there, or end that process, then try again"))
}

fn below(directory: &Path) -> Result<Vec<Mount>> {
    File::open(directory)
        .and_then(|file| Rootfs::new(file.into()).mounts_below())
        .attempt(format_args!("find what is mounted below '{}'", directory.display()))
}
