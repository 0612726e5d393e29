//! The directory of the records of sessions. What a record says is the business of [`crate::running`].

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::path::PathBuf;

use super::files;
use crate::error::Result;

/// Bytes; a command line fits.
const LIMIT: u64 = 4 << 20;

/// Small files that come and go with sessions, by name.
#[derive(Debug, Clone)]
pub struct Records(PathBuf);

impl Records {
    pub(super) fn new(directory: PathBuf) -> Records {
        Records(directory)
    }

    /// The names of all files, in no order. A missing directory is an empty one.
    pub fn names(&self) -> Result<Vec<String>> {
        files::names(&self.0)
    }

    /// One file, up to 4 MiB of it; `None` when it is not there.
    pub fn read(&self, name: &str) -> Result<Option<Vec<u8>>> {
        files::read(&self.0.join(name), LIMIT)
    }

    /// Opens one for reading.
    pub fn open(&self, name: &str) -> io::Result<File> {
        File::open(self.0.join(name))
    }

    /// Writes one; it need not outlive a power cut.
    pub fn write(&self, name: &str, contents: &[u8], mode: u32) -> Result<()> {
        files::make_dir(&self.0)?;
        files::write_transient(&self.0.join(name), contents, mode)
    }

    /// Deletes one. Who cannot leaves it to the next.
    pub fn remove(&self, name: impl AsRef<OsStr>) {
        let _ = fs::remove_file(self.0.join(name.as_ref()));
    }

    /// The directory itself, for tests.
    #[cfg(test)]
    pub fn at(directory: &std::path::Path) -> Records {
        Records(directory.to_owned())
    }
}
