//! Messages, results and progress on their streams.

use std::fmt::Display;
use std::io::{ErrorKind, IsTerminal, Write, stdout};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use serde_json::Value;

use super::interrupt::Interruptible;
use super::progress::Screen;
use super::table::Table;
use super::text::truncate;
use crate::error::{Error, Result};
use crate::report::{Report, Task};

/// Columns of an error: what it repeats of a file from elsewhere may be as long as it likes.
const LONGEST: usize = 4000;

/// What the user wants to hear.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verbosity {
    /// Errors and results.
    Quiet,
    /// Errors and results, steps, warnings and progress.
    Normal,
    /// All of that, and each entry that is written.
    Verbose,
}

/// Standard output and error, with what the user asked of them (`--quiet`, `--verbose`, colours).
pub struct Ui {
    verbosity: Verbosity,
    screen: Arc<Screen>,
    refused: Mutex<Option<std::io::Error>>,
}

/// Makes a bug of ours one line that asks for a report, in place of a backtrace.
pub fn report_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let what = panic.payload_as_str().unwrap_or("no message");
        let place = panic.location().map(|place| format!(" at {}:{}", place.file(), place.line()));
        let message = format!("bug{}: {what}", place.unwrap_or_default());
        Screen::new().say("chroot-distro: ", Some("1;31"), &message);
        Screen::new().say("  hint: ", Some("36"), "please report this line and what you did");
    }));
}

impl Ui {
    /// The streams of this process.
    pub fn new(verbosity: Verbosity) -> Ui {
        Ui { verbosity, screen: Arc::new(Screen::new()), refused: Mutex::new(None) }
    }

    /// A result: one or several lines on standard output.
    pub fn print(&self, lines: impl Display) {
        self.write(&format!("{}\n", super::text::block(&lines.to_string())));
    }

    /// A table as result; on a terminal it is cut to fit.
    pub fn table(&self, table: &Table) {
        for line in table.lines(self.columns()) {
            self.write(&format!("{line}\n"));
        }
    }

    /// A document as result, indented.
    pub fn json(&self, document: &Value) {
        self.write(&format!("{}\n", super::text::json(&format!("{document:#}"))));
    }

    /// A guest's own output, byte for byte and at once; false when nobody reads it any more.
    pub fn raw(&self, bytes: &[u8]) -> bool {
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        if refused.is_none() {
            let mut stream = stdout();
            *refused = stream.write_all(bytes).and_then(|()| stream.flush()).err();
        }
        refused.is_none()
    }

    /// Waits; false, at once, when nobody reads standard output any more.
    pub fn pause(&self, time: Duration) -> bool {
        let stream = stdout();
        let mut watched = [PollFd::new(&stream, PollFlags::empty())];
        let time = Timespec { tv_sec: time.as_secs() as _, tv_nsec: time.subsec_nanos().into() };
        match poll(&mut watched, Some(&time)) {
            Ok(ready) => ready == 0,
            Err(_) => true,
        }
    }

    /// The width to lay out results for.
    pub fn width(&self) -> usize {
        super::terminal::text_width(stdout())
    }

    /// The width of the terminal that results go to; `None`: it is none, and lines may be as long as they are.
    pub fn columns(&self) -> Option<usize> {
        super::terminal::dimensions(stdout()).map(|(_, columns)| columns)
    }

    /// Until what is returned is dropped, Ctrl-C says `last` as its last word.
    pub fn interruptible(&self, last: &'static str) -> Interruptible {
        Interruptible::begin(&self.screen, last)
    }

    /// Whether messages go to a terminal that can show a line that changes.
    pub fn is_live(&self) -> bool {
        self.screen.is_live()
    }

    /// Whether results go to a terminal.
    pub fn is_terminal(&self) -> bool {
        stdout().is_terminal()
    }

    /// A line that belongs to an error, or to a protocol: `--quiet` does not silence it.
    pub fn unasked(&self, line: &str) {
        self.screen.say("", None, line);
    }

    /// An error and what to try.
    pub fn error(&self, error: &Error) {
        self.screen.say("chroot-distro: ", Some("1;31"), &truncate(&error.to_string(), LONGEST));
        if let Some(hint) = error.hint_text() {
            self.screen.say("  hint: ", Some("36"), hint);
        }
    }

    /// Everything was printed. Errors when standard output could not take it (a full disk); that its reader went
    /// away is none.
    pub fn finish(&self) -> Result<()> {
        let flushed = stdout().flush();
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        match refused.take().or(flushed.err()) {
            Some(error) if error.kind() != ErrorKind::BrokenPipe => {
                Err(Error::io("write to the standard output", error))
            }
            _ => Ok(()),
        }
    }

    fn write(&self, text: &str) {
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        if refused.is_none() {
            *refused = stdout().write_all(text.as_bytes()).err();
        }
    }
}

impl Report for Ui {
    fn info(&self, line: &str) {
        if self.verbosity >= Verbosity::Normal {
            self.screen.say("", None, line);
        }
    }

    fn warn(&self, line: &str) {
        if self.verbosity >= Verbosity::Normal {
            self.screen.say("warning: ", Some("33"), line);
        }
    }

    fn detail(&self, line: &str) {
        if self.verbosity >= Verbosity::Verbose {
            self.screen.say("", None, line);
        }
    }

    fn task(&self, label: &str, total: Option<u64>) -> Box<dyn Task> {
        match self.verbosity {
            Verbosity::Quiet => Box::new(crate::report::Silent),
            _ => Box::new(Screen::begin(&self.screen, label, total)),
        }
    }
}
