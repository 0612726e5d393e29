//! The uncompressed bytes of a stream, told apart by content: media types and file names lie.
//!
//! Truncated streams are errors, whatever the format. Zero bytes after the last member are padding (GNU gzip skips
//! them too: tapes and block devices leave them); anything else there must be another member. GNU gzip ignores such
//! garbage with a warning, Go's gzip (which made and read most layers) refuses it, and so do we: a member whose
//! header was damaged must not pass for the end.
//!
//! Memory: inputs choose their window, up to [`WINDOW_LIMIT`]; beyond it they are refused before anything is
//! allocated. The window is touched only as far as data fills it, so usual layers cost what they need: 32 KiB for
//! gzip, at most 8 MiB for zstd levels up to 19, 64 MiB for `xz -9`.

mod members;
mod sniff;
mod zstd;

use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::sync::{Arc, Mutex, PoisonError};

use super::read_error::read_error;
use crate::error::{Error, Result};
use members::Members;
use sniff::Format;

/// The largest window that is accepted, in bytes: what `zstd -d` accepts without `--long`, and twice `xz -9`.
const WINDOW_LIMIT: u32 = 128 << 20;

/// How much of the compressed stream is read at once.
const INPUT_BUFFER: usize = 128 << 10;

/// The uncompressed bytes of a gzip (any number of members), zstd (any number of frames, skippable ones too),
/// xz, lzma, bzip2 (multi-stream) or plain tar stream, told apart by content. An empty stream stays empty.
pub fn decompress<'a>(input: impl Read + Send + 'a) -> Result<Box<dyn Read + Send + 'a>> {
    open(Box::new(input)).map_err(read_error)
}

/// Behind a pointer, or every decoder would be there once for each kind of source.
fn open<'a>(input: Box<dyn Read + Send + 'a>) -> io::Result<Box<dyn Read + Send + 'a>> {
    let failure = Failure::default();
    let mut source = Source { inner: input, failure: failure.clone() };
    let mut head = Vec::with_capacity(sniff::HEAD);
    let read = (&mut source).take(sniff::HEAD as u64).read_to_end(&mut head);
    failure.prefer(read)?;
    let format = recognize(&head)?;
    let source = BufReader::with_capacity(INPUT_BUFFER, Cursor::new(head).chain(source));
    let decoder: Box<dyn Read + Send + 'a> = match format {
        Format::Plain => Box::new(source),
        Format::Gzip => Box::new(Members::<flate2::bufread::GzDecoder<_>>::new(source)),
        Format::Bzip2 => Box::new(Members::<bzip2::bufread::BzDecoder<_>>::new(source)),
        Format::Zstd => Box::new(zstd::Frames::new(source)),
        Format::Xz => Box::new(lzma_rust2::XzReader::new_mem_limit(source, true, memory_limit())),
        Format::Lzma => Box::new(lzma_rust2::LzmaReader::new_mem_limit(source, memory_limit(), None)?),
    };
    Ok(Box::new(Decoder { inner: decoder, failure }))
}

/// The format of a stream with this head; what is none of ours is named.
fn recognize(head: &[u8]) -> io::Result<Format> {
    if let Some((what, advice)) = sniff::foreign(head) {
        let error = Error::unsupported(format!("it is {what}, not a tar archive")).hint(advice);
        return Err(io::Error::other(error));
    }
    sniff::sniff(head).ok_or_else(|| {
        let what = "it is neither a tar archive nor compressed with gzip, zstd, xz, lzma or bzip2";
        io::Error::other(Error::invalid(what))
    })
}

/// [`WINDOW_LIMIT`] and the decoder's own tables, in KiB.
fn memory_limit() -> u32 {
    (WINDOW_LIMIT >> 10) + 4096
}

fn invalid(message: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, message.into())
}

/// The first error of the source. Decoders wrap it, or take it for a damaged stream; the user wants the cause.
#[derive(Clone, Default)]
struct Failure(Arc<Mutex<Option<io::Error>>>);

impl Failure {
    fn set(&self, error: io::Error) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
    }

    fn prefer<T>(&self, result: io::Result<T>) -> io::Result<T> {
        result.map_err(|error| self.0.lock().unwrap_or_else(PoisonError::into_inner).take().unwrap_or(error))
    }
}

/// The compressed side: remembers why it failed.
struct Source<'a> {
    inner: Box<dyn Read + Send + 'a>,
    failure: Failure,
}

impl Read for Source<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.inner.read(buffer).map_err(|error| {
            let kind = error.kind();
            if kind != io::ErrorKind::Interrupted {
                self.failure.set(error);
            }
            kind.into()
        })
    }
}

/// The uncompressed side: reports the source's error instead of what the decoder made of it.
struct Decoder<'a> {
    inner: Box<dyn Read + Send + 'a>,
    failure: Failure,
}

impl Read for Decoder<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let result = self.inner.read(buffer);
        self.failure.prefer(result)
    }
}

/// Whether anything but zero padding is left.
fn more(input: &mut impl BufRead) -> io::Result<bool> {
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

#[cfg(test)]
mod tests;
