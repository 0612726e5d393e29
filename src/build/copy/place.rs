//! Under which names the selection goes.
//!
//! As BuildKit has it: the destination's links are followed inside the root; missing directories are made, 0755 and the
//! owner's; a file goes into a directory that stands at the destination; directories are merged, and those inside take
//! the source's mode and owner. A directory does not replace anything else, nor the other way round: that is refused.

use std::collections::BTreeMap;
use std::os::unix::ffi::OsStrExt;

use super::archive;
use super::files::clean;
use super::listing::Item;
use super::reading::{Reading, open};
use super::select::{Pick, Selection, is_unpacked};
use super::view::{Stands, View, join, lossy, parent};
use crate::error::{Attempt, Error, Result};
use crate::layer::{Entry, EntryKind, Index};
use crate::rootfs::{FileType, Timestamp};

/// The selection with its final names.
#[derive(Debug)]
pub struct Placed<'a> {
    pub(super) selection: &'a Selection<'a>,
    pub(super) phases: Vec<Phase>,
    warnings: Vec<String>,
}

impl Placed<'_> {
    /// What Docker does without a word, and hardly anybody wants.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }
}

/// What is sent one after the other.
#[derive(Debug)]
pub enum Phase {
    /// By name; the last of several that go to one name.
    Entries(BTreeMap<Vec<u8>, What>),
    /// An archive, by the number of its pick: a place for each of its entries.
    Archive(usize, Vec<Unpacked>),
}

/// What goes to a name.
#[derive(Debug)]
pub enum What {
    /// A directory that is made.
    Made,
    /// A directory that is there already, told again, since a layer has the parents of all that it holds.
    Parent(Owned),
    /// An item of a pick, by their numbers. A directory may keep some of what it has.
    Item(usize, usize, Option<Owned>),
    /// A pick that is one file.
    Whole(usize),
}

/// What a directory has already.
#[derive(Debug, Clone, Copy)]
pub struct Owned {
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
    pub mtime: Timestamp,
}

/// Where an entry of an archive goes.
#[derive(Debug, Default)]
pub struct Unpacked {
    /// Directories that are made before.
    pub makes: Vec<Vec<u8>>,
    /// None of the archive's root.
    pub name: Option<Vec<u8>>,
    /// Of a hard link: what it is a name of.
    pub link: Vec<u8>,
}

impl Selection<'_> {
    /// Places it into the tree that `into` describes. For `--link` that is an empty one: what is copied shall not depend
    /// on what is there.
    pub fn place(&self, into: &Index) -> Result<Placed<'_>> {
        let mut placer = Placer {
            selection: self,
            view: View::new(into),
            entries: BTreeMap::new(),
            phases: Vec::new(),
            warnings: Vec::new(),
        };
        for (number, pick) in self.picks.iter().enumerate() {
            placer.pick(number, pick)?;
        }
        placer.flush();
        Ok(Placed { selection: self, phases: placer.phases, warnings: placer.warnings })
    }
}

struct Placer<'a> {
    selection: &'a Selection<'a>,
    view: View<'a>,
    entries: BTreeMap<Vec<u8>, What>,
    phases: Vec<Phase>,
    warnings: Vec<String>,
}

impl Placer<'_> {
    fn pick(&mut self, number: usize, pick: &Pick<'_>) -> Result<()> {
        match pick {
            Pick::Contents(items) => self.contents(number, items),
            Pick::File(name, item) => {
                let stands = self.stands(item)?;
                self.file(number, name.as_bytes(), stands)
            }
            Pick::Inline(name, _) => self.file(number, name.as_bytes(), Stands::Other),
            Pick::Archive(item) => {
                let file = open(self.selection.files, item)?;
                self.archive(number, &file).attempt(format_args!("unpack '{}'", item.path.display()))
            }
            Pick::Downloaded(downloaded) if is_unpacked(downloaded) => {
                self.archive(number, &downloaded.file).attempt(format_args!("unpack '{}'", downloaded.name))
            }
            Pick::Downloaded(downloaded) => self.file(number, downloaded.name.as_bytes(), Stands::Other),
        }
    }

    /// Where the destination leads. What must be there is made.
    fn destination(&mut self) -> Result<Vec<u8>> {
        let written = &self.selection.wanted.destination;
        let path = clean(written);
        let path = path.as_os_str().as_bytes();
        let is_directory = written.ends_with('/') || written.ends_with("/.");
        let needed = if is_directory { path } else { parent(path) };
        let needed = self.view.resolve(b"", needed, true)?;
        self.make(&needed)?;
        self.view.resolve(b"", path, true)
    }

    /// Makes a directory that is missing, with its parents.
    fn make(&mut self, path: &[u8]) -> Result<()> {
        for made in self.missing(path)? {
            self.view.put(made.clone(), Stands::Directory);
            self.entries.insert(made, What::Made);
        }
        Ok(())
    }

    /// Which directories must be made so that `path` is one.
    fn missing(&self, path: &[u8]) -> Result<Vec<Vec<u8>>> {
        let mut missing = Vec::new();
        let ends = (0..path.len()).filter(|at| path[*at] == b'/').chain([path.len()]);
        for directory in ends.map(|end| &path[..end]).filter(|directory| !directory.is_empty()) {
            match self.view.at(directory) {
                Some(Stands::Directory) => {}
                None => missing.push(directory.to_vec()),
                Some(_) => {
                    return Err(Error::invalid(format_args!("'/{}' is not a directory", lossy(directory)))
                        .hint("remove it in a RUN before, or copy to another place"));
                }
            }
        }
        Ok(missing)
    }

    fn stands(&self, item: &Item) -> Result<Stands> {
        Ok(match item.metadata.file_type {
            FileType::Directory => Stands::Directory,
            FileType::Symlink => {
                let target = Reading::new(self.selection.files).link(item);
                let target = target.attempt(format_args!("read '{}'", item.path.display()))?;
                Stands::Link(target.as_bytes().to_vec())
            }
            _ => Stands::Other,
        })
    }

    /// One file, into the directory at the destination or in its place.
    fn file(&mut self, number: usize, name: &[u8], stands: Stands) -> Result<()> {
        let mut path = self.destination()?;
        match self.view.at(&path) {
            Some(Stands::Directory) => path = join(&path, name),
            _ if matches!(self.entries.get(&path), Some(What::Whole(_))) => self.warnings.push(format!(
                "'/{}' is the destination of several files, and only the last one stays: for a directory write '/' at \
                 its end",
                lossy(&path)
            )),
            _ => {}
        }
        self.make(parent(&path))?;
        self.put(path, stands, What::Whole(number))
    }

    /// What is in a directory, into the directory at the destination.
    fn contents(&mut self, number: usize, items: &[Item]) -> Result<()> {
        let into = self.destination()?;
        match self.view.at(&into) {
            Some(Stands::Directory) => {}
            None => self.make(&into)?,
            Some(_) => return Err(refused(&into, "is not a directory, and a directory cannot replace it")),
        }
        for (at, item) in items.iter().enumerate() {
            let path = join(&into, item.below());
            let stands = self.stands(item)?;
            let before = self.view.untouched(&path).filter(|_| self.selection.wanted.parents);
            // With --parents a directory that is there takes the mode only (copyDirectoryOnly in fsutil).
            let keeps =
                before.map(|node| Owned { mode: node.mode, uid: node.uid, gid: node.gid, mtime: node.mtime });
            self.put(path, stands, What::Item(number, at, keeps))?;
        }
        Ok(())
    }

    fn put(&mut self, path: Vec<u8>, stands: Stands, what: What) -> Result<()> {
        match (self.view.at(&path), stands == Stands::Directory) {
            (Some(Stands::Directory), false) => {
                return Err(refused(&path, "is a directory, and a file cannot replace it"));
            }
            (Some(Stands::Link(_)), true) => {
                let path = lossy(&path);
                let error = Error::invalid(format_args!(
                    "'/{path}' is a symbolic link, and a directory cannot replace it"
                ));
                return Err(error.hint(format_args!(
                    "an instruction of its own follows the link: COPY {path}/ /{path}/"
                )));
            }
            (Some(Stands::Other), true) => {
                return Err(refused(&path, "is not a directory, and a directory cannot replace it"));
            }
            _ => {}
        }
        self.view.put(path.clone(), stands);
        self.entries.insert(path, what);
        Ok(())
    }

    /// What an archive holds, below the destination: that is its root, which its links do not leave. Unlike copied files,
    /// its entries replace whatever stands there.
    fn archive(&mut self, number: usize, file: &std::fs::File) -> Result<()> {
        let written = clean(&self.selection.wanted.destination);
        let into = self.view.resolve(b"", written.as_os_str().as_bytes(), true)?;
        self.make(&into)?;
        self.tell(&into);
        self.flush();
        let mut places = Vec::new();
        archive::for_each(file, &mut |entry| {
            places.push(self.unpack(&into, entry)?);
            Ok(())
        })?;
        self.phases.push(Phase::Archive(number, places));
        Ok(())
    }

    fn unpack(&mut self, into: &[u8], entry: &Entry) -> Result<Unpacked> {
        if entry.name.is_root() {
            return Ok(Unpacked::default());
        }
        let is_directory = entry.kind == EntryKind::Directory;
        let name = self.view.resolve(into, entry.name.as_bytes(), is_directory)?;
        let makes = self.missing(parent(&name))?;
        for made in &makes {
            self.view.put(made.clone(), Stands::Directory);
        }
        let mut link = Vec::new();
        let stands = match &entry.kind {
            EntryKind::Directory => Stands::Directory,
            EntryKind::Symlink(target) => Stands::Link(target.as_bytes().to_vec()),
            EntryKind::HardLink(to) => {
                link = self.view.resolve(into, to.as_bytes(), false)?;
                self.view.at(&link).unwrap_or(Stands::Other)
            }
            _ => Stands::Other,
        };
        self.view.put(name.clone(), stands);
        Ok(Unpacked { makes, name: Some(name), link })
    }

    /// Tells of a directory that was there before, and of its parents.
    fn tell(&mut self, path: &[u8]) {
        let mut path = path;
        while !path.is_empty() && !self.entries.contains_key(path) {
            // Of attributes the index knows that there are some, not what they are: such a directory is not told, or it
            // would lose them.
            if let Some(node) = self.view.untouched(path).filter(|node| node.xattr_hash == Some(0)) {
                let parent = Owned { mode: node.mode, uid: node.uid, gid: node.gid, mtime: node.mtime };
                self.entries.insert(path.to_vec(), What::Parent(parent));
            }
            path = parent(path);
        }
    }

    /// Ends a phase: all that was placed since the last one.
    fn flush(&mut self) {
        let mut parents: Vec<Vec<u8>> = self.entries.keys().map(|path| parent(path).to_vec()).collect();
        parents.dedup();
        parents.iter().for_each(|parent| self.tell(parent));
        let entries = std::mem::take(&mut self.entries);
        if !entries.is_empty() {
            self.phases.push(Phase::Entries(entries));
        }
    }
}

fn refused(path: &[u8], why: &str) -> Error {
    Error::invalid(format_args!("'/{}' {why}", lossy(path)))
        .hint("copy to another place, or remove it in a RUN before")
}
