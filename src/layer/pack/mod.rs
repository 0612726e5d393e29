//! Writes tar, the same bytes for the same entries: no names of owners, no times of ours, PAX records (sorted)
//! only for what a ustar header cannot hold.
//!
//! Refuses what tar cannot carry: attributes with `=` in their names, devices beyond 21-bit numbers.

mod tree;

use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStrExt;

use ::tar::{EntryType, Header};

use super::entry::{Entry, Kind};
use super::header::BLOCK;
use crate::error::{Attempt, Error, Result};
use crate::rootfs::Timestamp;

pub use tree::tree;

/// The greatest numbers in fields of 8 and 12 bytes.
const MAX_7_DIGITS: u64 = 0o7_777_777;
const MAX_11_DIGITS: u64 = 0o77_777_777_777;

/// A tar archive being written.
pub struct Writer<W> {
    output: W,
}

impl<W: Write> Writer<W> {
    /// Begins an archive.
    pub fn new(output: W) -> Writer<W> {
        Writer { output }
    }

    /// Adds an entry; of a regular file, with the first `size` bytes of `content`, which must have them.
    pub fn append(&mut self, entry: &Entry, content: impl Read) -> Result<()> {
        self.write(entry, content).attempt(|| format!("entry '{}'", entry.name))
    }

    /// Ends the archive with two zero blocks.
    pub fn finish(mut self) -> Result<W> {
        self.output.write_all(&[0; 2 * BLOCK]).attempt(|| "write the archive")?;
        Ok(self.output)
    }

    fn write(&mut self, entry: &Entry, content: impl Read) -> Result<()> {
        let mut records = Records::default();
        let header = header(entry, &mut records)?;
        if !records.0.is_empty() {
            let body = records.encode();
            let mut extended = Header::new_ustar();
            extended.as_old_mut().name[..14].copy_from_slice(b"././@PaxHeader");
            extended.set_entry_type(EntryType::XHeader);
            extended.set_mode(0o644);
            extended.set_uid(0);
            extended.set_gid(0);
            extended.set_size(body.len() as u64);
            extended.set_cksum();
            self.block(&extended)?;
            self.body(&body[..], body.len() as u64)?;
        }
        self.block(&header)?;
        match entry.kind {
            Kind::File { size } => self.body(content, size),
            _ => Ok(()),
        }
    }

    fn block(&mut self, header: &Header) -> Result<()> {
        self.output.write_all(header.as_bytes()).attempt(|| "write the archive")
    }

    fn body(&mut self, content: impl Read, size: u64) -> Result<()> {
        let copied = io::copy(&mut content.take(size), &mut self.output).attempt(|| "write the archive")?;
        if copied < size {
            return Err(Error::invalid(format!(
                "became shorter while it was read: {copied} of {size} bytes"
            )));
        }
        let padding = (BLOCK as u64 - size % BLOCK as u64) % BLOCK as u64;
        self.output.write_all(&[0; BLOCK][..padding as usize]).attempt(|| "write the archive")
    }
}

/// A gzip stream around `output` without a time or name, so that equal contents make equal bytes. Level 0 to 9.
pub fn gzip<W: Write>(output: W, level: u32) -> flate2::write::GzEncoder<W> {
    flate2::GzBuilder::new()
        .mtime(0)
        .operating_system(255)
        .write(output, flate2::Compression::new(level.min(9)))
}

fn header(entry: &Entry, records: &mut Records) -> Result<Header> {
    let mut header = Header::new_ustar();
    let mut name = if entry.name.is_root() { b".".to_vec() } else { entry.name.as_bytes().to_vec() };
    let (kind, size, link) = match &entry.kind {
        Kind::File { size } => (EntryType::Regular, *size, None),
        Kind::Directory => (EntryType::Directory, 0, None),
        Kind::Symlink(to) => (EntryType::Symlink, 0, Some(to.as_bytes())),
        Kind::HardLink(to) => (EntryType::Link, 0, Some(to.as_bytes())),
        Kind::Fifo => (EntryType::Fifo, 0, None),
        Kind::Character(..) => (EntryType::Char, 0, None),
        Kind::Block(..) => (EntryType::Block, 0, None),
    };
    if kind == EntryType::Directory {
        name.push(b'/');
    }
    header.set_entry_type(kind);
    header.set_mode(entry.mode);
    records.text("path", &mut header.as_old_mut().name, &name);
    records.text("linkpath", &mut header.as_old_mut().linkname, link.unwrap_or_default());
    header.set_size(records.number("size", size, MAX_11_DIGITS));
    header.set_uid(records.number("uid", entry.uid.into(), MAX_7_DIGITS));
    header.set_gid(records.number("gid", entry.gid.into(), MAX_7_DIGITS));
    header.set_mtime(records.time(entry.mtime));
    let (major, minor) = match entry.kind {
        Kind::Character(major, minor) | Kind::Block(major, minor) => (major, minor),
        _ => (0, 0),
    };
    if u64::from(major.max(minor)) > MAX_7_DIGITS {
        return Err(Error::unsupported("has a device number that tar cannot hold"));
    }
    header.set_device_major(major).attempt(|| "write its device number")?;
    header.set_device_minor(minor).attempt(|| "write its device number")?;
    for (key, value) in &entry.xattrs {
        if key.as_bytes().contains(&b'=') {
            return Err(Error::unsupported(format!(
                "has the attribute '{}', which tar cannot hold",
                key.display()
            )));
        }
        records.0.push(([b"SCHILY.xattr.", key.as_bytes()].concat(), value.clone()));
    }
    header.set_cksum();
    Ok(header)
}

/// PAX records: what does not fit into the header.
#[derive(Default)]
struct Records(Vec<(Vec<u8>, Vec<u8>)>);

impl Records {
    fn push(&mut self, key: &str, value: impl Into<Vec<u8>>) {
        self.0.push((key.into(), value.into()));
    }

    /// Fills a text field, with what fits at least.
    fn text(&mut self, key: &str, field: &mut [u8], text: &[u8]) {
        if text.len() > field.len() {
            if std::str::from_utf8(text).is_err() && !self.0.iter().any(|(key, _)| key == b"hdrcharset") {
                self.push("hdrcharset", *b"BINARY");
            }
            self.push(key, text);
        }
        let fits = text.len().min(field.len());
        field[..fits].copy_from_slice(&text[..fits]);
    }

    fn number(&mut self, key: &str, value: u64, max: u64) -> u64 {
        if value <= max {
            return value;
        }
        self.push(key, value.to_string());
        0
    }

    fn time(&mut self, time: Timestamp) -> u64 {
        match u64::try_from(time.seconds) {
            Ok(seconds) if time.nanoseconds == 0 && seconds <= MAX_11_DIGITS => return seconds,
            _ => {}
        }
        // 0.75 after -2 is -1.25.
        let (sign, whole, nanoseconds) = match (time.seconds < 0, time.nanoseconds) {
            (true, 0) => ("-", time.seconds.unsigned_abs(), 0),
            (true, after) => ("-", time.seconds.unsigned_abs() - 1, 1_000_000_000 - after),
            (false, after) => ("", time.seconds.unsigned_abs(), after),
        };
        let text = format!("{sign}{whole}.{nanoseconds:09}");
        self.push("mtime", text.trim_end_matches('0').trim_end_matches('.'));
        u64::try_from(time.seconds).unwrap_or(0).min(MAX_11_DIGITS)
    }

    fn encode(mut self) -> Vec<u8> {
        self.0.sort();
        let mut body = Vec::new();
        for (key, value) in &self.0 {
            // Space, `=` and line feed, and the length's own digits.
            let rest = key.len() + value.len() + 3;
            let mut length = rest + 1;
            while rest + length.to_string().len() != length {
                length = rest + length.to_string().len();
            }
            body.extend_from_slice(format!("{length} ").as_bytes());
            body.extend_from_slice(key);
            body.push(b'=');
            body.extend_from_slice(value);
            body.push(b'\n');
        }
        body
    }
}
