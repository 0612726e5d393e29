//! The only place that prints: messages, colour, width, progress, tables.
//!
//! Results go to standard output, everything else to standard error. A stream that was closed never stops the work.
//! Text is shown with its control characters spelled out: see [`text`].

pub mod human;
mod interrupt;
mod output;
mod progress;
pub mod prompt;
mod table;
mod terminal;
pub mod text;
mod wrap;

pub use output::{Ui, Verbosity, report_panics};
pub use table::Table;
pub use wrap::row;
