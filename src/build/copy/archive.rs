//! Archives that ADD unpacks: tar, compressed in whatever way, told by content.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::FileExt;

use crate::error::{Attempt, Result};
use crate::layer::{self, Entry, Reader};

/// Bytes of the uncompressed archive that are read at once.
const BUFFER: usize = 256 << 10;

/// Whether a file is an archive: it begins with an entry.
pub fn is_archive(file: &File) -> bool {
    let first = open(file).and_then(|mut reader| reader.next());
    matches!(first, Ok(Some(_)))
}

/// Its entries, from the first one on.
pub fn open(file: &File) -> Result<Reader<impl BufRead + '_>> {
    let bytes = layer::decompress(FromStart { file, position: 0 })?;
    Ok(Reader::new(BufReader::with_capacity(BUFFER, bytes)))
}

/// Shows all entries, without contents.
pub fn for_each(file: &File, each: &mut dyn FnMut(&Entry) -> Result<()>) -> Result<()> {
    let mut reader = open(file)?;
    while let Some(entry) = reader.next()? {
        each(&entry).attempt(format_args!("entry '{}'", entry.name))?;
    }
    Ok(())
}

/// Reads by position: the descriptor's own one is shared.
struct FromStart<'a> {
    file: &'a File,
    position: u64,
}

impl std::io::Read for FromStart<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.file.read_at(buffer, self.position)?;
        self.position += count as u64;
        Ok(count)
    }
}
