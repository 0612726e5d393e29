//! The terminal that a login was started from. While it is in the foreground there it is lent to the session, raw: what
//! keys mean is for the session's own terminal to say. It is given back as it was on every way out.

use rustix::process::getpgrp;
use rustix::stdio::{stderr, stdin, stdout};
use rustix::termios::{
    OptionalActions, Termios, Winsize, isatty, tcgetattr, tcgetpgrp, tcgetwinsize, tcsetattr,
};

use crate::session::request::Terminal;

/// Whether a session is to have a terminal of its own.
pub fn wants_terminal(asked: Terminal) -> bool {
    match asked {
        Terminal::Auto => isatty(stdin()) && isatty(stdout()),
        Terminal::Always => true,
        Terminal::Never => false,
    }
}

/// Its size, by whichever stream it is.
pub fn size() -> Option<Winsize> {
    [stdin(), stdout(), stderr()].into_iter().find_map(|stream| tcgetwinsize(stream).ok())
}

/// Standard input where it is a terminal; anything else has no settings.
pub struct Outer {
    before: Option<Termios>,
    raw: bool,
}

impl Outer {
    /// Remembers the settings that it has now.
    pub fn new() -> Outer {
        Outer { before: tcgetattr(stdin()).ok(), raw: false }
    }

    /// Whether there is one.
    pub fn is_terminal(&self) -> bool {
        self.before.is_some()
    }

    /// Whether it signals a change of its size and its end to this process. After `su -c`, say, it does not.
    pub fn controls_us(&self) -> bool {
        tcgetpgrp(stdin()).is_ok()
    }

    /// Makes it raw. False, and nothing done, while another job has it.
    pub fn take(&mut self) -> bool {
        let Some(before) = &self.before else { return true };
        if !in_foreground() {
            return false;
        }
        let mut raw = before.clone();
        raw.make_raw();
        self.raw = tcsetattr(stdin(), OptionalActions::Now, &raw).is_ok();
        true
    }

    /// Makes it what it was, unless another job has it now.
    pub fn give_back(&mut self) {
        if let Some(before) = self.before.as_ref().filter(|_| self.raw && in_foreground()) {
            let _ = tcsetattr(stdin(), OptionalActions::Now, before);
        }
        self.raw = false;
    }
}

impl Drop for Outer {
    fn drop(&mut self) {
        self.give_back();
    }
}

/// Whether standard input, a terminal, is ours to read. One that does not control us has no background.
pub fn in_foreground() -> bool {
    tcgetpgrp(stdin()).map_or(true, |group| group == getpgrp())
}
