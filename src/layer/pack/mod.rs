//! Writes tar: a [`Writer`] takes entries, a [`tree`] sends those of a directory, [`gzip`] compresses.

mod gzip;
mod records;
mod tree;
mod writer;

pub use gzip::gzip;
pub use tree::tree;
pub use writer::Writer;

#[cfg(test)]
mod tests;
