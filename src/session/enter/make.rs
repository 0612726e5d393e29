//! A root becomes a session's surroundings: namespaces of its own, and the plan's mounts in them. Knows no container.

use std::os::unix::ffi::OsStrExt;

use rustix::system::sethostname;

use super::holder::Holder;
use super::limits;
use super::live::Live;
use crate::error::{Attempt, Error, Kind, Result};
use crate::guest::ldconfig;
use crate::report::Report;
use crate::rootfs::Rootfs;
use crate::session::draft::Draft;
use crate::session::mount::landmarks::Landmarks;
use crate::session::mount::{apply, root};
use crate::session::plan::decide::Plan;
use crate::session::users::Users;
use crate::sys::namespace::NamespaceTypes;
use crate::sys::network::loopback_up;

/// Moves the calling process into namespaces of its own, but for a PID namespace, and makes the mounts there. The
/// working directory is then what [`root::switch_root`] makes the root. What the kernel refuses is learnt. Returns
/// the plan as it was carried out, and what must be seen from the new root.
pub fn make(
    root: &Rootfs,
    mut plan: Plan,
    draft: &mut Draft<'_>,
    users: Option<&Users>,
    report: &dyn Report,
) -> Result<(Plan, Landmarks)> {
    limits::enter(root, draft, &plan, report)?;
    apply::make_mount_points(root, plan.steps.iter().chain(&plan.binds))?;
    let mut types = plan.namespaces.types().difference(NamespaceTypes::NEWPID);
    if let Some(users) = users
        && users.join_network()?
    {
        types = types.difference(NamespaceTypes::NEWNET);
    }
    let mapped = users.and_then(|users| users.root.as_ref());
    let (root, refused) = root::unshare_root(root, types, plan.isolated, mapped)?;
    if !refused.is_empty() {
        draft.learn(refused);
        plan = draft.plan()?;
    }
    furnish(&root, &plan, draft, users, report)?;
    let landmarks = Landmarks::of(&root, plan.steps.iter().chain(&plan.binds));
    Ok((plan, landmarks))
}

/// What an isolated session is told where it shares the host's processes.
pub const NO_BOUNDARY: &str =
    ", and its isolation is not a boundary: root in the container can signal every process of this machine";

/// In the namespaces that `plan` is for.
fn furnish(
    root: &Rootfs,
    plan: &Plan,
    draft: &Draft<'_>,
    users: Option<&Users>,
    report: &dyn Report,
) -> Result<()> {
    if !plan.missing.is_empty() {
        let missing = plan.missing.join(", ");
        let so = if plan.isolated && !plan.namespaces.pid { NO_BOUNDARY } else { "" };
        report.warn(&format!("this kernel has no {missing}: the session goes without{so}"));
    }
    if let Some(emulator) = &draft.facts.machine.emulator {
        // A registration that is there already may be by a file that root inside could write.
        emulator.register(draft.host, plan.isolated)?;
    }
    apply::run(root, plan.steps.iter().chain(&plan.binds), users, report)?;
    if let Some(program) = &plan.ldconfig
        && let Err(error) = ldconfig::run(program, root)
    {
        report.warn(&error.to_string());
    }
    if plan.namespaces.net {
        loopback_up().attempt("bring the loopback interface up")?;
    }
    match &plan.hostname {
        Some(name) => {
            sethostname(name.as_bytes()).attempt(format_args!("set the hostname '{}'", name.display()))
        }
        None => Ok(()),
    }
}

/// Starts PID 1, which makes the mounts; none where the kernel refuses a PID namespace. Only while single-threaded.
pub fn first_process(
    root: &Rootfs,
    plan: &Plan,
    draft: &mut Draft<'_>,
    users: Option<&Users>,
    report: &dyn Report,
) -> Result<Option<(Holder, Live)>> {
    let holder = Holder::start(plan.confinement, users, || {
        let (_, landmarks) = make(root, plan.clone(), draft, users, report)?;
        root::switch_root(plan.isolated, &landmarks)
    })?;
    let Some(holder) = holder else { return Ok(None) };
    match Live::of(holder.pid, root, plan.users)? {
        Some(live) => Ok(Some((holder, live))),
        None => Err(Error::new(Kind::System, "the container's first process has ended at once")),
    }
}
