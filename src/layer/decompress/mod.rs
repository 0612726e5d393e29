//! The uncompressed bytes of a stream, told apart by content: media types and file names lie.
//!
//! Truncated streams are errors, whatever the format. Zero bytes after the last member are padding (GNU gzip skips
//! them too: tapes and block devices leave them); anything else there must be another member. GNU gzip ignores such
//! garbage with a warning, Go's gzip (which made and read most layers) refuses it, and so do we: a member whose
//! header was damaged must not pass for the end.
//!
//! Memory: inputs choose their window, up to 128 MiB; beyond it they are refused before anything is
//! allocated. The window is touched only as far as data fills it, so usual layers cost what they need: 32 KiB for
//! gzip, at most 8 MiB for zstd levels up to 19, 64 MiB for `xz -9`.

mod limit;
mod members;
mod open;
mod sniff;
mod source;
mod zstd;

pub use open::decompress;

#[cfg(test)]
mod tests;
