//! Threads that do one kind of work. The results come back in the order in which the jobs were given.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

/// The threads, and the jobs that are under way.
///
/// Dropping it ends the threads and waits for them: nothing of ours runs on when a caller goes on to fork.
pub(super) struct Workers<J, R> {
    shared: Arc<Shared<J, R>>,
    threads: Vec<JoinHandle<()>>,
    /// How many threads there may be.
    most: usize,
    /// How many jobs were given, and how many came back: their numbers.
    given: usize,
    taken: usize,
}

struct Shared<J, R> {
    work: Box<dyn Fn(J) -> R + Send + Sync>,
    state: Mutex<State<J, R>>,
    /// A job was given, or the last one was.
    more: Condvar,
    /// A job is done.
    done: Condvar,
}

struct State<J, R> {
    waiting: VecDeque<(usize, J)>,
    /// A job without a result ended its thread by a panic.
    done: Vec<(usize, Option<R>)>,
    closed: bool,
}

impl<J: Send + 'static, R: Send + 'static> Workers<J, R> {
    /// At most `most` threads. They start when there is work for them.
    pub(super) fn new(most: usize, work: impl Fn(J) -> R + Send + Sync + 'static) -> Workers<J, R> {
        let state = State { waiting: VecDeque::new(), done: Vec::new(), closed: false };
        let (more, done) = (Condvar::new(), Condvar::new());
        let shared = Shared { work: Box::new(work), state: Mutex::new(state), more, done };
        Workers { shared: Arc::new(shared), threads: Vec::new(), most, given: 0, taken: 0 }
    }

    /// Whether so many jobs are under way that one must come back first: one waits behind those that are in work,
    /// so that no thread is idle.
    pub(super) fn is_full(&self) -> bool {
        self.given - self.taken > self.most
    }

    pub(super) fn is_idle(&self) -> bool {
        self.given == self.taken
    }

    /// Gives a job to a thread. A host that gives no threads is served more slowly.
    pub(super) fn give(&mut self, job: J) {
        if self.threads.len() < self.most && self.spawn().is_err() {
            self.most = self.threads.len();
        }
        let number = self.given;
        self.given += 1;
        if self.threads.is_empty() {
            return self.shared.run(number, job);
        }
        self.shared.lock().waiting.push_back((number, job));
        self.shared.more.notify_one();
    }

    /// The oldest job's result, if it is ready, or waited for. None when no job is under way.
    pub(super) fn next(&mut self, wait: bool) -> Option<R> {
        if self.is_idle() {
            return None;
        }
        let mut state = self.shared.lock();
        loop {
            if let Some(at) = state.done.iter().position(|(number, _)| *number == self.taken) {
                self.taken += 1;
                let result = state.done.swap_remove(at).1;
                return Some(result.unwrap_or_else(|| std::panic::resume_unwind(Box::new("a thread ended"))));
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
            while let Some((number, job)) = shared.wait() {
                shared.run(number, job);
            }
        };
        self.threads.push(thread::Builder::new().name("worker".into()).spawn(work)?);
        Ok(())
    }
}

impl<J, R> Shared<J, R> {
    fn lock(&self) -> MutexGuard<'_, State<J, R>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the next job. None when there will be no more.
    fn wait(&self) -> Option<(usize, J)> {
        let mut state = self.lock();
        loop {
            if state.closed {
                return None;
            }
            if let Some(job) = state.waiting.pop_front() {
                return Some(job);
            }
            state = self.more.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn run(&self, number: usize, job: J) {
        // In builds that unwind, a panic must not leave the giver waiting.
        let mut answer = Answer { shared: self, number, result: None };
        answer.result = Some((self.work)(job));
    }
}

/// What becomes of a job: told when it is dropped.
struct Answer<'a, J, R> {
    shared: &'a Shared<J, R>,
    number: usize,
    result: Option<R>,
}

impl<J, R> Drop for Answer<'_, J, R> {
    fn drop(&mut self) {
        self.shared.lock().done.push((self.number, self.result.take()));
        self.shared.done.notify_one();
    }
}

impl<J, R> Drop for Workers<J, R> {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.closed = true;
        drop(state);
        self.shared.more.notify_all();
        for thread in self.threads.drain(..) {
            if let Err(panic) = thread.join()
                && !thread::panicking()
            {
                std::panic::resume_unwind(panic);
            }
        }
    }
}
