//! The hash of a file's contents for the cache: SHA-256, the same for holes and for zeros in their places.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use rustix::fs::{SeekFrom, seek};

use crate::error::{Attempt, Error, Result};
use crate::oci::{Algorithm, Digest, Hasher};

/// Bytes; zeros are looked for in such blocks.
const BLOCK: usize = 4096;
/// Bytes read at once, a multiple of the block.
const BUFFER: usize = 128 << 10;

/// Hashes files one after the other, in one buffer.
#[derive(Debug, Default)]
pub struct FileHash {
    buffer: Vec<u8>,
}

impl FileHash {
    /// The hash of the first `size` bytes. Blocks of zeros are not hashed; where the others are is.
    pub fn of(&mut self, file: &File, size: u64) -> Result<Digest> {
        self.buffer.resize(BUFFER, 0);
        let mut hasher = Hasher::new(Algorithm::Sha256);
        let mut runs = Runs::default();
        let mut position = 0;
        while let Some(begin) = next_data(file, position, size) {
            let wanted = (size - begin).min(BUFFER as u64) as usize;
            let bytes = &mut self.buffer[..wanted];
            read(file, bytes, begin)?;
            for (number, block) in bytes.chunks(BLOCK).enumerate() {
                if block.iter().any(|&byte| byte != 0) {
                    hasher.update(block);
                    runs.add(begin + (number * BLOCK) as u64);
                }
            }
            position = begin + wanted as u64;
        }
        hasher.update(&runs.encoded(size));
        Ok(hasher.finish())
    }
}

/// Which blocks were hashed: begin and end of each run.
#[derive(Default)]
struct Runs(Vec<(u64, u64)>);

impl Runs {
    fn add(&mut self, block: u64) {
        let end = block + BLOCK as u64;
        match self.0.last_mut() {
            Some(last) if last.1 == block => last.1 = end,
            _ => self.0.push((block, end)),
        }
    }

    fn encoded(&self, size: u64) -> Vec<u8> {
        let numbers = self.0.iter().flat_map(|(begin, end)| [*begin, *end]);
        numbers.chain([size]).flat_map(u64::to_le_bytes).collect()
    }
}

/// The block at or after `position` in which there is data.
fn next_data(file: &File, position: u64, size: u64) -> Option<u64> {
    if position >= size {
        return None;
    }
    if size <= BUFFER as u64 {
        return Some(position);
    }
    match seek(file, SeekFrom::Data(position)) {
        Ok(data) if data < size => Some(data - data % BLOCK as u64),
        Ok(_) | Err(rustix::io::Errno::NXIO) => None,
        // This filesystem knows no holes (lseek(2)).
        Err(_) => Some(position),
    }
}

fn read(file: &File, bytes: &mut [u8], position: u64) -> Result<()> {
    match file.read_exact_at(bytes, position) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            Err(Error::invalid("it became shorter while it was read"))
        }
        done => done.attempt("read it"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::TempDir;

    #[test]
    fn holes_and_zeros_are_the_same_and_places_count() {
        let temp = TempDir::new();
        let file = |name: &str, size: u64, at: &[u64], written: bool| {
            let path = temp.path().join(name);
            let file = File::options().read(true).write(true).create_new(true).open(path).unwrap();
            if written {
                file.write_all_at(&vec![0; size as usize], 0).unwrap();
            }
            file.set_len(size).unwrap();
            at.iter().for_each(|at| file.write_all_at(b"data", *at).unwrap());
            FileHash::default().of(&file, size).unwrap()
        };
        let sparse = file("sparse", 1 << 20, &[5, 300_000], false);
        assert_eq!(file("whole", 1 << 20, &[5, 300_000], true), sparse);
        assert_ne!(file("moved", 1 << 20, &[5, 400_000], false), sparse);
        assert_ne!(file("longer", (1 << 20) + 1, &[5, 300_000], false), sparse);
        assert_ne!(file("empty", 0, &[], false), file("zero", 1, &[], true));
        let small = file("small", 5000, &[100], false);
        assert_eq!(file("small2", 5000, &[100], true), small);
        file("large", 1 << 42, &[1 << 41], false);
    }

    #[test]
    fn a_file_that_becomes_shorter_is_told() {
        let temp = TempDir::new();
        std::fs::write(temp.path().join("a"), "abc").unwrap();
        let file = File::open(temp.path().join("a")).unwrap();
        assert!(FileHash::default().of(&file, 4).unwrap_err().to_string().contains("shorter"));
    }
}
