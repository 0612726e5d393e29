//! Command lines, knowing no command by name: GNU syntax over argh, help layout, suggestions.
//!
//! One table, argh's [`argh::ArgsInfo`] with what [`Syntax`] adds to it, feeds every reader: the line is taken
//! apart and checked by it ([`Line`]), help pages and the manual are laid out from it ([`help`], [`man`]), what may
//! stand next on a line is read off it ([`complete`]), and argh receives only what it takes: each option in full,
//! then `--`, then the positional arguments. Longer texts are a [`guide`].

mod argument;
pub mod complete;
pub mod guide;
pub mod help;
mod line;
pub mod man;
mod syntax;
mod wrap;

pub use argument::{os_string, text};
pub use line::Line;
pub use syntax::Syntax;
pub use wrap::paragraph;
