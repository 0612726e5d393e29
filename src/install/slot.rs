//! A layer on its way: one thread fetches it, another reads it from the start as it comes in.
//!
//! The reader verifies. What was cached is hashed while it is read; what is being fetched was hashed when it was
//! written, and its end is told only after the whole was found right.

use std::fs::File;
use std::io::{self, Read};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use crate::error::Error;
use crate::oci::{Digest, Hasher};

/// What a fetcher tells a reader about one layer.
pub(super) struct Slot {
    digest: Digest,
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    phase: Phase,
    /// Taken by the reader.
    file: Option<File>,
    /// The reader has to hash.
    unverified: bool,
    /// The reader was given wrong bytes. They may be right when they are fetched once more.
    stale: bool,
    failure: Option<Error>,
}

#[derive(Clone, Copy)]
enum Phase {
    Waiting,
    /// So many bytes may be read.
    Growing(u64),
    Whole,
    Failed,
}

impl Slot {
    pub(super) fn new(digest: Digest) -> Slot {
        let state =
            State { phase: Phase::Waiting, file: None, unverified: false, stale: false, failure: None };
        Slot { digest, state: Mutex::new(state), changed: Condvar::new() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn update(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.lock());
        self.changed.notify_all();
    }

    /// It is in the cache.
    pub(super) fn cached(&self, file: File) {
        self.update(|state| {
            state.file = Some(file);
            state.unverified = true;
            state.phase = Phase::Whole;
        });
    }

    /// It is being written to `file`, of which `length` bytes are there.
    pub(super) fn growing(&self, file: File, length: u64) {
        self.update(|state| {
            state.file = Some(file);
            state.phase = Phase::Growing(length);
        });
    }

    /// So much of it is there.
    pub(super) fn grown(&self, length: u64) {
        self.update(|state| state.phase = Phase::Growing(length));
    }

    /// The fetcher starts over. A reader that has read some bytes must start over too.
    pub(super) fn restarted(&self) {
        self.update(|state| {
            state.stale |= state.file.is_none();
            state.phase = Phase::Growing(0);
        });
    }

    /// It is there, whole and verified.
    pub(super) fn done(&self) {
        self.update(|state| state.phase = Phase::Whole);
    }

    /// It was fetched, but its bytes do not match its digest.
    pub(super) fn damaged(&self, error: Error) {
        self.update(|state| state.stale = true);
        self.failed(error);
    }

    /// It cannot be fetched.
    pub(super) fn failed(&self, error: Error) {
        self.update(|state| {
            state.failure = Some(error);
            state.phase = Phase::Failed;
        });
    }

    /// Why it could not be fetched. Told once: then it is `None`.
    pub(super) fn failure(&self) -> Option<Error> {
        self.lock().failure.take()
    }

    /// Whether fetching it once more may help.
    pub(super) fn is_stale(&self) -> bool {
        self.lock().stale
    }

    /// Whether what the cache had is not what its name says.
    pub(super) fn is_damaged_copy(&self) -> bool {
        let state = self.lock();
        state.stale && state.unverified
    }

    /// Waits until there is something to read.
    pub(super) fn open(&self) -> io::Result<Follower<'_>> {
        let mut state = self.lock();
        while let Phase::Waiting = state.phase {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        let file = state.file.take().ok_or_else(|| io::Error::other("it could not be fetched"))?;
        let hash = state.unverified.then(|| Hasher::new(self.digest.algorithm()));
        Ok(Follower { slot: self, file, position: 0, hash })
    }
}

/// Reads a layer from its start, as fast as it comes in.
pub(super) struct Follower<'a> {
    slot: &'a Slot,
    file: File,
    position: u64,
    /// Of what is read, when nobody else has checked it.
    hash: Option<Hasher>,
}

impl Follower<'_> {
    /// Waits for bytes; how many of them `want` may be read. As many as there are when the whole is there.
    fn available(&self, want: usize) -> io::Result<usize> {
        let mut state = self.slot.lock();
        loop {
            if state.stale {
                return Err(io::Error::other("its download had to start over"));
            }
            match state.phase {
                Phase::Whole => return Ok(want),
                Phase::Growing(length) if length > self.position => {
                    return Ok(want.min(usize::try_from(length - self.position).unwrap_or(want)));
                }
                Phase::Failed => return Err(io::Error::other("it could not be fetched")),
                Phase::Growing(_) | Phase::Waiting => {
                    state = self.slot.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                }
            }
        }
    }

    /// Reads what is left, and so learns whether the whole is what its digest says.
    pub(super) fn finish(mut self) -> io::Result<()> {
        let mut buffer = vec![0; 64 << 10];
        while self.read(&mut buffer)? > 0 {}
        Ok(())
    }
}

impl Read for Follower<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = self.available(buffer.len())?;
        let count = self.file.read(&mut buffer[..most])?;
        self.position += count as u64;
        if count > 0 {
            self.hash.iter_mut().for_each(|hash| hash.update(&buffer[..count]));
        } else if !buffer.is_empty() && self.hash.take().is_some_and(|hash| hash.finish() != self.slot.digest)
        {
            self.slot.update(|state| state.stale = true);
            return Err(io::Error::other("its cached copy is damaged"));
        }
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write;
    use std::thread;

    use super::*;

    fn file(name: &str, contents: &[u8]) -> (File, File) {
        let path = std::env::temp_dir().join(format!("cd-slot-{}-{name}", std::process::id()));
        let mut writer = File::create(&path).unwrap();
        writer.write_all(contents).unwrap();
        let reader = File::open(&path).unwrap();
        fs::remove_file(path).unwrap();
        (writer, reader)
    }

    #[test]
    fn a_reader_follows_and_ends_only_with_the_verified_whole() {
        let (mut writer, reader) = file("follow", b"he");
        let slot = Slot::new(Digest::of(b"hello"));
        thread::scope(|scope| {
            let seen = scope.spawn(|| {
                let mut text = String::new();
                slot.open().unwrap().read_to_string(&mut text).map(|_| text)
            });
            slot.growing(reader, 2);
            writer.write_all(b"llo").unwrap();
            slot.grown(5);
            slot.done();
            assert_eq!(seen.join().unwrap().unwrap(), "hello");
        });
    }

    #[test]
    fn a_failed_fetch_fails_the_reader() {
        let (_writer, reader) = file("fail", b"he");
        let slot = Slot::new(Digest::of(b"hello"));
        slot.growing(reader, 2);
        let follower = slot.open().unwrap();
        slot.failed(Error::network("gone"));
        assert!(follower.finish().is_err());
        assert!(!slot.is_stale());
        assert_eq!(slot.failure().unwrap().to_string(), "gone");
    }

    #[test]
    fn wrong_bytes_are_stale_wherever_they_come_from() {
        let (_writer, reader) = file("cached", b"jello");
        let slot = Slot::new(Digest::of(b"hello"));
        slot.cached(reader);
        assert!(slot.open().unwrap().finish().is_err());
        assert!(slot.is_stale() && slot.is_damaged_copy());

        let (_writer, reader) = file("restart", b"he");
        let slot = Slot::new(Digest::of(b"hello"));
        slot.growing(reader, 2);
        slot.restarted();
        assert!(!slot.is_stale(), "nobody had begun to read");
        let follower = slot.open().unwrap();
        slot.restarted();
        assert!(follower.finish().is_err());
        assert!(slot.is_stale() && !slot.is_damaged_copy());
    }
}
