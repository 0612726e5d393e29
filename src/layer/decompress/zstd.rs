//! Zstandard (RFC 8878): any number of frames, skippable ones between them, content checksums compared.
//!
//! ruzstd decodes one frame an `init` and leaves the rest to its caller: it reports a skippable frame as an error
//! with its length, and computes the checksum without comparing it.

use std::io::{self, BufRead, Read};

use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

use super::limit::WINDOW_LIMIT;
use super::members::{follows, next};
use super::source::invalid;

pub(super) struct Frames<R> {
    source: R,
    decoder: FrameDecoder,
    inside: bool,
}

impl<R: BufRead> Frames<R> {
    pub(super) fn new(source: R) -> Self {
        let mut decoder = FrameDecoder::new();
        decoder.set_max_window_size(WINDOW_LIMIT.into());
        Frames { source, decoder, inside: false }
    }

    /// Enters the next frame, over skippable ones; false at the end.
    fn next_frame(&mut self) -> io::Result<bool> {
        while let Some(first) = next(&mut self.source)? {
            // A frame's magic number (RFC 8878, section 3.1.1), or a skippable one's (section 3.1.2).
            if !matches!(first, 0x28 | 0x50..=0x5f) {
                return Err(follows());
            }
            match self.decoder.init(&mut self.source) {
                Ok(()) => return Ok(true),
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                    length,
                    ..
                })) => {
                    let length = u64::from(length);
                    if io::copy(&mut (&mut self.source).take(length), &mut io::sink())? < length {
                        return Err(io::ErrorKind::UnexpectedEof.into());
                    }
                }
                Err(error) => return Err(invalid(format!("zstd: {error}"))),
            }
        }
        Ok(false)
    }

    fn verify(&self) -> io::Result<()> {
        let stated = self.decoder.get_checksum_from_data();
        if stated.is_some() && stated != self.decoder.get_calculated_checksum() {
            return Err(invalid("zstd: the content checksum does not match"));
        }
        Ok(())
    }
}

impl<R: BufRead> Read for Frames<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            if !self.inside {
                if !self.next_frame()? {
                    return Ok(0);
                }
                self.inside = true;
            }
            if buffer.is_empty() {
                return Ok(0);
            }
            if self.decoder.can_collect() > 0 {
                return self.decoder.read(buffer);
            }
            if self.decoder.is_finished() {
                self.verify()?;
                self.inside = false;
            } else {
                self.decoder
                    .decode_blocks(&mut self.source, BlockDecodingStrategy::UptoBlocks(1))
                    .map_err(|error| invalid(format!("zstd: {error}")))?;
            }
        }
    }
}
