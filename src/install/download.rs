//! Archives as files that can be read as often as it takes.

use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader, IsTerminal, Read};
use std::os::fd::AsFd;
use std::path::Path;

use rustix::fs::{FileType, fstat, stat};

use crate::error::{Attempt, Error, Result};
use crate::host::Host;
use crate::net::{Settings, Sink};
use crate::registry::Client;
use crate::report::Report;
use crate::store::Store;

/// Opens a local archive; what cannot be read twice (a pipe) is copied first.
pub fn open_archive(store: &Store, path: &Path, report: &dyn Report) -> Result<File> {
    let attempt = format_args!("read '{}'", path.display());
    let file = File::open(path).attempt(attempt)?;
    if file.metadata().attempt(attempt)?.is_file() {
        return Ok(file);
    }
    let name = path.display();
    refuse_endless(&file, &name)?;
    copied(store, file, &name, report)
}

/// What standard input brings until its end. A terminal brings no archive, so it is refused.
pub fn read_stdin(store: &Store, report: &dyn Report) -> Result<File> {
    let stdin = io::stdin().lock();
    if stdin.is_terminal() {
        return Err(Error::usage("standard input is a terminal, not an archive")
            .hint("write for example: chroot-distro install - --name NAME <rootfs.tar.xz"));
    }
    let name = "standard input";
    refuse_endless(&stdin, &name)?;
    copied(store, stdin, &name, report)
}

/// Devices such as /dev/zero have no end.
fn refuse_endless(file: impl AsFd, name: &dyn fmt::Display) -> Result<()> {
    let found = fstat(file).attempt(format_args!("look at {name}"))?;
    let is_device = FileType::from_raw_mode(found.st_mode) == FileType::CharacterDevice;
    let is_null = stat("/dev/null").is_ok_and(|null| null.st_rdev == found.st_rdev);
    match is_device && !is_null {
        true => Err(Error::invalid(format_args!("{name} is a device, not an archive"))),
        false => Ok(()),
    }
}

/// A copy without a name, since an archive is read twice: to see what it is, and to unpack it.
fn copied(store: &Store, from: impl Read, name: &dyn fmt::Display, report: &dyn Report) -> Result<File> {
    let task = report.task("copying", None);
    let mut from = BufReader::with_capacity(256 << 10, from);
    let mut copy = FileSink { file: store.temporary()?, length: 0 };
    loop {
        let bytes = from.fill_buf().attempt(format_args!("read {name}"))?;
        let count = bytes.len();
        if count == 0 {
            task.state("done");
            return Ok(copy.file);
        }
        copy.append(bytes)?;
        from.consume(count);
        task.advance(count as u64);
    }
}

/// Downloads an archive whole, into a file without a name.
pub(super) fn download(
    store: &Store,
    url: &str,
    settings: &Settings,
    host: &Host,
    report: &dyn Report,
) -> Result<File> {
    let mut sink = FileSink { file: store.temporary()?, length: 0 };
    let client = Client::new(host, settings.clone(), report);
    client.download(url, &mut sink, &*report.task("archive", None))?;
    Ok(sink.file)
}

struct FileSink {
    file: File,
    length: u64,
}

impl Sink for FileSink {
    fn len(&self) -> u64 {
        self.length
    }

    fn append(&mut self, bytes: &[u8]) -> Result<()> {
        std::io::Write::write_all(&mut self.file, bytes).attempt("write the archive's copy")?;
        self.length += bytes.len() as u64;
        Ok(())
    }

    fn restart(&mut self) -> Result<()> {
        std::io::Seek::rewind(&mut self.file)
            .and_then(|()| self.file.set_len(0))
            .attempt("truncate the archive's copy")?;
        self.length = 0;
        Ok(())
    }
}
