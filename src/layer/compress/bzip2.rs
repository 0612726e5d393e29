//! bzip2 as one stream: what the threads made is joined bit by bit. Programs that read a tar archive as it comes, such as
//! Python's `tarfile` (`r|bz2`), read the first stream of a file alone.

use std::io::{self, Write};

use ::bzip2::write::BzEncoder;

use super::block::{Block, Format, Joint, Packed, Sizes, Stop, Summary};

const DEFAULT_LEVEL: u32 = 9;
/// A level's block holds this many bytes a level, but for a few (`bzlib.h`, blockSize100k).
const STEP: usize = 100_000;
const SPARE: usize = 50;
/// What an encoder takes: 400 KB, and 8 bytes a byte of its block (bzip2(1), MEMORY MANAGEMENT).
const FIXED: usize = 400_000;
const EACH: usize = 8;

/// Bytes of a stream's head: `BZh` and the level.
const HEAD: usize = 4;
/// The mark of a stream's end, 48 bits. 32 bits of a checksum of all blocks follow, and zeros to the next byte.
const END: u64 = 0x1772_4538_5090;

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
        // Runs of four bytes become five (the format's first step): more would make two blocks of one.
        Sizes { block: block / 5 * 4 - SPARE, history: 0, memory: FIXED + EACH * block + 2 * block }
    }

    fn head(&self) -> Vec<u8> {
        format!("BZh{}", self.level).into_bytes()
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

    /// Drops the stream's head and end, and moves its one block to the bit where the last one ended. The checksum of a
    /// stream is that of the blocks before, rotated by a bit, XOR that of the block.
    fn join(&self, stream: Vec<u8>, joint: &mut Joint) -> io::Result<Vec<u8>> {
        let (bits, check) = end(&stream).ok_or_else(|| io::Error::other("bzip2 made no whole stream"))?;
        joint.check = joint.check.rotate_left(1) ^ check;
        let (bytes, rest) = (bits / 8, bits % 8);
        let mut joined = Vec::with_capacity(stream.len());
        for &byte in &stream[HEAD..bytes] {
            joint.push(byte, 8, &mut joined);
        }
        joint.push((u16::from(stream[bytes]) >> (8 - rest)) as u8, rest as u32, &mut joined);
        Ok(joined)
    }

    fn tail(&self, _: &[Summary], joint: &mut Joint) -> Vec<u8> {
        let mut bytes = Vec::new();
        for byte in END.to_be_bytes()[2..].iter().chain(&joint.check.to_be_bytes()) {
            joint.push(*byte, 8, &mut bytes);
        }
        joint.push(0, (8 - joint.count) % 8, &mut bytes);
        bytes
    }
}

/// How many bits stand before a stream's end, and the checksum there.
fn end(stream: &[u8]) -> Option<(usize, u32)> {
    let last = stream.get(HEAD..)?.last_chunk::<11>()?;
    let last = last.iter().fold(0u128, |all, &byte| all << 8 | u128::from(byte));
    let padding = (0..8).find(|padding| (last >> padding >> 32) as u64 & 0xffff_ffff_ffff == END)?;
    Some((stream.len() * 8 - 80 - padding, (last >> padding) as u32))
}
