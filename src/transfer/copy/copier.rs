//! Copies one file after the other, and remembers what belongs to several: hard links, failures, losses.

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::Path;
use std::rc::Rc;

use super::links::Links;
use super::options::Options;
use super::put::{Spot, State};
use crate::error::{Attempt, Result};
use crate::report::Report;
use crate::rootfs::{Dir, FileType, Metadata};
use crate::transfer::file::{Attributes, Handle, Outcome, cannot_have};

/// Copies.
pub(super) struct Copier<'o, 'r> {
    pub(super) options: &'o Options,
    report: &'r dyn Report,
    pub(super) outcome: Outcome<'r>,
    links: Links,
    /// The source that is copied now, and its copy, as messages call them.
    pub(super) names: (String, String),
}

/// What is copied: anything but a directory.
pub(super) struct Original<'a> {
    pub(super) dir: &'a Dir,
    pub(super) leaf: &'a OsStr,
    pub(super) metadata: &'a Metadata,
}

impl<'o, 'r> Copier<'o, 'r> {
    pub(super) fn new(options: &'o Options, report: &'r dyn Report) -> Copier<'o, 'r> {
        let outcome = Outcome::new(report);
        Copier { options, report, outcome, links: Links::default(), names: Default::default() }
    }

    /// Copies one file that is no directory to `spot`, in the directory `parent` below `base`. `path` is for messages.
    pub(super) fn one(
        &mut self,
        from: &Original<'_>,
        spot: &Spot<'_>,
        base: &Rc<Dir>,
        parent: &Path,
        path: &Path,
    ) -> Result<()> {
        let special = from.metadata.file_type.is_special();
        if special && !self.options.archive {
            self.outcome.special(format!("'{}'", below(&self.names.0, path)));
            return Ok(());
        }
        self.tell(path);
        let linked = self.options.archive && self.links.link(from.metadata, spot);
        if linked {
            return Ok(());
        }
        match self.put(from, spot) {
            Err(error) if error.errno() == Some(libc::ENOENT) && is_gone(from) => self.vanished(path),
            Err(error) if from.metadata.file_type != FileType::Regular && cannot_have(&error) => {
                self.outcome.lost(if special { "devices, FIFOs and sockets" } else { "links" });
            }
            put => {
                put?;
                if self.options.archive {
                    self.links.remember(from.metadata, spot, base, parent);
                }
            }
        }
        Ok(())
    }

    fn put(&mut self, from: &Original<'_>, spot: &Spot<'_>) -> Result<()> {
        let (options, lost) = (self.options, &mut self.outcome.lost);
        let Metadata { file_type, mode, rdev, .. } = *from.metadata;
        if file_type == FileType::Regular {
            let (file, found) = from.dir.open_found(from.leaf).attempt("open it")?;
            let attributes = options.wanted(Handle::open(&file), &found)?;
            return spot.file(&file, &found, &attributes, lost);
        }
        let attributes = options.wanted(Handle::Name(from.dir, from.leaf), from.metadata)?;
        if file_type == FileType::Symlink {
            let target: OsString = from.dir.read_link(from.leaf).attempt("read the link")?;
            return spot.unopened(false, &|dir, leaf| dir.symlink(leaf, &target), &attributes, lost);
        }
        spot.unopened(true, &|dir, leaf| dir.mknod(leaf, file_type, mode & 0o700, rdev), &attributes, lost)
    }

    /// What the copy of a directory shall have: one that was there keeps what it has, unless all is to be as in the
    /// source.
    pub(super) fn directory(
        &self,
        from: &Dir,
        metadata: &Metadata,
        state: State,
    ) -> Result<Option<Attributes>> {
        if state == State::Old && !self.options.archive {
            return Ok(None);
        }
        self.options.wanted(Handle::open(from), metadata).map(Some)
    }

    /// Tells, where that is wanted, what is copied now.
    pub(super) fn tell(&self, path: &Path) {
        let (from, to) = &self.names;
        self.report.detail(&format!("'{}' -> '{}'", below(from, path), below(to, path)));
    }

    /// Takes note of how what stands at `path` went.
    pub(super) fn note(&mut self, result: Result<()>, path: &Path) -> Result<()> {
        let named = result.map_err(|error| {
            let (from, to) = (below(&self.names.0, path), below(&self.names.1, path));
            error.context(format_args!("copy '{from}' to '{to}'"))
        });
        self.outcome.note(named)
    }

    pub(super) fn mounted(&mut self, path: &Path) {
        self.outcome.mounted(below(&self.names.0, path));
    }

    pub(super) fn vanished(&mut self, path: &Path) {
        self.outcome.vanished(&format!("'{}'", below(&self.names.0, path)));
    }
}

fn is_gone(from: &Original<'_>) -> bool {
    from.dir.metadata(from.leaf).is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
}

/// The name of what stands at `path` below `top`.
fn below(top: &str, path: &Path) -> String {
    match (path.as_os_str().is_empty(), top.ends_with('/')) {
        (true, _) => top.to_owned(),
        (false, true) => format!("{top}{}", path.display()),
        (false, false) => format!("{top}/{}", path.display()),
    }
}
