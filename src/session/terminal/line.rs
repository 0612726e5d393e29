//! The bytes between the terminal outside and the session's own. What one side does not take holds the other back:
//! nothing is lost and nothing piles up.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{Errno, read, write};
use rustix::process::Signal;
use rustix::stdio::{stdin, stdout};
use rustix::termios::{SpecialCodeIndex, tcgetattr, tcsetwinsize};

use super::outer::{Outer, size};
use super::own_description::own_description;
use crate::error::{Attempt, Result};
use crate::sys::signal::{Signals, undergo};

/// What others ask of a process.
pub const PASSED_ON: [Signal; 6] =
    [Signal::HUP, Signal::INT, Signal::QUIT, Signal::TERM, Signal::USR1, Signal::USR2];

/// Bytes at once: what the kernel keeps of a terminal.
const CHUNK: usize = 4096;

/// How often a terminal is looked at that does not tell of a change of its size.
const SIZE_CHECK: Timespec = Timespec { tv_sec: 0, tv_nsec: 500_000_000 };
/// How often the session's terminal is looked at while nobody inside has it open: that may change.
const SILENCE_CHECK: Timespec = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };

/// Both terminals and what is between them.
pub struct Line {
    outer: Outer,
    /// Standard output, by a description of our own that does not block.
    screen: OwnedFd,
    /// None after a hang-up.
    master: Option<OwnedFd>,
    input: Vec<u8>,
    output: Vec<u8>,
    /// Standard input is ours to read, and has not ended.
    reads: bool,
    /// The last byte of input that was taken.
    last: u8,
    /// Nobody inside has the terminal open.
    silent: bool,
}

impl Line {
    /// Lends the terminal outside to the session.
    pub fn new(master: OwnedFd) -> Result<Line> {
        let screen = own_description(stdout()).attempt("open the standard output")?;
        let (input, output) = (Vec::new(), Vec::new());
        let outer = Outer::new();
        let mut line = Line {
            outer,
            screen,
            master: Some(master),
            input,
            output,
            reads: true,
            last: b'\n',
            silent: false,
        };
        line.resume();
        Ok(line)
    }

    /// Takes the terminal outside (again). In the background there, this process stops until it is in the foreground,
    /// as any that wants to read; where nobody could let it go on, it goes without input.
    pub fn resume(&mut self) {
        if self.outer.is_terminal() && self.master.is_some() {
            self.reads = self.outer.take();
            if !self.reads {
                let _ = undergo(Signal::TTIN);
                self.reads = self.outer.take();
            }
        }
        self.resize();
    }

    /// Before this process stops.
    pub fn suspend(&mut self) {
        self.outer.give_back();
    }

    /// The session's terminal becomes as large as the one outside.
    pub fn resize(&self) {
        if let (Some(master), Some(size)) = (&self.master, size()) {
            let _ = tcsetwinsize(master, size);
        }
    }

    /// The terminal outside is gone. So is the session's: its kernel sends it SIGHUP.
    pub fn hang_up(&mut self) {
        self.master = None;
        self.reads = false;
        self.input.clear();
        self.output.clear();
    }

    /// What it waits for. `idle` stands for nothing.
    pub fn watched<'a>(&'a self, idle: BorrowedFd<'a>) -> [PollFd<'a>; 3] {
        let watched = |fd, flags: PollFlags| match flags.is_empty() {
            // Even with nothing asked for, poll(2) tells of hang-ups.
            true => PollFd::from_borrowed_fd(idle, PollFlags::empty()),
            false => PollFd::from_borrowed_fd(fd, flags),
        };
        let when = |condition, flags| if condition { flags } else { PollFlags::empty() };
        [
            watched(stdin(), when(self.reads && self.input.is_empty(), PollFlags::IN)),
            watched(self.screen.as_fd(), when(!self.output.is_empty(), PollFlags::OUT)),
            match &self.master {
                Some(master) if !self.silent => watched(
                    master.as_fd(),
                    when(self.output.is_empty(), PollFlags::IN)
                        | when(!self.input.is_empty(), PollFlags::OUT),
                ),
                _ => watched(stdin(), PollFlags::empty()),
            },
        ]
    }

    /// How long it waits for that; none: until it comes.
    pub fn timeout(&self) -> Option<Timespec> {
        match (self.silent && self.master.is_some(), self.is_blind()) {
            (true, _) => Some(SILENCE_CHECK),
            (false, true) => Some(SIZE_CHECK),
            _ => None,
        }
    }

    /// Whether nobody tells of a change of the size outside.
    fn is_blind(&self) -> bool {
        self.outer.is_terminal() && self.master.is_some() && !self.outer.controls_us()
    }

    /// Moves bytes; `came` says which of what is watched there was.
    pub fn turn(&mut self, came: &[bool]) {
        let came = |index: usize| came.get(index).copied().unwrap_or_default();
        if self.is_blind() {
            self.resize();
        }
        if came(0) {
            self.read_input();
        }
        if came(2) || self.silent {
            self.read_output();
        }
        self.write_input();
        self.write_output();
    }

    /// The session has ended: shows what it still said. A background process of it that has the terminal open is not
    /// waited for; a signal ends the wait for a terminal outside that takes nothing.
    pub fn finish(mut self, signals: &Signals) {
        self.reads = false;
        self.input.clear();
        loop {
            self.silent = false;
            self.read_output();
            if self.output.is_empty() {
                return;
            }
            self.write_output();
            if self.output.is_empty() {
                continue;
            }
            let mut fds = [PollFd::new(signals, PollFlags::IN), PollFd::new(&self.screen, PollFlags::OUT)];
            if poll(&mut fds, None).is_err_and(|error| error != Errno::INTR) {
                return;
            }
            while let Ok(Some(received)) = signals.next() {
                if PASSED_ON.iter().any(|signal| signal.as_raw() == received.signal) {
                    return;
                }
            }
        }
    }

    fn read_input(&mut self) {
        let mut buffer = [0; CHUNK];
        match read(stdin(), &mut buffer) {
            Ok(0) if self.outer.is_terminal() => self.hang_up(),
            Ok(0) => self.end_input(),
            Ok(length) => self.input.extend_from_slice(&buffer[..length]),
            Err(Errno::INTR | Errno::AGAIN) => {}
            // Another job has it now, or it is gone.
            Err(Errno::IO) if self.outer.is_terminal() && !self.outer.take() => self.resume(),
            Err(_) => self.hang_up(),
        }
    }

    /// A terminal knows no end of input but the character that says so, twice where it first has to end a line.
    fn end_input(&mut self) {
        self.reads = false;
        let Some(settings) = self.master.as_ref().and_then(|master| tcgetattr(master).ok()) else { return };
        let end = settings.special_codes[SpecialCodeIndex::VEOF];
        let times = if self.last == b'\n' { 1 } else { 2 };
        self.input.extend(std::iter::repeat_n(end, times));
    }

    fn write_input(&mut self) {
        let Some(master) = self.master.as_ref().filter(|_| !self.input.is_empty()) else { return };
        if let Ok(length) = write(master, &self.input) {
            let mut taken = self.input.drain(..length.min(self.input.len()));
            self.last = taken.next_back().unwrap_or(self.last);
        }
    }

    fn read_output(&mut self) {
        let Some(master) = self.master.as_ref().filter(|_| self.output.is_empty()) else { return };
        let mut buffer = [0; CHUNK];
        match read(master, &mut buffer) {
            Ok(length) => {
                self.output.extend_from_slice(&buffer[..length]);
                self.silent = length == 0;
            }
            Err(Errno::AGAIN | Errno::INTR) => self.silent = false,
            Err(_) => self.silent = true,
        }
    }

    fn write_output(&mut self) {
        if self.output.is_empty() {
            return;
        }
        match write(&self.screen, &self.output) {
            Ok(length) => drop(self.output.drain(..length.min(self.output.len()))),
            Err(Errno::AGAIN | Errno::INTR) => {}
            Err(_) => self.hang_up(),
        }
    }
}
