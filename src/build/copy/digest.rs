//! The name of what is copied for the cache: types, modes, owners, links, attributes and contents; never times.

use std::collections::HashMap;
use std::fs::File;
use std::os::unix::ffi::OsStrExt;

use super::hash::FileHash;
use super::listing::Item;
use super::reading::{Reading, Xattrs};
use super::select::{Pick, Selection, is_unpacked};
use crate::error::{Attempt, Result};
use crate::layer::is_kept_xattr;
use crate::oci::{Algorithm, Digest, Hasher};
use crate::rootfs::FileType;

impl Selection<'_> {
    /// The same for the same files, wherever and whenever they were made. Reads all of them.
    pub fn digest(&self) -> Result<Digest> {
        let mut digester = Digester {
            reading: Reading::new(self.files),
            has_owners: self.files.has_owners(),
            hasher: Hasher::new(Algorithm::Sha256),
            contents: FileHash::default(),
        };
        for pick in &self.picks {
            digester.pick(pick)?;
        }
        Ok(digester.hasher.finish())
    }
}

struct Digester<'a> {
    reading: Reading<'a>,
    has_owners: bool,
    hasher: Hasher,
    contents: FileHash,
}

impl Digester<'_> {
    /// A text with its length before it, so that no two lists of texts look the same.
    fn text(&mut self, text: &[u8]) {
        self.number(text.len() as u64);
        self.hasher.update(text);
    }

    fn number(&mut self, number: u64) {
        self.hasher.update(&number.to_le_bytes());
    }

    fn pick(&mut self, pick: &Pick<'_>) -> Result<()> {
        match pick {
            Pick::Contents(items) => {
                self.text(b"contents");
                self.number(items.len() as u64);
                self.items(items)
            }
            Pick::File(name, item) => {
                self.text(b"file");
                self.text(name.as_bytes());
                self.item(item)
            }
            Pick::Archive(item) => {
                self.text(b"archive");
                self.item(item)
            }
            Pick::Inline(name, content) => {
                self.text(b"inline");
                self.text(name.as_bytes());
                self.text(content);
                Ok(())
            }
            Pick::Downloaded(downloaded) => {
                self.text(if is_unpacked(downloaded) { b"archive" } else { b"download" });
                self.text(downloaded.name.as_bytes());
                let hash = self.contents.of(&downloaded.file, downloaded.size)?;
                self.text(hash.hex().as_bytes());
                Ok(())
            }
        }
    }

    fn items(&mut self, items: &[Item]) -> Result<()> {
        // Other names of a file that came before need not be read again.
        let mut linked: HashMap<_, usize> = HashMap::new();
        for (number, item) in items.iter().enumerate() {
            self.text(item.below());
            let metadata = &item.metadata;
            if metadata.links > 1 && metadata.file_type == FileType::Regular {
                let first = *linked.entry((metadata.dev, metadata.inode)).or_insert(number);
                if first != number {
                    self.text(b"link");
                    self.number(first as u64);
                    continue;
                }
            }
            self.item(item)?;
        }
        Ok(())
    }

    fn item(&mut self, item: &Item) -> Result<()> {
        self.describe(item).attempt(format_args!("read '{}'", item.path.display()))
    }

    fn describe(&mut self, item: &Item) -> Result<()> {
        let metadata = &item.metadata;
        self.number(metadata.mode.into());
        if self.has_owners {
            self.number(metadata.uid.into());
            self.number(metadata.gid.into());
        }
        if metadata.file_type == FileType::Regular {
            let (file, xattrs) = self.reading.file(item)?;
            self.text(b"regular");
            self.attributes(&xattrs);
            return self.file(&file, metadata.size);
        }
        let xattrs = self.reading.xattrs(item)?;
        self.attributes(&xattrs);
        match metadata.file_type {
            FileType::Symlink => {
                let target = self.reading.link(item)?;
                self.text(b"symlink");
                self.text(target.as_bytes());
            }
            FileType::Character | FileType::Block => {
                self.text(if metadata.file_type == FileType::Block { b"block" } else { b"char" });
                self.number(metadata.rdev.0.into());
                self.number(metadata.rdev.1.into());
            }
            FileType::Directory => self.text(b"directory"),
            _ => self.text(b"fifo"),
        }
        Ok(())
    }

    fn file(&mut self, file: &File, size: u64) -> Result<()> {
        let hash = self.contents.of(file, size)?;
        self.text(hash.hex().as_bytes());
        Ok(())
    }

    fn attributes(&mut self, xattrs: &Xattrs) {
        for (key, value) in xattrs.iter().filter(|(key, _)| is_kept_xattr(key)) {
            self.text(key.as_bytes());
            self.text(value);
        }
        self.number(u64::MAX);
    }
}
