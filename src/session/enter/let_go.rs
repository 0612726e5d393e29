//! A process in the background keeps nobody's terminal, pipes or directory.

use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::process::chdir;
use rustix::stdio::{dup2_stderr, dup2_stdin, dup2_stdout};

use crate::error::{Attempt, Result};

/// For a process that only waits: lets go of the terminal and the directory that the session was started from.
pub fn let_go() -> Result<()> {
    let attempt = "let go of the terminal";
    chdir("/").attempt(attempt)?;
    let null = openat(CWD, "/dev/null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty()).attempt(attempt)?;
    dup2_stdin(&null).attempt(attempt)?;
    dup2_stdout(&null).attempt(attempt)?;
    dup2_stderr(&null).attempt(attempt)
}
