//! Where the standard streams of a guest's program lead, and who outside hears whether it began.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::stdio::{dup2_stderr, dup2_stdin, dup2_stdout};

use super::channel::Speaker;
use crate::error::{Attempt, Error, Result};
use crate::report::Report;
use crate::session::terminal::pair::Pair;

/// Chosen before the session is set up, put in place when it is: until then messages go where the user sees them.
#[derive(Debug)]
pub enum Streams {
    /// Those that are there.
    Inherited,
    /// A terminal of its own; without one there is no session if it is `required`.
    Terminal {
        /// Asked for by the user.
        required: bool,
        /// To the login process.
        speaker: Speaker,
    },
    /// These, for a session that is nobody's foreground.
    Given {
        /// What is put in place.
        stdio: Stdio,
        /// To the process that began it.
        speaker: Speaker,
    },
}

/// Three standard streams.
#[derive(Debug)]
#[allow(missing_docs)]
pub struct Stdio {
    pub input: OwnedFd,
    pub output: OwnedFd,
    pub error: OwnedFd,
}

impl Streams {
    /// Puts them in place, in the container's root. A terminal belongs to `uid`. Whom to tell what becomes of the
    /// program, if somebody waits to hear it; and whether all is in place.
    pub fn attach(self, uid: u32, report: &dyn Report) -> (Option<Speaker>, Result<()>) {
        match self {
            Streams::Inherited => (None, Ok(())),
            Streams::Terminal { required, speaker } => {
                let attached = terminal(uid, &speaker, required, report);
                (Some(speaker), attached)
            }
            Streams::Given { stdio, speaker } => (Some(speaker), stdio.put_in_place()),
        }
    }

    /// Their own descriptors.
    pub fn descriptors(&self) -> Vec<BorrowedFd<'_>> {
        match self {
            Streams::Inherited => Vec::new(),
            Streams::Terminal { speaker, .. } => vec![speaker.as_fd()],
            Streams::Given { stdio: Stdio { input, output, error }, speaker } => {
                vec![input.as_fd(), output.as_fd(), error.as_fd(), speaker.as_fd()]
            }
        }
    }

    /// There will be no program: tells whoever waits for it. An error is left only to who prints it.
    pub fn fail(self, error: Error) -> Result<u8> {
        match self {
            Streams::Inherited => Err(error),
            Streams::Terminal { speaker, .. } | Streams::Given { speaker, .. } => {
                speaker.failure(&error);
                Ok(error.exit_code())
            }
        }
    }
}

fn terminal(uid: u32, speaker: &Speaker, required: bool, report: &dyn Report) -> Result<()> {
    match Pair::open(uid) {
        Ok(pair) => {
            speaker.terminal(pair.master.as_fd())?;
            pair.enter()
        }
        Err(error) if required => Err(error),
        Err(error) => {
            report.warn(&format!("{error}; the session goes without one of its own"));
            Ok(())
        }
    }
}

impl Stdio {
    fn put_in_place(&self) -> Result<()> {
        let attempt = || "put the standard streams in place";
        dup2_stdin(&self.input).attempt(attempt)?;
        dup2_stdout(&self.output).attempt(attempt)?;
        dup2_stderr(&self.error).attempt(attempt)
    }
}
