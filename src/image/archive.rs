//! A local archive, compressed in any way or none, read as often as it takes.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek};
use std::path::Path;

use super::description::Image;
use super::import;
use super::survey::{self, Contents, Holds};
use crate::error::{Attempt, Result};
use crate::layer::{self, Content, EntryKind, Index, Reader, Recording, RootfsTarget};
use crate::report::{Report, Task};
use crate::rootfs::Rootfs;
use crate::store::Store;

/// Bytes read from the file at once.
const BUFFER: usize = 256 << 10;

/// What is done with a file of an archive.
pub(super) type EachFile<'a> = dyn FnMut(&Path, u64, &mut dyn Content) -> Result<bool> + 'a;

/// An archive, open.
pub struct Archive<'a> {
    file: File,
    name: String,
    size: u64,
    report: &'a dyn Report,
}

impl<'a> Archive<'a> {
    /// `name` is its file's, for messages and as the name of an image without one.
    pub fn new(file: File, name: String, report: &'a dyn Report) -> Result<Archive<'a>> {
        let size = file.metadata().attempt(format_args!("look at '{name}'"))?.len();
        Ok(Archive { file, name, size, report })
    }

    /// Its file's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A look at its bytes, with its name before an error.
    fn read<T>(&self, doing: &str, look: impl FnOnce(Counted<'_>) -> Result<T>) -> Result<T> {
        self.look(doing, look).attempt(format_args!("{doing} '{}'", self.name))
    }

    /// A look at its bytes from the start on, told as a task; one that succeeds is done, wherever it ended.
    fn look<T>(&self, doing: &str, look: impl FnOnce(Counted<'_>) -> Result<T>) -> Result<T> {
        let mut file = &self.file;
        file.rewind().attempt(format_args!("rewind '{}'", self.name))?;
        let task = self.report.task(doing, Some(self.size));
        let bytes = Counted { file: BufReader::with_capacity(BUFFER, file), task: &*task };
        let seen = look(bytes)?;
        task.state("done");
        Ok(seen)
    }

    /// What it is.
    pub fn survey(&self) -> Result<Holds> {
        self.read("read", |bytes| survey::survey(&mut reader(bytes)?))
    }

    /// Unpacks the root filesystem below `prefix`. Returns the index of what stands there then.
    pub fn unpack(&self, prefix: &Path, rootfs: &Rootfs) -> Result<Index> {
        let (mut tree, mut index) = (RootfsTarget::new(rootfs, self.report), Index::new());
        let mut target = Recording::new(&mut tree, &mut index);
        let prefix = (!prefix.as_os_str().is_empty()).then(|| prefix.to_owned());
        let options = layer::Options { prefix, ..layer::Options::default() };
        self.read("unpack", |bytes| layer::apply(bytes, &mut target, &options))?;
        tree.finish()?;
        Ok(index)
    }

    /// Hands every regular file to `each`, with its size and contents, until that says that it has seen enough. The
    /// caller says in an error which archive it is.
    pub(super) fn files(&self, doing: &str, each: &mut EachFile<'_>) -> Result<()> {
        self.look(doing, |bytes| {
            let mut reader = reader(bytes)?;
            while let Some(entry) = reader.next()? {
                let EntryKind::File { size } = entry.kind else { continue };
                if !each(entry.name.as_path(), size, &mut reader.content())? {
                    break;
                }
            }
            Ok(())
        })
    }

    /// Brings the image's layers into the cache.
    pub fn import(&self, store: &Store, image: &Image, contents: &Contents) -> Result<()> {
        let wanted = import::Wanted::new(store, image, contents);
        if wanted.is_empty() {
            return Ok(());
        }
        self.read("import", |bytes| wanted.import(store, &mut reader(bytes)?, self.report))
    }
}

fn reader<'a>(bytes: Counted<'a>) -> Result<Reader<impl BufRead + 'a>> {
    Ok(Reader::new(BufReader::with_capacity(BUFFER, layer::decompress(bytes)?)))
}

/// A file that is being read, with its progress.
struct Counted<'a> {
    file: BufReader<&'a File>,
    task: &'a dyn Task,
}

impl Read for Counted<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(buffer)?;
        self.task.advance(count as u64);
        Ok(count)
    }
}
