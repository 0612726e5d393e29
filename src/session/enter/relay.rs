//! The login process outside while its session runs inside: it passes on what it is told, and the bytes of the
//! session's terminal and pipes if it has such, and tells what came of it.

use std::os::fd::AsFd;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitOptions, kill_process, kill_process_group, waitpid};

use super::ended::Ended;
use super::flows::Flows;
use crate::error::{Attempt, Result};
use crate::report::Report;
use crate::session::terminal::line::{Line, PASSED_ON};
use crate::sys::process::{Disposition, on_signal};
use crate::sys::signal::{Mask, Received, Signals, block, restore, undergo};

/// What becomes of a terminal, and of its use by jobs.
const OF_TERMINALS: [Signal; 5] = [Signal::WINCH, Signal::TSTP, Signal::CONT, Signal::TTIN, Signal::TTOU];

/// Prepared before the fork, so that nothing is missed after it.
pub struct Relay {
    before: Mask,
    signals: Signals,
    /// No terminal of the caller's tells the session what it tells this process.
    apart: bool,
}

/// What is passed on, besides signals.
pub struct Passing<'a> {
    /// The program's process.
    pub process: Pid,
    /// The session's terminal.
    pub line: Option<Line>,
    /// Its other streams.
    pub flows: &'a mut Flows,
}

impl Relay {
    /// From now on signals wait; those of terminals too, if the session is to have one. `apart`: it is not in the session
    /// of the caller's terminal, whether or not it has one.
    pub fn prepare(terminal: bool, apart: bool) -> Result<Relay> {
        let attempt = "hold signals back";
        let of_terminals = match (terminal, apart) {
            (true, _) => &OF_TERMINALS[..],
            (false, true) => &[Signal::CONT],
            (false, false) => &[],
        };
        let held = [&[Signal::CHILD], &PASSED_ON[..], of_terminals].concat();
        // Where it is ignored, nobody hears how a child ended.
        on_signal(Signal::CHILD, Disposition::Default).attempt(attempt)?;
        let before = block(&held).attempt(attempt)?;
        Ok(Relay { before, signals: Signals::of(&held).attempt(attempt)?, apart })
    }

    /// In the child: as it was.
    pub fn undo(&self) -> Result<()> {
        restore(&self.before).attempt("let signals through")
    }

    /// What has come, to be read.
    pub fn signals(&self) -> &Signals {
        &self.signals
    }

    /// In the parent: waits for `child`; how that ended.
    pub fn run(&self, child: Pid, mut passing: Passing<'_>, report: &dyn Report) -> Result<Ended> {
        let attempt = "wait for the session";
        let mut changed = true;
        loop {
            if changed && let Some(ended) = look(child)? {
                if let Some(line) = passing.line {
                    line.finish(&self.signals);
                }
                return Ok(ended);
            }
            changed = false;
            self.turn(&mut passing, report)?;
            while let Some(received) = self.signals.next().attempt(attempt)? {
                changed |= received.signal == Signal::CHILD.as_raw();
                self.act(received, &mut passing);
            }
        }
    }

    /// Waits for a signal or for bytes, and moves them.
    fn turn(&self, Passing { line, flows, .. }: &mut Passing<'_>, report: &dyn Report) -> Result<()> {
        let idle = self.signals.as_fd();
        let mut fds = vec![PollFd::new(&self.signals, PollFlags::IN)];
        fds.extend(line.iter().flat_map(|line| line.watched(idle)));
        let of_line = fds.len() - 1;
        fds.extend(flows.watched(idle));
        match poll(&mut fds, line.as_ref().and_then(Line::timeout).as_ref()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error).attempt("wait for the session"),
        }
        let came: Vec<bool> = fds.iter().skip(1).map(|fd| !fd.revents().is_empty()).collect();
        let (of_line, of_flows) = came.split_at(of_line);
        if let Some(line) = line {
            line.turn(of_line);
        }
        flows.turn(of_flows, report);
        Ok(())
    }

    /// What a terminal sends, it sends to its whole foreground group: the session is in it unless it is apart.
    fn act(&self, received: Received, Passing { process, line, flows }: &mut Passing<'_>) {
        let is = |signal: Signal| received.signal == signal.as_raw();
        match line {
            Some(line) if is(Signal::WINCH) => line.resize(),
            Some(line) if is(Signal::CONT) => line.resume(),
            None if is(Signal::CONT) => flows.resume(),
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
            _ => self.pass_on(received, *process, line.is_some()),
        }
    }

    /// To the process, or to its group what a terminal would have sent to that. It may have ended meanwhile.
    fn pass_on(&self, received: Received, process: Pid, has_terminal: bool) {
        let Some(signal) = PASSED_ON.into_iter().find(|signal| signal.as_raw() == received.signal) else {
            return;
        };
        let _ = match (received.by_process || has_terminal, self.apart) {
            (true, _) => kill_process(process, signal),
            (false, true) => kill_process_group(process, signal),
            (false, false) => Ok(()),
        };
    }
}

fn look(child: Pid) -> Result<Option<Ended>> {
    let found = waitpid(Some(child), WaitOptions::NOHANG).attempt("wait for the session")?;
    Ok(found.map(|(_, status)| Ended::of(status)))
}
