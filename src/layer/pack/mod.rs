//! Writes tar: a [`Writer`] takes entries, [`gzip`] compresses.

mod gzip;
mod pax_header;
mod writer;

pub use gzip::gzip;
pub use writer::Writer;

#[cfg(test)]
mod tests;
