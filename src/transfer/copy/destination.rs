//! Where a source goes, by the rules of cp(1): into a directory that is there, else to the typed path itself.

use std::ffi::OsString;
use std::io;
use std::rc::Rc;

use super::links::key;
use super::source::{Source, Spelling, settle};
use crate::error::{Error, Kind, Result};
use crate::rootfs::{Dir, FileType, Follow, Metadata};
use crate::transfer::endpoint::Place;
use crate::transfer::file::is_within;

/// Where one source goes.
pub(super) enum Goal {
    /// To this name in this directory.
    At(Rc<Dir>, OsString),
    /// What is in the source goes into this directory.
    Inside(Rc<Dir>),
}

/// The destination, if it is a directory.
pub(super) fn directory(place: &Place) -> Result<Option<Rc<Dir>>> {
    match place.rootfs.dir(&place.path) {
        Ok(dir) => Ok(Some(Rc::new(dir))),
        Err(error) if matches!(error.raw_os_error(), Some(libc::ENOENT | libc::ENOTDIR | libc::ELOOP)) => {
            Ok(None)
        }
        Err(error) => Err(Error::io(format_args!("open '{}'", place.shown), error)),
    }
}

/// Where `source` goes, which was typed as `from`. `to` is how the destination was typed.
pub(super) fn goal(
    place: &Place,
    into: Option<&Rc<Dir>>,
    source: &Source,
    from: &Spelling,
    to: &Spelling,
) -> Result<Goal> {
    match (into, &from.base) {
        (Some(dir), Some(base)) => return Ok(Goal::At(dir.clone(), base.clone())),
        (Some(dir), None) => return Ok(Goal::Inside(dir.clone())),
        (None, _) => {}
    }
    let is_tree = matches!(source, Source::Tree(..));
    if to.directory && !is_tree {
        return Err(Error::not_found(format_args!("'{}' is no directory", place.shown))
            .hint("make the directory first, or leave out the slash at its end"));
    }
    let follow = source.metadata().file_type == FileType::Regular && is_link(place);
    let found = if follow { settle(&place.rootfs, &place.path) } else { place.rootfs.parent(&place.path) };
    let (dir, leaf) = found.map_err(|error| refused(&place.shown, follow, error))?;
    Ok(Goal::At(Rc::new(dir), leaf))
}

fn is_link(place: &Place) -> bool {
    let found = place.rootfs.metadata(&place.path, Follow::No);
    found.is_ok_and(|found| found.file_type == FileType::Symlink)
}

fn refused(shown: &str, followed: bool, error: io::Error) -> Error {
    let missing = error.kind() == io::ErrorKind::NotFound;
    match (followed, missing) {
        (true, true) => Error::new(Kind::Exists, format_args!("'{shown}' is a link that leads nowhere"))
            .hint("delete the link first, or name what it shall lead to"),
        (false, true) => {
            Error::io(format_args!("find the directory of '{shown}'"), error).hint("make the directory first")
        }
        _ => Error::io(format_args!("find '{shown}'"), error),
    }
}

impl Goal {
    /// The directory in which something is made.
    pub(super) fn dir(&self) -> &Rc<Dir> {
        match self {
            Goal::At(dir, _) | Goal::Inside(dir) => dir,
        }
    }

    /// What stands there now.
    pub(super) fn found(&self) -> Option<Metadata> {
        match self {
            Goal::At(dir, leaf) => dir.metadata(leaf).ok(),
            Goal::Inside(dir) => rustix::fs::fstat(&**dir).ok().map(Metadata::from),
        }
    }

    /// Refuses to copy a file onto itself, and a directory into itself.
    pub(super) fn refuse_itself(&self, source: &Source) -> Result<()> {
        if self.found().is_some_and(|found| key(&found) == key(source.metadata())) {
            return Err(Error::new(Kind::Exists, "source and destination are the same file"));
        }
        match source {
            Source::Tree(tree, _) if is_within(self.dir(), tree)? => {
                Err(Error::invalid("a directory cannot be copied into itself"))
            }
            _ => Ok(()),
        }
    }
}
