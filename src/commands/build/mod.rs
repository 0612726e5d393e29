//! `build`: an image from a Dockerfile.

mod caches;
mod command;
mod fields;
mod last_words;
mod options;
mod outputs;
mod rootless;
mod shown;
mod source;
mod stoppable;

pub(super) use command::command;
