//! A session whose program is on its way in, as seen by the process that started it and stays outside.

use rustix::process::Pid;

use super::channel::{Listener, Word};
use crate::error::{Attempt, Result};
use crate::session::terminal::line::Line;
use crate::sys::process::wait;

/// What is known when it was forked.
pub struct Outside {
    /// The process that sets the session up.
    pub child: Pid,
    /// What it says.
    pub listener: Listener,
    /// Whether the program gets a process of its own, in another PID namespace.
    pub below: bool,
}

/// What is known when the program's process is there.
pub struct Begun {
    /// The program's.
    pub process: Pid,
    /// The child to wait for: the same, or one that ends as it does.
    pub child: Pid,
    /// The session's terminal, if it has one.
    pub line: Option<Line>,
}

impl Outside {
    /// Waits for the program's process; `note` learns its number before it goes on. Fails as the set-up failed, when that
    /// has ended.
    pub fn begun(&self, note: &mut dyn FnMut(Pid) -> Result<()>) -> Result<Begun> {
        let mut begun = Begun { process: self.child, child: self.child, line: None };
        let listened = self.listen(&mut begun, note);
        if listened.is_err() || begun.child != self.child {
            wait(self.child).attempt("wait for the session to be set up")?;
        }
        listened.map(|()| begun)
    }

    fn listen(&self, begun: &mut Begun, note: &mut dyn FnMut(Pid) -> Result<()>) -> Result<()> {
        while let Some(word) = self.listener.hear()? {
            match word {
                Word::Terminal(master) => {
                    begun.line = Some(Line::new(master)?);
                    if !self.below {
                        break;
                    }
                }
                Word::Forked(pid, is_its_parent) => {
                    begun.process = pid;
                    if is_its_parent {
                        begun.child = pid;
                    }
                    note(pid)?;
                    self.listener.noted();
                    break;
                }
                Word::Ended(_) => {}
            }
        }
        Ok(())
    }
}
