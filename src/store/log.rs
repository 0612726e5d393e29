//! Reads a detached run's log, which may be in two parts and grow meanwhile.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

use super::lock::names;
use super::name::Name;
use super::{files, logs};
use crate::error::{Attempt, Result};

/// Bytes read at once.
const BUFFER: usize = 64 << 10;
/// Bytes of an unfinished line that are waited with; a longer one is passed on in parts.
const LINE_MAX: usize = 1 << 20;

/// A log, and how far it was read.
#[derive(Debug)]
pub struct Log {
    path: PathBuf,
    previous: PathBuf,
    /// What is still to be read, in order; the last one may grow. Never empty.
    parts: VecDeque<File>,
    /// A line whose end has not come yet.
    unfinished: Vec<u8>,
}

impl Log {
    pub(super) fn open(directory: &Path, name: &Name) -> Result<Option<Log>> {
        let (path, previous) = (logs::path(directory, name), logs::previous(directory, name));
        let mut log = Log { path, previous, parts: VecDeque::new(), unfinished: Vec::new() };
        log.go_on()?;
        Ok((!log.parts.is_empty()).then_some(log))
    }

    /// Whether another one has taken its place: full, or of a run that is over.
    pub fn is_replaced(&self) -> bool {
        // It may be deleted, or be replaced just now: the next look tells.
        self.path.exists() && !self.parts.back().is_some_and(|last| names(&self.path, last))
    }

    /// Goes on with what has taken its place.
    pub fn go_on(&mut self) -> Result<()> {
        let attempt = format_args!("read '{}'", self.path.display());
        // In this order: what becomes the first part meanwhile is there twice, not missing.
        let now = open(&self.path).attempt(attempt)?;
        let before = open(&self.previous).attempt(attempt)?.filter(logs::is_first_part);
        for part in before.into_iter().chain(now) {
            let same = |seen: &File| same_file(seen, &part).unwrap_or_default();
            if !self.parts.iter().any(same) {
                self.parts.push_back(part);
            }
        }
        Ok(())
    }

    /// Whether somebody still writes it, or may.
    pub fn is_written(&self) -> bool {
        let Some(last) = self.parts.back() else { return false };
        let free = flock(last, FlockOperation::NonBlockingLockShared).is_ok();
        if free {
            // Whoever writes it next waits for that.
            let _ = flock(last, FlockOperation::Unlock);
        }
        !free
    }

    /// What has come of a line without its end.
    pub fn unfinished(&self) -> &[u8] {
        &self.unfinished
    }

    /// Passes on what has come, in whole lines; false when `sink` takes no more. One that was cut short is read from its
    /// start.
    pub fn read(&mut self, sink: &mut dyn FnMut(&[u8]) -> bool) -> Result<bool> {
        self.pass_on(sink).attempt(format_args!("read '{}'", self.path.display()))
    }

    fn pass_on(&mut self, sink: &mut dyn FnMut(&[u8]) -> bool) -> io::Result<bool> {
        let mut buffer = vec![0; BUFFER];
        while let Some(part) = self.parts.front_mut() {
            if part.metadata()?.len() < part.stream_position()? {
                part.rewind()?;
            }
            let count = part.read(&mut buffer)?;
            let Some(bytes) = buffer.get(..count).filter(|bytes| !bytes.is_empty()) else {
                if self.parts.len() == 1 {
                    break;
                }
                self.parts.pop_front();
                continue;
            };
            self.unfinished.extend_from_slice(bytes);
            let whole = match self.unfinished.iter().rposition(|&byte| byte == b'\n') {
                Some(end) => end + 1,
                None if self.unfinished.len() > LINE_MAX => self.unfinished.len(),
                None => continue,
            };
            let lines: Vec<u8> = self.unfinished.drain(..whole).collect();
            if !sink(&lines) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Goes to where the last so many lines begin; an unfinished one counts.
    pub fn seek_to_last(&mut self, lines: u64) -> Result<()> {
        self.seek(lines).attempt(format_args!("read '{}'", self.path.display()))
    }

    fn seek(&mut self, lines: u64) -> io::Result<()> {
        let mut tail = Tail { wanted: lines, seen: false };
        for index in (0..self.parts.len()).rev() {
            let begin = tail.find(&mut self.parts[index])?;
            self.parts[index].seek(SeekFrom::Start(begin.unwrap_or_default()))?;
            if begin.is_some() {
                self.parts.drain(..index);
                break;
            }
        }
        Ok(())
    }
}

/// Counts lines from the end.
struct Tail {
    wanted: u64,
    /// Whether the last byte was seen.
    seen: bool,
}

impl Tail {
    /// Where in `part` the first line begins that is wanted, if that is in it.
    fn find(&mut self, part: &mut File) -> io::Result<Option<u64>> {
        let mut end = part.seek(SeekFrom::End(0))?;
        if self.wanted == 0 {
            return Ok(Some(end));
        }
        while end > 0 {
            let start = end.saturating_sub(BUFFER as u64);
            let mut bytes = vec![0; (end - start) as usize];
            part.seek(SeekFrom::Start(start))?;
            part.read_exact(&mut bytes)?;
            for (at, byte) in bytes.iter().enumerate().rev() {
                // The line end that ends it all begins no line.
                let is_last = !std::mem::replace(&mut self.seen, true);
                if *byte != b'\n' || is_last {
                    continue;
                }
                if self.wanted == 1 {
                    return Ok(Some(start + at as u64 + 1));
                }
                self.wanted -= 1;
            }
            end = start;
        }
        Ok(None)
    }
}

fn open(path: &Path) -> io::Result<Option<File>> {
    match files::open_read(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        opened => opened.map(Some),
    }
}

fn same_file(one: &File, other: &File) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt;
    let (one, other) = (one.metadata()?, other.metadata()?);
    Ok((one.dev(), one.ino()) == (other.dev(), other.ino()))
}

#[cfg(test)]
mod tests;
