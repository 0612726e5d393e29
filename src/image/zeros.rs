//! Huge files that are nearly all zeros, such as a `lastlog` of a terabyte that an account of a high number made: their layer
//! holds only the rest, in GNU tar's format for sparse files (PAX, version 1.0), which Go's and Python's readers know too. The
//! specification advises against sparse files (layer.md), so only those have one that nobody could write whole.
//!
//! What counts is the contents, in blocks of a fixed size, never how a filesystem keeps them: the same file gives the same
//! bytes everywhere.

use std::fs::File;
use std::os::fd::BorrowedFd;
use std::os::unix::fs::FileExt;

use crate::error::{Attempt, Result};
use crate::layer::{Content, FileContent};

/// Smaller files are written whole.
const LEAST: u64 = 1 << 30;
const BLOCK: u64 = 64 << 10;
/// One part in so many may be something else than zeros.
const PART: u64 = 8;
/// Readers refuse longer maps.
const MAX_RUNS: usize = 65_535;

/// The contents of a file of `size` bytes without its zeros, if it is huge and nearly all of it are zeros.
pub(super) fn without_zeros(file: Option<BorrowedFd<'_>>, size: u64) -> Result<Option<Blocks>> {
    let Some(file) = file.filter(|_| size >= LEAST) else { return Ok(None) };
    let attempt = "read it";
    let duplicate = || file.try_clone_to_owned().map(File::from).attempt(attempt);
    let runs = runs(FileContent::new(duplicate()?, size))?;
    let data: u64 = runs.iter().map(|(begin, end)| end - begin).sum();
    let is_worth_it = data < size / PART && runs.len() <= MAX_RUNS;
    let blocks = Blocks { file: duplicate()?, size, runs, buffer: Vec::new() };
    Ok(is_worth_it.then_some(blocks))
}

/// The blocks that hold something else than zeros, neighbours together: begin and end, the last one first.
fn runs(mut content: FileContent) -> Result<Vec<(u64, u64)>> {
    let mut runs: Vec<(u64, u64)> = Vec::new();
    while let Some((offset, bytes)) = content.chunk()? {
        let mut at = offset;
        let mut rest = bytes;
        while !rest.is_empty() {
            let begin = at - at % BLOCK;
            let (part, after) = rest.split_at(rest.len().min((begin + BLOCK - at) as usize));
            if part.iter().any(|&byte| byte != 0) {
                match runs.last_mut() {
                    Some((_, end)) if *end >= begin => *end = begin + BLOCK,
                    _ => runs.push((begin, begin + BLOCK)),
                }
            }
            at += part.len() as u64;
            rest = after;
        }
    }
    runs.reverse();
    Ok(runs)
}

/// The blocks of a file that are not zeros.
pub(super) struct Blocks {
    file: File,
    size: u64,
    /// The next one last.
    runs: Vec<(u64, u64)>,
    buffer: Vec<u8>,
}

impl Content for Blocks {
    fn chunk(&mut self) -> Result<Option<(u64, &[u8])>> {
        let Some((begin, end)) = self.runs.pop() else { return Ok(None) };
        let next = (begin + BLOCK).min(end);
        if next < end {
            self.runs.push((next, end));
        }
        self.buffer.resize((next.min(self.size) - begin) as usize, 0);
        self.file.read_exact_at(&mut self.buffer, begin).attempt("read it")?;
        Ok(Some((begin, &self.buffer)))
    }

    fn is_whole(&self, _size: u64) -> bool {
        false
    }

    fn runs(&mut self) -> Option<Vec<(u64, u64)>> {
        let lengths = self.runs.iter().rev().map(|&(begin, end)| (begin, end.min(self.size) - begin));
        Some(lengths.collect())
    }
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd;

    use super::*;
    use crate::testing::TempDir;

    #[test]
    fn contents_decide_and_not_how_they_are_kept() {
        let temp = TempDir::new();
        let size = LEAST + 5;
        let make = |name: &str, written: bool| {
            let path = temp.path().join(name);
            let file = File::options().read(true).write(true).create_new(true).open(path).unwrap();
            file.set_len(size).unwrap();
            if written {
                file.write_all_at(&vec![0; 20 << 20], 10 << 20).unwrap();
            }
            for at in [0, (12 << 20) + 7, BLOCK * 300 - 1, size - 1] {
                file.write_all_at(b"x", at).unwrap();
            }
            file.write_all_at(b"xx", BLOCK * 400 - 1).unwrap();
            file
        };
        let read = |file: &File| {
            let mut blocks = without_zeros(Some(file.as_fd()), size).unwrap().unwrap();
            let runs = blocks.runs().unwrap();
            let mut chunks = Vec::new();
            while let Some((offset, bytes)) = blocks.chunk().unwrap() {
                chunks.push((offset, bytes.to_vec()));
            }
            (runs, chunks)
        };
        let (holes, zeros) = (make("holes", false), make("zeros", true));
        let (runs, chunks) = read(&holes);
        assert_eq!((&runs, &chunks), (&read(&zeros).0, &read(&zeros).1));
        assert_eq!(runs.len(), 5);
        assert_eq!(runs[3], (399 * BLOCK, 2 * BLOCK));
        assert_eq!(runs[4], (LEAST, 5));
        let sum: u64 = runs.iter().map(|(_, length)| length).sum();
        assert_eq!(sum, chunks.iter().map(|(_, bytes)| bytes.len() as u64).sum::<u64>());
        // An eighth of it is something, or it is small.
        (0..LEAST / BLOCK / PART).for_each(|block| holes.write_all_at(b"x", block * BLOCK).unwrap());
        assert!(without_zeros(Some(holes.as_fd()), size).unwrap().is_none());
        assert!(without_zeros(Some(zeros.as_fd()), LEAST - 1).unwrap().is_none());
        assert!(without_zeros(None, size).unwrap().is_none());
    }
}
