//! Writes an [`Index`] as bytes, in the format of [`super::format`].

use std::collections::HashMap;

use super::format::{
    ATTRIBUTES, BLOCK, CHARACTER, DIRECTORY, FIFO, FILE, MAGIC_1, MAGIC_2, SHARED, SOCKET, STAMPS, SYMLINK,
};
use super::tree::{Data, Index, ROOT};

impl Index {
    /// The whole tree. Without hashes it is written as version 1.
    pub fn to_bytes(&self) -> Vec<u8> {
        let magic = if self.hashed { MAGIC_2 } else { MAGIC_1 };
        let mut encoder =
            Encoder { index: self, bytes: magic.to_vec(), shared: HashMap::new(), stamps: Vec::new() };
        self.preorder(&mut |path, inode| {
            if inode != ROOT {
                encoder.text(path.rsplit(|&byte| byte == b'/').next().unwrap_or_default());
            }
            encoder.record(inode);
        });
        encoder.sections();
        encoder.bytes
    }
}

struct Encoder<'a> {
    index: &'a Index,
    bytes: Vec<u8>,
    shared: HashMap<u32, u64>,
    /// Of the inodes written so far.
    stamps: Vec<u8>,
}

impl Encoder<'_> {
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

    fn hash(&mut self, hash: u64) {
        if self.index.hashed {
            self.bytes.extend_from_slice(&hash.to_le_bytes());
        }
    }

    /// What stands after the tree.
    fn sections(&mut self) {
        if self.index.hashed && self.stamps.iter().any(|&byte| byte != 0) {
            let stamps = std::mem::take(&mut self.stamps);
            self.bytes.push(STAMPS);
            self.text(&stamps);
        }
    }

    /// An inode, without its children.
    fn record(&mut self, number: u32) {
        let index = self.index;
        let inode = index.inode(number);
        let attributes = if index.hashed && inode.xattrs != 0 { ATTRIBUTES } else { 0 };
        let kind = kind(&inode.data) | attributes;
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
        self.stamps.extend_from_slice(&inode.stamp.to_le_bytes());
        let seconds = inode.mtime.seconds;
        for value in [inode.mode.into(), inode.uid.into(), inode.gid.into()] {
            self.number(value);
        }
        self.number((seconds << 1 ^ seconds >> 63).cast_unsigned());
        self.number(inode.mtime.nanoseconds.into());
        if attributes != 0 {
            self.hash(inode.xattrs);
        }
        match &inode.data {
            Data::File { size, hash } => {
                self.number(*size);
                self.hash(hash.unwrap_or_default());
            }
            Data::Symlink(to) => self.text(index.text(*to)),
            Data::Fifo | Data::Socket => {}
            Data::Character(major, minor) | Data::Block(major, minor) => {
                self.number((*major).into());
                self.number((*minor).into());
            }
            Data::Directory(children) => self.number(children.len() as u64),
        }
    }
}

fn kind(data: &Data) -> u8 {
    match data {
        Data::File { .. } => FILE,
        Data::Directory(_) => DIRECTORY,
        Data::Symlink(_) => SYMLINK,
        Data::Fifo => FIFO,
        Data::Socket => SOCKET,
        Data::Character(..) => CHARACTER,
        Data::Block(..) => BLOCK,
    }
}
