//! The uncompressed stream between two threads: one inflates, the other hashes, parses and writes. Inflating
//! takes the longest, so nothing else is done there.
//!
//! Buffers go round: at most [`QUEUE`] + 2 of them exist.

use std::collections::VecDeque;
use std::io::{self, BufRead, Read};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use super::decompress::decompress;
use crate::oci::{Algorithm, Digest, Hasher};

/// Large enough that passing one costs nothing beside filling it, small enough for a phone's L2 cache.
const CHUNK: usize = 256 << 10;
const QUEUE: usize = 6;

struct Chunk {
    bytes: Box<[u8]>,
    length: usize,
}

/// What is between the two. (`std::sync::mpsc` has three kinds of channel in the code for each type that is sent.)
#[derive(Default)]
struct Between {
    state: Mutex<State>,
    /// A buffer was passed, or a side is gone.
    changed: Condvar,
}

#[derive(Default)]
struct State {
    full: VecDeque<io::Result<Chunk>>,
    empty: Vec<Box<[u8]>>,
    /// One side is gone.
    ended: bool,
}

impl Between {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        self.changed.wait(state).unwrap_or_else(PoisonError::into_inner)
    }

    /// Passes it on when there is room; whether anybody listens.
    fn send(&self, chunk: io::Result<Chunk>) -> bool {
        let mut state = self.lock();
        while state.full.len() >= QUEUE && !state.ended {
            state = self.wait(state);
        }
        let listened = !state.ended;
        if listened {
            state.full.push_back(chunk);
            self.changed.notify_one();
        }
        listened
    }

    /// Waits for the next one; none when there will be no more. `used` may be filled again.
    fn receive(&self, used: Option<Box<[u8]>>) -> Option<io::Result<Chunk>> {
        let mut state = self.lock();
        state.empty.extend(used);
        while state.full.is_empty() && !state.ended {
            state = self.wait(state);
        }
        self.changed.notify_one();
        state.full.pop_front()
    }
}

/// One side's hold of it.
struct Side(Arc<Between>);

impl Drop for Side {
    fn drop(&mut self) {
        self.0.lock().ended = true;
        self.0.changed.notify_one();
    }
}

/// The inflating side.
pub(super) struct Producer(Side);

/// The reading side. Dropping it early stops the other.
pub(super) struct Consumer {
    side: Side,
    current: Option<Chunk>,
    position: usize,
    failed: bool,
    hasher: Hasher,
    total: u64,
}

/// Both sides.
pub(super) fn pair() -> (Producer, Consumer) {
    let between = Arc::<Between>::default();
    let consumer = Consumer {
        side: Side(between.clone()),
        current: None,
        position: 0,
        failed: false,
        hasher: Hasher::new(Algorithm::Sha256),
        total: 0,
    };
    (Producer(Side(between)), consumer)
}

impl Producer {
    /// Inflates `layer` until its end, its failure, or the consumer's.
    pub(super) fn run(self, layer: impl Read + Send) {
        if let Err(error) = self.pump(layer) {
            // When nobody listens any more, the consumer has an error of its own to tell.
            self.0.0.send(Err(error));
        }
    }

    fn pump(&self, layer: impl Read + Send) -> io::Result<()> {
        let mut plain = decompress(layer).map_err(io::Error::other)?;
        let between = &self.0.0;
        loop {
            let empty = between.lock().empty.pop();
            let mut bytes = empty.unwrap_or_else(|| vec![0; CHUNK].into());
            let length = fill(&mut plain, &mut bytes)?;
            if length == 0 || !between.send(Ok(Chunk { bytes, length })) {
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
        if self.current.as_ref().is_none_or(|chunk| self.position == chunk.length) {
            if self.failed {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            self.position = 0;
            let used = self.current.take().map(|chunk| chunk.bytes);
            let Some(chunk) = self.side.0.receive(used) else { return Ok(&[]) };
            let chunk = chunk.inspect_err(|_| self.failed = true)?;
            self.hasher.update(&chunk.bytes[..chunk.length]);
            self.total += chunk.length as u64;
            self.current = Some(chunk);
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
