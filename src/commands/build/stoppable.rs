//! The end of a build, in a process of its own: what stops it is told, and nothing half-made stays.

use std::fs::File;
use std::io::{Read, Write};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{Pid, Signal, kill_process, set_parent_process_death_signal};

use crate::error::{Attempt, Error, Kind, Result, told};
use crate::sys::process::{Fork, fork, wait};
use crate::sys::signal::{Signals, block, restore};

/// Does `work`. A signal that comes meanwhile ends it, and is the error; `clear` deletes what it has left then. Only while
/// single-threaded.
pub(super) fn stoppable(work: &dyn Fn() -> Result<()>, clear: &dyn Fn(Pid)) -> Result<()> {
    let watched = [Signal::INT, Signal::TERM, Signal::HUP];
    let attempt = "begin the end of the build";
    let mask = block(&watched).attempt(attempt)?;
    let signals = Signals::of(&watched).attempt(attempt)?;
    let (hears, tells) = pipe_with(PipeFlags::CLOEXEC).attempt(attempt)?;
    match fork().attempt(attempt)? {
        Fork::Child => {
            drop(hears);
            let _ = set_parent_process_death_signal(Some(Signal::KILL));
            let failed = work().err();
            if let Some(error) = &failed {
                let _ = File::from(tells).write_all(&told::write(error));
            }
            std::process::exit(failed.is_some().into())
        }
        Fork::Parent(pid) => {
            drop(tells);
            let ended = listen(&signals, hears.into());
            if ended.is_err() {
                let _ = kill_process(pid, Signal::KILL);
            }
            let status = wait(pid);
            if ended.is_err() {
                clear(pid);
            }
            let _ = restore(&mask);
            match (told::read(&ended?), status) {
                (Some(error), _) => Err(error),
                (None, Ok(status)) if status.exit_status() != Some(0) => Err(Error::new(
                    Kind::System,
                    "the process that writes the image has ended before it was done",
                )
                .hint("was it killed, for want of memory?")),
                _ => Ok(()),
            }
        }
    }
}

/// What the process has told in the end.
fn listen(signals: &Signals, mut hears: File) -> Result<Vec<u8>> {
    loop {
        let mut watched = [PollFd::new(signals, PollFlags::IN), PollFd::new(&hears, PollFlags::IN)];
        let _ = poll(&mut watched, None);
        if !watched[1].revents().is_empty() {
            let mut text = Vec::new();
            hears.read_to_end(&mut text).attempt("hear of the end of the build")?;
            return Ok(text);
        }
        if let Ok(Some(received)) = signals.next() {
            return Err(Error::new(Kind::System, "stopped before everything was written")
                .hint("run the same command again: the steps that were done are kept")
                .exits(u8::try_from(128 + received.signal).unwrap_or(1)));
        }
    }
}
