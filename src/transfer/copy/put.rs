//! One file in its place, whole or not at all: it is made under another name, and renamed.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;

use rustix::fs::{FlockOperation, flock};

use crate::error::{Attempt, Error, Kind, Result};
use crate::rootfs::{Dir, FileType, Metadata};
use crate::sys::point;
use crate::transfer::file::{Attributes, Handle, Lost, copy_contents};

/// The name of a file that is being made. It is locked; what is not locked was left by a process that was killed.
const TEMPORARY: &str = ".~cd_copy";

/// Where something goes.
#[derive(Clone, Copy)]
pub(super) struct Spot<'a> {
    pub(super) dir: &'a Dir,
    pub(super) leaf: &'a OsStr,
    /// What is made there.
    pub(super) state: State,
}

/// What the directory of a spot is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// It may hold anything.
    Old,
    /// It was made just now.
    New,
}

impl Spot<'_> {
    /// A regular file.
    pub(super) fn file(
        &self,
        from: &File,
        source: &Metadata,
        attributes: &Attributes,
        lost: &mut Lost,
    ) -> Result<()> {
        self.refuse(false)?;
        let (name, to) = temporary(self.dir).attempt("create it")?;
        let filled =
            copy_contents(from, &to, source).and_then(|()| attributes.set_on_new(Handle::open(&to), lost));
        point::reach("copy.filled");
        filled.and_then(|()| self.settle(&name)).inspect_err(|_| self.discard(&name))
    }

    /// What `make` makes at once, and cannot be opened: a link, or what `is_special`.
    pub(super) fn unopened(
        &self,
        is_special: bool,
        make: &dyn Fn(&Dir, &OsStr) -> io::Result<()>,
        attributes: &Attributes,
        lost: &mut Lost,
    ) -> Result<()> {
        self.refuse(is_special)?;
        let name = self.make(make).attempt("create it")?;
        attributes
            .set_on_new(Handle::Name(self.dir, name), lost)
            .and_then(|()| {
                point::reach("copy.made");
                if name == self.leaf { Ok(()) } else { self.settle(name) }
            })
            .inspect_err(|_| self.discard(name))
    }

    /// Another name of the file `of` in `of_dir`. One that stands there is replaced.
    pub(super) fn link(&self, of_dir: &Dir, of: &OsStr) -> io::Result<()> {
        let name = self.make(&|dir, leaf| dir.hard_link(leaf, of_dir, of))?;
        if name != self.leaf {
            let renamed = self.dir.rename(name, self.dir, self.leaf);
            // Two names of one file stay both, rename(2).
            self.discard(name);
            renamed?;
        }
        Ok(())
    }

    /// Makes it under its own name where nothing stands there, else under the temporary one: which it was.
    fn make(&self, make: &dyn Fn(&Dir, &OsStr) -> io::Result<()>) -> io::Result<&OsStr> {
        let is_there = |error: &io::Error| error.kind() == io::ErrorKind::AlreadyExists;
        match make(self.dir, self.leaf) {
            Err(error) if is_there(&error) => {}
            made => return made.map(|()| self.leaf),
        }
        let name = OsStr::new(TEMPORARY);
        match make(self.dir, name) {
            Err(error) if is_there(&error) => {
                self.dir.remove_file(name)?;
                make(self.dir, name)?;
            }
            made => made?,
        }
        Ok(name)
    }

    /// Before anything is written: rename(2) refuses a directory at the end, but takes the place of a device or FIFO,
    /// which programs of the host may need. `special`: what comes is itself such.
    fn refuse(&self, special: bool) -> Result<()> {
        if self.state != State::Old {
            return Ok(());
        }
        let Ok(found) = self.dir.metadata(self.leaf) else { return Ok(()) };
        let why = match found.file_type {
            FileType::Directory => "a directory is there, and a file never replaces one",
            FileType::Regular | FileType::Symlink => return Ok(()),
            _ if special => return Ok(()),
            _ => "a device, FIFO or socket is there, and a file never replaces one",
        };
        Err(Error::new(Kind::Exists, why).hint("delete it first, or choose another destination"))
    }

    fn settle(&self, name: &OsStr) -> Result<()> {
        self.dir.rename(name, self.dir, self.leaf).attempt("give it its name")
    }

    /// What failed already has its error.
    fn discard(&self, name: &OsStr) {
        let _ = self.dir.remove_file(name);
    }
}

/// A new file that is locked, and its name. Removes what a killed process left under the name.
fn temporary(dir: &Dir) -> io::Result<(OsString, File)> {
    let mut number = 0;
    loop {
        let name = match number {
            0 => OsString::from(TEMPORARY),
            number => OsString::from(format!("{TEMPORARY}.{number}")),
        };
        match dir.create_file(&name, 0o600) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && number < 1000 => {
                if !remove_stale(dir, &name) {
                    number += 1;
                }
            }
            Err(error) => return Err(error),
            Ok(file) => {
                let held = is_held(&file);
                if held && Metadata::from(rustix::fs::fstat(&file)?).links > 0 {
                    return Ok((name, file));
                }
            }
        }
    }
}

/// Locks a new file. False, or no name left: somebody took it for stale before that. A filesystem without locks has no stale files that
/// could be told from others.
fn is_held(file: &File) -> bool {
    flock(file, FlockOperation::NonBlockingLockExclusive) != Err(rustix::io::Errno::AGAIN)
}

/// Removes the file unless somebody holds it: whether it is gone.
fn remove_stale(dir: &Dir, name: &OsStr) -> bool {
    let removed = |dir: &Dir| dir.remove_file(name).is_ok();
    match dir.open(name) {
        Ok(file) => flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok() && removed(dir),
        Err(error) if error.kind() == io::ErrorKind::NotFound => true,
        // A link, a FIFO: what a killed process was making of another type.
        Err(_) => {
            dir.metadata(name).is_ok_and(|found| found.file_type != FileType::Directory) && removed(dir)
        }
    }
}
