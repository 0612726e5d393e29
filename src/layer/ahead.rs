//! Looks at the files of a tree ahead of whoever takes them: threads open and read what is small, and what was found
//! comes in the order in which it was asked for. Opening files is most of the work of reading a tree.

use std::ffi::OsStr;
use std::io;
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::thread;

use super::found::Found;
use super::workers::Workers;
use crate::rootfs::walk::Visited;
use crate::rootfs::{Dir, FileType, Metadata};

/// Names that a thread looks at in one go: to pass one alone costs as much as to open it.
const BATCH: usize = 16;
/// Files up to this size, in bytes, are read ahead.
const SMALL: u64 = 64 << 10;
/// More threads only meet in the kernel. With [`BATCH`] and [`SMALL`] it bounds what is held: 6 MiB.
const MAX_THREADS: usize = 4;

/// The names that are looked at, in order.
pub(super) struct Ahead {
    workers: Workers<Batch, Batch>,
    filling: Option<Batch>,
}

/// Names of one directory.
pub(super) struct Batch {
    dir: Dir,
    looks: Vec<Look>,
}

/// One name, and what was found there.
struct Look {
    /// From where the walk began.
    path: PathBuf,
    metadata: Metadata,
    found: Option<io::Result<Option<Found>>>,
}

impl Ahead {
    pub(super) fn new() -> Ahead {
        let threads = thread::available_parallelism().map_or(0, usize::from).min(MAX_THREADS);
        Ahead { workers: Workers::new(threads, Batch::look), filling: None }
    }

    /// Takes a name that the walk came by. True when a batch is under way with it.
    pub(super) fn add(&mut self, at: &Visited<'_>) -> io::Result<bool> {
        let batch = match &mut self.filling {
            Some(batch) => batch,
            none => none.insert(Batch { dir: duplicate(at.dir)?, looks: Vec::with_capacity(BATCH) }),
        };
        batch.looks.push(Look { path: at.path(), metadata: at.metadata.clone(), found: None });
        let is_whole = batch.looks.len() == BATCH;
        Ok(is_whole && self.begin())
    }

    /// Has the names that were added looked at; false when there are none. To be called when the walk leaves their
    /// directory, or goes into another.
    pub(super) fn begin(&mut self) -> bool {
        let Some(batch) = self.filling.take() else { return false };
        self.workers.give(batch);
        true
    }

    /// The next batch: when it is ready, or, with `wait` or when many are under way, waited for.
    pub(super) fn next(&mut self, wait: bool) -> Option<Batch> {
        let wait = wait || self.workers.is_full();
        self.workers.next(wait)
    }
}

impl Batch {
    /// Looks at what is small. What is large would only lie open.
    fn look(mut self) -> Batch {
        for look in &mut self.looks {
            if look.metadata.file_type != FileType::Regular || look.metadata.size <= SMALL {
                let found = look.at(&self.dir);
                look.found = Some(found.map(|found| found.map(|found| found.read_ahead(SMALL))));
            }
        }
        self
    }

    /// Hands each name to `each`, with what is there; None of what is not to be sent, or is gone.
    pub(super) fn hand<E>(
        self,
        each: &mut dyn FnMut(PathBuf, io::Result<Option<Found>>) -> Result<(), E>,
    ) -> Result<(), E> {
        for mut look in self.looks {
            let found = look.found.take().unwrap_or_else(|| look.at(&self.dir));
            each(look.path, found)?;
        }
        Ok(())
    }
}

impl Look {
    fn at(&self, dir: &Dir) -> io::Result<Option<Found>> {
        let leaf: &OsStr = self.path.file_name().unwrap_or_default();
        Found::look(dir, leaf, &self.metadata)
    }
}

fn duplicate(dir: &Dir) -> io::Result<Dir> {
    Ok(Dir::from(AsFd::as_fd(dir).try_clone_to_owned()?))
}
