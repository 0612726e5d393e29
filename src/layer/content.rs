//! What an entry holds, whoever sends it: runs of data with their offsets, so that holes stay holes.

use std::os::fd::BorrowedFd;

use crate::error::{Error, Result};

/// The contents of one entry, read once from the front.
pub trait Content {
    /// The next run of data: where it belongs in the file, and the bytes, at least one, lent until the next call.
    /// Runs ascend and do not overlap; what lies between them are holes, and a hole may end the file. None when
    /// there is no more data.
    fn chunk(&mut self) -> Result<Option<(u64, &[u8])>>;

    /// Whether a file of `size` bytes has no holes. Asked before the first chunk.
    fn is_whole(&self, size: u64) -> bool;

    /// Where the data is: offset and length of each run, in order; [`Content::chunk`] then keeps to these, whatever
    /// happens to the file. Asked before the first chunk. None where that is not known beforehand, or where there are too many.
    fn runs(&mut self) -> Option<Vec<(u64, u64)>> {
        None
    }

    /// A regular file whose first bytes are the contents, as many as the entry says, for a target that can clone
    /// them (reflinks, copy_file_range(2)). None where the bytes must be seen, or are no file.
    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        None
    }
}

/// What everything but a regular file holds.
#[derive(Debug)]
pub struct NoContent;

impl Content for NoContent {
    fn chunk(&mut self) -> Result<Option<(u64, &[u8])>> {
        Ok(None)
    }

    fn is_whole(&self, size: u64) -> bool {
        size == 0
    }
}

/// Contents that are in memory, without holes.
#[derive(Debug)]
pub struct BytesContent<'a>(&'a [u8]);

impl<'a> BytesContent<'a> {
    /// The entry's size must be the number of these bytes.
    pub fn new(bytes: &'a [u8]) -> BytesContent<'a> {
        BytesContent(bytes)
    }
}

impl Content for BytesContent<'_> {
    fn chunk(&mut self) -> Result<Option<(u64, &[u8])>> {
        let bytes = std::mem::take(&mut self.0);
        Ok((!bytes.is_empty()).then_some((0, bytes)))
    }

    fn is_whole(&self, size: u64) -> bool {
        self.0.len() as u64 == size
    }
}

/// Hands all `size` bytes of a file to `write`, its holes as zeros.
pub fn flatten(
    content: &mut dyn Content,
    size: u64,
    write: &mut dyn FnMut(&[u8]) -> Result<()>,
) -> Result<()> {
    let mut position = 0;
    while let Some((offset, bytes)) = content.chunk()? {
        zeros(offset.saturating_sub(position), write)?;
        write(bytes)?;
        position = offset + bytes.len() as u64;
    }
    zeros(size.saturating_sub(position), write)
}

/// Zeros that an archive may claim for a file beyond what it holds of it: this many, and so many for each byte.
const CLAIMED: u64 = 1 << 20;
const CLAIMED_PER_BYTE: u64 = 16;

/// The same for a file of an archive from outside. `Invalid` where it is nearly all holes: 250 bytes can claim 2^62, and no
/// document, blob or layer is so.
pub fn flatten_claimed(
    content: &mut dyn Content,
    size: u64,
    write: &mut dyn FnMut(&[u8]) -> Result<()>,
) -> Result<()> {
    let (mut position, mut allowed) = (0, CLAIMED);
    let hole = |count: u64, allowed: &mut u64| match allowed.checked_sub(count) {
        Some(left) => {
            *allowed = left;
            Ok(count)
        }
        None => Err(Error::invalid(format!("claims to have {size} bytes, but holds far fewer"))),
    };
    while let Some((offset, bytes)) = content.chunk()? {
        zeros(hole(offset.saturating_sub(position), &mut allowed)?, write)?;
        write(bytes)?;
        position = offset + bytes.len() as u64;
        allowed = allowed.saturating_add(bytes.len() as u64 * CLAIMED_PER_BYTE);
    }
    zeros(hole(size.saturating_sub(position), &mut allowed)?, write)
}

fn zeros(mut count: u64, write: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()> {
    const ZEROS: [u8; 4096] = [0; 4096];
    while count > 0 {
        let run = count.min(ZEROS.len() as u64);
        write(&ZEROS[..run as usize])?;
        count -= run;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_claimed_and_not_held_ends_at_once() {
        let flat = |size| {
            let mut all = Vec::new();
            let write = &mut |bytes: &[u8]| {
                all.extend_from_slice(bytes);
                Ok(())
            };
            flatten_claimed(&mut BytesContent::new(b"abc"), size, write).map(|()| all)
        };
        assert_eq!(flat(3).unwrap(), b"abc");
        assert_eq!(flat(5).unwrap(), b"abc\0\0");
        assert_eq!(flat(CLAIMED).unwrap().len() as u64, CLAIMED);
        for size in [CLAIMED + 100, 1 << 42, 1 << 62, u64::MAX] {
            assert!(flat(size).unwrap_err().to_string().contains("holds far fewer"), "{size}");
        }
    }
}
