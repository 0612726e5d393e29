//! Threads that compress blocks. Their results come back in the order in which the blocks were given.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use super::block::{Block, Format, Packed, Stop};

type Outcome = io::Result<Packed>;

/// The threads, and the blocks that are under way.
///
/// Dropping it ends the threads and waits for them: nothing of ours runs on when a caller goes on to fork.
pub(super) struct Workers {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
    /// How many threads there may be.
    most: usize,
    /// How many blocks were given, and how many came back: their numbers.
    given: usize,
    taken: usize,
}

struct Shared {
    format: Arc<dyn Format>,
    state: Mutex<State>,
    /// A block was given, or the last one was.
    work: Condvar,
    /// A block is done.
    done: Condvar,
    stop: Stop,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<(usize, Block)>,
    done: Vec<(usize, Outcome)>,
    closed: bool,
}

impl Workers {
    /// At most `most` threads. They start when there is work for them.
    pub(super) fn new(format: Arc<dyn Format>, most: usize) -> Workers {
        let (work, done) = (Condvar::new(), Condvar::new());
        let shared = Shared { format, state: Mutex::default(), work, done, stop: Stop::default() };
        Workers { shared: Arc::new(shared), threads: Vec::new(), most, given: 0, taken: 0 }
    }

    /// Whether so many blocks are under way that one must come back first: one waits behind those that are in work,
    /// so that no thread is idle.
    pub(super) fn is_full(&self) -> bool {
        self.given - self.taken > self.most
    }

    pub(super) fn is_idle(&self) -> bool {
        self.given == self.taken
    }

    /// Gives a block to a thread. A host that gives no threads is served more slowly.
    pub(super) fn give(&mut self, block: Block) {
        if self.threads.len() < self.most && self.spawn().is_err() {
            self.most = self.threads.len();
        }
        let number = self.given;
        self.given += 1;
        if self.threads.is_empty() {
            return self.shared.run(number, block);
        }
        self.shared.lock().waiting.push_back((number, block));
        self.shared.work.notify_one();
    }

    /// Compresses a block on this thread.
    pub(super) fn pack(&self, block: &Block) -> Outcome {
        self.shared.format.pack(block, &self.shared.stop)
    }

    /// The oldest block, if it is ready, or waited for. None when no block is under way.
    pub(super) fn next(&mut self, wait: bool) -> Option<Outcome> {
        if self.is_idle() {
            return None;
        }
        let mut state = self.shared.lock();
        loop {
            if let Some(at) = state.done.iter().position(|(number, _)| *number == self.taken) {
                self.taken += 1;
                return Some(state.done.swap_remove(at).1);
            }
            if !wait {
                return None;
            }
            state = self.shared.done.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn spawn(&mut self) -> io::Result<()> {
        let shared = self.shared.clone();
        let work = move || {
            while let Some((number, block)) = shared.wait() {
                shared.run(number, block);
            }
        };
        self.threads.push(thread::Builder::new().name("compress".into()).spawn(work)?);
        Ok(())
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the next block. None when there will be no more.
    fn wait(&self) -> Option<(usize, Block)> {
        let mut state = self.lock();
        loop {
            if state.closed {
                return None;
            }
            if let Some(job) = state.waiting.pop_front() {
                return Some(job);
            }
            state = self.work.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn run(&self, number: usize, block: Block) {
        // In builds that unwind, a panic must not leave the giver waiting.
        let mut answer = Answer { shared: self, number, outcome: Err(io::Error::other("a thread ended")) };
        answer.outcome = self.format.pack(&block, &self.stop);
    }
}

/// What becomes of a block: told when it is dropped.
struct Answer<'a> {
    shared: &'a Shared,
    number: usize,
    outcome: Outcome,
}

impl Drop for Answer<'_> {
    fn drop(&mut self) {
        let outcome = std::mem::replace(&mut self.outcome, Err(io::ErrorKind::Other.into()));
        self.shared.lock().done.push((self.number, outcome));
        self.shared.done.notify_one();
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        self.shared.stop.stop();
        self.shared.lock().closed = true;
        self.shared.work.notify_all();
        for thread in self.threads.drain(..) {
            if let Err(panic) = thread.join()
                && !thread::panicking()
            {
                std::panic::resume_unwind(panic);
            }
        }
    }
}
