//! Whether two files hold the same bytes.

use std::fs::File;
use std::io::{self, Read};

const BUFFER: usize = 128 << 10;

/// Reads both to their ends, or to the first difference.
pub(super) fn same(one: &File, other: &File) -> io::Result<bool> {
    let mut buffers = [vec![0; BUFFER], vec![0; BUFFER]];
    let [first, second] = &mut buffers;
    loop {
        let length = fill(one, first)?;
        if fill(other, second)? != length || first[..length] != second[..length] {
            return Ok(false);
        }
        if length < BUFFER {
            return Ok(true);
        }
    }
}

/// Less than the buffer at the end of the file alone.
fn fill(mut file: &File, buffer: &mut [u8]) -> io::Result<usize> {
    let mut length = 0;
    while length < buffer.len() {
        match file.read(&mut buffer[length..]) {
            Ok(0) => break,
            Ok(count) => length += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(length)
}
