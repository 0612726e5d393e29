//! Looks at an archive without unpacking it: what stands near its top tells a layout from a rootfs, and how many
//! leading components to strip.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io::{BufReader, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::decompress::decompress;
use super::entry::Kind;
use super::name::Name;
use super::read::Reader;
use crate::error::Result;

/// Names with up to this many components are reported.
const DEPTH: usize = 3;
/// More of them than this say nothing new.
const MAX_NAMES: usize = 20_000;
/// NAME_MAX (limits.h): longer ones cannot be unpacked.
const MAX_COMPONENT: usize = 255;

/// The names near the top of an archive.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outline {
    /// Relative paths of one to three components, those too that are only implied by what lies below them.
    pub names: BTreeMap<PathBuf, Shape>,
    /// Entries seen.
    pub entries: u64,
    /// Whether the archive was read to its end.
    pub complete: bool,
}

/// What stands at a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// A directory, perhaps implied.
    Directory,
    /// A symbolic link (`bin` in many a rootfs).
    Link,
    /// A regular file or a hard link.
    File,
    /// A device or FIFO.
    Special,
}

impl Outline {
    /// What stands at a path of up to three components.
    pub fn get(&self, path: impl AsRef<Path>) -> Option<Shape> {
        self.names.get(path.as_ref()).copied()
    }

    fn add(&mut self, name: &Name, shape: Shape) {
        let mut path = PathBuf::new();
        let depth = name.components().count();
        let near = name.components().take(DEPTH).take_while(|component| component.len() <= MAX_COMPONENT);
        for (at, component) in near.enumerate() {
            path.push(OsStr::from_bytes(component));
            if self.names.len() < MAX_NAMES {
                if at + 1 == depth {
                    self.names.insert(path.clone(), shape);
                } else if !self.names.contains_key(&path) {
                    self.names.insert(path.clone(), Shape::Directory);
                }
            }
        }
    }
}

/// Reads an archive, compressed or not, for up to `limit` entries.
pub fn scan(input: impl Read + Send, limit: u64) -> Result<Outline> {
    let mut reader = Reader::new(BufReader::with_capacity(64 << 10, decompress(input)?));
    let mut outline = Outline::default();
    while outline.entries < limit {
        let Some(entry) = reader.next()? else {
            outline.complete = true;
            break;
        };
        let shape = match entry.kind {
            Kind::Directory => Shape::Directory,
            Kind::Symlink(_) => Shape::Link,
            Kind::File { .. } | Kind::HardLink(_) => Shape::File,
            Kind::Fifo | Kind::Character(..) | Kind::Block(..) => Shape::Special,
        };
        outline.entries += 1;
        outline.add(&entry.name, shape);
    }
    Ok(outline)
}
