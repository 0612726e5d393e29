//! Writes tar: a [`Writer`] takes entries.

mod pax_header;
mod sparse_map;
mod writer;

pub use writer::Writer;

#[cfg(test)]
mod tests;
