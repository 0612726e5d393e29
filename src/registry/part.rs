//! A blob on disk as requests carry it: whole or in parts, as often as it takes, and never one that is damaged.
//!
//! The digest is computed while a whole blob goes out: when it is wrong, the last bytes stay here, and the server has
//! nothing that it could keep. Before a blob goes out in parts it is read once more.

use std::cell::Cell;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;

use crate::net::payload::Payload;
use crate::oci::{Descriptor, Hasher};
use crate::report::Task;
use crate::store::UploadRecord;

/// A blob that is sent.
pub struct Source<'a> {
    file: File,
    /// What it must be.
    pub blob: &'a Descriptor,
    /// Hears of each byte once, however often it is sent.
    pub task: &'a dyn Task,
    /// Where its upload goes on in the next run, if that is remembered.
    pub record: Option<UploadRecord>,
    furthest: Cell<u64>,
    received: Cell<u64>,
    verified: Cell<bool>,
}

impl<'a> Source<'a> {
    /// `file` has the blob's bytes from its first on.
    pub fn new(
        file: File,
        blob: &'a Descriptor,
        task: &'a dyn Task,
        record: Option<UploadRecord>,
    ) -> Source<'a> {
        Source {
            file,
            blob,
            task,
            record,
            furthest: Cell::new(0),
            received: Cell::new(0),
            verified: Cell::new(false),
        }
    }

    /// The bytes from `start` up to, and without, `end`.
    pub(super) fn part(&self, start: u64, end: u64) -> Part<'_> {
        Part { source: self, start, end }
    }

    /// How many bytes the server ever said to have.
    pub(super) fn received(&self) -> &Cell<u64> {
        &self.received
    }

    fn reader(&self, start: u64, end: u64, hashed: bool) -> Reader<'_> {
        let hasher = hashed.then(|| Hasher::new(self.blob.digest.algorithm()));
        Reader { source: self, at: start, end, hasher, told: false }
    }

    fn verify(&self) -> io::Result<()> {
        io::copy(&mut self.reader(0, self.blob.size, true), &mut io::sink()).map(drop)
    }

    fn tell(&self, at: u64) {
        let before = self.furthest.get();
        if at > before {
            self.task.advance(at - before);
            self.furthest.set(at);
        }
    }
}

/// A part of a blob.
pub(super) struct Part<'a> {
    source: &'a Source<'a>,
    start: u64,
    end: u64,
}

impl Payload for Part<'_> {
    fn content_type(&self) -> &str {
        "application/octet-stream"
    }

    fn length(&self) -> u64 {
        self.end - self.start
    }

    fn open(&self) -> io::Result<Box<dyn Read + '_>> {
        let whole = self.start == 0 && self.end == self.source.blob.size;
        let unknown = !self.source.verified.get();
        if unknown && !whole && self.length() > 0 {
            self.source.verify()?;
        }
        Ok(Box::new(Reader { told: true, ..self.source.reader(self.start, self.end, unknown && whole) }))
    }
}

struct Reader<'a> {
    source: &'a Source<'a>,
    at: u64,
    end: u64,
    hasher: Option<Hasher>,
    /// Whether these bytes are progress.
    told: bool,
}

impl Read for Reader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let room = usize::try_from(self.end - self.at).unwrap_or(usize::MAX).min(buffer.len());
        let count = self.source.file.read_at(&mut buffer[..room], self.at)?;
        if count == 0 && room > 0 {
            return Err(self.source.damaged());
        }
        self.at += count as u64;
        crate::sys::point::reach("push.read");
        if let Some(hasher) = &mut self.hasher {
            hasher.update(&buffer[..count]);
        }
        if self.at == self.end
            && let Some(hasher) = self.hasher.take()
        {
            if hasher.finish() != self.source.blob.digest {
                return Err(self.source.damaged());
            }
            self.source.verified.set(true);
        }
        if self.told {
            self.source.tell(self.at);
        }
        Ok(count)
    }
}

impl Source<'_> {
    fn damaged(&self) -> io::Error {
        let why =
            format!("the blob {} is damaged here; pull, load or build the image again", self.blob.short());
        io::Error::new(io::ErrorKind::InvalidData, why)
    }
}
