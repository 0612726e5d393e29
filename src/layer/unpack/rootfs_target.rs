//! What is remembered between two entries, and the files that the pool makes meanwhile.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;

use super::casefold;
use super::file::{Done, Job, Outcome, Refused};
use super::fresh::Fresh;
use super::open::Open;
use super::pool::Pool;
use super::prune::remove;
use crate::error::{Attempt, Error, Result};
use crate::layer::entry::Entry;
use crate::layer::name::Escaped;
use crate::report::Report;
use crate::rootfs::Rootfs;

/// Writes entries into a guest's root.
pub struct RootfsTarget<'a> {
    pub(super) rootfs: &'a Rootfs,
    report: &'a dyn Report,
    /// The root and the directories below it that are open, each in the one before.
    pub(super) open: Vec<Open>,
    /// The position: an index into `open`.
    pub(super) at: usize,
    /// Directories left whose last files are still being made.
    pub(super) left: Vec<Open>,
    /// The directory part that led to the position, and nothing has changed what it means since.
    pub(super) last: Option<Vec<u8>>,
    /// What this layer made; none while there is nothing below the layer.
    pub(super) fresh: Option<Fresh>,
    pub(super) layers: u32,
    pub(super) pool: Pool,
    /// Of the last job given to the pool.
    pub(super) turn: u64,
    /// Whether the pool's failure was the cause of ours: it names its own entry.
    pub(super) pool_failed: bool,
    /// Whether the user knows that attributes are refused.
    warned: bool,
}

impl<'a> RootfsTarget<'a> {
    /// Refused xattrs are warned of once through `report`.
    pub fn new(rootfs: &'a Rootfs, report: &'a dyn Report) -> RootfsTarget<'a> {
        RootfsTarget {
            rootfs,
            report,
            open: Vec::new(),
            at: 0,
            left: Vec::new(),
            last: None,
            fresh: None,
            layers: 0,
            pool: Pool::new(),
            turn: 0,
            pool_failed: false,
            warned: false,
        }
    }

    /// Sets what must come last (directory times), after the last layer.
    pub fn finish(mut self) -> Result<()> {
        self.wait_for_all()?;
        self.close(0)
    }

    /// Waits for all files under way, and closes the directories that only waited for them.
    pub(super) fn wait_for_all(&mut self) -> Result<()> {
        self.reap(true)?;
        self.close_left()
    }

    /// Takes note of files that the pool has made: of all, or of those that are ready.
    pub(super) fn reap(&mut self, all: bool) -> Result<()> {
        match self.pool.finished(all) {
            Some(first) => self.note(first, all),
            None => Ok(()),
        }
    }

    /// Takes note of an outcome, and of those after it. Where something stood, room is made in the archive's order
    /// and when all others are done: what stands there may be a directory in which files are being made, and one
    /// of those may itself have to make room first.
    pub(super) fn note(&mut self, first: Outcome, mut all: bool) -> Result<()> {
        let mut occupied = Vec::new();
        let mut next = Some(first);
        while let Some(outcome) = next {
            match outcome {
                Outcome::Done(done) => self.conclude(done)?,
                Outcome::Occupied(job) => {
                    all = true;
                    occupied.push(job);
                }
            }
            next = self.pool.finished(all);
        }
        occupied.sort_by_key(|job| job.turn);
        occupied.into_iter().try_for_each(|job| self.make_room(job))
    }

    /// Makes a file where something stands: removes that, and closes what may be open below it.
    fn make_room(&mut self, job: Job) -> Result<()> {
        self.forget_below()?;
        let (_, leaf) = job.entry.name.split().unwrap_or_default();
        let leaf = OsStr::from_bytes(leaf);
        casefold::refuse_another(&job.dir, leaf).attempt(|| format!("entry '{}'", job.entry.name))?;
        let removed = remove(&job.dir, leaf);
        let outcome = match removed {
            Ok(()) => job.run(),
            Err(_) => Outcome::Occupied(job),
        };
        self.conclude(match outcome {
            Outcome::Done(done) => done,
            Outcome::Occupied(Job { place, entry, .. }) => {
                let error = removed.err().unwrap_or_else(|| io::ErrorKind::AlreadyExists.into());
                let result = Err(Error::io("replace what stands there", error));
                Done { place, entry, result }
            }
        })
    }

    fn conclude(&mut self, done: Done) -> Result<()> {
        let refused = done.result.map_err(|error| {
            self.pool_failed = true;
            error.context(format_args!("entry '{}'", done.entry.name))
        })?;
        self.warn(&done.entry, refused);
        Ok(())
    }

    /// Most refusals are of the whole filesystem, so one says enough.
    pub(super) fn warn(&mut self, entry: &Entry, refused: Option<Refused>) {
        if let Some(Refused { key, error }) = refused
            && !self.warned
        {
            self.warned = true;
            let error =
                Error::io(format_args!("set '{}' of '{}'", Escaped(key.as_bytes()), entry.name), error);
            self.report.warn(&format!("{error}; other extended attributes may be missing, too"));
        }
    }

    /// Notes that this layer made `name` at the position, or the position itself.
    pub(super) fn mark(&mut self, name: Option<&[u8]>) {
        let key = self.here().key;
        if let Some(fresh) = &mut self.fresh {
            fresh.insert(name.map_or(key, |name| Fresh::key(key, name)));
        }
    }
}
