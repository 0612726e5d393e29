//! The directory of the records of sessions. What a record says is the business of [`crate::running`].

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use rustix::process::geteuid;

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
        files::contents(self.open(name), &self.0.join(name), LIMIT)
    }

    /// Opens one for reading. What neither root nor this user has written is no record: by it whoever owns the directory
    /// would name the processes that root ends.
    pub fn open(&self, name: &str) -> io::Result<File> {
        let file = files::open_read(&self.0.join(name))?;
        let owner = file.metadata()?.uid();
        match owner == 0 || owner == geteuid().as_raw() {
            true => Ok(file),
            false => Err(io::ErrorKind::NotFound.into()),
        }
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

#[cfg(test)]
mod tests {
    use std::os::unix::fs::chown;

    use super::*;
    use crate::store::tests::Scene;
    use crate::testing::needs_root;

    #[test]
    fn what_another_user_has_written_is_no_record() {
        needs_root!();
        let scene = Scene::new();
        let records = Records::at(scene.root());
        records.write("a.1.2.session", b"{}", 0o644).unwrap();
        assert_eq!(records.read("a.1.2.session").unwrap().unwrap(), b"{}");
        chown(scene.root().join("a.1.2.session"), Some(1000), None).unwrap();
        assert_eq!(records.read("a.1.2.session").unwrap(), None);
    }
}
