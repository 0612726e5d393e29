//! Reads what was found: by one descriptor, and only if it is still what it was. So what the cache knows of an image is
//! what is in it.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::path::{Path, PathBuf};

use super::files::Files;
use super::listing::Item;
use crate::error::{Attempt, Error, Result};
use crate::rootfs::{self, Dir, Metadata};

/// Extended attributes, sorted by name.
pub type Xattrs = Vec<(OsString, Vec<u8>)>;

/// Opens files of a tree. Those that stand in one directory follow each other, so it stays open.
pub struct Reading<'a> {
    files: &'a Files,
    last: Option<(PathBuf, Dir)>,
}

impl<'a> Reading<'a> {
    pub fn new(files: &'a Files) -> Reading<'a> {
        Reading { files, last: None }
    }

    /// The regular file of an item, open, with its attributes.
    pub fn file(&mut self, item: &Item) -> Result<(File, Xattrs)> {
        let (dir, leaf) = self.locate(item)?;
        let (file, metadata) = dir.open_found(leaf).attempt("open it")?;
        check(item, &metadata)?;
        let xattrs = rootfs::xattrs(&file).attempt("read its extended attributes")?;
        Ok((file, xattrs))
    }

    /// The attributes of anything else.
    pub fn xattrs(&mut self, item: &Item) -> Result<Xattrs> {
        let (dir, leaf) = self.locate(item)?;
        dir.xattrs(leaf).attempt("read its extended attributes")
    }

    /// Where a link leads.
    pub fn link(&mut self, item: &Item) -> Result<OsString> {
        let (dir, leaf) = self.locate(item)?;
        dir.read_link(leaf).attempt("read the link")
    }

    fn locate<'i>(&mut self, item: &'i Item) -> Result<(&Dir, &'i OsStr)> {
        let parent = item.path.parent().unwrap_or(Path::new(""));
        let leaf = item.path.file_name().unwrap_or_default();
        if self.last.as_ref().is_none_or(|(path, _)| path != parent) {
            let dir = self.files.root().dir(parent).attempt("open its directory")?;
            self.last = Some((parent.to_owned(), dir));
        }
        match &self.last {
            Some((_, dir)) => Ok((dir, leaf)),
            None => Err(changed()),
        }
    }
}

/// The regular file of an item, open.
pub fn open(files: &Files, item: &Item) -> Result<File> {
    let opened = Reading::new(files).file(item);
    opened.map(|(file, _)| file).attempt(format_args!("read '{}'", item.path.display()))
}

/// Whether a file is still what it was when it was found. Its number does not count: on FUSE (Android's shared storage) a
/// file may get another one at any time.
pub fn check(item: &Item, now: &Metadata) -> Result<()> {
    let before = &item.metadata;
    let same = (before.size, before.mtime, before.ctime) == (now.size, now.mtime, now.ctime);
    if same { Ok(()) } else { Err(changed()) }
}

fn changed() -> Error {
    Error::invalid("it was changed while the build was reading it")
        .hint("run the build again when nothing writes there")
}
