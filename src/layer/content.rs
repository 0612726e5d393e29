//! What an entry holds, whoever sends it: runs of data with their offsets, so that holes stay holes.

use std::os::fd::BorrowedFd;

use crate::error::Result;

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

fn zeros(mut count: u64, write: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()> {
    const ZEROS: [u8; 4096] = [0; 4096];
    while count > 0 {
        let run = count.min(ZEROS.len() as u64);
        write(&ZEROS[..run as usize])?;
        count -= run;
    }
    Ok(())
}
