//! One path that is not as it was.

use std::path::PathBuf;

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It is new.
    Added,
    /// It is still there, but different.
    Changed,
    /// It is gone.
    Deleted,
}

impl Kind {
    /// Docker's letter: `A`, `C` or `D`.
    pub fn letter(self) -> &'static str {
        match self {
            Kind::Added => "A",
            Kind::Changed => "C",
            Kind::Deleted => "D",
        }
    }
}

/// One path that is not as it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// In the container, absolute.
    pub path: PathBuf,
    /// What became of it.
    pub kind: Kind,
    /// What is different in what was changed: `contents`, `mode`, `owner`, `time`, and others.
    pub what: Vec<&'static str>,
}
