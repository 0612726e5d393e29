//! Compression on all processors: gzip, bzip2 and xz.
//!
//! The data is cut into blocks of a fixed size, threads compress them, and they are written in order. So equal data
//! gives equal bytes on one processor and on sixteen. Each format is a usual file, which every program reads: gzip is
//! one member, xz one stream with an index, bzip2 one stream, joined bit by bit.
//!
//! Memory is bounded: a fixed number of blocks is under way. Where memory is short, fewer threads run.

mod block;
mod bzip2;
mod compression;
mod compressor;
mod gzip;
mod line;
mod memory;
mod xz;
mod xz_container;

pub use compression::Compression;
pub use compressor::Compressor;
pub use memory::free_memory;

#[cfg(test)]
mod tests;
