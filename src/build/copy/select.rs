//! What an instruction takes.

use std::ffi::OsString;
use std::fs::File;
use std::path::Path;

use super::archive;
use super::files::{Files, clean, missing};
use super::find::{Match, find, unmatched};
use super::glob;
use super::listing::{Filter, Item, list};
use super::patterns::Patterns;
use super::reading::open;
use super::wanted::{Downloaded, Source, Wanted};
use crate::error::{Attempt, Error, Result};
use crate::rootfs::FileType;

/// All that is copied.
#[derive(Debug)]
pub struct Selection<'a> {
    pub(super) files: &'a Files,
    pub(super) wanted: &'a Wanted,
    pub(super) picks: Vec<Pick<'a>>,
    unmatched: Vec<&'a str>,
}

/// What one source, or one match of its wildcards, brings.
#[derive(Debug)]
pub enum Pick<'a> {
    /// What is in a directory.
    Contents(Vec<Item>),
    /// A file of any type but a directory, under this name.
    File(OsString, Item),
    /// What is in an archive.
    Archive(Item),
    /// A here-document.
    Inline(&'a str, &'a [u8]),
    /// A file from a URL.
    Downloaded(&'a Downloaded),
}

/// Finds what is to be copied. That a wildcard matches nothing is no error, as BuildKit has it
/// ([`Selection::unmatched`]); a path that does not exist is one.
pub fn select<'a>(files: &'a Files, wanted: &'a Wanted) -> Result<Selection<'a>> {
    let mut selection = Selection { files, wanted, picks: Vec::new(), unmatched: Vec::new() };
    for source in &wanted.sources {
        match source {
            Source::Path(path) if wanted.parents => selection.parents(path)?,
            Source::Path(path) => selection.path(path)?,
            Source::Inline(name, content) => selection.picks.push(Pick::Inline(name, content)),
            Source::Downloaded(file) => selection.picks.push(Pick::Downloaded(file)),
        }
    }
    Ok(selection)
}

impl<'a> Selection<'a> {
    /// Sources with wildcards that matched nothing.
    pub fn unmatched(&self) -> &[&'a str] {
        &self.unmatched
    }

    /// An error where a wildcard matched nothing.
    pub fn all_matched(&self) -> Result<()> {
        self.unmatched.first().map_or(Ok(()), |source| Err(unmatched(self.files, source)))
    }

    /// Whether nothing at all is copied.
    pub fn is_empty(&self) -> bool {
        self.picks.is_empty()
    }

    fn path(&mut self, source: &'a str) -> Result<()> {
        let found = find(self.files, source)?;
        if found.is_empty() {
            self.unmatched.push(source);
        }
        found.into_iter().try_for_each(|found| self.take(source, found, None))
    }

    /// `--parents`: the source is a pattern over whole paths, from the root or from `/./` on.
    fn parents(&mut self, source: &'a str) -> Result<()> {
        let (start, pattern) = source.split_once("/./").unwrap_or(("", source));
        let pattern = clean(pattern);
        let text = pattern.to_str().unwrap_or_default();
        if !glob::has_wildcards(source) && self.files.find(&clean(start).join(&pattern))?.is_none() {
            return Err(missing(self.files, source));
        }
        let starts = find(self.files, start)?;
        let before = self.picks.len();
        for found in starts {
            self.take(source, found, Some(text))?;
        }
        let nothing = |pick: &Pick<'_>| matches!(pick, Pick::Contents(items) if items.is_empty());
        if self.picks[before..].iter().all(nothing) {
            self.picks.truncate(before);
            self.unmatched.push(source);
        }
        Ok(())
    }

    fn take(&mut self, source: &str, found: Match, include: Option<&str>) -> Result<()> {
        let Match { name, place } = found;
        if place.metadata.file_type == FileType::Directory {
            let all = include.is_some_and(str::is_empty);
            let filter = Filter {
                exclude: self.exclude()?,
                include: include.filter(|_| !all).map(|pattern| Patterns::of([pattern])).transpose()?,
            };
            let items = list(self.files, &place, &filter)?;
            if items.is_empty() && self.files.ignores(&place.path) {
                return Err(missing(self.files, source));
            }
            self.picks.push(Pick::Contents(items));
            return Ok(());
        }
        if place.metadata.file_type == FileType::Socket {
            return Err(Error::unsupported(format_args!("'{source}' is a socket, which no image can hold")));
        }
        if self.exclude()?.is_some_and(|exclude| exclude.ignores(Path::new(&name))) {
            return Ok(());
        }
        let item = Item { path: place.path, skip: 0, metadata: place.metadata };
        let is_file = item.metadata.file_type == FileType::Regular;
        let unpacked = self.wanted.unpack && is_file && archive::is_archive(&open(self.files, &item)?);
        self.picks.push(if unpacked { Pick::Archive(item) } else { Pick::File(name, item) });
        Ok(())
    }

    fn exclude(&self) -> Result<Option<Patterns>> {
        let patterns = &self.wanted.exclude;
        let exclude = Patterns::of(patterns.iter().map(String::as_str)).attempt("--exclude")?;
        Ok(Some(exclude).filter(|exclude| !exclude.is_empty()))
    }
}

/// Whether a downloaded file is an archive that is to be unpacked.
pub fn is_unpacked(downloaded: &Downloaded) -> bool {
    let file: &File = &downloaded.file;
    downloaded.unpack && archive::is_archive(file)
}
