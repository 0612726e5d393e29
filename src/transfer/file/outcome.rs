//! What went wrong on the way, and what was left out: told once, at the end.
//!
//! One file that cannot be copied keeps no other from being copied. What the destination's disk refuses ends the work.

use std::collections::BTreeSet;
use std::fmt::Display;

use super::lost::Lost;
use crate::error::{Error, Result};
use crate::report::Report;

const TOO_LARGE: &str = "the destination's filesystem takes no file of this size: FAT takes less than 4 GiB";

/// Collects it.
pub(crate) struct Outcome<'a> {
    report: &'a dyn Report,
    /// What the destination's filesystem could not keep.
    pub(crate) lost: Lost,
    first: Option<Error>,
    failed: u64,
    special: Shown,
    mounted: BTreeSet<String>,
    /// Entries of the source that have no copy, whatever the reason.
    pub(crate) missing: u64,
}

/// Some of many.
#[derive(Default)]
struct Shown {
    first: Option<String>,
    count: u64,
}

impl<'a> Outcome<'a> {
    pub(crate) fn new(report: &'a dyn Report) -> Outcome<'a> {
        Outcome {
            report,
            lost: Lost::new(),
            first: None,
            failed: 0,
            special: Shown::default(),
            mounted: BTreeSet::new(),
            missing: 0,
        }
    }

    /// Takes note of how one file went. An error of the disk is handed back.
    pub(crate) fn note(&mut self, result: Result<()>) -> Result<()> {
        match result {
            Ok(()) => Ok(()),
            Err(error) if ends_all(&error) => Err(error),
            Err(error) => {
                self.fail(match error.errno() {
                    Some(libc::EFBIG) => error.hint(TOO_LARGE),
                    _ => error,
                });
                Ok(())
            }
        }
    }

    fn fail(&mut self, error: Error) {
        self.missing += 1;
        self.failed += 1;
        match &self.first {
            // It is the error in the end.
            None => self.first = Some(error),
            Some(_) => self.report.warn(&error.to_string()),
        }
    }

    /// What was there when its directory was listed is there no more: somebody works in the source.
    pub(crate) fn vanished(&self, what: &str) {
        self.report.detail(&format!("{what} vanished meanwhile"));
    }

    /// A device, FIFO or socket is not copied.
    pub(crate) fn special(&mut self, what: String) {
        self.missing += 1;
        self.special.count += 1;
        self.special.first.get_or_insert(what);
    }

    /// Something that the filesystem cannot have is not copied.
    pub(crate) fn lost(&mut self, what: &'static str) {
        self.missing += 1;
        self.lost.insert(what);
    }

    /// Something is mounted there; it was not copied.
    pub(crate) fn mounted(&mut self, what: String) {
        self.mounted.insert(what);
    }

    /// How many places with something mounted there were.
    pub(crate) fn mounts(&self) -> usize {
        self.mounted.len()
    }

    /// Tells all of it. The error is the first failure.
    pub(crate) fn conclude(mut self, destination: &dyn Display) -> Result<()> {
        if let Some(first) = &self.special.first {
            let count = others(self.special.count - 1);
            self.report.warn(&format!("left out {first}{count}: '-a' copies devices, FIFOs and sockets"));
        }
        if let Some(first) = self.mounted.first() {
            let count = others(self.mounted.len() as u64 - 1);
            self.report.warn(&format!("what is mounted at '{first}'{count} was not copied"));
        }
        if !self.lost.is_empty() {
            let lost = self.lost.iter().copied().collect::<Vec<_>>().join(", ");
            self.report.warn(&format!("the filesystem of '{destination}' did not take all: lost are {lost}"));
        }
        match (self.first.take(), self.failed) {
            (None, _) => Ok(()),
            (Some(error), 1) => Err(error),
            (Some(error), failed) => {
                Err(error.context(format_args!("{failed} files could not be copied; the first")))
            }
        }
    }
}

fn others(count: u64) -> String {
    match count {
        0 => String::new(),
        count => format!(" and {count} more"),
    }
}

/// Whether no other file can be written either.
fn ends_all(error: &Error) -> bool {
    let ends = [libc::ENOSPC, libc::EDQUOT, libc::EROFS, libc::EMFILE, libc::ENFILE, libc::ENOMEM];
    error.errno().is_some_and(|errno| ends.contains(&errno))
}
