//! Room for what a later session brings: mount points in the fresh filesystems of a container that runs already, where
//! the host's side cannot make them. Nothing is made in a directory that the host shares.

use std::os::fd::AsFd;
use std::path::Path;

use rustix::fs::{AtFlags, fstat, statat};

use super::apply::View;
use crate::error::{Attempt, Result};
use crate::rootfs::{Follow, Rootfs};
use crate::session::plan::steps::Step;

/// Makes what `binds` need and is not there yet. `steps` made the container's view, in a session like this one.
pub fn make(root: &Rootfs, steps: &[Step], binds: &[Step]) -> Result<()> {
    let mut view = View::new(root);
    for target in steps.iter().filter_map(fresh_directory) {
        if is_mount(root, target)? {
            view.hold(target)?;
        }
    }
    for step in binds {
        match step {
            Step::Directory { path } | Step::File { path } => {
                let (fresh, below) = view.place(path);
                if !exists(fresh, below) && is_part_of(fresh, below)? {
                    view.take(step)?;
                }
            }
            Step::Mount { target, .. } if is_mount(root, target)? => view.hold(target)?,
            Step::Mount { .. } => view.take(step)?,
            _ => {}
        }
    }
    Ok(())
}

fn fresh_directory(step: &Step) -> Option<&Path> {
    match step {
        Step::Mount { kind: "tmpfs", target, .. } => Some(target),
        _ => None,
    }
}

fn exists(root: &Rootfs, path: &Path) -> bool {
    root.open_path(path, Follow::Yes).is_ok()
}

/// Whether a filesystem of its own is mounted there; not, if nothing is there.
fn is_mount(root: &Rootfs, path: &Path) -> Result<bool> {
    let attempt = format_args!("look at '{}' in the running container", path.display());
    let Ok(found) = root.open_path(path, Follow::Yes) else { return Ok(false) };
    let above = statat(&found, "..", AtFlags::empty()).attempt(attempt)?;
    Ok(fstat(&found).attempt(attempt)?.st_dev != above.st_dev)
}

/// Whether what is there already of `path` is in that filesystem and not in another that is mounted in it.
fn is_part_of(fresh: &Rootfs, path: &Path) -> Result<bool> {
    let attempt = format_args!("look at '{}' in the running container", path.display());
    let own = fstat(fresh.as_fd()).attempt(attempt)?.st_dev;
    match path.ancestors().skip(1).find_map(|above| fresh.open_path(above, Follow::Yes).ok()) {
        Some(above) => Ok(fstat(above.as_fd()).attempt(attempt)?.st_dev == own),
        None => Ok(false),
    }
}
