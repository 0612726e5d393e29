//! Begins to write to disk while a container is still being made, so that the wait for the last of it is short.
//!
//! A container's name must not be on disk before its files are: after a power cut it would be there, with empty
//! files. Left alone, the kernel writes after half a minute, and syncfs(2) at the end would wait for all of it.

use std::fs::File;
use std::io;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rustix::fs::syncfs;
use rustix::io::Errno;

/// Between two rounds: short beside an installation, long beside a round that finds nothing.
const PERIOD: Duration = Duration::from_millis(200);

/// Writes a filesystem's changes to disk, again and again, until it is dropped.
#[derive(Debug)]
pub(super) struct Flusher {
    directory: File,
    stop: Arc<Stop>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Stop {
    stopped: Mutex<bool>,
    changed: Condvar,
}

impl Flusher {
    /// For the filesystem of `directory`. Without a thread to spare, nothing is written early.
    pub(super) fn new(directory: File) -> Flusher {
        let stop = Arc::<Stop>::default();
        let ours = stop.clone();
        let thread = directory.try_clone().and_then(|directory| {
            let rounds = move || {
                while !ours.waited(PERIOD) {
                    // Whoever waits for the end of it hears what fails.
                    let _ = syncfs(&directory);
                }
            };
            thread::Builder::new().name("flush".to_owned()).spawn(rounds)
        });
        Flusher { directory, stop, thread: thread.ok() }
    }

    /// Waits until all is on disk, and does `work`, which changes nothing, meanwhile.
    pub(super) fn finish<T>(self, work: impl FnOnce() -> T) -> io::Result<T> {
        let last = || syncfs(&self.directory);
        let done = thread::scope(|scope| {
            let syncing = thread::Builder::new().name("flush".to_owned()).spawn_scoped(scope, last);
            let done = work();
            match syncing {
                Ok(thread) => thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?,
                Err(_) => last()?,
            }
            Ok::<T, Errno>(done)
        });
        Ok(done?)
    }
}

impl Stop {
    /// Waits for it so long; whether it came.
    fn waited(&self, time: Duration) -> bool {
        let stopped = self.stopped.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.changed.wait_timeout_while(stopped, time, |stopped| !*stopped);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

impl Drop for Flusher {
    fn drop(&mut self) {
        *self.stop.stopped.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.stop.changed.notify_one();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
