//! Input from the caller's pipe for a guest that may not want it: shown by tee(2), and taken out of the caller's pipe only as
//! far as the guest has read it. So what follows a session in a script that a shell reads from a pipe is left to the shell.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{Errno, ioctl_fionread};
use rustix::pipe::{SpliceFlags, fcntl_setpipe_size, splice, tee};

use super::null::nothing;

/// Bytes, by its buffer: a pipe of one page is full with whatever is in it, and poll(2) tells when that was read.
const SMALL: usize = 1;

/// Who has read so many bytes wants them all, and faster.
const WANTED: u64 = 64 << 10;

/// Bytes of a pipe for all that comes: fewer turns for as much.
const LARGE: usize = 1 << 20;

/// Makes room in a pipe, as far as the kernel allows it (pipe(7)).
pub fn enlarge(pipe: &OwnedFd) {
    let _ = fcntl_setpipe_size(pipe, LARGE);
}

/// What is seen at the beginning of the caller's pipe.
pub struct Peek {
    /// Bytes that are in both pipes, or were read in the guest's.
    shown: u64,
    taken: u64,
    nowhere: OwnedFd,
}

/// What is to be done next.
pub enum Next {
    /// Wait until the guest has read it.
    AwaitSink,
    /// Wait for more.
    AwaitSource,
    /// The source has ended, or nobody reads it.
    End,
    /// Pass on all that comes.
    Hurry,
}

impl Peek {
    /// None where the kernel does not let one.
    pub fn new(to: &OwnedFd) -> Option<Peek> {
        fcntl_setpipe_size(to, SMALL).ok()?;
        Some(Peek { shown: 0, taken: 0, nowhere: nothing().ok()? })
    }

    /// Takes what was read, and shows more.
    pub fn turn(&mut self, from: &OwnedFd, to: &OwnedFd) -> Next {
        self.settle(from, to);
        if self.shown > 0 && is_deserted(to.as_fd()) {
            return Next::End;
        }
        if self.shown > 0 || self.taken >= WANTED {
            return self.hurry(from, to);
        }
        match tee(from, to, LARGE, SpliceFlags::NONBLOCK) {
            Ok(0) => Next::End,
            Ok(count) => {
                self.shown = count as u64;
                Next::AwaitSink
            }
            Err(Errno::AGAIN | Errno::INTR) => Next::AwaitSource,
            Err(Errno::INVAL | Errno::NOSYS) => self.hurry(from, to),
            Err(_) => Next::End,
        }
    }

    /// Takes what was read.
    pub fn settle(&mut self, from: &OwnedFd, to: &OwnedFd) {
        let unread = ioctl_fionread(to).unwrap_or(0).min(self.shown);
        self.take(from, self.shown - unread);
    }

    fn hurry(&mut self, from: &OwnedFd, to: &OwnedFd) -> Next {
        self.take(from, self.shown);
        enlarge(to);
        Next::Hurry
    }

    fn take(&mut self, from: &OwnedFd, count: u64) {
        self.shown -= count;
        self.taken += count;
        let mut left = count as usize;
        while left > 0 {
            match splice(from, None, &self.nowhere, None, left, SpliceFlags::NONBLOCK) {
                Ok(count @ 1..) => left -= count.min(left),
                Err(Errno::INTR) => {}
                // Somebody else was faster.
                _ => return,
            }
        }
    }
}

/// Whether nobody has the reading end any more.
fn is_deserted(pipe: BorrowedFd<'_>) -> bool {
    let mut fds = [PollFd::from_borrowed_fd(pipe, PollFlags::empty())];
    poll(&mut fds, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })).is_ok_and(|count| count > 0)
}

#[cfg(test)]
mod tests;
