//! The login process outside while its session runs inside: it passes on what it is told, and the bytes of the
//! session's terminal if it has one, and tells what came of it.

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};

use super::ended::Ended;
use crate::error::{Attempt, Result};
use crate::session::terminal::line::{Line, PASSED_ON};
use crate::sys::process::{Disposition, on_signal};
use crate::sys::signal::{Mask, Received, Signals, block, restore, undergo};

/// What becomes of a terminal, and of its use by jobs.
const OF_TERMINALS: [Signal; 5] = [Signal::WINCH, Signal::TSTP, Signal::CONT, Signal::TTIN, Signal::TTOU];

/// Prepared before the fork, so that nothing is missed after it.
pub struct Relay {
    before: Mask,
    signals: Signals,
}

impl Relay {
    /// From now on signals wait; those of terminals too, if the session is to have one.
    pub fn prepare(terminal: bool) -> Result<Relay> {
        let attempt = || "hold signals back";
        let of_terminals = if terminal { &OF_TERMINALS[..] } else { &[] };
        let held = [&[Signal::CHILD], &PASSED_ON[..], of_terminals].concat();
        // Where it is ignored, nobody hears how a child ended.
        on_signal(Signal::CHILD, Disposition::Default).attempt(attempt)?;
        Ok(Relay { before: block(&held).attempt(attempt)?, signals: Signals::of(&held).attempt(attempt)? })
    }

    /// In the child: as it was.
    pub fn undo(&self) -> Result<()> {
        restore(&self.before).attempt(|| "let signals through")
    }

    /// In the parent: waits for `child`, with `line` as its terminal; how that ended.
    pub fn run(&self, child: Pid, mut line: Option<Line>) -> Result<Ended> {
        let attempt = || "wait for the session";
        let mut changed = true;
        loop {
            if changed && let Some(ended) = look(child)? {
                if let Some(line) = line {
                    line.finish(&self.signals);
                }
                return Ok(ended);
            }
            changed = false;
            match &mut line {
                Some(line) => line.turn(&self.signals)?,
                None => match poll(&mut [PollFd::new(&self.signals, PollFlags::IN)], None) {
                    Ok(_) | Err(Errno::INTR) => {}
                    Err(error) => return Err(error).attempt(attempt),
                },
            }
            while let Some(received) = self.signals.next().attempt(attempt)? {
                changed |= received.signal == Signal::CHILD.as_raw();
                act(received, child, &mut line);
            }
        }
    }
}

/// What a terminal sends, it sends to its whole foreground group: the session is in it unless it has a terminal of its
/// own.
fn act(received: Received, child: Pid, line: &mut Option<Line>) {
    let is = |signal: Signal| received.signal == signal.as_raw();
    match line {
        Some(line) if is(Signal::WINCH) => line.resize(),
        Some(line) if is(Signal::CONT) => line.resume(),
        Some(line) if is(Signal::HUP) && !received.by_process => line.hang_up(),
        _ if is(Signal::TSTP) => {
            if let Some(line) = line {
                line.suspend();
            }
            let _ = undergo(Signal::TSTP);
            // It may be ignored, and is where nobody could let this process go on.
            if let Some(line) = line {
                line.resume();
            }
        }
        _ if received.by_process || line.is_some() => {
            let asked = PASSED_ON.into_iter().find(|signal| is(*signal));
            // It may have ended meanwhile.
            let _ = asked.map(|signal| kill_process(child, signal));
        }
        _ => {}
    }
}

fn look(child: Pid) -> Result<Option<Ended>> {
    let found = waitpid(Some(child), WaitOptions::NOHANG).attempt(|| "wait for the session")?;
    Ok(found.map(|(_, status)| Ended::of(status)))
}
