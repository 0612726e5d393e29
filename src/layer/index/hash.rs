//! Hashes that tell a change from none: XXH3, 64 bits, fast and not cryptographic. They guard against no attacker,
//! and two different contents are equal once in 2^64.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;

use twox_hash::XxHash3_64;

use crate::error::Result;
use crate::layer::content::Content;
use crate::layer::entry::kept;

/// Bytes that are hashed together.
const BLOCK_SIZE: usize = 4096;

/// Hashes contents that come in ascending runs.
///
/// The hash is the sum of the hashes of the blocks of 4,096 bytes, each seeded with its number and without the
/// zeros at its end. So it does not depend on how the contents are cut into runs, nor on whether zeros are
/// written or holes; and blocks of zeros, however many a size claims, cost nothing.
pub(super) struct ContentHash {
    sum: u64,
    /// The number of the block that is being collected.
    number: u64,
    /// What there is of it; holes are zeros.
    block: Vec<u8>,
}

impl ContentHash {
    pub(super) fn new() -> ContentHash {
        ContentHash { sum: 0, number: 0, block: Vec::new() }
    }

    /// Takes the next run of data: `offset` is not before the last one's end.
    pub(super) fn update(&mut self, mut offset: u64, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let within = (offset % BLOCK_SIZE as u64) as usize;
            let (run, rest) = bytes.split_at(bytes.len().min(BLOCK_SIZE - within));
            let number = offset / BLOCK_SIZE as u64;
            if run.len() == BLOCK_SIZE {
                self.add(number, run);
            } else {
                self.collect(number, within, run);
            }
            offset += run.len() as u64;
            bytes = rest;
        }
    }

    /// Takes all that there is to read.
    pub(super) fn read(&mut self, content: &mut dyn Content) -> Result<u64> {
        while let Some((offset, bytes)) = content.chunk()? {
            self.update(offset, bytes);
        }
        Ok(self.finish())
    }

    /// The hash of all runs; the next update begins another file.
    pub(super) fn finish(&mut self) -> u64 {
        self.flush();
        std::mem::take(&mut self.sum)
    }

    fn collect(&mut self, number: u64, within: usize, run: &[u8]) {
        if number != self.number {
            self.flush();
            self.number = number;
        }
        self.block.resize(within, 0);
        self.block.extend_from_slice(run);
    }

    fn flush(&mut self) {
        let mut block = std::mem::take(&mut self.block);
        self.add(self.number, &block);
        block.clear();
        self.block = block;
    }

    fn add(&mut self, number: u64, block: &[u8]) {
        let data = without_trailing_zeros(block);
        if !data.is_empty() {
            self.sum = self.sum.wrapping_add(XxHash3_64::oneshot_with_seed(number, data));
        }
    }
}

/// Goes by words: it sees every byte of a sparse file's written zeros.
fn without_trailing_zeros(mut bytes: &[u8]) -> &[u8] {
    while let Some((rest, word)) = bytes.split_last_chunk::<8>()
        && u64::from_ne_bytes(*word) == 0
    {
        bytes = rest;
    }
    while let Some((0, rest)) = bytes.split_last() {
        bytes = rest;
    }
    bytes
}

/// The hash of contents that are in memory.
pub fn hash_of(contents: &[u8]) -> u64 {
    let mut hash = ContentHash::new();
    hash.update(0, contents);
    hash.finish()
}

/// Hashes the extended attributes that an installation keeps, in any order: the sum of the hashes of all.
pub(super) fn xattrs(all: &[(OsString, Vec<u8>)]) -> u64 {
    let hash = |(key, value): &(OsString, Vec<u8>)| {
        // A key has no NUL in it.
        XxHash3_64::oneshot(&[key.as_bytes(), b"\0", value].concat())
    };
    kept(all).map(hash).fold(0, u64::wrapping_add)
}
