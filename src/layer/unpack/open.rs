//! One directory that is being worked in, and the time that it must have in the end.

use std::io;
use std::os::fd::AsFd;
use std::sync::Arc;

use super::file::stat;
use crate::error::{Attempt, Error, Result};
use crate::layer::name::Escaped;
use crate::rootfs::{self, Dir, Metadata, Timestamp};

/// A directory that is being worked in.
pub(super) struct Open {
    name: Vec<u8>,
    /// None while the position is far below it: `RootfsTarget::close` opens it again.
    pub(super) dir: Option<Arc<Dir>>,
    /// Device and inode.
    file: ((u32, u32), u64),
    /// Names it in [`super::fresh::Fresh`].
    pub(super) key: u64,
    /// What must stand there when it is closed.
    pub(super) mtime: Timestamp,
    /// Whether the kernel has changed it since.
    pub(super) changed: bool,
}

impl Open {
    pub(super) fn root(dir: Dir) -> Result<Open> {
        let metadata = stat(&dir)?;
        Ok(Open::new(Vec::new(), dir, 0, &metadata))
    }

    pub(super) fn new(name: Vec<u8>, dir: Dir, key: u64, metadata: &Metadata) -> Open {
        let file = (metadata.dev, metadata.inode);
        Open { name, dir: Some(Arc::new(dir)), file, key, mtime: metadata.mtime, changed: false }
    }

    /// Whether a file is still being made in it.
    pub(super) fn is_busy(&mut self) -> bool {
        self.dir.as_mut().is_some_and(|dir| Arc::get_mut(dir).is_none())
    }

    pub(super) fn close(self) -> Result<()> {
        match self.dir {
            Some(dir) if self.changed => rootfs::set_mtime(dir.as_fd(), self.mtime)
                .attempt(format_args!("set the time of the directory '{}'", Escaped(&self.name))),
            _ => Ok(()),
        }
    }

    /// Opens it again from `child`, a directory in it.
    pub(super) fn reopen(&mut self, child: &Dir) -> Result<()> {
        let attempt = || opening(&self.name);
        let dir = child.parent().attempt(attempt)?;
        let found = stat(&dir)?;
        if (found.dev, found.inode) != self.file {
            return Err(Error::io(attempt(), io::Error::other("the tree was moved meanwhile")));
        }
        self.dir = Some(Arc::new(dir));
        Ok(())
    }
}

/// For an error.
pub(super) fn opening(name: &[u8]) -> String {
    format!("open the directory '{}'", Escaped(name))
}
