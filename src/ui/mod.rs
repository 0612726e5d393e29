//! The only place that prints: messages, colour, width, progress, tables.

use crate::report::{Report, Task};

/// Standard output and error, with what the user asked of them (`--quiet`, `--verbose`, colours).
pub struct Ui {}

impl Report for Ui {
    fn info(&self, line: &str) {
        todo!()
    }
    fn warn(&self, line: &str) {
        todo!()
    }
    fn task(&self, label: &str, total: Option<u64>) -> Box<dyn Task> {
        todo!()
    }
}
