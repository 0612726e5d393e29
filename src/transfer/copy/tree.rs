//! A directory with all below it, as it is found, to a directory of the destination.
//!
//! Walked once, at any depth, both sides by descriptors. What is mounted in it is not entered.

use std::ffi::OsStr;
use std::io;
use std::path::Path;
use std::rc::Rc;

use super::copier::{Copier, Original};
use super::put::{Spot, State};
use crate::error::{Attempt, Error, Kind, Result};
use crate::rootfs::descent::Descent;
use crate::rootfs::walk::{self, Doing, Next, Order, Visit, Visited};
use crate::rootfs::{Dir, Metadata};
use crate::sys::identity::FileId;
use crate::transfer::file::{Attributes, Handle};

/// Copies all below `from` to `to`, which is `state`, and gives `to` the attributes of `from` where it is to have them.
pub(super) fn copy(copier: &mut Copier<'_, '_>, from: Dir, to: Dir, state: State) -> Result<()> {
    let source: Metadata = rustix::fs::fstat(&from).attempt("stat it")?.into();
    let attributes = copier.directory(&from, &source, state)?;
    let identity = FileId::of(to.as_fd()).attempt("stat the destination")?;
    let base = Rc::new(Dir::from(to.as_fd().try_clone_to_owned().attempt("duplicate a descriptor")?));
    let descent = Descent::new(to, identity, Level { state, attributes });
    let mut tree = Tree { copier, base, descent };
    walk::below(from, Order::Sorted, &mut tree)?;
    tree.finish()
}

struct Tree<'t, 'o, 'r> {
    copier: &'t mut Copier<'o, 'r>,
    /// The destination's top.
    base: Rc<Dir>,
    descent: Descent<Level>,
}

/// A directory that was entered.
struct Level {
    state: State,
    /// What it shall have when all in it is done.
    attributes: Option<Attributes>,
}

impl Tree<'_, '_, '_> {
    /// Gives the directory where it stands what it shall have: the last that is done there.
    fn finish(&mut self) -> Result<()> {
        let Some(attributes) = self.descent.data().attributes.take() else { return Ok(()) };
        let dir = self.descent.dir();
        let found: Metadata = rustix::fs::fstat(dir).attempt("stat it")?.into();
        attributes.set(Handle::open(dir), &found, &mut self.copier.outcome.lost)
    }

    fn make_dir(&mut self, at: &Visited<'_>, opened: &Dir) -> Result<()> {
        let (dir, state) = make_dir(self.descent.dir(), at.leaf)?;
        let attributes = self.copier.directory(opened, at.metadata, state)?;
        let identity = FileId::of(dir.as_fd()).attempt("stat its copy")?;
        self.descent.enter(dir, identity, Level { state, attributes });
        Ok(())
    }
}

/// The directory `leaf` in `dir`, made if it is missing, and what it is.
pub(super) fn make_dir(dir: &Dir, leaf: &OsStr) -> Result<(Dir, State)> {
    let state = match dir.create_dir(leaf, 0o700) {
        Ok(()) => State::New,
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => State::Old,
        Err(error) => return Err(Error::io("make it", error)),
    };
    match dir.dir(leaf) {
        Ok(dir) => Ok((dir, state)),
        Err(error) if matches!(error.raw_os_error(), Some(libc::ENOTDIR | libc::ELOOP)) => Err(Error::new(
            Kind::Exists,
            "a file or link of this name is there, and a directory never replaces one",
        )
        .hint("delete it first, or choose another destination")),
        Err(error) => Err(Error::io("open its copy", error)),
    }
}

impl Visit for Tree<'_, '_, '_> {
    type Error = Error;

    fn enter(&mut self, at: &Visited<'_>, opened: &Dir) -> Result<Next> {
        let path = at.path();
        self.copier.tell(&path);
        let made = self.make_dir(at, opened);
        let failed = made.is_err();
        self.copier.note(made, &path)?;
        if failed {
            return Ok(Next::Over);
        }
        if at.mounted {
            // Only the place.
            self.copier.mounted(&path);
            let finished = self.leave(opened);
            self.copier.note(finished, &path)?;
            return Ok(Next::Over);
        }
        Ok(Next::Into)
    }

    fn other(&mut self, at: &Visited<'_>) -> Result<()> {
        let path = at.path();
        if at.mounted {
            self.copier.mounted(&path);
            return Ok(());
        }
        let state = self.descent.data().state;
        let spot = Spot { dir: self.descent.dir(), leaf: at.leaf, state };
        let from = Original { dir: at.dir, leaf: at.leaf, metadata: at.metadata };
        let copied = self.copier.one(&from, &spot, &self.base, at.parent, &path);
        self.copier.note(copied, &path)
    }

    fn leave(&mut self, _left: &Dir) -> Result<()> {
        let finished = self.finish();
        self.descent.leave().attempt("go up in the destination")?;
        self.copier.outcome.note(finished)
    }

    fn failed(&mut self, doing: Doing, path: &Path, error: io::Error) -> Result<()> {
        match doing {
            Doing::Stat | Doing::Open if error.kind() == io::ErrorKind::NotFound => {
                self.copier.vanished(path);
                return Ok(());
            }
            Doing::Climb => return Err(Error::io(format_args!("leave '{}'", path.display()), error)),
            _ => {}
        }
        self.copier.note(Err(Error::io(format_args!("{} it", doing.verb()), error)), path)
    }
}
