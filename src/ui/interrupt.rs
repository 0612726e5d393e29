//! Ctrl-C during a long work: the live lines go, and the last word is what to do next.

use std::sync::Arc;
use std::thread;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::Signal;

use super::progress::Screen;
use crate::sys::signal::{Mask, Signals, block, restore, undergo};

/// While it lives, an interrupt is told of before it ends this process.
pub struct Interruptible {
    before: Option<Mask>,
}

impl Interruptible {
    /// `last` is the last word. Where signals cannot be watched, an interrupt just ends the process. Threads that are begun
    /// later inherit the mask; the caller begins none before.
    pub(super) fn begin(screen: &Arc<Screen>, last: &'static str) -> Interruptible {
        let screen = Arc::clone(screen);
        let watched = || {
            let before = block(&[Signal::INT])?;
            let signals = Signals::of(&[Signal::INT])?;
            thread::Builder::new().name("interrupt".into()).spawn(move || watch(&signals, &screen, last))?;
            Ok::<Mask, std::io::Error>(before)
        };
        Interruptible { before: watched().ok() }
    }
}

impl Drop for Interruptible {
    fn drop(&mut self) {
        let _ = self.before.as_ref().map(restore);
    }
}

fn watch(signals: &Signals, screen: &Screen, last: &str) {
    let mut watched = [PollFd::new(signals, PollFlags::IN)];
    loop {
        let _ = poll(&mut watched, None);
        if let Ok(Some(_)) = signals.next() {
            screen.finish(last);
            let _ = undergo(Signal::INT);
        }
    }
}
