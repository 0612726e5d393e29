//! Formats whose files are concatenations: gzip members (estargz, bgzip, `pigz -i`), bzip2 streams (pbzip2), xz
//! streams. And what follows the end of compressed data: zero padding is nothing, anything else is an error.
//!
//! The crates have multi-member readers of their own, but theirs refuse zero padding, or want it in fours.

use std::io::{self, BufRead, Cursor, Read};

use lzma_rust2::{LzmaReader, XzReader};

use super::limit::memory_limit;
use super::source::invalid;

/// A decoder of one member over a source that goes on behind it.
pub(super) trait Member: Read + Sized {
    type Source: BufRead;
    /// The first byte of a member.
    const FIRST: u8;
    fn open(source: Self::Source) -> Self;
    fn close(self) -> Self::Source;
}

impl<R: BufRead> Member for flate2::bufread::GzDecoder<R> {
    type Source = R;
    const FIRST: u8 = 0x1f;
    fn open(source: R) -> Self {
        Self::new(source)
    }
    fn close(self) -> R {
        self.into_inner()
    }
}

impl<R: BufRead> Member for bzip2::bufread::BzDecoder<R> {
    type Source = R;
    const FIRST: u8 = b'B';
    fn open(source: R) -> Self {
        Self::new(source)
    }
    fn close(self) -> R {
        self.into_inner()
    }
}

impl<R: BufRead> Member for XzReader<R> {
    type Source = R;
    const FIRST: u8 = 0xfd;
    fn open(source: R) -> Self {
        Self::new_mem_limit(source, false, memory_limit())
    }
    fn close(self) -> R {
        self.into_inner()
    }
}

/// All members, one after the other.
pub(super) struct Members<M> {
    current: Option<M>,
}

impl<M: Member> Members<M> {
    pub(super) fn new(source: M::Source) -> Self {
        Members { current: Some(M::open(source)) }
    }
}

impl<M: Member> Read for Members<M> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while let Some(member) = &mut self.current {
            let count = member.read(buffer)?;
            if count > 0 || buffer.is_empty() {
                return Ok(count);
            }
            let Some(mut source) = self.current.take().map(M::close) else { break };
            match next(&mut source)? {
                None => {}
                Some(first) if first == M::FIRST => self.current = Some(M::open(source)),
                Some(_) => return Err(follows()),
            }
        }
        Ok(0)
    }
}

/// A `.lzma` file: one stream, and nothing behind it.
pub(super) struct Single<R>(Option<LzmaReader<R>>);

impl<R: BufRead> Single<R> {
    pub(super) fn new(source: R) -> io::Result<Self> {
        Ok(Single(Some(LzmaReader::new_mem_limit(source, memory_limit(), None)?)))
    }
}

impl<R: BufRead> Read for Single<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(stream) = &mut self.0 else { return Ok(0) };
        let count = stream.read(buffer)?;
        if count > 0 || buffer.is_empty() {
            return Ok(count);
        }
        let Some((source, unused)) = self.0.take().map(LzmaReader::into_parts) else { return Ok(0) };
        match next(&mut Cursor::new(unused).chain(source))? {
            None => Ok(0),
            Some(_) => Err(follows()),
        }
    }
}

/// The next byte that is no zero padding, unread; `None` at the end.
pub(super) fn next(input: &mut impl BufRead) -> io::Result<Option<u8>> {
    loop {
        let available = input.fill_buf()?;
        if available.is_empty() {
            return Ok(None);
        }
        let zeros = available.iter().take_while(|&&byte| byte == 0).count();
        let found = available.get(zeros).copied();
        input.consume(zeros);
        if found.is_some() {
            return Ok(found);
        }
    }
}

/// The error that the stream goes on behind its end, with what is no part of it.
pub(super) fn follows() -> io::Error {
    invalid("something follows the end of the compressed data")
}
