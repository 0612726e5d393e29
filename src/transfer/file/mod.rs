//! One file on its way from one place to another: what `copy` and `sync` do alike.

mod attributes;
mod contents;
mod lost;
mod outcome;
mod owner;
mod within;

pub(crate) use attributes::{Attributes, Handle};
pub(crate) use contents::copy as copy_contents;
pub(crate) use lost::{Lost, cannot_have};
pub(crate) use outcome::Outcome;
pub use owner::Owner;
pub(crate) use within::is_within;
