//! A small file that a session leaves in the guest for its user.

use std::io;
use std::path::{Path, PathBuf};

use crate::error::{Attempt, Result};
use crate::rootfs::Rootfs;

/// What is to be written, and for whom: readable by its owner alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GuestFile {
    /// In the guest, absolute, in [`DIRECTORY`].
    pub path: PathBuf,
    /// All of it.
    pub contents: Vec<u8>,
    /// Who may read it.
    pub uid: u32,
    /// Their group.
    pub gid: u32,
}

/// Where they are: for everybody's files that outlive a session.
pub const DIRECTORY: &str = "/var/tmp";

impl GuestFile {
    /// Writes it, in one rename; a link in its place is replaced, not followed.
    pub fn write(&self, root: &Rootfs) -> Result<()> {
        self.try_write(root).attempt(format_args!("write '{}' in the container", self.path.display()))
    }

    fn try_write(&self, root: &Rootfs) -> io::Result<()> {
        let directory = Path::new(DIRECTORY);
        root.create_dir_all(directory.parent().unwrap_or(directory), 0o755)?;
        root.create_dir_all(directory, 0o1777)?;
        root.write(&self.path, &self.contents, 0o600)?;
        let (directory, name) = root.parent(&self.path)?;
        directory.chown(&name, self.uid, self.gid)
    }
}
