//! Archives as files that can be read as often as it takes.

use std::fs::File;
use std::path::Path;

use crate::error::{Attempt, Result};
use crate::host::Host;
use crate::net::{Settings, Sink};
use crate::registry::Client;
use crate::report::Report;
use crate::store::Store;

/// Opens a local archive; what cannot be read twice (a pipe) is copied first.
pub(super) fn open_archive(store: &Store, path: &Path) -> Result<File> {
    let attempt = || format!("read '{}'", path.display());
    let mut file = File::open(path).attempt(attempt)?;
    if file.metadata().attempt(attempt)?.is_file() {
        return Ok(file);
    }
    let mut copy = store.temporary()?;
    std::io::copy(&mut file, &mut copy).attempt(attempt)?;
    Ok(copy)
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
        std::io::Write::write_all(&mut self.file, bytes).attempt(|| "write the downloaded archive")?;
        self.length += bytes.len() as u64;
        Ok(())
    }

    fn restart(&mut self) -> Result<()> {
        std::io::Seek::rewind(&mut self.file)
            .and_then(|()| self.file.set_len(0))
            .attempt(|| "truncate the downloaded archive")?;
        self.length = 0;
        Ok(())
    }
}
