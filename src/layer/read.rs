//! Reads a tar stream as typed entries with their contents, in memory that no header can raise.
//!
//! The `tar` crate's own iterator reads PAX and long-name bodies without limit, does not know a size that PAX
//! overrides when it is raw, nor the extension blocks of sparse files, and so loses its place: hence this reader,
//! over that crate's header layout. Two programs that lose their places differently see different archives, so
//! what is not understood is refused rather than skipped over.

use std::io::{self, BufRead, Read};

use ::tar::{EntryType, Header};

use super::content::Content;
use super::entry::{Entry, EntryKind};
use super::header::{self, BLOCK};
use super::name::{Escaped, Name};
use super::pax::Records;
use super::read_error::read_error;
use super::sparse::{self, Extent};
use crate::error::{Attempt, Error, Result};
use crate::rootfs::Timestamp;

/// A PAX header or a GNU long name may be this long, in bytes (as in Go's archive/tar).
const EXTENSION_LIMIT: u64 = 1 << 20;

/// The entries of a tar stream.
pub struct Reader<R> {
    input: R,
    globals: Records,
    body: Body,
    begun: bool,
    ended: bool,
}

/// How far the current entry was read.
#[derive(Default)]
struct Body {
    /// Bytes of the body that were not consumed yet.
    left: u64,
    /// Bytes that pad it to a block.
    padding: u64,
    /// Bytes that the last chunk lent out; they count as left until the next call.
    lent: usize,
    /// Runs of data that are still to come, the next one last.
    extents: Vec<Extent>,
}

/// What the extended headers before an entry's own header said of it.
#[derive(Default)]
struct Extensions {
    records: Records,
    long_name: Option<Vec<u8>>,
    long_link: Option<Vec<u8>>,
    any: bool,
}

impl<R: BufRead> Reader<R> {
    /// Reads uncompressed tar.
    pub fn new(input: R) -> Reader<R> {
        Reader { input, globals: Records::default(), body: Body::default(), begun: false, ended: false }
    }

    /// The next entry; what was left of the last one's contents is skipped. None at the end of the archive: two
    /// zero blocks, or the end of the stream where a header could stand.
    #[allow(clippy::should_implement_trait)] // its items would have to borrow the reader
    pub fn next(&mut self) -> Result<Option<Entry>> {
        let mut extensions = Extensions { records: self.globals.clone(), ..Extensions::default() };
        while let Some(header) = self.next_header()? {
            if let Some(entry) = self.interpret(&header, &mut extensions)? {
                return Ok(Some(entry));
            }
        }
        if extensions.any { Err(read_error(io::ErrorKind::UnexpectedEof.into())) } else { Ok(None) }
    }

    /// The contents of the entry that [`Reader::next`] returned last.
    pub fn content(&mut self) -> TarContent<'_> {
        TarContent { input: &mut self.input, body: &mut self.body }
    }

    /// Reads the stream to its end, whatever follows the archive: it belongs to the digest.
    pub fn drain(&mut self) -> Result<()> {
        io::copy(&mut self.input, &mut io::sink()).map_err(read_error)?;
        Ok(())
    }

    fn next_header(&mut self) -> Result<Option<Header>> {
        self.body.finish(&mut self.input)?;
        if self.ended {
            return Ok(None);
        }
        let mut header = Header::new_old();
        if self.read_block(&mut header)? && header::is_zero(header.as_bytes()) {
            self.ended = true;
            if self.read_block(&mut header)? && !header::is_zero(header.as_bytes()) {
                return Err(Error::invalid("the archive goes on after a zero block"));
            }
        } else if !self.ended && !header::has_valid_checksum(header.as_bytes()) {
            let what = if self.begun {
                "the archive is damaged: a header's checksum is wrong"
            } else {
                "not a tar archive"
            };
            return Err(Error::invalid(what));
        }
        self.begun = true;
        Ok((!self.ended).then_some(header))
    }

    /// Reads a block. False when no byte is left; then the archive ends here.
    fn read_block(&mut self, header: &mut Header) -> Result<bool> {
        if self.input.fill_buf().map_err(read_error)?.is_empty() {
            self.ended = true;
            return Ok(false);
        }
        self.input.read_exact(header.as_mut_bytes()).map_err(read_error)?;
        Ok(true)
    }

    /// An entry, or none when the header only says something of the next one.
    fn interpret(&mut self, header: &Header, extensions: &mut Extensions) -> Result<Option<Entry>> {
        let kind = header.entry_type();
        let extension = match kind {
            EntryType::XHeader
            | EntryType::XGlobalHeader
            | EntryType::GNULongName
            | EntryType::GNULongLink => true,
            _ => matches!(kind.as_byte(), b'X'),
        };
        if !extension {
            // A volume label (GNU) and Solaris' ACLs are no files.
            if matches!(kind.as_byte(), b'V' | b'A') {
                self.body = Body::new(field(&header.as_old().size, "size")?);
                return Ok(None);
            }
            let raw_name = extensions.name(header);
            let name = Name::parse(&raw_name)?;
            let is_directory = raw_name.ends_with(b"/");
            return self
                .entry(header, std::mem::take(extensions), name, is_directory)
                .map(Some)
                .attempt(format_args!("entry '{}'", Escaped(&raw_name)));
        }
        let text = self.extension(field(&header.as_old().size, "size")?)?;
        match kind {
            EntryType::XGlobalHeader => {
                self.globals.extend_globally(&text)?;
                if !extensions.any {
                    extensions.records = self.globals.clone();
                }
                return Ok(None);
            }
            EntryType::GNULongName => extensions.long_name = Some(header::text(&text).to_vec()),
            EntryType::GNULongLink => extensions.long_link = Some(header::text(&text).to_vec()),
            _ => extensions.records.extend(&text)?,
        }
        extensions.any = true;
        Ok(None)
    }

    /// Reads the body of an extended header.
    fn extension(&mut self, size: u64) -> Result<Vec<u8>> {
        if size > EXTENSION_LIMIT {
            return Err(Error::invalid(format_args!("the archive has an extended header of {size} bytes")));
        }
        self.body = Body::new(size);
        let mut text = Vec::new();
        (&mut self.input).take(size).read_to_end(&mut text).map_err(read_error)?;
        if (text.len() as u64) < size {
            return Err(read_error(io::ErrorKind::UnexpectedEof.into()));
        }
        self.body.left = 0;
        Ok(text)
    }

    /// `is_directory`: the name says so, as in archives from before directories had a type.
    fn entry(
        &mut self,
        header: &Header,
        extensions: Extensions,
        name: Name,
        is_directory: bool,
    ) -> Result<Entry> {
        let old = header.as_old();
        let Extensions { records, long_link, .. } = extensions;
        let link = || {
            let link = records.link.clone().or(long_link);
            link.unwrap_or_else(|| header::text(&old.linkname).to_vec())
        };
        let device = || header::device(header).ok_or_else(|| Error::invalid("malformed device number"));
        let kind = match header.entry_type().as_byte() {
            b'\0' | b'0' | b'7' if is_directory => EntryKind::Directory,
            b'\0' | b'0' | b'7' | b'S' => EntryKind::File { size: 0 },
            b'1' => EntryKind::HardLink(Name::parse(&link())?),
            b'2' => EntryKind::Symlink(std::os::unix::ffi::OsStringExt::from_vec(link())),
            b'3' => device().map(|(major, minor)| EntryKind::Character(major, minor))?,
            b'4' => device().map(|(major, minor)| EntryKind::Block(major, minor))?,
            // GNU's incremental dumps list a directory's names in a body.
            b'5' | b'D' => EntryKind::Directory,
            b'6' => EntryKind::Fifo,
            other => {
                return Err(Error::unsupported(format_args!("has the unknown type '{}'", Escaped(&[other]))));
            }
        };
        let mut entry = Entry {
            name,
            kind,
            mode: (field::<i64>(&old.mode, "mode")? & 0o7777) as u32,
            uid: id(records.uid, &old.uid, "uid")?,
            gid: id(records.gid, &old.gid, "gid")?,
            mtime: match records.mtime {
                Some(mtime) => mtime,
                None => Timestamp { seconds: field(&old.mtime, "mtime")?, nanoseconds: 0 },
            },
            xattrs: Vec::new(),
        };
        // The other types have no body, whatever their size says (POSIX; Go's archive/tar agrees).
        if matches!(entry.kind, EntryKind::File { .. }) || header.entry_type().as_byte() == b'D' {
            let stored = records.size.map_or_else(|| field(&old.size, "size"), Ok)?;
            if i64::try_from(stored).is_err() {
                return Err(Error::invalid("has a size that no file can have"));
            }
            self.body = Body::new(stored);
            if let EntryKind::File { size } = &mut entry.kind {
                *size = self.map(header, &records, stored)?;
            }
        }
        entry.xattrs = records.xattrs;
        Ok(entry)
    }

    /// Finds which extents of the file the body holds, and the file's size.
    fn map(&mut self, header: &Header, records: &Records, stored: u64) -> Result<u64> {
        let missing = || Error::invalid("is sparse, but its size is missing");
        let (map, size) = if header.entry_type() == EntryType::GNUSparse {
            let gnu = header.as_gnu().ok_or_else(missing)?;
            let mut map = Vec::new();
            sparse::parse_fields(&header.as_bytes()[386..482], &mut map)?;
            let mut extended = gnu.isextended[0] != 0;
            while extended {
                let mut block = [0; BLOCK];
                self.input.read_exact(&mut block).map_err(read_error)?;
                sparse::parse_fields(&block[..504], &mut map)?;
                extended = block[504] != 0;
            }
            (map, field(&gnu.realsize, "size")?)
        } else if records.sparse.major == Some(1) {
            let (map, taken) = sparse::read_lines(&mut (&mut self.input).take(stored))?;
            self.body.left = stored - taken;
            (map, records.sparse.size.ok_or_else(missing)?)
        } else if let Some(map) = &records.sparse.map {
            (map.clone(), records.sparse.size.ok_or_else(missing)?)
        } else {
            return Ok(stored);
        };
        if i64::try_from(size).is_err() {
            return Err(Error::invalid("has a size that no file can have"));
        }
        self.body.extents = sparse::check(map, size, self.body.left)?;
        self.body.extents.reverse();
        Ok(size)
    }
}

impl Extensions {
    fn name(&mut self, header: &Header) -> Vec<u8> {
        let sparse = self.records.sparse.name.take();
        let long = sparse.or_else(|| self.records.path.take()).or_else(|| self.long_name.take());
        long.unwrap_or_else(|| header::name(header).into_owned())
    }
}

fn field<T: TryFrom<i64>>(bytes: &[u8], what: &str) -> Result<T> {
    let value = header::number(bytes).and_then(|value| T::try_from(value).ok());
    value.ok_or_else(|| Error::invalid(format_args!("malformed {what} in a header")))
}

/// The highest number means "leave it" to chown(2), so it cannot be an owner.
fn id(record: Option<u32>, bytes: &[u8], what: &str) -> Result<u32> {
    match record.map_or_else(|| field(bytes, what), Ok)? {
        u32::MAX => Err(Error::invalid(format_args!("has an impossible {what}"))),
        id => Ok(id),
    }
}

impl Body {
    fn new(size: u64) -> Body {
        let padding = (BLOCK as u64 - size % BLOCK as u64) % BLOCK as u64;
        let whole = (size > 0).then_some(Extent { offset: 0, length: size });
        Body { left: size, padding, lent: 0, extents: whole.into_iter().collect() }
    }

    /// Takes from the input what the last chunk lent out.
    fn consume_lent(&mut self, input: &mut dyn BufRead) {
        input.consume(self.lent);
        self.left -= self.lent as u64;
        self.lent = 0;
    }

    /// Skips what is left, with its padding.
    fn finish(&mut self, input: &mut dyn BufRead) -> Result<()> {
        self.consume_lent(input);
        let rest = self.left + self.padding;
        *self = Body::default();
        if io::copy(&mut input.take(rest), &mut io::sink()).map_err(read_error)? < rest {
            return Err(read_error(io::ErrorKind::UnexpectedEof.into()));
        }
        Ok(())
    }
}

/// The contents of the entry that was read last, out of the archive.
pub struct TarContent<'a> {
    input: &'a mut dyn BufRead,
    body: &'a mut Body,
}

impl Content for TarContent<'_> {
    fn chunk(&mut self) -> Result<Option<(u64, &[u8])>> {
        self.body.consume_lent(self.input);
        let Some(extent) = self.body.extents.last_mut() else { return Ok(None) };
        let available = self.input.fill_buf().map_err(read_error)?;
        if available.is_empty() {
            return Err(read_error(io::ErrorKind::UnexpectedEof.into()));
        }
        let most = usize::try_from(extent.length).unwrap_or(usize::MAX);
        let available = &available[..available.len().min(most)];
        let offset = extent.offset;
        extent.offset += available.len() as u64;
        extent.length -= available.len() as u64;
        if extent.length == 0 {
            self.body.extents.pop();
        }
        self.body.lent = available.len();
        Ok(Some((offset, available)))
    }

    fn is_whole(&self, size: u64) -> bool {
        let whole = Extent { offset: 0, length: size };
        size == 0 || self.body.extents == [whole]
    }
}

#[cfg(test)]
mod tests;
