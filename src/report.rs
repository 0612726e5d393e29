//! How the lower blocks tell of progress and warnings. They never print; `ui` does.

/// Receives what a long operation has to say. Shared between threads.
pub trait Report: Sync {
    /// A step that the user follows ("Pulling ubuntu:24.04").
    fn info(&self, line: &str);
    /// Something went wrong that does not stop the work. Say it once.
    fn warn(&self, line: &str);
    /// One line an entry, shown with `--verbose` only.
    fn detail(&self, line: &str) {
        let _ = line;
    }
    /// Begins a measured task (a layer's download). `total` is in bytes.
    fn task(&self, label: &str, total: Option<u64>) -> Box<dyn Task>;
}

/// One measured task; it ends when it is dropped.
pub trait Task: Send + Sync {
    /// `bytes` more are done. Those found on disk at the start count with `resumed`.
    fn advance(&self, bytes: u64);
    /// Bytes that were there before the task began: progress, but not rate.
    fn resumed(&self, bytes: u64) {
        self.advance(bytes);
    }
    /// A word for what is going on now ("retrying", "cached", "done"); an empty one when bytes move as they should.
    fn state(&self, word: &str) {
        let _ = word;
    }
}

/// Says nothing.
pub struct Silent;

impl Report for Silent {
    fn info(&self, _: &str) {}
    fn warn(&self, _: &str) {}
    fn task(&self, _: &str, _: Option<u64>) -> Box<dyn Task> {
        Box::new(Silent)
    }
}

impl Task for Silent {
    fn advance(&self, _: u64) {}
}
