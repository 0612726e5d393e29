//! Applies a layer or a plain archive to a target: which entries count, and what they ask for.

use std::io::{BufRead, Read};
use std::os::unix::ffi::OsStrExt;
use std::thread;

use super::content::Content;
use super::entry::{Entry, EntryKind};
use super::inflating::pair;
use super::name::Name;
use super::read::Reader;
use super::target::Target;
use super::whiteout::{Meaning, meaning};
use crate::error::{Attempt, Error, Result};
use crate::oci::Digest;

/// How the tar stream is to be understood.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// `.wh.` entries delete (a layer) or are ordinary names (a plain rootfs archive).
    pub whiteouts: bool,
    /// Leading components to drop from each name; entries with fewer are skipped.
    pub strip: usize,
    /// Only entries under this path count, and it is dropped from their names (a backup's `NAME/rootfs`).
    pub prefix: Option<std::path::PathBuf>,
}

/// What was read.
#[derive(Debug, Clone)]
pub struct Applied {
    /// SHA-256 of the uncompressed tar, whole: the layer's diff_id (OCI image config).
    pub diff_id: Digest,
    /// Bytes of the uncompressed tar.
    pub bytes: u64,
    /// Entries applied.
    pub entries: u64,
}

/// Applies one layer, compressed in any of the ways [`super::decompress`] knows, media types not believed.
/// Inflating runs on a thread beside the writing. `layer` may block (a download being followed); an
/// [`Error`] inside its `io::Error` comes out as it is.
pub fn apply(layer: impl Read + Send, target: &mut dyn Target, options: &Options) -> Result<Applied> {
    let prefix = match &options.prefix {
        Some(prefix) => Name::parse(prefix.as_os_str().as_bytes())?,
        None => Name::default(),
    };
    let place = &mut Placed { prefix, strip: options.strip };
    thread_beside(Box::new(layer), &mut |input| apply_tar(input, target, place, options.whiteouts))
}

/// Applies an archive that holds more than a tree: `sort` says which entries belong to it. As [`apply`] otherwise; `.wh.`
/// names are ordinary.
pub fn apply_sorted(
    archive: impl Read + Send,
    target: &mut dyn Target,
    sort: &mut dyn Sort,
) -> Result<Applied> {
    thread_beside(Box::new(archive), &mut |input| apply_tar(input, target, sort, false))
}

/// Says which entries of an archive belong to a tree.
pub trait Sort {
    /// The name in the tree of what the archive has as `name`; none when it does not belong to it.
    fn place(&self, name: &Name) -> Option<Name>;

    /// Takes an entry that does not belong to the tree.
    fn other(&mut self, entry: &Entry, content: &mut dyn Content) -> Result<()> {
        let _ = (entry, content);
        Ok(())
    }
}

/// What [`Options`] say.
struct Placed {
    prefix: Name,
    strip: usize,
}

impl Sort for Placed {
    fn place(&self, name: &Name) -> Option<Name> {
        name.under(&self.prefix).and_then(|name| name.strip(self.strip))
    }
}

/// Behind a pointer, or the thread would be there once for each kind of source.
fn thread_beside(
    layer: Box<dyn Read + Send + '_>,
    apply: &mut dyn FnMut(&mut dyn BufRead) -> Result<u64>,
) -> Result<Applied> {
    thread::scope(|scope| {
        let (producer, mut consumer) = pair();
        thread::Builder::new()
            .name("inflate".into())
            .spawn_scoped(scope, move || producer.run(layer))
            .map_err(|error| Error::io("start a thread", error))?;
        let entries = apply(&mut consumer)?;
        let (diff_id, bytes) = consumer.finish();
        Ok(Applied { diff_id, bytes, entries })
    })
}

/// Applies uncompressed tar; returns how many entries counted. Reads the stream to its end.
fn apply_tar(
    input: &mut dyn BufRead,
    target: &mut dyn Target,
    sort: &mut dyn Sort,
    whiteouts: bool,
) -> Result<u64> {
    let mut reader = Reader::new(input);
    let mut applied = 0;
    target.begin()?;
    while let Some(mut entry) = reader.next()? {
        let Some(name) = sort.place(&entry.name) else {
            sort.other(&entry, &mut reader.content())?;
            continue;
        };
        let original = std::mem::replace(&mut entry.name, name);
        if let EntryKind::HardLink(to) = &mut entry.kind {
            *to = sort.place(to).ok_or_else(|| {
                Error::invalid(format_args!(
                    "entry '{original}': is a hard link to '{to}', which is not unpacked"
                ))
            })?;
        }
        applied += 1;
        crate::sys::point::reach("layer.entry");
        if entry.name.is_root() && entry.kind != EntryKind::Directory {
            return Err(Error::invalid(format_args!(
                "entry '{original}' stands for the root, but is no directory"
            )));
        }
        let meaning = if whiteouts { meaning(&entry.name) } else { Ok(Meaning::Ordinary) };
        match meaning.attempt(format_args!("entry '{original}'"))? {
            Meaning::Ordinary => target.put(&entry, &mut reader.content())?,
            Meaning::Whiteout(name) => target.hide(&name)?,
            Meaning::Opaque(directory) => target.hide_children(&directory)?,
            Meaning::Ignored => {}
        }
    }
    reader.drain()?;
    target.end()?;
    Ok(applied)
}
