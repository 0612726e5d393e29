//! A regular file as [`Content`]: its holes are found by lseek(2), so a sparse file is read as fast as its data.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::FileExt;

use rustix::fs::{SeekFrom, seek};
use rustix::io::Errno;

use super::content::Content;
use crate::error::{Attempt, Error, Result};

/// Bytes read at once.
const BUFFER: u64 = 128 << 10;
/// A map has at most so many runs, as the reader of archives takes them: 1 MiB of memory.
const MAX_RUNS: usize = 65_535;

/// The first bytes of a regular file. One that becomes shorter while it is read is an error.
#[derive(Debug)]
pub struct FileContent {
    file: File,
    size: u64,
    /// Where the next chunk begins, or the hole before it.
    position: u64,
    /// Where the run of data that holds `position` ends.
    run_end: u64,
    buffer: Vec<u8>,
    /// Runs that were promised, as positions: begin and end, the next one last.
    promised: Option<Vec<(u64, u64)>>,
}

impl FileContent {
    /// The first `size` bytes of `file`: what fstat(2) said of it. A filesystem that knows no holes
    /// (`SEEK_HOLE`, lseek(2)) has whole files.
    pub fn new(file: File, size: u64) -> FileContent {
        let run_end = match seek(&file, SeekFrom::Hole(0)) {
            Ok(hole) => hole.min(size),
            Err(_) => size,
        };
        FileContent { file, size, position: 0, run_end, buffer: Vec::new(), promised: None }
    }

    /// The same from its beginning.
    pub(super) fn again(self) -> FileContent {
        FileContent::new(self.file, self.size)
    }

    /// Goes to the next run of data; false when only a hole is left.
    fn next_run(&mut self) -> Result<bool> {
        if let Some(promised) = &mut self.promised {
            let Some(run) = promised.pop() else { return Ok(false) };
            (self.position, self.run_end) = run;
            return Ok(true);
        }
        match seek(&self.file, SeekFrom::Data(self.position)) {
            Ok(data) if data < self.size => {
                let hole = seek(&self.file, SeekFrom::Hole(data)).attempt("find its holes")?;
                (self.position, self.run_end) = (data, hole.min(self.size));
                Ok(true)
            }
            Ok(_) | Err(Errno::NXIO) => {
                let length = self.file.metadata().attempt("stat it")?.len();
                if length < self.size { Err(self.shorter(length)) } else { Ok(false) }
            }
            Err(error) => Err(Error::io("find its holes", error.into())),
        }
    }

    /// All runs, as positions; none when there are too many, or the file does not tell.
    fn map(&self) -> Option<Vec<(u64, u64)>> {
        let mut runs = Vec::new();
        let mut position = 0;
        while position < self.size {
            match seek(&self.file, SeekFrom::Data(position)) {
                Ok(data) if data < self.size => {
                    position = seek(&self.file, SeekFrom::Hole(data)).ok()?.min(self.size);
                    runs.push((data, position));
                }
                Ok(_) | Err(Errno::NXIO) => break,
                Err(_) => return None,
            }
            if runs.len() > MAX_RUNS {
                return None;
            }
        }
        Some(runs)
    }

    fn shorter(&self, length: u64) -> Error {
        Error::invalid(format_args!("became shorter while it was read: {length} of {} bytes", self.size))
    }

    fn read(&mut self) -> Result<usize> {
        let wanted = (self.run_end - self.position).min(BUFFER) as usize;
        if self.buffer.len() < wanted {
            self.buffer.resize(wanted, 0);
        }
        loop {
            match self.file.read_at(&mut self.buffer[..wanted], self.position) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Ok(0) => return Err(self.shorter(self.position)),
                count => return count.attempt("read it"),
            }
        }
    }
}

impl Content for FileContent {
    fn chunk(&mut self) -> Result<Option<(u64, &[u8])>> {
        if self.position == self.size || self.position == self.run_end && !self.next_run()? {
            return Ok(None);
        }
        let offset = self.position;
        let count = self.read()?;
        self.position += count as u64;
        Ok(Some((offset, &self.buffer[..count])))
    }

    fn is_whole(&self, size: u64) -> bool {
        self.position == 0 && self.run_end == size
    }

    fn runs(&mut self) -> Option<Vec<(u64, u64)>> {
        let mut runs = self.map()?;
        let lengths = runs.iter().map(|(begin, end)| (*begin, end - begin)).collect();
        runs.reverse();
        (self.position, self.run_end) = (0, 0);
        self.promised = Some(runs);
        Some(lengths)
    }

    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        Some(self.file.as_fd())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::TempDir;

    fn runs(content: &mut dyn Content) -> Result<Vec<(u64, u64)>> {
        let mut runs = Vec::new();
        while let Some((offset, bytes)) = content.chunk()? {
            runs.push((offset, bytes.len() as u64));
        }
        Ok(runs)
    }

    #[test]
    fn holes_are_not_read() {
        let temp = TempDir::new();
        let path = temp.path().join("sparse");
        let file = File::create_new(&path).unwrap();
        let (middle, size) = (1 << 20, 1 << 40);
        file.write_all_at(b"head", 0).unwrap();
        file.write_all_at(b"middle", middle).unwrap();
        file.set_len(size).unwrap();
        let mut content = FileContent::new(File::open(&path).unwrap(), size);
        assert!(!content.is_whole(size));
        let runs = runs(&mut content).unwrap();
        let held = |at: u64| runs.iter().any(|(offset, length)| (*offset..offset + length).contains(&at));
        assert!(held(0) && held(middle), "{runs:?}");
        assert!(runs.iter().map(|(_, length)| length).sum::<u64>() < 1 << 20, "{runs:?}");
    }

    #[test]
    fn a_file_that_becomes_shorter_is_an_error() {
        let temp = TempDir::new();
        let path = temp.path().join("file");
        std::fs::write(&path, vec![1; 300_000]).unwrap();
        let mut whole = FileContent::new(File::open(&path).unwrap(), 300_000);
        assert!(whole.is_whole(300_000));
        assert_eq!(runs(&mut whole).unwrap().iter().map(|(_, length)| length).sum::<u64>(), 300_000);
        let mut content = FileContent::new(File::open(&path).unwrap(), 300_000);
        content.chunk().unwrap();
        File::options().write(true).open(&path).unwrap().set_len(200_000).unwrap();
        let error = runs(&mut content).unwrap_err().to_string();
        assert_eq!(error, "became shorter while it was read: 200000 of 300000 bytes");
    }
}
