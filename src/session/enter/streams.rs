//! Where the standard streams of a guest's program lead.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{Uid, fchown, fstatfs};
use rustix::stdio::{dup2_stderr, dup2_stdin, dup2_stdout, stderr, stdin, stdout};

use super::channel::Speaker;
use super::null::nothing;
use crate::error::{Attempt, Error, Kind, Result};
use crate::report::Report;
use crate::session::terminal::pair::Pair;

/// Chosen before the session is set up, put in place when it is: until then messages go where the user sees them.
#[derive(Debug, Default)]
pub enum Streams {
    /// Those that this process has.
    #[default]
    Inherited,
    /// A terminal of its own; without one there is no session if it is `required`.
    Terminal {
        /// Asked for by the user, or there is nothing else that the guest may have.
        required: bool,
        /// Where it complains, where that is not the terminal.
        error: Option<OwnedFd>,
    },
    /// These.
    Given(Stdio),
}

/// Three standard streams. What is none is the guest's own `/dev/null`.
#[derive(Debug, Default)]
pub struct Stdio {
    /// What the program reads.
    pub input: Option<OwnedFd>,
    /// What it prints.
    pub output: Option<OwnedFd>,
    /// What it complains of.
    pub error: Option<OwnedFd>,
}

impl Streams {
    /// Puts them in place, in the container's root; whether they are a terminal, which is not the controlling one yet. It
    /// and pipes belong to `uid` then. `speaker` hands out the terminal's other end.
    pub fn attach(&self, uid: u32, speaker: Option<&Speaker>, report: &dyn Report) -> Result<bool> {
        match self {
            Streams::Inherited => {
                give_pipes(uid);
                Ok(false)
            }
            Streams::Terminal { required, error } => {
                if let Some(error) = error {
                    dup2_stderr(error).attempt("put the standard error in place")?;
                    give_pipes(uid);
                }
                terminal(uid, speaker, *required, report)
            }
            Streams::Given(stdio) => {
                stdio.put_in_place()?;
                give_pipes(uid);
                Ok(false)
            }
        }
    }

    /// Has the pipes belong to `uid`, a user of the host's: inside a user namespace it could not be done any more.
    pub fn give(&self, uid: u32) {
        self.descriptors().into_iter().for_each(|stream| give_pipe(stream, uid));
    }

    /// Their own descriptors.
    pub fn descriptors(&self) -> Vec<BorrowedFd<'_>> {
        let each = match self {
            Streams::Inherited => [None, None, None],
            Streams::Terminal { error, .. } => [None, None, error.as_ref()],
            Streams::Given(Stdio { input, output, error }) => {
                [input.as_ref(), output.as_ref(), error.as_ref()]
            }
        };
        each.into_iter().flatten().map(AsFd::as_fd).collect()
    }
}

fn terminal(uid: u32, speaker: Option<&Speaker>, required: bool, report: &dyn Report) -> Result<bool> {
    let none = || Error::new(Kind::System, "nobody takes the session's terminal");
    match Pair::open(uid) {
        Ok(pair) => {
            speaker.ok_or_else(none)?.terminal(pair.master.as_fd())?;
            pair.put_in_place()?;
            Ok(true)
        }
        Err(error) if required => Err(error),
        Err(error) => {
            report.warn(&format!("{error}; the session goes without one of its own"));
            Ok(false)
        }
    }
}

impl Stdio {
    /// Nothing to read, and one place for all that is printed.
    pub fn to(output: OwnedFd) -> Result<Stdio> {
        let error = output.try_clone().attempt("share the output")?;
        Ok(Stdio { input: None, output: Some(output), error: Some(error) })
    }

    fn put_in_place(&self) -> Result<()> {
        let attempt = "put the standard streams in place";
        let Stdio { input, output, error } = self;
        let null = match (input, output, error) {
            (Some(_), Some(_), Some(_)) => None,
            _ => Some(nothing().attempt(attempt)?),
        };
        if let Some(input) = input.as_ref().or(null.as_ref()) {
            dup2_stdin(input).attempt(attempt)?;
        }
        if let Some(output) = output.as_ref().or(null.as_ref()) {
            dup2_stdout(output).attempt(attempt)?;
        }
        if let Some(error) = error.as_ref().or(null.as_ref()) {
            dup2_stderr(error).attempt(attempt)?;
        }
        Ok(())
    }
}

/// A pipe can then be opened by name (`/dev/stdout`), as a program's configuration has it; who has it already is asked for
/// nothing. Never a file or a FIFO on a disk, which is somebody's own.
fn give_pipes(uid: u32) {
    [stdin(), stdout(), stderr()].into_iter().for_each(|stream| give_pipe(stream, uid));
}

fn give_pipe(stream: BorrowedFd<'_>, uid: u32) {
    if fstatfs(stream).is_ok_and(|found| found.f_type as u64 == PIPEFS_MAGIC) {
        // In a user namespace it may be nobody's to give.
        let _ = fchown(stream, Some(Uid::from_raw(uid)), None);
    }
}

/// What fstatfs(2) says of a pipe without a name (linux/magic.h).
const PIPEFS_MAGIC: u64 = 0x5049_5045;
