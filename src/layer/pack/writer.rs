//! A tar archive as a [`Target`]: the same bytes for the same entries, no names of owners, no times of ours, PAX
//! records (sorted) only for what a ustar header cannot hold. Long names that are no UTF-8 stand as GNU tar writes them:
//! of PAX's own way, `hdrcharset`, GNU tar warns. Holes are written
//! as zeros if nobody asks for sparse files.
//!
//! Refuses what tar cannot carry: attributes with `=` in their names, devices beyond 21-bit numbers.

use std::io::Write;
use std::os::unix::ffi::OsStrExt;

use ::tar::{EntryType, Header};

use super::pax_header::{MAX_11_DIGITS, PaxHeader};
use super::sparse_map::SparseMap;
use crate::error::{Attempt, Error, Result};
use crate::layer::content::{BytesContent, Content, NoContent, flatten};
use crate::layer::entry::{Entry, EntryKind};
use crate::layer::header::BLOCK;
use crate::layer::name::Name;
use crate::layer::target::Target;
use crate::layer::whiteout::{Meaning, meaning, opaque_marker, whiteout};

/// The greatest number in a field of 8 bytes.
const MAX_7_DIGITS: u64 = 0o7_777_777;

/// A tar archive being written.
pub struct Writer<W> {
    output: W,
    /// Whether `.wh.` names hide, as in a layer.
    whiteouts: bool,
    /// Whether holes stay holes.
    sparse: bool,
}

impl<W: Write> Writer<W> {
    /// Begins a plain archive, such as a backup: `.wh.` names are ordinary, and nothing can be hidden.
    pub fn new(output: W) -> Writer<W> {
        Writer { output, whiteouts: false, sparse: false }
    }

    /// Begins a layer. A file that is named like a whiteout is refused: it would hide another one when the layer
    /// is applied.
    pub fn layer(output: W) -> Writer<W> {
        Writer { output, whiteouts: true, sparse: false }
    }

    /// Keeps the holes of files, in GNU's format for sparse files, which GNU tar, bsdtar and Python read too.
    #[must_use]
    pub fn sparse(self) -> Writer<W> {
        Writer { sparse: true, ..self }
    }

    /// Adds an entry with the contents that it has, if it is a regular file.
    pub fn append(&mut self, entry: &Entry, contents: &[u8]) -> Result<()> {
        self.put(entry, &mut BytesContent::new(contents))
    }

    /// Ends the archive with two zero blocks.
    pub fn finish(mut self) -> Result<W> {
        self.output.write_all(&[0; 2 * BLOCK]).attempt("write the archive")?;
        Ok(self.output)
    }

    fn check(&self, name: &Name) -> Result<()> {
        if self.whiteouts && !matches!(meaning(name), Ok(Meaning::Ordinary)) {
            return Err(Error::unsupported("has a name that means a whiteout in a layer"));
        }
        Ok(())
    }

    fn write(&mut self, entry: &Entry, content: &mut dyn Content) -> Result<()> {
        let mut pax = PaxHeader::default();
        let mut long = Vec::new();
        let sparse = if self.sparse { SparseMap::of(entry, content) } else { None };
        let header = header(entry, sparse.as_ref(), &mut pax, &mut long)?;
        for (kind, text) in long {
            self.long_name(kind, &text)?;
        }
        if !pax.is_empty() {
            self.extended(&pax.encode())?;
        }
        self.block(&header)?;
        match (sparse, &entry.kind) {
            (Some(sparse), _) => self.sparse_body(content, &sparse),
            (None, EntryKind::File { size }) => self.body(content, *size),
            (None, _) => Ok(()),
        }
    }

    /// The map and the data. A file that is cut short meanwhile ends in zeros.
    fn sparse_body(&mut self, content: &mut dyn Content, sparse: &SparseMap) -> Result<()> {
        self.output.write_all(sparse.lines()).attempt("write the archive")?;
        self.body(&mut Packed { content, position: 0 }, sparse.data())
    }

    fn extended(&mut self, body: &[u8]) -> Result<()> {
        self.beside(b"././@PaxHeader", EntryType::XHeader, body)
    }

    /// A name of the next entry, with a NUL at its end, as GNU tar does it ("Basic Tar Format" in its manual).
    fn long_name(&mut self, kind: EntryType, text: &[u8]) -> Result<()> {
        self.beside(b"././@LongLink", kind, &[text, &[0]].concat())
    }

    /// What is told of the next entry.
    fn beside(&mut self, name: &[u8], kind: EntryType, body: &[u8]) -> Result<()> {
        let mut header = Header::new_ustar();
        header.as_old_mut().name[..name.len()].copy_from_slice(name);
        header.set_entry_type(kind);
        header.set_mode(0o644);
        header.set_uid(0);
        header.set_gid(0);
        header.set_size(body.len() as u64);
        header.set_cksum();
        self.block(&header)?;
        self.body(&mut BytesContent::new(body), body.len() as u64)
    }

    fn block(&mut self, header: &Header) -> Result<()> {
        self.output.write_all(header.as_bytes()).attempt("write the archive")
    }

    /// A body of another size than the header says would shift all that follows.
    fn body(&mut self, content: &mut dyn Content, size: u64) -> Result<()> {
        let mut written = 0;
        flatten(content, size, &mut |bytes| {
            written += bytes.len() as u64;
            if written > size {
                return Err(Error::invalid(format_args!("has more contents than its {size} bytes")));
            }
            self.output.write_all(bytes).attempt("write the archive")
        })?;
        let padding = (BLOCK as u64 - size % BLOCK as u64) % BLOCK as u64;
        self.output.write_all(&[0; BLOCK][..padding as usize]).attempt("write the archive")
    }

    fn mark(&mut self, marker: Name) -> Result<()> {
        if !self.whiteouts {
            return Err(Error::unsupported("only a layer can hide what is below it"));
        }
        let entry = Entry::new(marker.as_path(), EntryKind::File { size: 0 })?;
        self.write(&entry, &mut NoContent)
    }
}

/// Contents without their holes: the runs of data one after the other.
struct Packed<'a> {
    content: &'a mut dyn Content,
    position: u64,
}

impl Content for Packed<'_> {
    fn chunk(&mut self) -> Result<Option<(u64, &[u8])>> {
        let Some((_, bytes)) = self.content.chunk()? else { return Ok(None) };
        let position = self.position;
        self.position += bytes.len() as u64;
        Ok(Some((position, bytes)))
    }

    fn is_whole(&self, _size: u64) -> bool {
        true
    }
}

/// Layers begin and end where the caller makes a writer and finishes it.
impl<W: Write> Target for Writer<W> {
    fn begin(&mut self) -> Result<()> {
        Ok(())
    }

    fn put(&mut self, entry: &Entry, content: &mut dyn Content) -> Result<()> {
        let named = format_args!("entry '{}'", entry.name);
        self.check(&entry.name).and_then(|()| self.write(entry, content)).attempt(named)
    }

    fn hide(&mut self, name: &Name) -> Result<()> {
        whiteout(name).and_then(|marker| self.mark(marker)).attempt(format_args!("entry '{name}'"))
    }

    fn hide_children(&mut self, name: &Name) -> Result<()> {
        opaque_marker(name).and_then(|marker| self.mark(marker)).attempt(format_args!("entry '{name}'"))
    }

    fn end(&mut self) -> Result<()> {
        Ok(())
    }
}

/// `long` gets the names that neither the header nor a record can hold.
fn header(
    entry: &Entry,
    sparse: Option<&SparseMap>,
    pax: &mut PaxHeader,
    long: &mut Vec<(EntryType, Vec<u8>)>,
) -> Result<Header> {
    let mut header = Header::new_ustar();
    let mut name = if entry.name.is_root() { b".".to_vec() } else { entry.name.as_bytes().to_vec() };
    let (kind, size, link) = match &entry.kind {
        EntryKind::File { size } => (EntryType::Regular, sparse.map_or(*size, SparseMap::stored), None),
        EntryKind::Directory => (EntryType::Directory, 0, None),
        EntryKind::Symlink(to) => (EntryType::Symlink, 0, Some(to.as_bytes())),
        EntryKind::HardLink(to) => (EntryType::Link, 0, Some(to.as_bytes())),
        EntryKind::Fifo => (EntryType::Fifo, 0, None),
        EntryKind::Character(..) => (EntryType::Char, 0, None),
        EntryKind::Block(..) => (EntryType::Block, 0, None),
    };
    if kind == EntryType::Directory {
        name.push(b'/');
    }
    if let Some(sparse) = sparse {
        sparse.describe(&name, pax);
        // What a program that knows no sparse files makes of it.
        name = b"GNUSparseFile.0/file".to_vec();
    }
    header.set_entry_type(kind);
    header.set_mode(entry.mode);
    let rest = pax.text("linkpath", &mut header.as_old_mut().linkname, link.unwrap_or_default());
    long.extend(rest.map(|rest| (EntryType::GNULongLink, rest.to_vec())));
    let rest = pax.text("path", &mut header.as_old_mut().name, &name);
    long.extend(rest.map(|rest| (EntryType::GNULongName, rest.to_vec())));
    header.set_size(pax.number("size", size, MAX_11_DIGITS));
    header.set_uid(pax.number("uid", entry.uid.into(), MAX_7_DIGITS));
    header.set_gid(pax.number("gid", entry.gid.into(), MAX_7_DIGITS));
    header.set_mtime(pax.time(entry.mtime));
    let (major, minor) = match entry.kind {
        EntryKind::Character(major, minor) | EntryKind::Block(major, minor) => (major, minor),
        _ => (0, 0),
    };
    if u64::from(major.max(minor)) > MAX_7_DIGITS {
        return Err(Error::unsupported("has a device number that tar cannot hold"));
    }
    header.set_device_major(major).attempt("write its device number")?;
    header.set_device_minor(minor).attempt("write its device number")?;
    for (key, value) in &entry.xattrs {
        if key.as_bytes().contains(&b'=') {
            return Err(Error::unsupported(format_args!(
                "has the attribute '{}', which tar cannot hold",
                key.display()
            )));
        }
        pax.push([b"SCHILY.xattr.", key.as_bytes()].concat(), value.clone());
    }
    header.set_cksum();
    Ok(header)
}
