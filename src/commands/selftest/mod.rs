//! `selftest`: the main job from end to end, on this kernel, with nothing but this program.
//!
//! Every step is this program called as a user calls it, on a store of its own in a temporary directory. The tables are
//! for bug reports: ASCII, and nothing in them tells who or where one is.

mod bench;
mod checks;
mod command;
mod image;

pub use command::SelfTest;
pub(super) use image::write as write_image;
