//! All standard streams of a session that are passed on, and what becomes of them when its program has ended.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{SeekFrom, seek, tell};
use rustix::io::{Errno, ioctl_fionread};
use rustix::process::setsid;
use rustix::stdio::{dup2_stdin, dup2_stdout, stdin};

use super::flow::{Flow, State};
use super::let_go::let_go;
use super::null::nothing;
use crate::report::Report;
use crate::session::terminal::line::PASSED_ON;
use crate::sys::process::{Fork, close_all_but, fork, set_title};
use crate::sys::signal::Signals;

/// What is seen of a process that goes on passing on.
const TITLE: &[u8] = b"chroot-distro: output";

/// The streams that are open.
#[derive(Default)]
pub struct Flows {
    open: Vec<(Flow, Way)>,
    rest: Option<Rest>,
}

/// Which of the caller's streams it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Standard input.
    In,
    /// Standard output, and standard error where that is the same.
    Out,
    /// Standard error.
    Error,
}

/// A file that the guest reads, and another reading end of its pipe: what is left there in the end is still to be read
/// in the file, by a shell's loop over its lines for one.
pub struct Rest {
    /// The caller's.
    pub file: OwnedFd,
    /// Where it was: a guest may write to its own pipe, and make more of what is left.
    pub start: u64,
    /// The guest's.
    pub pipe: OwnedFd,
}

impl Flows {
    /// One more.
    pub fn add(&mut self, flow: Flow, way: Way) {
        self.open.push((flow, way));
    }

    /// What the guest does not read is given back.
    pub fn give_back(&mut self, rest: Rest) {
        self.rest = Some(rest);
    }

    /// What they wait for, two for each. `idle` stands for nothing.
    pub fn watched<'a>(&'a self, idle: BorrowedFd<'a>) -> impl Iterator<Item = PollFd<'a>> {
        self.open.iter().flat_map(move |(flow, _)| flow.watched(idle))
    }

    /// Moves what can be moved; `came` says which of what is watched there was.
    pub fn turn(&mut self, came: &[bool], report: &dyn Report) {
        let mut came = came.chunks_exact(2);
        self.open.retain_mut(|(flow, way)| {
            let state = match came.next() {
                Some([source, sink]) => flow.turn(*source, *sink),
                _ => State::Open,
            };
            if let State::Failed(error) = state {
                report.warn(&failure(*way, error));
            }
            if state != State::Open {
                let_go_of(*way);
            }
            state == State::Open
        });
    }

    /// Reads a terminal again.
    pub fn resume(&mut self) {
        self.open.iter_mut().for_each(|(flow, _)| flow.resume());
    }

    /// The program has ended: passes on what it has written by now. What others of its session still write goes through a
    /// process that stays for them. A signal ends the wait for a file that takes nothing.
    pub fn finish(mut self, signals: &Signals, report: &dyn Report) {
        self.end_input();
        self.open.iter_mut().for_each(|(flow, _)| flow.end());
        while !self.open.is_empty() {
            let is_behind = self.open.iter().any(|(flow, _)| flow.is_behind());
            self.round(Some(signals), if is_behind { None } else { Some(&NOW) }, report);
            while let Ok(Some(received)) = signals.next() {
                if PASSED_ON.iter().any(|signal| signal.as_raw() == received.signal) {
                    return;
                }
            }
            if !is_behind {
                return self.stay(report);
            }
        }
    }

    fn end_input(&mut self) {
        self.open.iter_mut().for_each(|(flow, _)| flow.settle());
        let held: u64 =
            self.open.iter().filter(|(_, way)| *way == Way::In).map(|(flow, _)| flow.held()).sum();
        self.open.retain(|(_, way)| *way != Way::In);
        if let Some(Rest { file, start, pipe }) = self.rest.take()
            && let Ok(now) = tell(&file)
        {
            let unread = held + ioctl_fionread(pipe).unwrap_or(0);
            let _ = seek(file, SeekFrom::Start(now.saturating_sub(unread).max(start)));
        }
    }

    /// Waits for something to move, and moves it.
    fn round(&mut self, signals: Option<&Signals>, timeout: Option<&Timespec>, report: &dyn Report) {
        let idle = signals.map_or(stdin(), AsFd::as_fd);
        let awaited = if signals.is_some() { PollFlags::IN } else { PollFlags::empty() };
        let mut fds = vec![PollFd::from_borrowed_fd(idle, awaited)];
        fds.extend(self.watched(idle));
        let _ = poll(&mut fds, timeout);
        let came: Vec<bool> = fds.iter().skip(1).map(|fd| !fd.revents().is_empty()).collect();
        self.turn(&came, report);
    }

    /// Goes on in a process of its own until nobody has the other ends any more.
    fn stay(mut self, report: &dyn Report) {
        if self.open.is_empty() || !matches!(fork(), Ok(Fork::Child)) {
            return;
        }
        let _ = setsid();
        let _ = let_go();
        set_title(TITLE);
        close_all_but(self.open.iter().flat_map(|(flow, _)| flow.descriptors()).collect());
        while !self.open.is_empty() {
            self.round(None, None, report);
        }
        std::process::exit(0);
    }
}

/// For poll(2): do not wait.
const NOW: Timespec = Timespec { tv_sec: 0, tv_nsec: 0 };

fn failure(way: Way, error: Errno) -> String {
    let what = match way {
        Way::In => "read the standard input",
        Way::Out => "write to the standard output",
        Way::Error => "write to the standard error",
    };
    format!("cannot {what}: {error}; the container's program is told that nobody is there any more")
}

/// Whoever is at the other end of the caller's pipe hears that it is over. Standard error stays, for messages.
fn let_go_of(way: Way) {
    let Ok(null) = nothing() else { return };
    let _ = match way {
        Way::In => dup2_stdin(null),
        Way::Out => dup2_stdout(null),
        Way::Error => Ok(()),
    };
}
