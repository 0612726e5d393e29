//! An index as bytes, for storing it beside a container: the tree in the order of [`Index::for_each`].
//!
//! After [`MAGIC`] stands the root. A directory's record ends with the number of its children; then each child
//! follows, name first. Numbers are LEB128, signed ones zigzag-coded; texts have their length in front. The second
//! and later names of a file hold only its number, counted over such files.

use std::collections::HashMap;

use super::{Child, Data, Index, Inode, ROOT};
use crate::error::{Error, Result};
use crate::layer::name::MAX_DEPTH;
use crate::rootfs::Timestamp;

/// The last byte is the version.
const MAGIC: &[u8] = b"chroot-distro index\n1";

const FILE: u8 = 0;
const DIRECTORY: u8 = 1;
const SYMLINK: u8 = 2;
const FIFO: u8 = 3;
const CHARACTER: u8 = 4;
const BLOCK: u8 = 5;
/// Added to the type of what has several names.
const SHARED: u8 = 0x80;

impl Index {
    /// The whole tree.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut writer = Writer { index: self, bytes: MAGIC.to_vec(), shared: HashMap::new() };
        writer.node(ROOT);
        writer.bytes
    }

    /// Reads what [`Index::to_bytes`] wrote; anything else is an error.
    pub fn from_bytes(bytes: &[u8]) -> Result<Index> {
        let mut index = Index::new();
        let parsed = bytes.strip_prefix(MAGIC).and_then(|rest| {
            let mut reader = Reader { index: &mut index, rest, shared: Vec::new() };
            let root = reader.node(0)?;
            (root == ROOT && reader.rest.is_empty()).then_some(())
        });
        parsed.map(|()| index).ok_or_else(|| Error::invalid("the index of installed files is damaged"))
    }
}

struct Writer<'a> {
    index: &'a Index,
    bytes: Vec<u8>,
    shared: HashMap<u32, u64>,
}

impl Writer<'_> {
    fn number(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.bytes.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.bytes.push(value as u8);
    }

    fn text(&mut self, text: &[u8]) {
        self.number(text.len() as u64);
        self.bytes.extend_from_slice(text);
    }

    fn node(&mut self, number: u32) {
        let index = self.index;
        let inode = index.inode(number);
        let kind = match inode.data {
            Data::File(_) => FILE,
            Data::Directory(_) => DIRECTORY,
            Data::Symlink(_) => SYMLINK,
            Data::Fifo => FIFO,
            Data::Character(..) => CHARACTER,
            Data::Block(..) => BLOCK,
        };
        if inode.links > 1 {
            self.bytes.push(kind | SHARED);
            let next = self.shared.len() as u64;
            let id = *self.shared.entry(number).or_insert(next);
            self.number(id);
            if id != next {
                return;
            }
        } else {
            self.bytes.push(kind);
        }
        let seconds = inode.mtime.seconds;
        for value in [inode.mode.into(), inode.uid.into(), inode.gid.into()] {
            self.number(value);
        }
        self.number((seconds << 1 ^ seconds >> 63).cast_unsigned());
        self.number(inode.mtime.nanoseconds.into());
        match &inode.data {
            Data::File(size) => self.number(*size),
            Data::Symlink(to) => self.text(index.text(*to)),
            Data::Fifo => {}
            Data::Character(major, minor) | Data::Block(major, minor) => {
                self.number((*major).into());
                self.number((*minor).into());
            }
            Data::Directory(children) => {
                self.number(children.len() as u64);
                for child in children {
                    self.text(index.text(child.name));
                    self.node(child.inode);
                }
            }
        }
    }
}

struct Reader<'a> {
    index: &'a mut Index,
    rest: &'a [u8],
    shared: Vec<u32>,
}

impl<'a> Reader<'a> {
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

    /// Reads a record; the root's goes into the root that is there.
    fn node(&mut self, depth: usize) -> Option<u32> {
        let kind = self.byte()?;
        let shared = kind & SHARED != 0;
        if shared {
            let id: usize = self.number()?;
            if let Some(&known) = self.shared.get(id) {
                return Some(known);
            }
            if id != self.shared.len() {
                return None;
            }
        }
        let mode = self.number::<u16>().filter(|mode| *mode <= 0o7777)?;
        let (uid, gid, zigzag) = (self.number()?, self.number()?, self.number::<u64>()?);
        let seconds = (zigzag >> 1).cast_signed() ^ -(zigzag & 1).cast_signed();
        let mtime = Timestamp { seconds, nanoseconds: self.number().filter(|ns| *ns < 1_000_000_000)? };
        let data = match kind & !SHARED {
            FILE => Data::File(self.number()?),
            DIRECTORY if !shared => Data::Directory(Vec::new()),
            SYMLINK => {
                let text = self.text()?;
                Data::Symlink(self.index.add_text(text).ok()?)
            }
            FIFO => Data::Fifo,
            CHARACTER => Data::Character(self.number()?, self.number()?),
            BLOCK => Data::Block(self.number()?, self.number()?),
            _ => return None,
        };
        let is_directory = matches!(data, Data::Directory(_));
        let inode = Inode { data, mode, uid, gid, mtime, links: 0 };
        let number = if depth > 0 {
            self.index.allocate(inode).ok()?
        } else if is_directory {
            *self.index.inode_mut(ROOT) = inode;
            ROOT
        } else {
            return None;
        };
        if shared {
            self.shared.push(number);
        }
        if is_directory {
            self.children(number, depth)?;
        }
        Some(number)
    }

    fn children(&mut self, directory: u32, depth: usize) -> Option<()> {
        if depth > MAX_DEPTH {
            return None;
        }
        let mut last: Option<&[u8]> = None;
        for _ in 0..self.number::<u64>()? {
            let name = self.text()?;
            let plain = !matches!(name, b"" | b"." | b"..") && !name.contains(&b'/') && !name.contains(&0);
            if !plain || last.is_some_and(|last| last >= name) {
                return None;
            }
            last = Some(name);
            let inode = self.node(depth + 1)?;
            let child = Child { name: self.index.add_text(name).ok()?, inode, layer: 0 };
            self.index.inode_mut(inode).links += 1;
            self.index.children_mut(directory)?.push(child);
        }
        Some(())
    }
}
