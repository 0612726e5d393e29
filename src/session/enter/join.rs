//! A later session goes where the others are, and brings what its user wants to see there on top.

use rustix::fs::{CWD, Mode, OFlags, openat};

use super::live::Live;
use crate::error::{Attempt, Result};
use crate::report::Report;
use crate::rootfs::Rootfs;
use crate::session::mount::{apply, late};
use crate::session::plan::decide::Plan;

/// Moves the calling process to `live`'s place.
pub fn join(live: &Live, plan: &Plan, report: &dyn Report) -> Result<()> {
    let detached = apply::detach(&plan.binds, &live.rootfs()?, live.users())?;
    live.join()?;
    if detached.is_empty() {
        return Ok(());
    }
    let root = openat(CWD, c"/", OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
        .attempt("open the container's root")?;
    let root = Rootfs::new(root);
    late::make(&root, &plan.steps, &plan.binds)?;
    apply::attach(&root, &detached, report)
}
