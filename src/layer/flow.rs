//! The uncompressed stream between two threads: one inflates, the other hashes, parses and writes. Inflating
//! takes the longest, so nothing else is done there.
//!
//! Buffers go round: at most [`QUEUE`] + 2 of them exist.

use std::io::{self, BufRead, Read};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};

use super::decompress::decompress;
use crate::oci::{Algorithm, Digest, Hasher};

/// Large enough that passing one costs nothing beside filling it, small enough for a phone's L2 cache.
const CHUNK: usize = 256 << 10;
const QUEUE: usize = 6;

struct Chunk {
    bytes: Box<[u8]>,
    length: usize,
}

/// The inflating side.
pub(super) struct Producer {
    full: SyncSender<io::Result<Chunk>>,
    empty: Receiver<Box<[u8]>>,
}

/// The reading side. Dropping it early stops the other.
pub(super) struct Consumer {
    full: Receiver<io::Result<Chunk>>,
    empty: Sender<Box<[u8]>>,
    current: Option<Chunk>,
    position: usize,
    failed: bool,
    hasher: Hasher,
    total: u64,
}

pub(super) fn flow() -> (Producer, Consumer) {
    let (full_in, full_out) = sync_channel(QUEUE);
    let (empty_in, empty_out) = channel();
    let consumer = Consumer {
        full: full_out,
        empty: empty_in,
        current: None,
        position: 0,
        failed: false,
        hasher: Hasher::new(Algorithm::Sha256),
        total: 0,
    };
    (Producer { full: full_in, empty: empty_out }, consumer)
}

impl Producer {
    /// Inflates `layer` until its end, its failure, or the consumer's.
    pub(super) fn run(self, layer: impl Read + Send) {
        if let Err(error) = self.pump(layer) {
            // When nobody listens any more, the consumer has an error of its own to tell.
            let _ = self.full.send(Err(error));
        }
    }

    fn pump(&self, layer: impl Read + Send) -> io::Result<()> {
        let mut plain = decompress(layer).map_err(io::Error::other)?;
        loop {
            let mut bytes = self.empty.try_recv().unwrap_or_else(|_| vec![0; CHUNK].into());
            let length = fill(&mut plain, &mut bytes)?;
            if length == 0 || self.full.send(Ok(Chunk { bytes, length })).is_err() {
                return Ok(());
            }
        }
    }
}

impl Consumer {
    /// The digest and the number of the bytes received: of all of them, when it was read to its end.
    pub(super) fn finish(self) -> (Digest, u64) {
        (self.hasher.finish(), self.total)
    }
}

/// Reads until the buffer is full or the stream ends.
fn fill(input: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut length = 0;
    while length < buffer.len() {
        match input.read(&mut buffer[length..]) {
            Ok(0) => break,
            Ok(count) => length += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(length)
}

impl BufRead for Consumer {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.current.as_ref().is_some_and(|chunk| self.position == chunk.length)
            && let Some(chunk) = self.current.take()
        {
            let _ = self.empty.send(chunk.bytes);
        }
        if self.current.is_none() {
            if self.failed {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            self.position = 0;
            match self.full.recv() {
                Ok(chunk) => {
                    let chunk = chunk.inspect_err(|_| self.failed = true)?;
                    self.hasher.update(&chunk.bytes[..chunk.length]);
                    self.total += chunk.length as u64;
                    self.current = Some(chunk);
                }
                Err(_) => return Ok(&[]),
            }
        }
        Ok(self.current.as_ref().map_or(&[], |chunk| &chunk.bytes[self.position..chunk.length]))
    }

    fn consume(&mut self, count: usize) {
        self.position += count;
    }
}

impl Read for Consumer {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let available = self.fill_buf()?;
        let count = available.len().min(buffer.len());
        buffer[..count].copy_from_slice(&available[..count]);
        self.consume(count);
        Ok(count)
    }
}
