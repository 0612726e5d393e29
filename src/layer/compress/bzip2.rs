//! bzip2 in streams, one after the other, as `pbzip2` makes them. `bzip2`, GNU tar, bsdtar and Python read such files.

use std::io::{self, Write};

use ::bzip2::write::BzEncoder;

use super::block::{Block, Format, Packed, Sizes, Stop, Summary};

const DEFAULT_LEVEL: u32 = 9;
/// A level's block holds this many bytes a level, but for a few (`bzlib.h`, blockSize100k).
const STEP: usize = 100_000;
const SPARE: usize = 50;
/// What an encoder takes: 400 KB, and 8 bytes a byte of its block (bzip2(1), MEMORY MANAGEMENT).
const FIXED: usize = 400_000;
const EACH: usize = 8;

/// A stream of no bytes: head, end mark, checksum 0.
const EMPTY: [u8; 14] = [b'B', b'Z', b'h', b'9', 0x17, 0x72, 0x45, 0x38, 0x50, 0x90, 0, 0, 0, 0];

pub(super) struct Bzip2 {
    level: u32,
}

impl Bzip2 {
    pub(super) fn new(level: Option<u32>) -> Bzip2 {
        Bzip2 { level: level.unwrap_or(DEFAULT_LEVEL) }
    }
}

impl Format for Bzip2 {
    fn sizes(&self) -> Sizes {
        let block = self.level as usize * STEP;
        Sizes { block: block - SPARE, history: 0, memory: FIXED + EACH * block + 2 * block }
    }

    fn head(&self) -> Vec<u8> {
        Vec::new()
    }

    fn pack(&self, block: &Block, _: &Stop) -> io::Result<Packed> {
        let mut encoder = BzEncoder::new(Vec::new(), ::bzip2::Compression::new(self.level));
        encoder.write_all(block.data())?;
        let bytes = encoder.finish()?;
        let summary = Summary {
            crc: flate2::Crc::new(),
            length: block.data().len() as u64,
            packed: bytes.len() as u64,
        };
        Ok(Packed { bytes, summary })
    }

    fn tail(&self, blocks: &[Summary]) -> Vec<u8> {
        if blocks.is_empty() { EMPTY.to_vec() } else { Vec::new() }
    }
}
