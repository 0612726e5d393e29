//! What the formats and the threads speak of: blocks, and what became of them.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A piece of the data, with what stands before it where the format looks back.
pub(super) struct Block {
    bytes: Vec<u8>,
    history: usize,
}

impl Block {
    /// A block with no data yet, behind `history`. It will hold `size` bytes.
    pub(super) fn after(history: &[u8], size: usize) -> Block {
        let mut bytes = Vec::with_capacity(history.len() + size);
        bytes.extend_from_slice(history);
        Block { bytes, history: history.len() }
    }

    /// Takes from the front of `data` what fits into a block of `size` bytes, and says how many bytes these were.
    pub(super) fn fill(&mut self, data: &[u8], size: usize) -> usize {
        let count = data.len().min(size - self.data().len());
        self.bytes.extend_from_slice(&data[..count]);
        count
    }

    /// The bytes to compress.
    pub(super) fn data(&self) -> &[u8] {
        &self.bytes[self.history..]
    }

    /// The bytes before them, which are compressed already.
    pub(super) fn history(&self) -> &[u8] {
        &self.bytes[..self.history]
    }

    /// The last `count` bytes, or all if there are fewer.
    pub(super) fn last(&self, count: usize) -> &[u8] {
        &self.bytes[self.bytes.len().saturating_sub(count)..]
    }
}

/// A compressed block.
pub(super) struct Packed {
    pub(super) bytes: Vec<u8>,
    pub(super) summary: Summary,
}

/// What the end of a file tells of a block.
pub(super) struct Summary {
    /// CRC-32 (ISO 3309) and length of the data.
    pub(super) crc: flate2::Crc,
    pub(super) length: u64,
    /// Bytes of the compressed block without padding, where the format has padding.
    pub(super) packed: u64,
}

/// Tells a thread that nobody waits for its block any more.
#[derive(Clone, Default)]
pub(super) struct Stop(Arc<AtomicBool>);

impl Stop {
    pub(super) fn stop(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// An error when the thread should stop. For blocks that take long.
    pub(super) fn check(&self) -> io::Result<()> {
        if self.0.load(Ordering::Relaxed) { Err(io::Error::other("given up")) } else { Ok(()) }
    }
}

/// What a block leaves to the next where blocks end within a byte.
#[derive(Default)]
pub(super) struct Joint {
    /// The bits that fill no byte yet, and how many they are: 0 to 7.
    bits: u8,
    pub(super) count: u32,
    /// The checksum of all blocks.
    pub(super) check: u32,
}

impl Joint {
    /// Adds the lowest `count` bits of `bits`, at most 8; whole bytes go to `output`.
    pub(super) fn push(&mut self, bits: u8, count: u32, output: &mut Vec<u8>) {
        let all = u16::from(self.bits) << count | u16::from(bits);
        self.count += count;
        if self.count >= 8 {
            self.count -= 8;
            output.push((all >> self.count) as u8);
        }
        self.bits = (all & ((1 << self.count) - 1)) as u8;
    }
}

/// The sizes that a format chose. They decide what the file's bytes are, so they never depend on the host.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sizes {
    /// Bytes of data in a block.
    pub(super) block: usize,
    /// How many bytes before a block it refers to.
    pub(super) history: usize,
    /// Bytes of memory that one thread needs, its block included.
    pub(super) memory: usize,
}

/// A compressed format, at some level. A file is its head, all blocks, and its tail.
pub(super) trait Format: Send + Sync {
    fn sizes(&self) -> Sizes;

    fn head(&self) -> Vec<u8>;

    /// Compresses a block that has data.
    fn pack(&self, block: &Block, stop: &Stop) -> io::Result<Packed>;

    /// What is written of a packed block, behind the one before it.
    fn join(&self, packed: Vec<u8>, _: &mut Joint) -> io::Result<Vec<u8>> {
        Ok(packed)
    }

    /// The end of a file that has these blocks.
    fn tail(&self, blocks: &[Summary], joint: &mut Joint) -> Vec<u8>;
}
