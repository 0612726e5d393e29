//! A directory with all below it: the walk goes through the source, and the destination is followed step by step.

use std::collections::HashSet;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use super::put::{Spot, TEMPORARY, clean};
use super::syncer::{From, Syncer};
use crate::error::{Attempt, Error, Result};
use crate::rootfs::descent::Descent;
use crate::rootfs::walk::{self, Doing, Next, Order, Visit, Visited};
use crate::rootfs::{Dir, FileType, Metadata};
use crate::sys::identity::FileId;
use crate::transfer::file::{Attributes, Handle};

/// A directory of the destination that is being made equal to one of the source.
struct Level {
    path: PathBuf,
    wanted: Attributes,
    /// The names that the source has, where the others are to be deleted.
    seen: Option<HashSet<OsString>>,
    /// Whether it was made just now, so that nothing stands in it yet.
    is_new: bool,
    /// Whether anything in it was written, so that its time is another.
    changed: bool,
}

pub(super) struct Tree<'t, 'a> {
    syncer: &'t mut Syncer<'a>,
    /// None where a directory is not there, because nothing is written.
    to: Option<Descent<Level>>,
    /// How many levels are below the last that is there.
    missing: usize,
    /// What must not be left in the destination.
    mount: Option<FileId>,
}

impl Tree<'_, '_> {
    /// Makes the directory `to` equal to `from`. `None`: it is not there, and nothing is written. `found`: what stood there.
    pub(super) fn sync(
        syncer: &mut Syncer<'_>,
        from: Dir,
        to: Option<Dir>,
        found: Option<&Metadata>,
    ) -> Result<()> {
        let attempt = "synchronise the directory";
        let metadata: Metadata = rustix::fs::fstat(&from).attempt(attempt)?.into();
        let wanted = syncer.options.wanted(Handle::open(&from), &metadata)?;
        let mount = to.as_ref().map(|to| FileId::of(AsFd::as_fd(to))).transpose().attempt(attempt)?;
        let missing = usize::from(to.is_none());
        let mut tree = Tree { syncer, to: None, missing, mount };
        match to.zip(mount) {
            Some((to, identity)) => {
                let level = tree.level(&to, found, wanted, Path::new(""))?;
                tree.to = Some(Descent::new(to, identity, level));
            }
            None => tree.syncer.told(found, Path::new(""), Vec::new()),
        }
        walk::below(from, Order::Sorted, &mut tree)?;
        tree.finish()
    }

    /// Begins with a directory that is there.
    fn level(
        &mut self,
        to: &Dir,
        found: Option<&Metadata>,
        wanted: Attributes,
        path: &Path,
    ) -> Result<Level> {
        let options = self.syncer.options;
        let mut changed = true;
        let found_directory = found.filter(|found| found.file_type == FileType::Directory);
        let is_new = found_directory.is_none();
        match found_directory {
            None => self.syncer.told(found, path, vec!["type"]),
            Some(found) => {
                let what = wanted.differences(Handle::open(to), found)?;
                changed = !what.is_empty();
                if changed {
                    self.syncer.told(Some(found), path, what);
                }
                if !options.dry_run {
                    clean(to).attempt(format_args!("remove '{TEMPORARY}'"))?;
                }
            }
        }
        let seen = options.delete.then(HashSet::new);
        Ok(Level { path: path.to_owned(), wanted, seen, is_new, changed })
    }

    /// Whether it is none of our business. What is not is remembered: it has a counterpart.
    fn is_left_out(&mut self, at: &Visited<'_>, path: &Path, directory: bool) -> bool {
        if at.leaf == TEMPORARY && !directory || self.syncer.options.exclude.has(path, directory) {
            return true;
        }
        self.see(at.leaf);
        if at.mounted {
            let shown = self.syncer.shown(path);
            self.syncer.outcome.mounted(shown);
            return true;
        }
        false
    }

    fn here(&mut self) -> Option<&mut Descent<Level>> {
        if self.missing > 0 { None } else { self.to.as_mut() }
    }

    fn see(&mut self, leaf: &OsStr) {
        if let Some(seen) = self.here().and_then(|to| to.data().seen.as_mut()) {
            seen.insert(leaf.to_owned());
        }
    }

    /// Goes down into a directory, or makes it. Whether there is one to go into.
    fn directory(&mut self, at: &Visited<'_>, opened: &Dir, path: &Path) -> Result<bool> {
        if self.missing > 0 {
            self.missing += 1;
            self.syncer.told(None, path, Vec::new());
            return Ok(true);
        }
        let Some(to) = self.to.as_mut() else { return Ok(false) };
        let dry_run = self.syncer.options.dry_run;
        let is_new = to.data().is_new;
        let spot = Spot { dir: to.dir(), leaf: at.leaf, is_new };
        let found = if is_new { None } else { spot.found()? };
        let is_there = found.as_ref().is_some_and(|found| found.file_type == FileType::Directory);
        if !is_there && dry_run {
            self.missing = 1;
            self.syncer.told(found.as_ref(), path, vec!["type"]);
            return Ok(true);
        }
        if !is_there {
            if found.is_some() {
                spot.dir.remove_file(at.leaf).attempt("remove what stands there")?;
            }
            spot.dir.create_dir(at.leaf, 0o700).attempt("create it")?;
            crate::sys::point::reach("sync.directory");
        }
        let opened_to = spot.dir.dir(at.leaf).attempt("open the directory that stands there")?;
        let identity = FileId::of(opened_to.as_fd()).attempt("look at it")?;
        if self.mount.is_some_and(|mount| !mount.same_mount(&identity)) {
            self.syncer.outcome.mounted(path.display().to_string());
            return Ok(false);
        }
        let wanted = self.syncer.options.wanted(Handle::open(opened), at.metadata)?;
        let level = self.level(&opened_to, found.as_ref(), wanted, path)?;
        if let Some(to) = self.to.as_mut() {
            to.data().changed |= !is_there;
            to.enter(opened_to, identity, level);
        }
        Ok(true)
    }

    fn file(&mut self, at: &Visited<'_>, path: &Path) -> Result<()> {
        let from = From { dir: at.dir, leaf: at.leaf, metadata: at.metadata };
        if self.missing > 0 {
            if !at.metadata.file_type.is_special() || self.syncer.options.archive {
                self.syncer.told(None, path, Vec::new());
            }
            return Ok(());
        }
        let Some(to) = self.to.as_mut() else { return Ok(()) };
        let is_new = to.data().is_new;
        let result = match self.syncer.file(&from, &Spot { dir: to.dir(), leaf: at.leaf, is_new }, path) {
            Err(error) if is_gone(&error) && at.dir.metadata(at.leaf).is_err() => Ok(false),
            result => result,
        };
        let changed = self.syncer.note(result, path)?;
        to.data().changed |= changed;
        Ok(())
    }

    /// Ends with the innermost directory: deletes what the source does not have, and gives it what it shall have.
    fn finish(&mut self) -> Result<()> {
        let Some(to) = self.to.as_mut() else { return Ok(()) };
        if let Some(seen) = to.data().seen.take() {
            let path = to.data().path.clone();
            let names = to.dir().names();
            let mut names = names.attempt(format_args!("list '{}'", path.display()))?;
            names.retain(|name| !seen.contains(name));
            names.sort_unstable();
            for name in names {
                let pruned = self.syncer.prune(to.dir(), &name, &path.join(&name)).map(|()| true);
                let changed = self.syncer.note(pruned, &path)?;
                to.data().changed |= changed;
            }
        }
        if !to.data().changed || self.syncer.options.dry_run {
            return Ok(());
        }
        let found: Metadata = rustix::fs::fstat(to.dir()).attempt("stat the directory")?.into();
        let duplicate = to.dir().as_fd().try_clone_to_owned().attempt("open the directory")?;
        let lost = &mut self.syncer.outcome.lost;
        let set = to.data().wanted.set(Handle::open(&duplicate), &found, lost);
        let path = to.data().path.clone();
        self.syncer.note(set.map(|()| true), &path).map(drop)
    }
}

impl Visit for Tree<'_, '_> {
    type Error = Error;

    fn enter(&mut self, at: &Visited<'_>, opened: &Dir) -> Result<Next> {
        let path = at.path();
        if self.is_left_out(at, &path, true) {
            return Ok(Next::Over);
        }
        match self.directory(at, opened, &path) {
            Ok(true) => Ok(Next::Into),
            Ok(false) => Ok(Next::Over),
            Err(error) => self.syncer.note(Err(error), &path).map(|_| Next::Over),
        }
    }

    fn other(&mut self, at: &Visited<'_>) -> Result<()> {
        let path = at.path();
        if self.is_left_out(at, &path, false) {
            return Ok(());
        }
        self.file(at, &path)
    }

    fn leave(&mut self, _left: &Dir) -> Result<()> {
        if self.missing > 0 {
            self.missing -= 1;
            return Ok(());
        }
        self.finish()?;
        if let Some(to) = self.to.as_mut() {
            to.leave().attempt("go on in the destination")?;
        }
        Ok(())
    }

    fn failed(&mut self, doing: Doing, path: &Path, error: io::Error) -> Result<()> {
        match doing {
            Doing::Stat | Doing::Open if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Doing::Climb => return Err(Error::io("go on in the source", error)),
            _ => {}
        }
        match (doing, path.file_name()) {
            // What could not be seen may be there: nothing is deleted.
            (Doing::List, _) | (_, None) => {
                if let Some(to) = self.here() {
                    to.data().seen = None;
                }
            }
            (_, Some(leaf)) => self.see(leaf),
        }
        self.syncer.note(Err(Error::io(format_args!("{} it", doing.verb()), error)), path).map(drop)
    }
}

fn is_gone(error: &Error) -> bool {
    error.errno() == Some(libc::ENOENT)
}
