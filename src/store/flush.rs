//! Begins to write to disk while a container is still being made, so that the wait for the last of it is short.
//!
//! A container's name must not be on disk before its files are: after a power cut it would be there, with empty
//! files. Left alone, the kernel writes after half a minute, and syncfs(2) at the end would wait for all of it.

use std::fs::File;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rustix::fs::syncfs;

/// Between two rounds: short beside an installation, long beside a round that finds nothing.
const PERIOD: Duration = Duration::from_millis(200);

/// Writes a filesystem's changes to disk, again and again, until it is dropped.
#[derive(Debug)]
pub(super) struct Flusher {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Flusher {
    /// For the filesystem of `directory`. Without a thread to spare, nothing is written early.
    pub(super) fn new(directory: File) -> Flusher {
        let (stop, stopped) = channel();
        let rounds = move || {
            while let Err(RecvTimeoutError::Timeout) = stopped.recv_timeout(PERIOD) {
                // Whoever waits for the end of it hears what fails.
                let _ = syncfs(&directory);
            }
        };
        let thread = thread::Builder::new().name("flush".to_owned()).spawn(rounds).ok();
        Flusher { stop: Some(stop), thread }
    }
}

impl Drop for Flusher {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
