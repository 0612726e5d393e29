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
use super::make::{first_process, make};
use super::program;
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
    let attempt = || "start the session's process";
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
            let status = wait(child).attempt(|| "wait for the session")?;
            // Who told has waited in a PID namespace's stead.
            Ok(told?.map_or((Ended::of(status), false), |ended| (ended, true)))
        }
    }
}

/// The forked process's life: it becomes the program or waits for it. Its exit code.
fn inside(root: &Rootfs, draft: Draft<'_>, stdio: Stdio, speaker: Speaker, report: &dyn Report) -> u8 {
    let streams = match speaker.try_clone() {
        Ok(speaker) => Streams::Given { stdio, speaker },
        Err(error) => return speaker.failed(&error),
    };
    match arrive(root, draft, report) {
        Ok(Arrived::Inside(plan)) => {
            drop(speaker);
            program::execute(&plan, streams, true, report).unwrap_or_else(|error| error.exit_code())
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
    /// This is the process that becomes the program.
    Inside(Box<Plan>),
    /// Another one did, and has ended.
    Ended(Ended),
}

fn arrive(root: &Rootfs, mut draft: Draft<'_>, report: &dyn Report) -> Result<Arrived> {
    umask(FileMode::from_raw_mode(0o022));
    let mut plan = draft.plan()?;
    if plan.namespaces.pid {
        if let Some((holder, live)) = first_process(root, &plan, &mut draft, report)? {
            let forked = live
                .fork()?
                .ok_or_else(|| Error::new(Kind::System, "the session's first process has ended"))?;
            let Fork::Parent(pid) = forked else {
                live.join()?;
                return Ok(Arrived::Inside(plan.into()));
            };
            let status = wait(pid).attempt(|| "wait for the session");
            holder.end();
            return status.map(|status| Arrived::Ended(Ended::of(status)));
        }
        draft.learn(NamespaceTypes::NEWPID);
        plan = draft.plan()?;
    }
    let plan = make(root, plan, &mut draft, report)?;
    switch_root()?;
    Ok(Arrived::Inside(plan.into()))
}

#[cfg(test)]
mod tests;
