//! What was mounted for a session is there when its program starts, whatever the kernel made of it: a session without its
//! mounts is refused.

use std::path::{Path, PathBuf};

use rustix::fs::{Stat, fstat};

use crate::error::{Error, Kind, Result};
use crate::rootfs::{Follow, Rootfs};
use crate::session::plan::steps::Step;
use crate::sys::identity::same_file;

/// Where something was mounted, and what is seen there.
#[derive(Debug, Default)]
pub struct Landmarks(Vec<(PathBuf, Stat)>);

impl Landmarks {
    /// Looks at what `steps` have mounted in `root`. What they did without is no landmark.
    pub fn of<'a>(root: &Rootfs, steps: impl IntoIterator<Item = &'a Step>) -> Landmarks {
        let targets = steps.into_iter().filter_map(|step| match step {
            Step::Bind { target, .. } | Step::Mount { target, .. } => Some(target),
            _ => None,
        });
        Landmarks(targets.filter_map(|target| Some((target.clone(), look(root, target)?))).collect())
    }

    /// `System` where one of them is not what it was, seen from `root`.
    pub fn check(&self, root: &Rootfs) -> Result<()> {
        let is_there = |(target, seen): &&(PathBuf, Stat)| {
            look(root, target).is_some_and(|found| same_file(&found, seen))
        };
        let Some((target, _)) = self.0.iter().find(|landmark| !is_there(landmark)) else { return Ok(()) };
        Err(Error::new(
            Kind::System,
            format!("what was mounted on '{}' for the session is not there", target.display()),
        )
        .hint("this kernel lost it: please report it with the output of 'chroot-distro info'"))
    }
}

fn look(root: &Rootfs, target: &Path) -> Option<Stat> {
    fstat(root.open_path(target, Follow::Yes).ok()?).ok()
}
