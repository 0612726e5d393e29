//! `build`: an image from a Dockerfile.

mod caches;
mod command;
mod fields;
mod options;
mod outputs;
mod shown;
mod source;

pub(super) use command::command;
