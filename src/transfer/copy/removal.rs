//! A source that was moved: renamed where that is possible, else deleted when its copy is whole.

use std::ffi::OsStr;
use std::path::Path;

use super::destination::Goal;
use super::links::key;
use super::source::{Source, Spelling};
use crate::error::{Attempt, Error, Result};
use crate::rootfs::{Dir, FileType, mounts};
use crate::transfer::endpoint::Place;

/// What is to be moved: refused before anything is copied.
pub(super) fn refuse_unnamed(spelling: &Spelling) -> Result<()> {
    match spelling.base {
        Some(_) => Ok(()),
        None => Err(Error::invalid("it has no name of its own, so it cannot be moved")
            .hint("name the directory itself, or copy without '--move'")),
    }
}

/// Renames the source to its place, as mv(1) does: whether it could. It cannot from one filesystem to another, nor onto a
/// directory.
pub(super) fn rename(place: &Place, source: &Source, goal: &Goal) -> bool {
    let Goal::At(to, leaf) = goal else { return false };
    let there = goal.found();
    let is_dir = source.metadata().file_type == FileType::Directory;
    if there.is_some_and(|there| is_dir || there.file_type == FileType::Directory) {
        return false;
    }
    if matches!(source, Source::Tree(dir, _) if has_mounts(dir)) {
        return false;
    }
    named(place, source).is_ok_and(|(dir, name)| dir.rename(&name, to, leaf).is_ok())
}

/// Whether something is mounted below, for whomever: it would move along. Without /proc nobody knows.
fn has_mounts(dir: &Dir) -> bool {
    mounts::below(dir.as_fd()).map_or(true, |mounts| !mounts.is_empty())
}

/// Deletes the source, never crossing a mount.
pub(super) fn remove(place: &Place, source: &Source) -> Result<()> {
    let (dir, name) = named(place, source)?;
    crate::sys::point::reach("copy.copied");
    dir.remove_all(&name, &mut |_: &Path| ()).attempt("delete it after it was copied")
}

/// The source by its name, which still names it: a link to the source does not.
fn named(place: &Place, source: &Source) -> Result<(Dir, std::ffi::OsString)> {
    let (dir, name) = match source {
        Source::Leaf(dir, leaf, _) => {
            let dir = dir.as_fd().try_clone_to_owned().attempt("duplicate a descriptor")?;
            (Dir::from(dir), leaf.clone())
        }
        Source::Tree(..) => place.rootfs.parent(&place.path).attempt("find its directory")?,
    };
    let found = dir.metadata(OsStr::new(&name)).attempt("find it again")?;
    if key(&found) != key(source.metadata()) {
        return Err(Error::invalid(
            "it was copied, but not deleted: its name is that of a link, or was changed",
        ));
    }
    Ok((dir, name))
}
