//! What an isolated guest has instead of the caller's files: pipes of the session's own. With the caller's file itself root
//! inside could change its owner and mode, write to what was opened to be read, or, with a directory, walk out.

use std::os::fd::{BorrowedFd, OwnedFd};

use rustix::fs::{FileType, OFlags, fcntl_getfl, fcntl_setfl, fstat, tell};
use rustix::io::dup;
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::stdio::{stderr, stdin, stdout};
use rustix::termios::isatty;

use super::flow::Flow;
use super::flows::{Flows, Rest, Way};
use super::null::is_null;
use super::peek::enlarge;
use super::streams::{Stdio, Streams};
use crate::error::{Attempt, Error, Kind, Result};
use crate::session::terminal::own_description::own_description;
use crate::sys::identity::same_file;

/// The streams of a session, with a `terminal` of its own or without, and how they are joined to the caller's.
pub fn pipes(terminal: bool) -> Result<(Streams, Flows)> {
    let mut flows = Flows::default();
    if terminal {
        let error = if isatty(stderr()) { None } else { writable(stderr(), Way::Error, &mut flows)? };
        return Ok((Streams::Terminal { required: true, error }, flows));
    }
    let input = readable(&mut flows)?;
    let output = writable(stdout(), Way::Out, &mut flows)?;
    let error = match (&output, is_one_file(stdout(), stderr())) {
        // One pipe keeps the order of what is written.
        (Some(output), true) => Some(output.try_clone().attempt(attempt)?),
        _ => writable(stderr(), Way::Error, &mut flows)?,
    };
    Ok((Streams::Given(Stdio { input, output, error }), flows))
}

fn attempt() -> String {
    "make pipes for the session".to_owned()
}

/// Refuses what no pipe can stand for: a directory, which leads to the host's files, and a disk, which holds them.
pub fn refuse_places() -> Result<()> {
    for (stream, name) in [(stdin(), "input"), (stdout(), "output"), (stderr(), "error")] {
        let found = fstat(stream).attempt(format_args!("look at the standard {name}"))?;
        let what = match FileType::from_raw_mode(found.st_mode) {
            FileType::Directory => "a directory",
            FileType::BlockDevice => "a block device",
            _ => continue,
        };
        let text = format!("the standard {name} is {what}, which an isolated container may not have");
        return Err(Error::new(Kind::Denied, text).hint("use a pipe, a file or a terminal"));
    }
    Ok(())
}

fn is_one_file(a: BorrowedFd<'_>, b: BorrowedFd<'_>) -> bool {
    fstat(a).ok().zip(fstat(b).ok()).is_some_and(|(a, b)| same_file(&a, &b))
}

/// The guest's end of what it reads. None: there is nothing.
fn readable(flows: &mut Flows) -> Result<Option<OwnedFd>> {
    if is_null(stdin()) {
        return Ok(None);
    }
    let (theirs, ours) = pipe_with(PipeFlags::CLOEXEC).attempt(attempt)?;
    do_not_block(&ours).attempt(attempt)?;
    let file = dup(stdin()).attempt(attempt)?;
    if fstat(&file).is_ok_and(|found| FileType::from_raw_mode(found.st_mode) == FileType::RegularFile) {
        let pipe = theirs.try_clone().attempt(attempt)?;
        let start = tell(&file).attempt(attempt)?;
        flows.give_back(Rest { file: dup(stdin()).attempt(attempt)?, start, pipe });
    }
    flows.add(Flow::new(file, ours).carefully(), Way::In);
    Ok(Some(theirs))
}

/// The guest's end of what it writes. None: nobody reads it.
fn writable(stream: BorrowedFd<'_>, way: Way, flows: &mut Flows) -> Result<Option<OwnedFd>> {
    if is_null(stream) {
        return Ok(None);
    }
    let (ours, theirs) = pipe_with(PipeFlags::CLOEXEC).attempt(attempt)?;
    enlarge(&ours);
    do_not_block(&ours).attempt(attempt)?;
    flows.add(Flow::new(ours, own_description(stream).attempt(attempt)?), way);
    Ok(Some(theirs))
}

fn do_not_block(pipe: &OwnedFd) -> rustix::io::Result<()> {
    fcntl_setfl(pipe, fcntl_getfl(pipe)? | OFlags::NONBLOCK)
}
