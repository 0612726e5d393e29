//! Makes the stages, each in a process of its own, as soon as those are made that it needs.
//!
//! A session can only be begun by a process with one thread (see [`session::run`](crate::session::run)), and a stage's
//! RUNs are sessions. So this process stays single-threaded, forks one for each stage, and listens: what they say of
//! their steps, and what their RUNs print. Whatever ends this process ends them too.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, OwnedFd};
use std::thread::available_parallelism;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{OFlags, fcntl_setfl};
use rustix::io::Errno;
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{Pid, Signal, getpid, getppid, kill_process, set_parent_process_death_signal};

use super::made::Made;
use super::message::Message;
use super::progress::Progress;
use crate::error::{Attempt, Error, Kind, Result};
use crate::sys::process::{Fork, fork, wait};
use crate::sys::signal::{Mask, Signals, block, restore};

/// Makes a stage in a process of its own: what it needs is made.
pub type Make<'a> = dyn Fn(usize, &BTreeMap<usize, Made>, Ends) -> u8 + 'a;

/// The ends of a stage's process.
pub struct Ends {
    /// What it tells.
    pub messages: File,
    /// What its RUNs print.
    pub output: OwnedFd,
    /// Ends when nobody needs its tree any more.
    pub needed: File,
}

/// Makes all `stages`, which stand after those that they need. Only while single-threaded. `clear` deletes what a process has
/// left that was killed.
pub fn make_all(
    stages: &[usize],
    needs: &dyn Fn(usize) -> Result<Vec<usize>>,
    make: &Make<'_>,
    progress: &dyn Progress,
    clear: &dyn Fn(Pid),
) -> Result<BTreeMap<usize, Made>> {
    let signals = [Signal::INT, Signal::TERM, Signal::HUP];
    let watched = block(&signals).and_then(|mask| Ok((mask, Signals::of(&signals)?)));
    let (mask, signals) = watched.attempt("watch for signals")?;
    let mut engine = Engine {
        waiting: stages.to_vec(),
        running: Vec::new(),
        resting: Vec::new(),
        made: BTreeMap::new(),
        make,
        mask,
        signals,
        progress,
        clear,
        most: available_parallelism().map_or(2, usize::from).max(2),
    };
    let done = engine.run(needs);
    engine.stop();
    let _ = restore(&engine.mask);
    done.map(|()| engine.made)
}

struct Engine<'a> {
    waiting: Vec<usize>,
    running: Vec<Child>,
    /// Those that are done, and keep their trees.
    resting: Vec<Child>,
    made: BTreeMap<usize, Made>,
    make: &'a Make<'a>,
    mask: Mask,
    signals: Signals,
    progress: &'a dyn Progress,
    clear: &'a dyn Fn(Pid),
    most: usize,
}

/// The process of a stage.
struct Child {
    stage: usize,
    pid: Pid,
    messages: File,
    output: File,
    needed: OwnedFd,
}

impl Engine<'_> {
    fn run(&mut self, needs: &dyn Fn(usize) -> Result<Vec<usize>>) -> Result<()> {
        loop {
            for stage in self.waiting.clone() {
                let is_ready = needs(stage)?.iter().all(|needed| self.made.contains_key(needed));
                if is_ready && self.running.len() < self.most {
                    self.waiting.retain(|other| *other != stage);
                    let child = self.start(stage)?;
                    self.running.push(child);
                }
            }
            if self.running.is_empty() {
                return Ok(());
            }
            self.listen()?;
        }
    }

    fn start(&mut self, stage: usize) -> Result<Child> {
        let attempt = "start the process of a stage";
        let (messages, speaker) = pipe_with(PipeFlags::CLOEXEC).attempt(attempt)?;
        let (output, printed) = pipe_with(PipeFlags::CLOEXEC).attempt(attempt)?;
        let (until, needed) = pipe_with(PipeFlags::CLOEXEC).attempt(attempt)?;
        fcntl_setfl(&output, OFlags::NONBLOCK).attempt(attempt)?;
        let parent = getpid();
        match fork().attempt(attempt)? {
            Fork::Parent(pid) => {
                Ok(Child { stage, pid, messages: messages.into(), output: output.into(), needed })
            }
            Fork::Child => {
                drop((messages, output, needed));
                // Another's end would keep that one waiting.
                self.running.clear();
                self.resting.clear();
                let _ = set_parent_process_death_signal(Some(Signal::KILL));
                let _ = restore(&self.mask);
                let code = match getppid() == Some(parent) {
                    true => {
                        let ends = Ends { messages: speaker.into(), output: printed, needed: until.into() };
                        (self.make)(stage, &self.made, ends)
                    }
                    // Nobody waits any more.
                    false => 1,
                };
                std::process::exit(code.into())
            }
        }
    }

    /// Waits for something to happen, and sees to it.
    fn listen(&mut self) -> Result<()> {
        let mut watched = vec![PollFd::new(&self.signals, PollFlags::IN)];
        for child in &self.running {
            watched.push(PollFd::from_borrowed_fd(child.messages.as_fd(), PollFlags::IN));
            watched.push(PollFd::from_borrowed_fd(child.output.as_fd(), PollFlags::IN));
        }
        match poll(&mut watched, None) {
            Err(Errno::INTR) => return Ok(()),
            polled => polled.attempt("wait for the stages")?,
        };
        let ready: Vec<bool> = watched.iter().map(|fd| !fd.revents().is_empty()).collect();
        drop(watched);
        if ready[0]
            && let Ok(Some(received)) = self.signals.next()
        {
            let code = u8::try_from(128 + received.signal).unwrap_or(1);
            return Err(Error::new(Kind::System, "the build was stopped")
                .hint("run the same command again: the steps that were done are kept")
                .exits(code));
        }
        let mut ended = Vec::new();
        for (number, child) in self.running.iter_mut().enumerate() {
            if ready[2 * number + 2] {
                child.print(self.progress);
            }
            if ready[2 * number + 1]
                && let Some(made) = child.hear(self.progress)?
            {
                ended.push((child.stage, made));
            }
        }
        for (stage, made) in ended {
            self.made.insert(stage, made);
            if let Some(at) = self.running.iter().position(|child| child.stage == stage) {
                let child = self.running.remove(at);
                self.resting.push(child);
            }
        }
        Ok(())
    }

    /// Ends all that runs, and has those that rest delete their trees.
    fn stop(&mut self) {
        for Child { pid, needed, .. } in self.resting.drain(..) {
            drop(needed);
            let _ = wait(pid);
        }
        for child in self.running.drain(..) {
            let _ = kill_process(child.pid, Signal::KILL);
            let _ = wait(child.pid);
            (self.clear)(child.pid);
        }
    }
}

impl Child {
    /// Passes on what RUN has printed by now.
    fn print(&mut self, progress: &dyn Progress) {
        let mut buffer = [0; 16 << 10];
        while let Ok(count @ 1..) = self.output.read(&mut buffer) {
            progress.output(self.stage, &buffer[..count]);
        }
    }

    /// One message; what came of the stage, once it is made.
    fn hear(&mut self, progress: &dyn Progress) -> Result<Option<Made>> {
        let message = Message::receive(&mut self.messages)?;
        // What was printed before it was sent.
        self.print(progress);
        match message {
            Some(Message::Step(shown)) => progress.step(self.stage, &shown),
            Some(Message::Done(how, time)) => progress.done(self.stage, &how, time),
            Some(Message::Info(line)) => progress.info(&line),
            Some(Message::Detail(line)) => progress.detail(&line),
            Some(Message::Warn(line)) => progress.warn(&line),
            Some(Message::Made(made)) => return Made::from_json(&made).map(Some),
            Some(Message::Failed(error, place)) => {
                progress.failed(self.stage, &error, place);
                return Err(error);
            }
            None => {
                let error = Error::new(Kind::System, "the process of a stage has ended before it was done")
                    .hint("was it killed, for want of memory?");
                progress.failed(self.stage, &error, None);
                return Err(error);
            }
        }
        Ok(None)
    }
}
