//! The step into the container's PID namespace, the last before the program is executed.
//!
//! All that needs the host's rights has been done by then, in a process that nobody inside sees. What is forked here has
//! the guest's rights, root, streams and limits, and a title instead of our arguments: whoever stops, traces or reads it
//! there gets what they have anyway.

use std::convert::Infallible;

use rustix::io::Errno;
use rustix::process::{Pid, Signal, set_parent_process_death_signal};

use super::channel::Speaker;
use super::ended::Ended;
use crate::error::{Attempt, Error, Kind, Result};
use crate::session::terminal::line::PASSED_ON;
use crate::sys::process::{Disposition, Fork, close_from, fork, fork_sibling, on_signal, wait};
use crate::sys::signal::{block, undergo};

/// Goes on in a new process, a child of whoever `speaker` speaks to, which is told its number. The calling one ends.
pub fn hand_over(speaker: &Speaker) -> Result<()> {
    let (forked, is_sibling) = match fork_sibling() {
        Err(error) if is(&error, Errno::INVAL) => (fork(), false),
        forked => (forked, true),
    };
    match forked {
        Ok(Fork::Child) => end_with_parent(),
        Ok(Fork::Parent(pid)) => {
            speaker.forked(pid, is_sibling);
            if is_sibling {
                std::process::exit(0);
            }
            match stand_for(pid)? {}
        }
        // The namespace's first process is gone.
        Err(error) if is(&error, Errno::NOMEM) => {
            Err(Error::new(Kind::Busy, "the container has just ended").hint("try again"))
        }
        Err(error) if is(&error, Errno::AGAIN) => Err(Error::new(
            Kind::Busy,
            "the container has as many processes as it may have",
        )
        .hint(
            "'chroot-distro ps' and 'kill' end some of them; '--pids-limit' of a later session allows more",
        )),
        Err(error) => Err(error).attempt("start the program's process in the container"),
    }
}

fn is(error: &std::io::Error, errno: Errno) -> bool {
    error.raw_os_error() == Some(errno.raw_os_error())
}

/// Is killed when its parent ends.
pub fn end_with_parent() -> Result<()> {
    set_parent_process_death_signal(Some(Signal::KILL)).attempt("end with the process that waits for it")
}

/// For a kernel that has no siblings: waits for `child` and ends as it does. Nothing is open here meanwhile.
fn stand_for(child: Pid) -> Result<Infallible> {
    let attempt = "wait for the program";
    // A terminal tells the program itself.
    block(&[&PASSED_ON[..], &[Signal::TSTP, Signal::TTIN, Signal::TTOU]].concat()).attempt(attempt)?;
    close_from(0);
    let ended = Ended::of(wait(child).attempt(attempt)?);
    if let Ended::Signaled(number) = ended
        && let Some(signal) = Signal::from_named_raw(number.into())
    {
        let _ = on_signal(signal, Disposition::Default);
        let _ = undergo(signal);
    }
    std::process::exit(ended.code().into());
}
