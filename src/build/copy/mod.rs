//! COPY and ADD: what they take, and where it goes. The rules are BuildKit's (solver/llbsolver/file, tonistiigi/fsutil).
//!
//! [`Files`] is a tree to copy from. [`select`] finds what a [`Wanted`] takes, [`Selection::digest`] names it for the cache,
//! [`Selection::place`] says under which names it goes, and [`Placed::send`] sends it to any target.

mod archive;
mod context;
mod digest;
mod fetch;
mod files;
mod find;
mod glob;
mod hash;
mod lay_out;
mod listing;
mod mode;
mod owner;
mod patterns;
mod place;
mod reading;
mod select;
mod send;
mod view;
mod wanted;

#[cfg(test)]
mod tests;

pub use context::{Context, Opened};
pub use fetch::fetch;
pub use files::Files;
pub use mode::Mode;
pub use owner::owner;
pub use patterns::Patterns;
pub use place::Placed;
pub use select::{Selection, select};
pub use view::{Stands, View};
pub use wanted::{Downloaded, Source, Wanted};
