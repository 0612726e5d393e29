//! What the checks find.

use crate::dockerfile::instruction::{Lines, Warning};

#[derive(Default)]
pub(super) struct Findings(pub(super) Vec<Warning>);

impl Findings {
    pub(super) fn add(&mut self, rule: &'static str, lines: Lines, message: String) {
        self.0.push(Warning { rule, message, lines });
    }
}
