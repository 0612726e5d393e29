//! The bytes of one standard stream between the caller's file and the pipe that the guest has instead. They are spliced
//! (splice(2)) where the kernel can, read and written where not. What one side does not take holds the other back.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::event::{PollFd, PollFlags};
use rustix::fs::{FileType, fstat};
use rustix::io::{Errno, ioctl_fionread, read, write};
use rustix::pipe::{SpliceFlags, splice};
use rustix::termios::isatty;

use super::peek::{Next, Peek};
use crate::session::terminal::outer::in_foreground;

/// Bytes at once: by splice(2), by copying, and by copying to what may block, where poll(2) promises no more (PIPE_BUF).
const SPLICED: usize = 1 << 20;
const COPIED: usize = 64 << 10;
const PROMISED: usize = 4096;
/// After so many rounds others have their turn.
const ROUNDS: usize = 16;

/// One stream, until it ends.
pub struct Flow {
    from: OwnedFd,
    to: OwnedFd,
    /// What was read and not written yet; none where the kernel splices.
    taken: Option<Vec<u8>>,
    /// Bytes that are read at once then.
    chunk: usize,
    /// None when all that comes is passed on.
    peek: Option<Peek>,
    /// It was the sink that held it back.
    is_full: bool,
    /// A terminal that another job has: nothing is read until this process goes on in the foreground.
    is_waiting: bool,
    /// Bytes that were written, and that are to be written in any case.
    moved: u64,
    due: u64,
}

/// Whether there will be more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// There may be.
    Open,
    /// Its source has come to its end, or nobody reads it.
    Ended,
    /// The caller's file takes no more.
    Failed(Errno),
}

impl Flow {
    /// From one to the other. One of them is a pipe of ours, and does not block.
    pub fn new(from: OwnedFd, to: OwnedFd) -> Flow {
        let spliced = can_splice(from.as_fd()) && can_splice(to.as_fd());
        let taken = if spliced { None } else { Some(Vec::new()) };
        let chunk = if kind(to.as_fd()) == Some(FileType::RegularFile) { COPIED } else { PROMISED };
        Flow { from, to, taken, chunk, peek: None, is_full: false, is_waiting: false, moved: 0, due: 0 }
    }

    /// What is not read is left in the source, if that is a pipe.
    pub fn carefully(mut self) -> Flow {
        if kind(self.from.as_fd()) == Some(FileType::Fifo) {
            self.peek = Peek::new(&self.to);
        }
        self
    }

    /// What it waits for. `idle` stands for nothing.
    pub fn watched<'a>(&'a self, idle: BorrowedFd<'a>) -> [PollFd<'a>; 2] {
        let nothing = PollFd::from_borrowed_fd(idle, PollFlags::empty());
        // Even with nothing asked for, poll(2) tells that nobody reads it.
        let sink = PollFd::new(&self.to, PollFlags::empty());
        match (self.is_full, self.is_waiting) {
            (true, _) => [nothing, PollFd::new(&self.to, PollFlags::OUT)],
            (false, true) => [nothing, sink],
            (false, false) => [PollFd::new(&self.from, PollFlags::IN), sink],
        }
    }

    /// Moves what can be moved, after [`Flow::watched`] came to this.
    pub fn turn(&mut self, source: bool, sink: bool) -> State {
        if sink && !self.is_full {
            return State::Ended;
        }
        if !source && !sink {
            return State::Open;
        }
        match (&mut self.peek, &self.taken) {
            (Some(peek), _) => match peek.turn(&self.from, &self.to) {
                Next::End => return State::Ended,
                Next::Hurry => self.peek = None,
                next => {
                    self.is_full = matches!(next, Next::AwaitSink);
                    return State::Open;
                }
            },
            (None, None) => return self.splice(),
            (None, Some(_)) => return self.copy(source),
        }
        self.splice()
    }

    /// Reads a terminal again.
    pub fn resume(&mut self) {
        self.is_waiting = false;
    }

    /// Bytes that were read and not written yet.
    pub fn held(&self) -> u64 {
        self.taken.as_ref().map_or(0, Vec::len) as u64
    }

    /// The source has only what was not read.
    pub fn settle(&mut self) {
        if let Some(peek) = &mut self.peek {
            peek.settle(&self.from, &self.to);
        }
    }

    /// What is there by now is due: see [`Flow::is_behind`].
    pub fn end(&mut self) {
        self.due = self.moved + self.held() + ioctl_fionread(&self.from).unwrap_or(0);
    }

    /// Whether something that was there at its [end](Flow::end) has not been written yet.
    pub fn is_behind(&self) -> bool {
        self.moved < self.due
    }

    /// Its own descriptors.
    pub fn descriptors(&self) -> [BorrowedFd<'_>; 2] {
        [self.from.as_fd(), self.to.as_fd()]
    }

    fn splice(&mut self) -> State {
        for _ in 0..ROUNDS {
            match splice(&self.from, None, &self.to, None, SPLICED, SpliceFlags::NONBLOCK | SpliceFlags::MOVE)
            {
                Ok(0) => return State::Ended,
                Ok(count) => self.moved += count as u64,
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => {
                    self.is_full = ioctl_fionread(&self.from).is_ok_and(|there| there > 0);
                    break;
                }
                // A file opened to append, for one.
                Err(Errno::INVAL | Errno::NOSYS) => {
                    self.taken = Some(Vec::new());
                    self.is_full = false;
                    break;
                }
                Err(error) => return over(error),
            }
        }
        State::Open
    }

    fn copy(&mut self, source: bool) -> State {
        let Some(taken) = &mut self.taken else { return State::Open };
        if taken.is_empty() && source {
            if isatty(&self.from) && !in_foreground() {
                self.is_waiting = true;
                return State::Open;
            }
            taken.resize(self.chunk, 0);
            let count = read(&self.from, &mut taken[..]);
            taken.truncate(*count.as_ref().unwrap_or(&0));
            match count {
                Ok(0) => return State::Ended,
                Ok(_) | Err(Errno::INTR | Errno::AGAIN) => {}
                Err(error) => return over(error),
            }
        } else if !taken.is_empty() {
            match write(&self.to, taken) {
                Ok(count) => {
                    self.moved += count as u64;
                    drop(taken.drain(..count.min(taken.len())));
                }
                Err(Errno::INTR | Errno::AGAIN) => {}
                Err(error) => return over(error),
            }
        }
        self.is_full = !taken.is_empty();
        State::Open
    }
}

/// Of a terminal that is gone (`EIO`) there is nothing to say either.
fn over(error: Errno) -> State {
    match error {
        Errno::PIPE | Errno::IO | Errno::CONNRESET => State::Ended,
        error => State::Failed(error),
    }
}

/// Whether splice(2) does not block there: pipes do as they are told, files have their bytes at once.
fn can_splice(stream: BorrowedFd<'_>) -> bool {
    matches!(kind(stream), Some(FileType::Fifo | FileType::RegularFile))
}

fn kind(stream: BorrowedFd<'_>) -> Option<FileType> {
    fstat(stream).ok().map(|found| FileType::from_raw_mode(found.st_mode))
}
