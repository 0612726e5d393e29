//! A session in its container's cgroup: by it all that a guest starts is found again, and what is limited there holds for
//! all of it.

use super::live::Live;
use crate::cgroup::{self, Base, Mark};
use crate::error::{Attempt, Error, Result};
use crate::report::Report;
use crate::rootfs::Rootfs;
use crate::session::draft::Draft;
use crate::session::plan::decide::Plan;

/// Moves the calling process into a cgroup of its guest's, where this machine has one to offer, and sets the plan's limits.
/// While the host's are seen, and before there is a cgroup namespace, whose root it then is. A limit that was asked for and
/// cannot be had is an error, one that nobody asked for a warning.
pub fn enter(root: &Rootfs, draft: &Draft<'_>, plan: &Plan, report: &dyn Report) -> Result<()> {
    let (mark, base) = place(root, draft)?;
    let missing = cgroup::limit(&mark, base, plan.limits);
    cgroup::enter(&mark, base);
    let asked = draft.request.limits;
    let is_asked = |controller: &&&str| match **controller {
        "memory" => asked.memory.is_some(),
        "cpu" => asked.cpus.is_some(),
        _ => asked.pids.is_some(),
    };
    match missing.iter().find(|controller| draft.request.strict || is_asked(controller)) {
        Some(controller) => Err(refusal(controller)),
        None => {
            missing.iter().for_each(|controller| report.warn(&refusal(controller).to_string()));
            Ok(())
        }
    }
}

/// The same beside `live`. `first`: that one has set this session's limits already; else this one changes those that it
/// asks for.
pub fn join(root: &Rootfs, draft: &Draft<'_>, live: &Live, first: bool) -> Result<()> {
    let (mark, base) = place(root, draft)?;
    cgroup::follow(&mark, live.pid());
    let missing = if first { Vec::new() } else { cgroup::limit(&mark, base, draft.request.limits) };
    cgroup::enter(&mark, base);
    missing.first().map_or(Ok(()), |controller| Err(refusal(controller)))
}

fn place(root: &Rootfs, draft: &Draft<'_>) -> Result<(Mark, Base)> {
    // Android ends what is in an app's, and waits until that is empty.
    let base = if draft.host.is_android() { Base::Top } else { Base::Own };
    Ok((Mark::of(root).attempt(|| "look at the container's root")?, base))
}

fn refusal(controller: &str) -> Error {
    let what = match controller {
        "pids" => "number of processes",
        "cpu" => "CPU time",
        other => other,
    };
    let why = format!(
        "the {what} cannot be limited: there is no cgroup with the controller '{controller}' to be had"
    );
    Error::unsupported(why).hint("'chroot-distro help isolation' says what limits need")
}
