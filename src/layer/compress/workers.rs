//! Threads that compress blocks. Their results come back in the order in which the blocks were given.

use std::collections::VecDeque;
use std::io;
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use super::block::{Block, Format, Packed, Stop};

type Outcome = io::Result<Packed>;

struct Job {
    block: Block,
    /// Where its giver waits.
    answer: Sender<Outcome>,
}

/// The threads, and the blocks that are under way.
///
/// Dropping it ends the threads and waits for them: nothing of ours runs on when a caller goes on to fork.
pub(super) struct Workers {
    format: Arc<dyn Format>,
    /// None once there will be no more jobs.
    jobs: Option<Sender<Job>>,
    queue: Arc<Mutex<Receiver<Job>>>,
    /// Where the answers come, those of the oldest blocks first.
    answers: VecDeque<Receiver<Outcome>>,
    threads: Vec<JoinHandle<()>>,
    /// How many threads there may be.
    most: usize,
    stop: Stop,
}

impl Workers {
    /// At most `most` threads. They start when there is work for them.
    pub(super) fn new(format: Arc<dyn Format>, most: usize) -> Workers {
        let (jobs, queue) = channel();
        let queue = Arc::new(Mutex::new(queue));
        let (answers, threads) = (VecDeque::new(), Vec::new());
        Workers { format, jobs: Some(jobs), queue, answers, threads, most, stop: Stop::default() }
    }

    /// Whether so many blocks are under way that an answer must be taken first: one waits behind those that are in work,
    /// so that no thread is idle.
    pub(super) fn is_full(&self) -> bool {
        self.answers.len() > self.most
    }

    pub(super) fn is_idle(&self) -> bool {
        self.answers.is_empty()
    }

    /// Gives a block to a thread. A host that gives no threads is served more slowly.
    pub(super) fn give(&mut self, block: Block) {
        if self.threads.len() < self.most && self.spawn().is_err() {
            self.most = self.threads.len();
        }
        let (answer, waiting) = channel();
        self.answers.push_back(waiting);
        let job = Job { block, answer };
        let unsent = match &self.jobs {
            Some(jobs) if !self.threads.is_empty() => jobs.send(job).err().map(|error| error.0),
            _ => Some(job),
        };
        if let Some(job) = unsent {
            job.run(&*self.format, &self.stop);
        }
    }

    /// Compresses a block on this thread.
    pub(super) fn pack(&self, block: &Block) -> Outcome {
        self.format.pack(block, &self.stop)
    }

    /// The oldest block, if it is ready.
    pub(super) fn ready(&mut self) -> Option<Outcome> {
        match self.answers.front()?.try_recv() {
            Err(TryRecvError::Empty) => None,
            answer => {
                self.answers.pop_front();
                Some(answer.unwrap_or_else(|_| Err(lost())))
            }
        }
    }

    /// Waits for the oldest block. None when no block is under way.
    pub(super) fn next(&mut self) -> Option<Outcome> {
        Some(self.answers.pop_front()?.recv().unwrap_or_else(|_| Err(lost())))
    }

    fn spawn(&mut self) -> io::Result<()> {
        let (queue, format, stop) = (self.queue.clone(), self.format.clone(), self.stop.clone());
        let work = move || {
            while let Some(job) = take(&queue) {
                job.run(&*format, &stop);
            }
        };
        self.threads.push(thread::Builder::new().name("compress".into()).spawn(work)?);
        Ok(())
    }
}

/// The next job. None when there will be no more.
fn take(queue: &Mutex<Receiver<Job>>) -> Option<Job> {
    queue.lock().unwrap_or_else(PoisonError::into_inner).recv().ok()
}

impl Job {
    fn run(self, format: &dyn Format, stop: &Stop) {
        let outcome = stop.check().and_then(|()| format.pack(&self.block, stop));
        drop(self.block);
        // Nobody waits when the archive was given up.
        let _ = self.answer.send(outcome);
    }
}

/// A thread that panicked, which the program's own panic ends before this is seen.
fn lost() -> io::Error {
    io::Error::other("a thread that compresses ended")
}

impl Drop for Workers {
    fn drop(&mut self) {
        self.stop.stop();
        self.jobs = None;
        for thread in self.threads.drain(..) {
            if let Err(panic) = thread.join()
                && !thread::panicking()
            {
                std::panic::resume_unwind(panic);
            }
        }
    }
}
