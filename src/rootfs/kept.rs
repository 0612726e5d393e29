//! A directory whose modification time stays, whatever is made or removed in it meanwhile.

use std::io;

use super::attributes::set_mtime;
use super::dir::Dir;
use super::metadata::{Metadata, Timestamp};

/// Sets the time again when it is dropped.
pub(super) struct Kept<'a> {
    dir: &'a Dir,
    mtime: Timestamp,
}

impl<'a> Kept<'a> {
    pub(super) fn time_of(dir: &'a Dir) -> io::Result<Kept<'a>> {
        let mtime = Metadata::from(rustix::fs::fstat(dir)?).mtime;
        Ok(Kept { dir, mtime })
    }
}

impl Drop for Kept<'_> {
    fn drop(&mut self) {
        // A time is no reason to fail.
        let _ = set_mtime(self.dir, self.mtime);
    }
}
