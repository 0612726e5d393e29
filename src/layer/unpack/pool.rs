//! Threads that make small regular files beside the one that parses.
//!
//! Making files is the kernel's work, most of an installation's time, and goes on on several cores as long as the
//! directories differ: each is locked while a name is added to it. Order is kept by [`super::rootfs_target::RootfsTarget`], which
//! waits for a file before anything that depends on it.

use std::collections::{HashSet, VecDeque};
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use super::file::{Job, Outcome};

/// Jobs that may wait, so that there are some for other directories among them.
const MAX_JOBS: usize = 512;
/// Jobs for which a thread is woken.
const WAKE: usize = 8;
/// Contents that may wait, in bytes.
const MAX_BYTES: usize = 4 << 20;
/// More writers only meet at the filesystem's journal.
const MAX_THREADS: usize = 3;

/// The writers. Dropping it waits for them: nothing of ours runs on when a caller goes on to fork.
pub(super) struct Pool {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
    /// Places of the files under way: one file each.
    pending: HashSet<u64>,
}

#[derive(Default)]
struct Shared {
    queue: Mutex<Queue>,
    /// A job was given, or the last one was.
    changed: Condvar,
    /// A thread has done a job, or ended.
    finished: Condvar,
}

#[derive(Default)]
struct Queue {
    jobs: VecDeque<Job>,
    bytes: usize,
    /// The directories in which somebody is making a file.
    busy: Vec<RawFd>,
    /// What the threads have done.
    done: VecDeque<Outcome>,
    /// How many threads there are, and how many of them wait for work: a wake-up that nobody waits for is a system call, too.
    threads: usize,
    idle: usize,
    /// The parser waits for a file.
    awaited: bool,
    closed: bool,
}

impl Pool {
    /// One thread fewer than there are processors, since the parser helps when much is waiting. A host that gives
    /// no threads is served more slowly.
    pub(super) fn new() -> Pool {
        let count = thread::available_parallelism().map_or(0, |cores| cores.get() - 1).min(MAX_THREADS);
        let shared = Arc::<Shared>::default();
        let threads = (0..count).map_while(|_| spawn(shared.clone()).ok()).collect();
        Pool { shared, threads, pending: HashSet::new() }
    }

    /// Takes a job whose place is not pending. When too much is waiting, does one that waits, and says how it ended.
    pub(super) fn make(&mut self, job: Job) -> Option<Outcome> {
        if self.threads.is_empty() {
            return Some(job.run());
        }
        self.pending.insert(job.place);
        let mut queue = self.shared.lock();
        queue.bytes += job.content.len();
        queue.jobs.push_back(job);
        if queue.jobs.len() <= MAX_JOBS && queue.bytes <= MAX_BYTES {
            // A thread that wakes up finds some work. Whoever waits for the files does what is left.
            let wake = queue.idle > 0 && queue.jobs.len() >= WAKE;
            drop(queue);
            if wake {
                self.shared.changed.notify_one();
            }
            return None;
        }
        let job = queue.next()?;
        drop(queue);
        let outcome = self.shared.run(job);
        self.pending.remove(&outcome.place());
        Some(outcome)
    }

    /// Whether a file is under way to this place.
    pub(super) fn is_pending(&self, place: u64) -> bool {
        self.pending.contains(&place)
    }

    /// The next finished file: works and waits for one, or takes only what is there. None when none is under way,
    /// or ready.
    pub(super) fn finished(&mut self, wait: bool) -> Option<Outcome> {
        if self.pending.is_empty() {
            return None;
        }
        let outcome = self.shared.outcome(wait)?;
        self.pending.remove(&outcome.place());
        Some(outcome)
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.shared.lock().closed = true;
        self.shared.changed.notify_all();
        for thread in self.threads.drain(..) {
            if let Err(panic) = thread.join()
                && !thread::panicking()
            {
                std::panic::resume_unwind(panic);
            }
        }
    }
}

impl Queue {
    /// The job that waited longest, of those whose directory nobody works in, else of all.
    fn next(&mut self) -> Option<Job> {
        let free = self.jobs.iter().position(|job| !self.busy.contains(&directory(job)));
        let job = self.jobs.remove(free.unwrap_or(0))?;
        self.bytes -= job.content.len();
        self.busy.push(directory(&job));
        Some(job)
    }

    /// Nobody works in the directory any more.
    fn leave(&mut self, directory: RawFd) {
        if let Some(at) = self.busy.iter().position(|&other| other == directory) {
            self.busy.swap_remove(at);
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the next job; none when there will be no more.
    fn wait(&self) -> Option<Job> {
        let mut queue = self.lock();
        loop {
            if queue.closed {
                return None;
            }
            if let Some(job) = queue.next() {
                return Some(job);
            }
            queue.idle += 1;
            queue = self.changed.wait(queue).unwrap_or_else(PoisonError::into_inner);
            queue.idle -= 1;
        }
    }

    /// What a thread has done, or else what is done here while they work.
    fn outcome(&self, wait: bool) -> Option<Outcome> {
        let mut queue = self.lock();
        loop {
            if let Some(done) = queue.done.pop_front() {
                return Some(done);
            }
            if !wait || queue.threads == 0 {
                return None;
            }
            if let Some(job) = queue.next() {
                drop(queue);
                return Some(self.run(job));
            }
            queue.awaited = true;
            queue = self.finished.wait(queue).unwrap_or_else(PoisonError::into_inner);
            queue.awaited = false;
        }
    }

    fn run(&self, job: Job) -> Outcome {
        let directory = directory(&job);
        let outcome = job.run();
        self.lock().leave(directory);
        outcome
    }

    /// Does jobs until there will be no more.
    fn work(&self) {
        let _ending = Ending(self);
        while let Some(job) = self.wait() {
            let directory = directory(&job);
            let outcome = job.run();
            let mut queue = self.lock();
            queue.leave(directory);
            queue.done.push_back(outcome);
            let awaited = queue.awaited;
            drop(queue);
            if awaited {
                self.finished.notify_one();
            }
        }
    }
}

/// The end of a thread. In builds that unwind, a panic must not leave the parser waiting.
struct Ending<'a>(&'a Shared);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.lock().threads -= 1;
        self.0.finished.notify_one();
    }
}

/// Tells directories apart while they are open.
fn directory(job: &Job) -> RawFd {
    job.dir.as_fd().as_raw_fd()
}

fn spawn(shared: Arc<Shared>) -> io::Result<JoinHandle<()>> {
    shared.lock().threads += 1;
    let ours = shared.clone();
    let thread = thread::Builder::new().name("write".into()).spawn(move || ours.work());
    if thread.is_err() {
        shared.lock().threads -= 1;
    }
    thread
}
