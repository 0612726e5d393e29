//! The first process of an isolated container: PID 1 of its PID namespace, which ends with it.
//!
//! It makes the container's namespaces and then waits. Every login process, outside, has the write end of one pipe
//! open. When the last of them is gone, however it went, the read here ends, PID 1 exits, and the kernel kills what
//! is left inside and takes the mounts away. Orphans inside become its children and are reaped by the kernel.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::thread::sleep;
use std::time::Duration;

use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::io::{Errno, ioctl_fionread, write};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{Pid, Signal, setsid};
use rustix::stdio::{dup2_stderr, dup2_stdin, dup2_stdout};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use super::live::Live;
use super::null::nothing;
use crate::error::told;
use crate::error::{Attempt, Error, Kind, Result};
use crate::session::confine::Confinement;
use crate::session::users::Users;
use crate::sys::namespace::{NamespaceTypes, unshare};
use crate::sys::process::{Disposition, Fork, close_from, fork, on_signal, set_title, wait};

/// Where PID 1 keeps the read end, for later logins to find: it needs no standard input.
const LIFELINE: i32 = 0;

/// What is seen of PID 1, inside and outside.
const TITLE: &[u8] = b"chroot-distro: init";

/// How long a PID 1 that lives may take to read a byte: that many pauses.
const PATIENCE: u32 = 20_000;
const PAUSE: Duration = Duration::from_micros(50);

/// PID 1's word that all is in place; anything else is an error.
const READY: &[u8] = b"ready";

/// A container kept alive by this process. Never dropped before the session has ended.
#[derive(Debug)]
pub struct Holder {
    /// PID 1, by its number outside.
    pub pid: u32,
    lifeline: OwnedFd,
    child: Option<Pid>,
}

impl Holder {
    /// Starts PID 1, which calls `prepare`, becomes root of `users`, takes on `confinement` and then only waits. `None` where the kernel refuses a
    /// PID namespace. Only while single-threaded.
    pub fn start(
        confinement: Option<Confinement>,
        users: Option<&Users>,
        prepare: impl FnOnce() -> Result<()>,
    ) -> Result<Option<Holder>> {
        let attempt = "start the container's first process";
        let (held, lifeline) = pipe_with(PipeFlags::CLOEXEC).attempt(attempt)?;
        let (outcome, report) = pipe_with(PipeFlags::CLOEXEC).attempt(attempt)?;
        let own = openat(CWD, "/proc/self/ns/pid", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty());
        let Ok(own) = own else { return Ok(None) };
        if unshare(NamespaceTypes::NEWPID).is_err() {
            return Ok(None);
        }
        let forked = fork().attempt(attempt)?;
        if forked != Fork::Child {
            // What is forked next has the host's rights until it is confined, and is not for the guest to see.
            move_into_link_name_space(own.as_fd(), Some(LinkNameSpaceType::ProcessID)).attempt(attempt)?;
        }
        match forked {
            Fork::Child => {
                drop((lifeline, outcome, own));
                let rights = || {
                    users.map_or(Ok(()), Users::enter)?;
                    confinement.map_or(Ok(()), |confinement| confinement.apply())
                };
                std::process::exit(first_process(prepare, rights, held, File::from(report)));
            }
            Fork::Parent(pid) => {
                drop((held, report));
                outcome_of(File::from(outcome))?;
                Ok(Some(Holder { pid: pid.as_raw_pid().unsigned_abs(), lifeline, child: Some(pid) }))
            }
        }
    }

    /// Keeps alive a running container, whose PID 1 is `live`; `None` when that has ended or is about to.
    pub fn share(live: &Live) -> Result<Option<Holder>> {
        match hold(live) {
            Ok(lifeline) => Ok(Some(Holder { pid: live.pid(), lifeline, child: None })),
            Err(Errno::NOENT | Errno::SRCH | Errno::NXIO | Errno::PIPE | Errno::TIMEDOUT) => Ok(None),
            Err(error) => Err(error).attempt("keep the running container alive"),
        }
    }

    /// Whether PID 1 was started from here, by the container's first session.
    pub fn is_ours(&self) -> bool {
        self.child.is_some()
    }

    /// The last session of the container has ended: so does PID 1. Returns when it is gone and all with it, where it
    /// was started from here; else the host's init reaps it.
    pub fn end(self) {
        drop(self.lifeline);
        if let Some(child) = self.child {
            let _ = wait(child);
        }
    }
}

/// Opens the pipe and makes sure of PID 1: it may have seen the end of the pipe before, and be on its way out. Only one
/// that is not reads what is written.
fn hold(live: &Live) -> rustix::io::Result<OwnedFd> {
    let lifeline = live.open(LIFELINE, OFlags::WRONLY | OFlags::NONBLOCK)?;
    write(&lifeline, &[0])?;
    for _ in 0..PATIENCE {
        if ioctl_fionread(&lifeline)? == 0 {
            return Ok(lifeline);
        }
        sleep(PAUSE);
        live.open(LIFELINE, OFlags::PATH)?;
    }
    Err(Errno::TIMEDOUT)
}

/// PID 1's life; its exit code, which nobody asks for.
fn first_process(
    prepare: impl FnOnce() -> Result<()>,
    give_up_rights: impl FnOnce() -> Result<()>,
    held: OwnedFd,
    mut report: File,
) -> i32 {
    let prepared = settle(held, prepare)
        // Should a guest get hold of it, there is nothing to be had.
        .and_then(|()| give_up_rights());
    if let Err(error) = prepared {
        let _ = report.write_all(&told::write(&error));
        return 1;
    }
    let _ = report.write_all(READY);
    drop(report);
    // The locks of the login process among them: forking shared them.
    close_from(3);
    // Each login that joins says so by a byte.
    let mut held = std::io::stdin().lock();
    while held.read(&mut [0]).is_ok_and(|read| read > 0) {}
    0
}

/// Out of the terminal's reach; in the end, holding nobody's pipes open.
fn settle(held: OwnedFd, prepare: impl FnOnce() -> Result<()>) -> Result<()> {
    let attempt = "start the container's first process";
    setsid().attempt(attempt)?;
    on_signal(Signal::CHILD, Disposition::Ignore).attempt(attempt)?;
    // The kernel keeps from PID 1 what guests send it, unless there is a handler, as Rust's runtime and we have.
    for signal in [Signal::SEGV, Signal::BUS, Signal::ILL, Signal::TRAP] {
        on_signal(signal, Disposition::Default).attempt(attempt)?;
    }
    // The first login's arguments, passwords among them, are not for everybody inside.
    set_title(TITLE);
    dup2_stdin(held).attempt(attempt)?;
    prepare()?;
    // From here on nothing of the host's is open.
    let null = nothing().attempt(attempt)?;
    dup2_stdout(&null).attempt(attempt)?;
    dup2_stderr(&null).attempt(attempt)
}

/// What the first process said when it was ready, or why it is not.
fn outcome_of(mut outcome: File) -> Result<()> {
    let mut text = Vec::new();
    outcome.read_to_end(&mut text).attempt("hear of the container's first process")?;
    if text == READY {
        return Ok(());
    }
    Err(told::read(&text)
        .unwrap_or_else(|| Error::new(Kind::System, "the container's first process was killed")))
}
