//! Reads an [`Index`] from bytes, in the format of [`super::format`]. Bytes may be damaged or made up: they are
//! refused, or make some tree.

use super::format::{
    ATTRIBUTES, BLOCK, CHARACTER, DIRECTORY, FIFO, FILE, MAGIC_1, MAGIC_2, SHARED, SOCKET, STAMPS, SYMLINK,
};
use super::tree::{Child, Data, Index, Inode, ROOT};
use crate::error::{Error, Result};
use crate::rootfs::Timestamp;

impl Index {
    /// Reads what [`Index::to_bytes`] wrote; anything else is an error.
    pub fn from_bytes(bytes: &[u8]) -> Result<Index> {
        let parse = || {
            let (rest, hashed) = match (bytes.strip_prefix(MAGIC_2), bytes.strip_prefix(MAGIC_1)) {
                (Some(rest), _) => (rest, true),
                (None, rest) => (rest?, false),
            };
            let mut decoder = Decoder { index: Index::new(), rest, shared: Vec::new() };
            decoder.index.hashed = hashed;
            decoder.tree()?;
            decoder.sections()?;
            Some(decoder.index)
        };
        parse().ok_or_else(|| Error::invalid("the index of installed files is damaged"))
    }
}

struct Decoder<'a> {
    index: Index,
    rest: &'a [u8],
    shared: Vec<u32>,
}

/// A directory whose children are being read.
struct Level<'a> {
    directory: u32,
    /// How many children are still to come.
    left: u64,
    /// The name of the last one.
    last: &'a [u8],
}

impl<'a> Decoder<'a> {
    fn byte(&mut self) -> Option<u8> {
        let (&byte, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(byte)
    }

    fn number<T: TryFrom<u64>>(&mut self) -> Option<T> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if bits << shift >> shift != bits {
                return None;
            }
            value |= bits << shift;
            if byte < 0x80 {
                return T::try_from(value).ok();
            }
        }
        None
    }

    fn text(&mut self) -> Option<&'a [u8]> {
        let length = self.number()?;
        let (text, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(text)
    }

    fn hash(&mut self) -> Option<u64> {
        let (hash, rest) = self.rest.split_first_chunk()?;
        self.rest = rest;
        Some(u64::from_le_bytes(*hash))
    }

    fn tree(&mut self) -> Option<()> {
        let kind = self.byte()?;
        let root = self.inode(kind).filter(|_| kind & !ATTRIBUTES == DIRECTORY)?;
        *self.index.inode_mut(ROOT) = root;
        let mut open = vec![Level { directory: ROOT, left: self.number()?, last: b"" }];
        while let Some(Level { directory, left, last }) = open.last_mut() {
            let Some(fewer) = left.checked_sub(1) else {
                open.pop();
                continue;
            };
            let name = self.name(last)?;
            (*left, *last) = (fewer, name);
            let inode = self.child(*directory, name)?;
            if self.index.is_directory(inode) {
                open.push(Level { directory: inode, left: self.number()?, last: b"" });
            }
        }
        Some(())
    }

    /// The next name in a directory: children are sorted.
    fn name(&mut self, last: &[u8]) -> Option<&'a [u8]> {
        let name = self.text()?;
        let plain = !matches!(name, b"" | b"." | b"..") && !name.contains(&b'/') && !name.contains(&0);
        (plain && last < name).then_some(name)
    }

    fn child(&mut self, directory: u32, name: &[u8]) -> Option<u32> {
        let inode = self.record()?;
        let child = Child { name: self.index.add_text(name).ok()?, inode, layer: 0 };
        self.index.inode_mut(inode).links += 1;
        self.index.children_mut(directory)?.push(child);
        Some(inode)
    }

    /// An inode, or another name of one that came before.
    fn record(&mut self) -> Option<u32> {
        let kind = self.byte()?;
        if kind & SHARED == 0 {
            let inode = self.inode(kind)?;
            return self.index.allocate(inode).ok();
        }
        let id: usize = self.number()?;
        if let Some(&known) = self.shared.get(id) {
            return Some(known);
        }
        let inode = self.inode(kind & !SHARED).filter(|inode| !matches!(inode.data, Data::Directory(_)))?;
        let number = self.index.allocate(inode).ok().filter(|_| id == self.shared.len())?;
        self.shared.push(number);
        Some(number)
    }

    fn inode(&mut self, kind: u8) -> Option<Inode> {
        let mode = self.number::<u16>().filter(|mode| *mode <= 0o7777)?;
        let (uid, gid, zigzag) = (self.number()?, self.number()?, self.number::<u64>()?);
        let seconds = (zigzag >> 1).cast_signed() ^ -(zigzag & 1).cast_signed();
        let mtime = Timestamp { seconds, nanoseconds: self.number().filter(|ns| *ns < 1_000_000_000)? };
        let has_attributes = self.index.hashed && kind & ATTRIBUTES != 0;
        let (kind, xattrs) = if has_attributes { (kind & !ATTRIBUTES, self.hash()?) } else { (kind, 0) };
        Some(Inode { data: self.data(kind)?, mode, uid, gid, mtime, links: 0, xattrs, stamp: 0 })
    }

    fn data(&mut self, kind: u8) -> Option<Data> {
        Some(match kind {
            FILE => {
                let size = self.number()?;
                Data::File { size, hash: if self.index.hashed { Some(self.hash()?) } else { None } }
            }
            DIRECTORY => Data::Directory(Vec::new()),
            SYMLINK => {
                let text = self.text()?;
                Data::Symlink(self.index.add_text(text).ok()?)
            }
            FIFO => Data::Fifo,
            SOCKET => Data::Socket,
            CHARACTER => Data::Character(self.number()?, self.number()?),
            BLOCK => Data::Block(self.number()?, self.number()?),
            _ => return None,
        })
    }

    /// The sections that follow the tree since version 2; unknown ones are skipped.
    fn sections(&mut self) -> Option<()> {
        while self.index.hashed && !self.rest.is_empty() {
            let name = self.byte()?;
            let text = self.text()?;
            if name == STAMPS {
                self.stamps(text)?;
            }
        }
        self.rest.is_empty().then_some(())
    }

    /// Inodes have their numbers in the order in which they came.
    fn stamps(&mut self, text: &[u8]) -> Option<()> {
        let (stamps, rest) = text.as_chunks::<8>();
        if !rest.is_empty() || stamps.len() != self.index.inodes() {
            return None;
        }
        for (number, stamp) in (0..).zip(stamps) {
            self.index.inode_mut(number).stamp = u64::from_le_bytes(*stamp);
        }
        Some(())
    }
}
