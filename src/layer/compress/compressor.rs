//! A writer that compresses what is written.

use std::io::{self, Write};
use std::sync::Arc;

use super::block::Format;
use super::bzip2::Bzip2;
use super::compression::Compression;
use super::gzip::Gzip;
use super::line::Line;
use super::memory::threads;
use super::xz::Xz;
use crate::error::Result;

/// Compresses what is written to it, on all processors, into an output. The file is whole when [`Compressor::finish`]
/// succeeded; dropped without it, it leaves a cut file and no threads.
pub struct Compressor<W> {
    output: W,
    /// None where the data stays as it is.
    line: Option<Line>,
    /// The output failed: nothing that is written later can mend the file.
    broken: Option<io::ErrorKind>,
}

impl<W: Write> Compressor<W> {
    /// Compresses to `level` (gzip and xz 0 to 9, bzip2 1 to 9), or to the format's usual one. Nothing is written yet.
    ///
    /// # Errors
    ///
    /// [`Kind::Usage`](crate::error::Kind::Usage) for a level that the format does not have.
    pub fn new(output: W, compression: Compression, level: Option<u32>) -> Result<Compressor<W>> {
        level.map_or(Ok(()), |level| compression.check(level))?;
        let line = format(compression, level).map(|format| {
            let threads = threads(format.sizes().memory);
            Line::new(format, threads)
        });
        Ok(Compressor { output, line, broken: None })
    }

    /// As [`Compressor::new`], on so many threads.
    #[cfg(test)]
    pub(super) fn on(
        output: W,
        compression: Compression,
        level: Option<u32>,
        threads: usize,
    ) -> Compressor<W> {
        let line = format(compression, level).map(|format| Line::new(format, threads));
        Compressor { output, line, broken: None }
    }

    /// Compresses what is left, writes the end of the file, and gives the output back. It does not flush it.
    ///
    /// # Errors
    ///
    /// Those of the output, as they are. After an error of [`Write::write`], the same kind again.
    pub fn finish(mut self) -> io::Result<W> {
        self.whole()?;
        if let Some(line) = &mut self.line {
            line.finish(&mut self.output)?;
        }
        Ok(self.output)
    }

    fn whole(&self) -> io::Result<()> {
        self.broken.map_or(Ok(()), |kind| Err(kind.into()))
    }
}

impl<W: Write> Write for Compressor<W> {
    /// Takes all of `data`. An error may be that of data which was written before.
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.whole()?;
        let Some(line) = &mut self.line else { return self.output.write(data) };
        match line.add(data, &mut self.output) {
            Ok(()) => Ok(data.len()),
            Err(error) => {
                self.broken = Some(error.kind());
                Err(error)
            }
        }
    }

    /// Flushes the output. What waits to fill a block goes on waiting, or the file would depend on it.
    fn flush(&mut self) -> io::Result<()> {
        self.output.flush()
    }
}

/// None for what stays as it is.
fn format(compression: Compression, level: Option<u32>) -> Option<Arc<dyn Format>> {
    match compression {
        Compression::None => None,
        Compression::Gzip => Some(Arc::new(Gzip::new(level))),
        Compression::Bzip2 => Some(Arc::new(Bzip2::new(level))),
        Compression::Xz => Some(Arc::new(Xz::new(level))),
    }
}
