//! The archive that is being written: each file once, each blob verified.

use std::collections::HashSet;
use std::fs::File;
use std::io::{Read, Write};

use crate::error::{Attempt, Error, Result};
use crate::layer::pack::Writer;
use crate::layer::{Content, Entry, EntryKind, NoContent, Target};
use crate::oci::{Descriptor, Digest, Hasher};
use crate::report::{Report, Task};
use crate::store::Library;

/// Bytes read at once.
const BUFFER: usize = 256 << 10;

/// An archive of images in the making.
pub(super) struct Tar<'a> {
    writer: Writer<&'a mut dyn Write>,
    pub(super) library: &'a Library,
    report: &'a dyn Report,
    written: HashSet<String>,
}

impl<'a> Tar<'a> {
    pub(super) fn new(library: &'a Library, output: &'a mut dyn Write, report: &'a dyn Report) -> Tar<'a> {
        Tar { writer: Writer::new(output), library, report, written: HashSet::new() }
    }

    /// Adds a directory.
    pub(super) fn directory(&mut self, name: &str) -> Result<()> {
        match self.is_new(name) {
            true => self.writer.put(&Entry::new(name, EntryKind::Directory)?, &mut NoContent),
            false => Ok(()),
        }
    }

    /// Adds a small file.
    pub(super) fn document(&mut self, name: &str, bytes: &[u8]) -> Result<()> {
        match self.is_new(name) {
            true => self.writer.append(&file(name, bytes.len() as u64)?, bytes),
            false => Ok(()),
        }
    }

    /// Adds a blob of the library as it is.
    pub(super) fn blob(&mut self, name: &str, blob: &Descriptor) -> Result<()> {
        if let Some(data) = &blob.data {
            return self.document(name, data);
        }
        self.verified(name, blob, &blob.digest, self.library.open(&blob.digest)?)
    }

    /// Adds a file of `size` bytes that must have this digest.
    pub(super) fn verified(
        &mut self,
        name: &str,
        told: &Descriptor,
        digest: &Digest,
        input: File,
    ) -> Result<()> {
        if !self.is_new(name) {
            return Ok(());
        }
        let size = input.metadata().attempt(format_args!("look at blob {}", told.short()))?.len();
        let task = self.report.task(told.short(), Some(size));
        let hasher = Some(Hasher::new(digest.algorithm()));
        let mut content =
            Verified { input, digest, hasher, position: 0, buffer: vec![0; BUFFER], task: &*task };
        self.writer.put(&file(name, size)?, &mut content)
    }

    /// Ends the archive.
    pub(super) fn finish(self) -> Result<()> {
        self.writer.finish().map(drop)
    }

    fn is_new(&mut self, name: &str) -> bool {
        self.written.insert(name.to_owned())
    }
}

fn file(name: &str, size: u64) -> Result<Entry> {
    Entry::new(name, EntryKind::File { size })
}

/// A blob on its way: an error at its end when it is not what it should be.
struct Verified<'a> {
    input: File,
    digest: &'a Digest,
    hasher: Option<Hasher>,
    position: u64,
    buffer: Vec<u8>,
    task: &'a dyn Task,
}

impl Content for Verified<'_> {
    fn chunk(&mut self) -> Result<Option<(u64, &[u8])>> {
        let count = self.input.read(&mut self.buffer).attempt("read it")?;
        if count == 0 {
            let found = self.hasher.take().map(Hasher::finish);
            return match found.is_none_or(|found| found == *self.digest) {
                true => Ok(None),
                false => {
                    Err(Error::invalid(format_args!("it is damaged: its digest is not {}", self.digest))
                        .hint("pull or load the image again"))
                }
            };
        }
        let bytes = &self.buffer[..count];
        if let Some(hasher) = &mut self.hasher {
            hasher.update(bytes);
        }
        let at = self.position;
        self.position += count as u64;
        self.task.advance(count as u64);
        Ok(Some((at, bytes)))
    }

    fn is_whole(&self, _: u64) -> bool {
        true
    }
}
