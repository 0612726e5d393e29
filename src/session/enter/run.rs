//! A session on a root that no store knows: a build's RUN. No locks, no records, nobody joins it.
//!
//! # Side by side
//!
//! Everything happens in a process that is forked here, so the caller's namespaces, root and signals stay what they are.
//! A fork is right only while the caller has one thread: a lock that another one holds would stay locked in the child
//! for ever. So whoever wants several sessions at once (the stages of a build) forks a process for each of them first,
//! before it starts any thread, and each calls [`run`] by itself.

use rustix::fs::Mode as FileMode;
use rustix::process::{Signal, getppid, set_parent_process_death_signal, umask};

use super::channel::{self, Speaker};
use super::ended::Ended;
use super::holder::Holder;
use super::live::Live;
use super::make::{first_process, make};
use super::outside::Outside;
use super::program::{self, Launch};
use super::streams::{Stdio, Streams};
use crate::error::{Attempt, Error, Kind, Result};
use crate::report::Report;
use crate::rootfs::Rootfs;
use crate::running::end_in;
use crate::session::confine::shield::is_shielded;
use crate::session::draft::Draft;
use crate::session::mount::apply::{missing_mount_points, remove_mount_points};
use crate::session::mount::root::switch_root;
use crate::session::plan::decide::Plan;
use crate::session::request::Mode;
use crate::sys::namespace::NamespaceTypes;
use crate::sys::process::{Fork, fork, wait};

/// Runs what `draft` plans in `root` and waits for its end. With a PID namespace all that it started has ended then too.
/// It ends with the calling process. Only while single-threaded, and for an isolated session only in a process that
/// [`shield`](crate::session::confine::shield::shield) has executed again.
///
/// An error exits with 126 or 127 when the program cannot be executed or found.
pub fn run(root: &Rootfs, draft: Draft<'_>, stdio: Stdio, report: &dyn Report) -> Result<Ended> {
    if draft.request.is_isolated() && !is_shielded()? {
        return Err(Error::new(Kind::Denied, "an isolated guest could write to this program's own file"));
    }
    if draft.request.mode != Mode::Build {
        return in_a_child(root, draft, stdio, report).map(|(ended, _)| ended);
    }
    // What it leaves behind is a layer of an image.
    let plan = draft.plan()?;
    let made = missing_mount_points(root, plan.steps.iter().chain(&plan.binds));
    let ended = in_a_child(root, draft, stdio, report);
    if !matches!(ended, Ok((_, true))) {
        end_in(root)?;
    }
    remove_mount_points(root, &made)?;
    ended.map(|(ended, _)| ended)
}

/// How it ended, and whether all that it started has ended with it.
fn in_a_child(root: &Rootfs, draft: Draft<'_>, stdio: Stdio, report: &dyn Report) -> Result<(Ended, bool)> {
    let attempt = "start the session's process";
    let (listener, speaker) = channel::pair()?;
    let caller = rustix::process::getpid();
    match fork().attempt(attempt)? {
        Fork::Child => {
            drop(listener);
            let kept = set_parent_process_death_signal(Some(Signal::KILL)).attempt(attempt);
            let code = match kept {
                Ok(()) if getppid() == Some(caller) => inside(root, draft, stdio, speaker, report),
                // Nobody waits any more.
                _ => 1,
            };
            std::process::exit(code.into())
        }
        Fork::Parent(child) => {
            drop((stdio, speaker));
            let told = listener.ended();
            let status = wait(child).attempt("wait for the session")?;
            // Who told has waited in a PID namespace's stead.
            Ok(told?.map_or((Ended::of(status), false), |ended| (ended, true)))
        }
    }
}

/// The forked process's life: it becomes the program or waits for it. Its exit code.
fn inside(root: &Rootfs, draft: Draft<'_>, stdio: Stdio, speaker: Speaker, report: &dyn Report) -> u8 {
    match arrive(root, draft, report) {
        Ok(Arrived::Inside(plan, to_parent)) => {
            let below = to_parent.is_some();
            let (streams, speaker) = (Streams::Given(stdio), to_parent.or(Some(speaker)));
            let launch = Launch { streams, speaker, stood_for: true, below };
            program::execute(&plan, launch, report).unwrap_or_else(|error| error.exit_code())
        }
        Ok(Arrived::Ended(ended)) => {
            speaker.ended(ended);
            ended.code()
        }
        Err(error) => speaker.failed(&error),
    }
}

/// What came of going there.
enum Arrived {
    /// This is the process that becomes the program, or forks it and speaks to its parent first.
    Inside(Box<Plan>, Option<Speaker>),
    /// Another one did, and has ended.
    Ended(Ended),
}

fn arrive(root: &Rootfs, mut draft: Draft<'_>, report: &dyn Report) -> Result<Arrived> {
    umask(FileMode::from_raw_mode(0o022));
    let mut plan = draft.plan()?;
    if plan.namespaces.pid {
        if let Some((holder, live)) = first_process(root, &plan, &mut draft, None, report)? {
            return below(holder, &live, plan);
        }
        draft.learn(NamespaceTypes::NEWPID);
        plan = draft.plan()?;
    }
    let (plan, landmarks) = make(root, plan, &mut draft, None, report)?;
    switch_root(plan.isolated, &landmarks)?;
    Ok(Arrived::Inside(plan.into(), None))
}

/// Below PID 1: in a child, for which this process waits.
fn below(holder: Holder, live: &Live, plan: Plan) -> Result<Arrived> {
    let (listener, speaker) = channel::pair()?;
    let Fork::Parent(child) = fork().attempt("start the session's process")? else {
        live.join()?;
        return Ok(Arrived::Inside(plan.into(), Some(speaker)));
    };
    drop(speaker);
    let outside = Outside { child, listener, below: true };
    let ended = outside.begun(&mut |_| Ok(())).and_then(|begun| {
        let status = wait(begun.child).attempt("wait for the session")?;
        outside.listener.started().map(|()| Ended::of(status))
    });
    holder.end();
    ended.map(Arrived::Ended)
}

#[cfg(test)]
mod tests;
