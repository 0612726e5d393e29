//! From an archive to a container.

use std::cell::Cell;
use std::io::{BufReader, Cursor, Read};

use super::sort::{Backup, no_backup};
use crate::error::{Attempt, Error, Kind, Result};
use crate::layer::{self, Content, Entry, EntryKind, Name as EntryName, Reader, RootfsTarget, Target};
use crate::oci::Provenance;
use crate::report::Report;
use crate::store::{Container, Name, Store};

/// Bytes that are looked at for the container's name: more than a block of any compression that begins an archive.
const BEGINNING: u64 = 4 << 20;

/// What is known of a backup that was read.
#[derive(Debug)]
pub struct Verified {
    /// The container's name in it.
    pub name: String,
    /// Entries of its tree.
    pub entries: u64,
    /// Bytes of its files.
    pub bytes: u64,
}

/// Makes a container of a backup, called as in it or `name`. When that fails, nothing of it stays.
pub fn restore(
    store: &Store,
    input: impl Read + Send,
    name: Option<&Name>,
    report: &dyn Report,
) -> Result<Container> {
    let (mut backup, input) = begin(input)?;
    let name = match name {
        Some(name) => name.clone(),
        None => Name::parse(&backup.name)
            .map_err(|error| error.hint("call it otherwise: chroot-distro restore --name NAME"))?,
    };
    let make = || {
        let staged = store.stage(&name, "restore").map_err(|error| match error.kind() {
            Kind::Exists => error.hint("call it otherwise: '--name NAME'"),
            _ => error,
        })?;
        report.info(&format!("Restoring '{name}'"));
        let mut tree = RootfsTarget::new(staged.rootfs(), report);
        let mut target = Told { target: &mut tree, report };
        let applied = layer::apply_sorted(input, &mut target, &mut backup)?;
        tree.finish()?;
        if applied.entries == 0 {
            return Err(no_backup());
        }
        if let Some(manifest) = &backup.manifest {
            if let Err(error) = Provenance::parse(manifest) {
                report
                    .warn(&format!("the manifest.json in it is damaged, and is restored as it is: {error}"));
            }
            staged.put_manifest(manifest)?;
        }
        if let Some(index) = &backup.index {
            staged.put_index(index)?;
        }
        staged.commit(None)
    };
    make().attempt(format_args!("restore '{name}'"))
}

/// Reads a backup whole and says what is in it.
pub fn verify(input: impl Read + Send) -> Result<Verified> {
    read(input, &mut |_| ())
}

/// Hands the names of all entries to `each`, as they stand in the archive.
pub fn list(input: impl Read + Send, each: &mut dyn FnMut(&str)) -> Result<Verified> {
    read(input, each)
}

fn read(input: impl Read + Send, each: &mut dyn FnMut(&str)) -> Result<Verified> {
    let (mut backup, input) = begin(input)?;
    let root = format!("{}/rootfs", backup.name);
    let bytes = Cell::new(0);
    let mut nowhere = Nowhere { bytes: &bytes, each: &mut |name| each(&format!("{root}/{name}")) };
    let applied = layer::apply_sorted(input, &mut nowhere, &mut backup)?;
    if applied.entries == 0 {
        return Err(no_backup());
    }
    if let Some(manifest) = &backup.manifest {
        Provenance::parse(manifest).attempt("read its manifest.json")?;
    }
    Ok(Verified { name: backup.name, entries: applied.entries, bytes: bytes.get() })
}

/// The first entry's word, and the archive from its start.
fn begin<R: Read + Send>(mut input: R) -> Result<(Backup, impl Read + Send + use<R>)> {
    let mut beginning = Vec::new();
    let attempt = "read the backup";
    input.by_ref().take(BEGINNING).read_to_end(&mut beginning).attempt(attempt)?;
    if beginning.is_empty() {
        return Err(Error::invalid("the backup is empty"));
    }
    let tar = BufReader::new(layer::decompress(Cursor::new(&beginning))?);
    let first = Reader::new(tar).next()?.ok_or_else(no_backup)?;
    Ok((Backup::of(&first)?, Cursor::new(beginning).chain(input)))
}

/// Tells each entry to who wants to hear of it.
struct Told<'a> {
    target: &'a mut dyn Target,
    report: &'a dyn Report,
}

impl Target for Told<'_> {
    fn begin(&mut self) -> Result<()> {
        self.target.begin()
    }

    fn put(&mut self, entry: &Entry, content: &mut dyn Content) -> Result<()> {
        self.report.detail(&entry.name.to_string());
        self.target.put(entry, content)
    }

    fn hide(&mut self, name: &EntryName) -> Result<()> {
        self.target.hide(name)
    }

    fn hide_children(&mut self, name: &EntryName) -> Result<()> {
        self.target.hide_children(name)
    }

    fn end(&mut self) -> Result<()> {
        self.target.end()
    }
}

/// Reads everything and keeps nothing.
struct Nowhere<'a> {
    bytes: &'a Cell<u64>,
    each: &'a mut dyn FnMut(&str),
}

impl Target for Nowhere<'_> {
    fn begin(&mut self) -> Result<()> {
        Ok(())
    }

    fn put(&mut self, entry: &Entry, content: &mut dyn Content) -> Result<()> {
        (self.each)(&entry.name.to_string());
        if let EntryKind::File { size } = entry.kind {
            self.bytes.set(self.bytes.get() + size);
            while content.chunk()?.is_some() {}
        }
        Ok(())
    }

    fn hide(&mut self, _: &EntryName) -> Result<()> {
        Ok(())
    }

    fn hide_children(&mut self, _: &EntryName) -> Result<()> {
        Ok(())
    }

    fn end(&mut self) -> Result<()> {
        Ok(())
    }
}
