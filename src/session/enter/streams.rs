//! Where the standard streams of a guest's program lead, and who outside hears whether it began.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{CWD, FileType, Mode, OFlags, Uid, fchown, fstat, fstatfs, makedev, openat};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::stdio::{dup2_stderr, dup2_stdin, dup2_stdout, stderr, stdin, stdout};

use super::channel::Speaker;
use crate::error::{Attempt, Error, Result};
use crate::report::Report;
use crate::session::terminal::pair::Pair;
use crate::sys::descriptor::through;

/// Chosen before the session is set up, put in place when it is: until then messages go where the user sees them.
#[derive(Debug)]
pub enum Streams {
    /// Those that this process has.
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
pub struct Stdio {
    /// None: the guest's own `/dev/null`.
    pub input: Option<OwnedFd>,
    /// What the program prints.
    pub output: OwnedFd,
    /// What it complains of.
    pub error: OwnedFd,
}

impl Streams {
    /// Puts them in place, in the container's root. A terminal and pipes belong to `uid` then. Whom to tell what becomes
    /// of the program, if somebody waits to hear it; and whether all is in place.
    pub fn attach(self, uid: u32, report: &dyn Report) -> (Option<Speaker>, Result<()>) {
        match self {
            Streams::Inherited => {
                give_pipes(uid);
                (None, Ok(()))
            }
            Streams::Terminal { required, speaker } => {
                let attached = terminal(uid, &speaker, required, report);
                (Some(speaker), attached)
            }
            Streams::Given { stdio, speaker } => {
                let attached = stdio.put_in_place();
                give_pipes(uid);
                (Some(speaker), attached)
            }
        }
    }

    /// Their own descriptors.
    pub fn descriptors(&self) -> Vec<BorrowedFd<'_>> {
        match self {
            Streams::Inherited => Vec::new(),
            Streams::Terminal { speaker, .. } => vec![speaker.as_fd()],
            Streams::Given { stdio: Stdio { input, output, error }, speaker } => {
                let input = input.iter().map(AsFd::as_fd);
                input.chain([output.as_fd(), error.as_fd(), speaker.as_fd()]).collect()
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
    /// Nothing to read, and one place for all that is printed.
    pub fn to(output: OwnedFd) -> Result<Stdio> {
        let error = output.try_clone().attempt(|| "share the output")?;
        Ok(Stdio { input: None, output, error })
    }

    fn put_in_place(&self) -> Result<()> {
        let attempt = || "put the standard streams in place";
        match &self.input {
            Some(input) => dup2_stdin(input).attempt(attempt)?,
            None => dup2_stdin(nothing().attempt(attempt)?).attempt(attempt)?,
        }
        dup2_stdout(&self.output).attempt(attempt)?;
        dup2_stderr(&self.error).attempt(attempt)
    }
}

/// The guest's null device (devices.txt: 1:3): of the host's own nothing is open inside. Where the guest has none, a pipe at its end.
fn nothing() -> rustix::io::Result<OwnedFd> {
    let found = openat(CWD, c"/dev/null", OFlags::PATH | OFlags::CLOEXEC, Mode::empty());
    if let Ok(found) = found
        && let stat = fstat(&found)?
        && FileType::from_raw_mode(stat.st_mode) == FileType::CharacterDevice
        && stat.st_rdev == makedev(1, 3)
        && let Ok(null) = openat(CWD, through(&found), OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())
    {
        return Ok(null);
    }
    pipe_with(PipeFlags::CLOEXEC).map(|(end, _)| end)
}

/// A pipe can then be opened by name (`/dev/stdout`), as a program's configuration has it; who has it already is asked for
/// nothing. Never a file or a FIFO on a disk, which is somebody's own.
fn give_pipes(uid: u32) {
    for stream in [stdin(), stdout(), stderr()] {
        if fstatfs(stream).is_ok_and(|found| found.f_type as u64 == PIPEFS_MAGIC) {
            // In a user namespace it may be nobody's to give.
            let _ = fchown(stream, Some(Uid::from_raw(uid)), None);
        }
    }
}

/// What fstatfs(2) says of a pipe without a name (linux/magic.h).
const PIPEFS_MAGIC: u64 = 0x5049_5045;
