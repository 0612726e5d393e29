//! The login process outside while its session runs inside: it passes on what it is told and tells what came of it.

use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};

use crate::error::{Attempt, Result};
use crate::sys::signal::{Mask, block, restore, wait};

/// What others ask of a process. What a terminal sends, it sends to its whole foreground group, the session included.
const PASSED_ON: [Signal; 6] =
    [Signal::HUP, Signal::INT, Signal::QUIT, Signal::TERM, Signal::USR1, Signal::USR2];

/// Prepared before the fork, so that nothing is missed after it.
pub struct Relay {
    before: Mask,
}

impl Relay {
    /// From now on signals wait.
    pub fn prepare() -> Result<Relay> {
        Ok(Relay { before: block(&signals()).attempt(|| "hold signals back")? })
    }

    /// In the child: as it was.
    pub fn undo(&self) -> Result<()> {
        restore(&self.before).attempt(|| "let signals through")
    }

    /// In the parent: waits for `child`; its exit code, 128+N when signal N ended it.
    pub fn run(&self, child: Pid) -> Result<u8> {
        loop {
            match waitpid(Some(child), WaitOptions::NOHANG) {
                Ok(Some((_, status))) => {
                    let code =
                        status.exit_status().or(status.terminating_signal().map(|signal| 128 + signal));
                    return Ok(code.and_then(|code| u8::try_from(code).ok()).unwrap_or(u8::MAX));
                }
                Ok(None) => {}
                Err(error) => return Err(error).attempt(|| "wait for the session"),
            }
            match wait(&signals()) {
                Ok(received) if received.by_process => {
                    let asked = PASSED_ON.into_iter().find(|signal| signal.as_raw() == received.signal);
                    // It may have ended meanwhile.
                    let _ = asked.map(|signal| kill_process(child, signal));
                }
                Ok(_) => {}
                Err(error) if error.raw_os_error() == Some(Errno::INTR.raw_os_error()) => {}
                Err(error) => return Err(error).attempt(|| "wait for the session"),
            }
        }
    }
}

fn signals() -> Vec<Signal> {
    [&[Signal::CHILD], &PASSED_ON[..]].concat()
}
