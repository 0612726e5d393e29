//! Compression of an archive, reproducible: equal contents make equal bytes.

use std::io::Write;

/// A gzip stream around `output` without a time or name. Level 0 to 9.
pub fn gzip<W: Write>(output: W, level: u32) -> flate2::write::GzEncoder<W> {
    flate2::GzBuilder::new()
        .mtime(0)
        .operating_system(255)
        .write(output, flate2::Compression::new(level.min(9)))
}
