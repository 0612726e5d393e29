//! Formats whose files are concatenations: gzip members (estargz, bgzip, `pigz -i`), bzip2 streams (pbzip2).
//!
//! The crates have multi-member readers of their own, but theirs refuse zero padding.

use std::io::{self, BufRead, Read};

/// A decoder of one member over a source that goes on behind it.
pub(super) trait Member: Read + Sized {
    type Source: BufRead;
    fn open(source: Self::Source) -> Self;
    fn close(self) -> Self::Source;
}

impl<R: BufRead> Member for flate2::bufread::GzDecoder<R> {
    type Source = R;
    fn open(source: R) -> Self {
        Self::new(source)
    }
    fn close(self) -> R {
        self.into_inner()
    }
}

impl<R: BufRead> Member for bzip2::bufread::BzDecoder<R> {
    type Source = R;
    fn open(source: R) -> Self {
        Self::new(source)
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
            if more(&mut source)? {
                self.current = Some(M::open(source));
            }
        }
        Ok(0)
    }
}

/// Whether anything but zero padding is left.
pub(super) fn more(input: &mut impl BufRead) -> io::Result<bool> {
    loop {
        let available = input.fill_buf()?;
        if available.is_empty() {
            return Ok(false);
        }
        let zeros = available.iter().take_while(|&&byte| byte == 0).count();
        let found = zeros < available.len();
        input.consume(zeros);
        if found {
            return Ok(true);
        }
    }
}
