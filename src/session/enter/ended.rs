//! How a session's program ended.

use rustix::process::WaitStatus;

/// A program's end, as waitpid(2) tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// It exited with this code.
    Exited(u8),
    /// This signal ended it.
    Signaled(u8),
}

impl Ended {
    /// Reads the status of a process that has ended.
    pub fn of(status: WaitStatus) -> Ended {
        let byte = |number: i32| u8::try_from(number).unwrap_or(u8::MAX);
        match status.terminating_signal() {
            Some(signal) => Ended::Signaled(byte(signal)),
            None => Ended::Exited(status.exit_status().map_or(u8::MAX, byte)),
        }
    }

    /// One number for both, as a shell has it: 128+N when signal N ended it.
    pub fn code(self) -> u8 {
        match self {
            Ended::Exited(code) => code,
            Ended::Signaled(signal) => signal.saturating_add(128),
        }
    }
}
