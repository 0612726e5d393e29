//! Finds the decoder of a stream.

use std::io::{self, BufReader, Cursor, Read};

use super::members::{Members, Single};
use super::sniff::{self, Format};
use super::source::{Compressed, Failure, Uncompressed};
use super::zstd;
use crate::error::{Error, Result};
use crate::layer::read_error::read_error;

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
    let mut source = Compressed::new(input, failure.clone());
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
        Format::Xz => Box::new(Members::<lzma_rust2::XzReader<_>>::new(source)),
        Format::Lzma => Box::new(Single::new(source)?),
    };
    Ok(Box::new(Uncompressed::new(decoder, failure)))
}

/// The format of a stream with this head; what is none of ours is named.
fn recognize(head: &[u8]) -> io::Result<Format> {
    if let Some((what, advice)) = sniff::foreign(head) {
        let error = Error::unsupported(format_args!("it is {what}, not a tar archive")).hint(advice);
        return Err(io::Error::other(error));
    }
    sniff::sniff(head).ok_or_else(|| {
        let what = "it is neither a tar archive nor compressed with gzip, zstd, xz, lzma or bzip2";
        io::Error::other(Error::invalid(what))
    })
}
