//! Makes one thing after the other equal to its source.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use super::links::Links;
use super::options::Options;
use super::put::{Spot, maker};
use super::same::same;
use crate::error::{Attempt, Error, Kind, Result};
use crate::report::Report;
use crate::rootfs::{Dir, FileType, Metadata};
use crate::transfer::diff::{self, Change};
use crate::transfer::file::{Handle, Outcome, cannot_have};

/// Is told of each change, when it was made, or of each that would be.
pub type Tell<'a> = dyn Fn(&Change) + 'a;

/// What is in the source: anything but a directory.
#[derive(Clone, Copy)]
pub(super) struct From<'a> {
    pub(super) dir: &'a Dir,
    pub(super) leaf: &'a OsStr,
    pub(super) metadata: &'a Metadata,
}

/// Synchronises.
pub(super) struct Syncer<'a> {
    pub(super) options: &'a Options,
    pub(super) outcome: Outcome<'a>,
    links: Links,
    /// The top of the destination, if it is a directory that is there.
    pub(super) top: Option<Dir>,
    /// How the source was typed: for messages.
    pub(super) source: String,
    tell: &'a Tell<'a>,
}

impl<'a> Syncer<'a> {
    pub(super) fn new(
        options: &'a Options,
        source: String,
        tell: &'a Tell<'a>,
        report: &'a dyn Report,
    ) -> Syncer<'a> {
        Syncer { options, outcome: Outcome::new(report), links: Links::default(), top: None, source, tell }
    }

    /// Makes what stands at `to` equal to `from`, which is no directory. `path` from the top is for messages. Whether
    /// anything was written.
    pub(super) fn file(&mut self, from: &From<'_>, to: &Spot<'_>, path: &Path) -> Result<bool> {
        if from.metadata.file_type.is_special() && !self.options.archive {
            self.outcome.special(format!("'{}'", self.shown(path)));
            return Ok(false);
        }
        let found = if to.is_new { None } else { to.found()? };
        if self.options.archive
            && let Some(linked) = self.link(from, to, found.as_ref(), path)?
        {
            return Ok(linked);
        }
        let changed = self.own(from, to, found.as_ref(), path)?;
        if self.options.archive && from.metadata.links > 1 {
            self.links.remember(from.metadata, path, to.found()?.as_ref());
        }
        Ok(changed)
    }

    /// Makes it another name of what its first name became. `None`: it is the first, or the filesystem cannot.
    fn link(
        &mut self,
        from: &From<'_>,
        to: &Spot<'_>,
        found: Option<&Metadata>,
        path: &Path,
    ) -> Result<Option<bool>> {
        let Some((first, is_same)) = self.links.first(from.metadata, found) else { return Ok(None) };
        if is_same {
            return Ok(Some(false));
        }
        let first = first.to_owned();
        self.make_way(to, found, path)?;
        if !self.options.dry_run {
            let top = self.top.as_ref().ok_or_else(|| Error::not_found("the destination is gone"))?;
            let (dir, leaf) = open_above(top, &first)?;
            match to.hard_link(Spot { dir: &dir, leaf: &leaf, is_new: false }) {
                Err(error) if cannot_link(&error) => return Ok(None),
                linked => linked?,
            }
        }
        self.told(found, path, vec!["hard links"]);
        Ok(Some(true))
    }

    fn own(&mut self, from: &From<'_>, to: &Spot<'_>, found: Option<&Metadata>, path: &Path) -> Result<bool> {
        let target = match from.metadata.file_type {
            FileType::Symlink => from.dir.read_link(from.leaf).attempt("read the link")?,
            _ => OsString::new(),
        };
        let same_type = found.filter(|found| found.file_type == from.metadata.file_type);
        let Some(there) = same_type else {
            self.make_way(to, found, path)?;
            self.write(from, to, &target)?;
            self.told(found, path, vec!["type"]);
            return Ok(true);
        };
        let mut what = Vec::new();
        if let Some(content) = self.content_differs(from, to, there, &target)? {
            what.push(content);
        }
        if self.links.is_taken(from.metadata, there) {
            what.push("hard links");
        }
        let rewrite = !what.is_empty();
        let wanted = self.options.wanted(Handle::Name(from.dir, from.leaf), from.metadata)?;
        let by_name = Handle::Name(to.dir, to.leaf);
        what.extend(wanted.differences(by_name, there)?);
        if what.is_empty() {
            return Ok(false);
        }
        if rewrite {
            self.write(from, to, &target)?;
        } else if !self.options.dry_run {
            wanted.set(by_name, there, &mut self.outcome.lost)?;
        }
        self.told(found, path, what);
        Ok(true)
    }

    /// What is different in what they hold; both are of one type.
    fn content_differs(
        &self,
        from: &From<'_>,
        to: &Spot<'_>,
        found: &Metadata,
        target: &OsStr,
    ) -> Result<Option<&'static str>> {
        let differs = match from.metadata.file_type {
            FileType::Regular => !self.same_contents(from, to, found)?,
            FileType::Symlink => {
                let there = to.dir.read_link(to.leaf).attempt("read the link that stands there")?;
                return Ok((there != target).then_some("target"));
            }
            FileType::Character | FileType::Block => {
                return Ok((from.metadata.rdev != found.rdev).then_some("device"));
            }
            FileType::Directory | FileType::Fifo | FileType::Socket => false,
        };
        Ok(differs.then_some("contents"))
    }

    fn same_contents(&self, from: &From<'_>, to: &Spot<'_>, found: &Metadata) -> Result<bool> {
        if from.metadata.size != found.size {
            return Ok(false);
        }
        if !self.options.checksum {
            return Ok(from.metadata.mtime.seconds == found.mtime.seconds);
        }
        let one = from.dir.open(from.leaf).attempt("open it")?;
        let other = to.dir.open(to.leaf).attempt("open what stands there")?;
        same(&one, &other).attempt("compare it")
    }

    /// Makes it anew, in place of what stands there, which is no directory.
    fn write(&mut self, from: &From<'_>, to: &Spot<'_>, target: &OsStr) -> Result<()> {
        if self.options.dry_run {
            return Ok(());
        }
        if from.metadata.file_type == FileType::Regular {
            let (file, metadata) = from.dir.open_found(from.leaf).attempt("open it")?;
            let wanted = self.options.wanted(Handle::open(&file), &metadata)?;
            return to.file(&file, &metadata, &wanted, &mut self.outcome.lost);
        }
        let wanted = self.options.wanted(Handle::Name(from.dir, from.leaf), from.metadata)?;
        match to.special(&maker(from.metadata, target), &wanted, &mut self.outcome.lost) {
            Err(error) if cannot_have(&error) => {
                let is_link = from.metadata.file_type == FileType::Symlink;
                self.outcome.lost(if is_link { "links" } else { "devices, FIFOs and sockets" });
                Ok(())
            }
            made => made,
        }
    }

    /// Takes a directory away that stands where something else shall be. An empty one holds nothing to lose.
    fn make_way(&self, to: &Spot<'_>, found: Option<&Metadata>, path: &Path) -> Result<()> {
        if found.is_none_or(|found| found.file_type != FileType::Directory) {
            return Ok(());
        }
        let dir = to.dir.dir(to.leaf).attempt("open the directory that stands there")?;
        let names = dir.names().attempt("list the directory that stands there")?;
        if !names.is_empty() {
            if !self.options.delete {
                return Err(Error::new(Kind::Exists, "a directory stands there that is not empty")
                    .hint("'-d' deletes what is not in the source"));
            }
            self.prune(to.dir, to.leaf, path)?;
        } else if !self.options.dry_run {
            to.dir.remove_all(to.leaf, &mut |_| ()).attempt("remove the directory that stands there")?;
        }
        if !self.options.dry_run && to.found()?.is_some() {
            return Err(Error::new(Kind::Exists, "a directory stands there with excluded files in it")
                .hint("delete it, or exclude this path too"));
        }
        Ok(())
    }

    /// Takes note of how what stands at `path` went: whether anything was written.
    pub(super) fn note(&mut self, result: Result<bool>, path: &Path) -> Result<bool> {
        let shown = self.shown(path);
        let named = result.attempt(format_args!("synchronise '{shown}'"));
        let changed = matches!(named, Ok(true) | Err(_));
        self.outcome.note(named.map(drop))?;
        Ok(changed)
    }

    /// Tells of something that was made or changed.
    pub(super) fn told(&self, found: Option<&Metadata>, path: &Path, what: Vec<&'static str>) {
        match found {
            None => self.tell(diff::Kind::Added, path, Vec::new()),
            Some(_) => self.tell(diff::Kind::Changed, path, what),
        }
    }

    pub(super) fn tell(&self, kind: diff::Kind, path: &Path, what: Vec<&'static str>) {
        (self.tell)(&Change { path: path.to_owned(), kind, what });
    }

    /// A path of the source, as the user would type it.
    pub(super) fn shown(&self, path: &Path) -> String {
        match (path.as_os_str().is_empty(), self.source.ends_with('/')) {
            (true, _) => self.source.clone(),
            (false, true) => format!("{}{}", self.source, path.display()),
            (false, false) => format!("{}/{}", self.source, path.display()),
        }
    }
}

/// The directory that holds `path` below `top`, and the name there: step by step, so that no link is followed and no path
/// is too long.
fn open_above(top: &Dir, path: &Path) -> Result<(Dir, OsString)> {
    let attempt = "find its first name";
    let mut names: Vec<&OsStr> = path.iter().collect();
    let leaf = names.pop().unwrap_or_default();
    let duplicate = std::os::fd::AsFd::as_fd(top).try_clone_to_owned().attempt(attempt)?;
    let mut dir = Dir::from(duplicate);
    for name in names {
        dir = dir.dir(name).attempt(attempt)?;
    }
    Ok((dir, leaf.to_owned()))
}

/// Whether it needs a copy of its own: too many names, or a filesystem without such links.
fn cannot_link(error: &Error) -> bool {
    matches!(error.errno(), Some(libc::EMLINK | libc::EXDEV)) || cannot_have(error)
}
