//! Packs what stands in a directory: sorted by name, each file once and its other names as hard links.
//!
//! Stays on the directory's own filesystem: of another one that is mounted below, only the place is packed.
//! Sockets are left out; tar has no type for them, and they are dead without their makers.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;

use super::writer::Writer;
use crate::error::{Attempt, Result};
use crate::layer::content::NoContent;
use crate::layer::entry::{Entry, Kind};
use crate::layer::file_content::FileContent;
use crate::layer::name::Name;
use crate::layer::target::Target;
use crate::rootfs::{Dir, FileType, Metadata};

/// Adds `root` as `prefix` (empty: as the archive's root), and everything below it.
pub fn tree<W: Write>(root: &Dir, prefix: impl AsRef<OsStr>, writer: &mut Writer<W>) -> Result<()> {
    let prefix = Name::parse(prefix.as_ref().as_bytes())?;
    let metadata: Metadata = rustix::fs::fstat(root).attempt(|| "stat the root")?.into();
    let mut packer = Packer { writer, device: metadata.dev, seen: HashMap::new() };
    packer.writer.put(&entry(prefix.clone(), &metadata, Kind::Directory), &mut NoContent)?;
    packer.directory(root, &prefix)
}

struct Packer<'a, W> {
    writer: &'a mut Writer<W>,
    device: (u32, u32),
    /// The first name of each file that has several.
    seen: HashMap<u64, Name>,
}

impl<W: Write> Packer<'_, W> {
    fn directory(&mut self, dir: &Dir, name: &Name) -> Result<()> {
        let mut leaves = dir.names().attempt(|| format!("list '{name}'"))?;
        leaves.sort();
        leaves.iter().try_for_each(|leaf| self.child(dir, leaf, &name.child(leaf.as_bytes())?))
    }

    fn child(&mut self, dir: &Dir, leaf: &OsStr, name: &Name) -> Result<()> {
        let metadata = dir.metadata(leaf).attempt(|| format!("stat '{name}'"))?;
        let kind = match metadata.file_type {
            FileType::Regular => Kind::File { size: metadata.size },
            FileType::Directory => Kind::Directory,
            FileType::Symlink => {
                Kind::Symlink(dir.read_link(leaf).attempt(|| format!("read the link '{name}'"))?)
            }
            FileType::Fifo => Kind::Fifo,
            FileType::Character => Kind::Character(metadata.rdev.0, metadata.rdev.1),
            FileType::Block => Kind::Block(metadata.rdev.0, metadata.rdev.1),
            FileType::Socket => return Ok(()),
        };
        let mut entry = entry(name.clone(), &metadata, kind);
        if metadata.dev != self.device {
            return match entry.kind {
                Kind::Directory => self.writer.put(&entry, &mut NoContent),
                _ => Ok(()),
            };
        }
        if metadata.links > 1 && metadata.file_type != FileType::Directory {
            if let Some(first) = self.seen.get(&metadata.inode) {
                entry.kind = Kind::HardLink(first.clone());
                return self.writer.put(&entry, &mut NoContent);
            }
            self.seen.insert(metadata.inode, name.clone());
        }
        entry.xattrs = dir.xattrs(leaf).attempt(|| format!("read the extended attributes of '{name}'"))?;
        match entry.kind {
            Kind::File { .. } => {
                let file = dir.open(leaf).attempt(|| format!("open '{name}'"))?;
                self.writer.put(&entry, &mut FileContent::new(file, metadata.size))
            }
            Kind::Directory => {
                self.writer.put(&entry, &mut NoContent)?;
                let below = dir.dir(leaf).attempt(|| format!("open '{name}'"))?;
                self.directory(&below, name)
            }
            _ => self.writer.put(&entry, &mut NoContent),
        }
    }
}

fn entry(name: Name, metadata: &Metadata, kind: Kind) -> Entry {
    let Metadata { mode, uid, gid, mtime, .. } = *metadata;
    Entry { name, kind, mode, uid, gid, mtime, xattrs: Vec::new() }
}
