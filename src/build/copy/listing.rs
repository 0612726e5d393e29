//! All that is in a directory and may be copied: what .dockerignore hides is left out, what `--exclude` names, and with
//! `--parents` what is not wanted.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::files::{Files, Place};
use super::patterns::Patterns;
use crate::error::{Attempt, Error, Result};
use crate::rootfs::walk::{self, Doing, Next, Order, Visit, Visited};
use crate::rootfs::{Dir, FileType, Metadata};

/// One file of any type that is copied.
#[derive(Debug, Clone)]
pub struct Item {
    /// Its path from the root of the files.
    pub path: PathBuf,
    /// How much of the path is the source's own, in bytes; what follows is its place below that.
    pub skip: usize,
    /// What it was when it was found.
    pub metadata: Metadata,
}

impl Item {
    /// Its path from the source.
    pub fn below(&self) -> &[u8] {
        let path = self.path.as_os_str().as_bytes();
        path.get(self.skip..).unwrap_or_default()
    }
}

/// Which of the names below a directory count. Paths are from there.
#[derive(Debug)]
pub struct Filter {
    /// `--exclude`.
    pub exclude: Option<Patterns>,
    /// `--parents`: what is wanted.
    pub include: Option<Patterns>,
}

/// What is in `start`, sorted by path.
pub fn list(files: &Files, start: &Place, filter: &Filter) -> Result<Vec<Item>> {
    let path = start.path.as_os_str();
    let skip = if path.is_empty() { 0 } else { path.len() + 1 };
    let dir = files.root().dir(&start.path).attempt(format_args!("open '{}'", start.path.display()))?;
    let mut lister = Lister::new(files, filter, skip);
    lister.mounted.push((start.path.clone(), dir));
    // What is mounted in the tree belongs to it, as for every program that reads it.
    while let Some((base, dir)) = lister.mounted.pop() {
        lister.base = base;
        walk::below(dir, Order::Any, &mut lister)?;
    }
    lister.items.sort_unstable_by(|one, other| one.path.as_os_str().cmp(other.path.as_os_str()));
    Ok(lister.items)
}

struct Lister<'a> {
    files: &'a Files,
    filter: &'a Filter,
    skip: usize,
    /// Where the walk began.
    base: PathBuf,
    /// Mount points that are still to be walked.
    mounted: Vec<(PathBuf, Dir)>,
    /// Directories on the way down that only count when something in them does.
    waiting: Vec<Item>,
    items: Vec<Item>,
}

/// Whether a name counts.
enum Verdict {
    Counts,
    /// What is in it may.
    Perhaps,
    Never,
}

impl<'a> Lister<'a> {
    fn new(files: &'a Files, filter: &'a Filter, skip: usize) -> Lister<'a> {
        Lister {
            files,
            filter,
            skip,
            base: PathBuf::new(),
            mounted: Vec::new(),
            waiting: Vec::new(),
            items: Vec::new(),
        }
    }

    fn item(&self, at: &Visited<'_>) -> Item {
        Item { path: self.base.join(at.path()), skip: self.skip, metadata: at.metadata.clone() }
    }

    fn judge(&self, item: &Item) -> Verdict {
        let below = Path::new(OsStr::from_bytes(item.below()));
        let mut verdict = Verdict::Counts;
        if self.files.ignores(&item.path) {
            if !self.files.may_hold_exceptions(&item.path) {
                return Verdict::Never;
            }
            verdict = Verdict::Perhaps;
        }
        if let Some(exclude) = self.filter.exclude.as_ref().filter(|exclude| exclude.ignores(below)) {
            if !exclude.may_hold_exceptions(below) {
                return Verdict::Never;
            }
            verdict = Verdict::Perhaps;
        }
        match &self.filter.include {
            Some(include) if !include.ignores(below) => match include.may_match_in(below) {
                true => Verdict::Perhaps,
                false => Verdict::Never,
            },
            _ => verdict,
        }
    }

    fn take(&mut self, item: Item) {
        self.items.append(&mut self.waiting);
        self.items.push(item);
    }

    /// Forgets directories that were left and held nothing.
    fn leave_behind(&mut self, path: &Path) {
        while self.waiting.last().is_some_and(|waiting| !path.starts_with(&waiting.path)) {
            self.waiting.pop();
        }
    }
}

impl Visit for Lister<'_> {
    type Error = Error;

    fn enter(&mut self, at: &Visited<'_>, opened: &Dir) -> Result<Next> {
        let item = self.item(at);
        self.leave_behind(&item.path);
        let verdict = self.judge(&item);
        if matches!(verdict, Verdict::Never) {
            return Ok(Next::Over);
        }
        if at.mounted {
            let dir = at.dir.dir(at.leaf).attempt(format_args!("open '{}'", item.path.display()))?;
            self.mounted.push((item.path.clone(), dir));
        }
        match verdict {
            Verdict::Counts => self.take(item),
            _ => self.waiting.push(item),
        }
        let _ = opened;
        Ok(if at.mounted { Next::Over } else { Next::Into })
    }

    fn other(&mut self, at: &Visited<'_>) -> Result<()> {
        let item = self.item(at);
        self.leave_behind(&item.path);
        // A socket is dead without its maker, and no archive can hold it.
        if at.metadata.file_type != FileType::Socket && matches!(self.judge(&item), Verdict::Counts) {
            self.take(item);
        }
        Ok(())
    }

    fn failed(&mut self, doing: Doing, path: &Path, error: io::Error) -> Result<()> {
        if doing.is_of_what_is_gone(&error) {
            return Ok(());
        }
        Err(Error::io(format_args!("{} '{}'", doing.verb(), self.base.join(path).display()), error))
    }
}
