//! Layers, entry by entry, legal and not: the tar headers are written as told.

use std::io::Write;
use std::os::unix::ffi::OsStrExt;

use tar::{Builder, EntryType, Header};

use super::command::filter;

/// One entry.
pub struct Entry {
    header: Header,
    name: Vec<u8>,
    link: Option<Vec<u8>>,
    contents: Vec<u8>,
    pax: Vec<(String, Vec<u8>)>,
    size: Option<u64>,
}

impl Entry {
    fn new(kind: EntryType, name: impl AsRef<std::ffi::OsStr>, mode: u32) -> Entry {
        let mut header = Header::new_gnu();
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(1_600_000_000);
        let name = name.as_ref().as_bytes().to_vec();
        Entry { header, name, link: None, contents: Vec::new(), pax: Vec::new(), size: None }
    }
    pub fn file(name: impl AsRef<std::ffi::OsStr>, contents: impl AsRef<[u8]>) -> Entry {
        let mut entry = Entry::new(EntryType::Regular, name, 0o644);
        entry.contents = contents.as_ref().to_vec();
        entry
    }
    pub fn dir(name: impl AsRef<std::ffi::OsStr>) -> Entry {
        Entry::new(EntryType::Directory, name, 0o755)
    }
    pub fn symlink(name: impl AsRef<std::ffi::OsStr>, target: impl AsRef<std::ffi::OsStr>) -> Entry {
        Entry::new(EntryType::Symlink, name, 0o777).to(target)
    }
    pub fn hard_link(name: impl AsRef<std::ffi::OsStr>, target: impl AsRef<std::ffi::OsStr>) -> Entry {
        Entry::new(EntryType::Link, name, 0o644).to(target)
    }
    pub fn fifo(name: impl AsRef<std::ffi::OsStr>) -> Entry {
        Entry::new(EntryType::Fifo, name, 0o644)
    }
    /// The character device `major`:`minor`.
    pub fn device(name: impl AsRef<std::ffi::OsStr>, major: u32, minor: u32) -> Entry {
        let mut entry = Entry::new(EntryType::Char, name, 0o600);
        entry.header.set_device_major(major).expect("ustar");
        entry.header.set_device_minor(minor).expect("ustar");
        entry
    }
    fn to(mut self, target: impl AsRef<std::ffi::OsStr>) -> Entry {
        self.link = Some(target.as_ref().as_bytes().to_vec());
        self
    }
    pub fn mode(mut self, mode: u32) -> Entry {
        self.header.set_mode(mode);
        self
    }
    pub fn owner(mut self, uid: u64, gid: u64) -> Entry {
        self.header.set_uid(uid);
        self.header.set_gid(gid);
        self
    }
    pub fn mtime(mut self, seconds: u64) -> Entry {
        self.header.set_mtime(seconds);
        self
    }
    /// A PAX record of its own.
    pub fn pax(mut self, key: &str, value: impl AsRef<[u8]>) -> Entry {
        self.pax.push((key.to_owned(), value.as_ref().to_vec()));
        self
    }
    /// A size in the header that is not that of the contents.
    pub fn claims(mut self, size: u64) -> Entry {
        self.size = Some(size);
        self
    }
    /// Any other change to the header.
    pub fn header(mut self, change: impl FnOnce(&mut Header)) -> Entry {
        change(&mut self.header);
        self
    }

    fn write(mut self, tar: &mut Builder<Vec<u8>>) {
        if !self.pax.is_empty() {
            let records = self.pax.iter().map(|(key, value)| (key.as_str(), value.as_slice()));
            tar.append_pax_extensions(records).expect("pax");
        }
        // The tar crate would refuse the names that hostile archives are made of.
        let name = long(tar, b'L', &self.name);
        self.header.as_old_mut().name[..name.len()].copy_from_slice(name);
        if let Some(link) = &self.link {
            let link = long(tar, b'K', link);
            self.header.as_old_mut().linkname[..link.len()].copy_from_slice(link);
        }
        self.header.set_size(self.size.unwrap_or(self.contents.len() as u64));
        self.header.set_cksum();
        tar.append(&self.header, self.contents.as_slice()).expect("an entry");
    }
}

/// What fits of a name into the header; the whole goes before it as GNU's long name.
fn long<'a>(tar: &mut Builder<Vec<u8>>, kind: u8, name: &'a [u8]) -> &'a [u8] {
    if name.len() <= 100 {
        return name;
    }
    let mut header = Header::new_gnu();
    header.as_old_mut().name[..13].copy_from_slice(b"././@LongLink");
    header.set_entry_type(EntryType::new(kind));
    header.set_size(name.len() as u64 + 1);
    header.set_cksum();
    tar.append(&header, [name, b"\0"].concat().as_slice()).expect("a long name");
    &name[..100]
}

/// An uncompressed tar of `entries`.
pub fn tar(entries: impl IntoIterator<Item = Entry>) -> Vec<u8> {
    let mut tar = Builder::new(Vec::new());
    for entry in entries {
        entry.write(&mut tar);
    }
    tar.into_inner().expect("a tar")
}

/// How a layer or archive is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    Plain,
    Gzip,
    /// Three members, one after the other.
    GzipMembers,
    /// By the zstd program, in two frames with a skippable one between.
    Zstd,
    Bzip2,
    Xz,
    Lzma,
}

impl Encoding {
    pub fn encode(self, bytes: &[u8]) -> Vec<u8> {
        match self {
            Encoding::Plain => bytes.to_vec(),
            Encoding::Gzip => gzip(bytes),
            Encoding::GzipMembers => {
                let third = bytes.len() / 3;
                [&bytes[..third], &bytes[third..2 * third], &bytes[2 * third..]].map(gzip).concat()
            }
            Encoding::Zstd => {
                let (first, second) = bytes.split_at(bytes.len() / 2);
                let skippable = b"\x50\x2a\x4d\x18\x04\0\0\0skip".as_slice();
                [&filter("zstd", ["-c"], first), skippable, &filter("zstd", ["-c"], second)].concat()
            }
            Encoding::Bzip2 => filter("bzip2", ["-c"], bytes),
            Encoding::Xz => filter("xz", ["-c"], bytes),
            Encoding::Lzma => filter("xz", ["-c", "--format=lzma"], bytes),
        }
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).expect("gzip");
    encoder.finish().expect("gzip")
}
