//! The directories that are open, and how a name leads through them.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::sync::Arc;

use super::file::stat;
use super::fresh::Fresh;
use super::open::{Open, opening};
use super::prune::is_no_directory;
use super::rootfs_target::RootfsTarget;
use crate::error::{Attempt, Error, Result};
use crate::layer::entry::{Entry, EntryKind};
use crate::layer::name::Escaped;
use crate::layer::target::{self, Step, Steps};
use crate::rootfs::{Dir, FileType, Metadata};

/// How many directories may wait for their last files before the parser waits, too.
const MAX_LEFT: usize = 64;

/// How many of the innermost directories keep a descriptor, beside the root: layers are hardly ever deeper, and some
/// hosts allow a process no more than 256 descriptors.
const MAX_HELD: usize = 32;

impl RootfsTarget<'_> {
    /// Closes the open directories from an index on, the innermost first. Those in which files are still being
    /// made are put aside. What is the innermost then has a descriptor.
    pub(super) fn close(&mut self, from: usize) -> Result<()> {
        while self.open.len() > from {
            let Some(mut open) = self.open.pop() else { break };
            if let (Some(parent), Some(dir)) = (self.open.last_mut(), &open.dir)
                && parent.dir.is_none()
            {
                parent.reopen(dir)?;
            }
            if open.changed && open.is_busy() {
                self.left.push(open);
            } else {
                open.close()?;
            }
        }
        if self.left.len() > MAX_LEFT {
            self.close_left()?;
        }
        if self.left.len() > MAX_LEFT {
            self.wait_for_all()?;
        }
        Ok(())
    }

    /// Closes those of the directories put aside that nobody works in any more.
    pub(super) fn close_left(&mut self) -> Result<()> {
        let done = self.left.extract_if(.., |open| !open.is_busy()).collect::<Vec<_>>();
        done.into_iter().try_for_each(Open::close)
    }

    /// The directory at the position.
    pub(super) fn here(&mut self) -> &mut Open {
        &mut self.open[self.at]
    }

    /// Its descriptor. What is open below a directory that has none is closed first.
    pub(super) fn dir(&mut self) -> Result<Arc<Dir>> {
        if self.here().dir.is_none() {
            self.close(self.at + 1)?;
        }
        let missing = || Error::io("open a directory again", io::ErrorKind::NotFound.into());
        self.here().dir.clone().ok_or_else(missing)
    }

    /// Before a directory is opened below the innermost: lets go of the descriptor of one far above, when the files
    /// that are being made there are done.
    fn let_go(&mut self) -> Result<()> {
        let Some(far) = self.open.len().checked_sub(MAX_HELD).filter(|&far| far > 0) else { return Ok(()) };
        if self.open[far].is_busy() {
            self.wait_for_all()?;
        }
        self.open[far].dir = None;
        Ok(())
    }

    /// The place of `name` at the position.
    pub(super) fn place(&mut self, name: &[u8]) -> u64 {
        Fresh::key(self.here().key, name)
    }

    /// Goes to a directory that is made if it is missing.
    pub(super) fn enter(&mut self, directory: &[u8]) -> Result<()> {
        if self.last.as_deref() != Some(directory) {
            // Most directories lie in the one before them: the way from the root would be walked once a level.
            match self.last.take().and_then(|last| directory.strip_prefix(&*last)?.strip_prefix(b"/")) {
                Some(rest) => target::walk_on(self, self.at, rest, true)?,
                None => target::walk(self, directory, true)?,
            };
            self.last = Some(directory.to_vec());
        }
        self.here().changed = true;
        Ok(())
    }

    /// Goes into a directory below the position that was just opened.
    pub(super) fn push(&mut self, name: &[u8], dir: Dir) -> Result<Metadata> {
        let metadata = stat(&dir)?;
        let key = self.place(name);
        self.let_go()?;
        self.open.push(Open::new(name.to_vec(), dir, key, &metadata));
        self.at += 1;
        Ok(metadata)
    }

    /// Before something at the position is removed or replaced: what is open below may go with it, and names may
    /// come to mean something else.
    pub(super) fn forget_below(&mut self) -> Result<()> {
        self.wait_for_all()?;
        self.close(self.at + 1)?;
        self.last = None;
        Ok(())
    }

    /// A directory that nobody mentioned.
    fn make_implied(&mut self, name: &[u8]) -> Result<()> {
        self.here().changed = true;
        self.replace(name, |dir, leaf| dir.create_dir(leaf, 0o755))?;
        let made = self.dir()?.dir(OsStr::from_bytes(name)).attempt(|| opening(name))?;
        let metadata = self.push(name, made)?;
        self.set_directory(&Entry::new("", EntryKind::Directory)?, &metadata)
    }
}

impl Steps for RootfsTarget<'_> {
    fn top(&mut self) {
        self.at = 0;
        self.last = None;
    }

    fn up(&mut self) {
        self.at = self.at.saturating_sub(1);
    }

    fn down(&mut self, name: &[u8], make: bool) -> Result<Step> {
        let place = self.place(name);
        if self.pool.is_pending(place) {
            self.wait_for_all()?;
        }
        if self.open.get(self.at + 1).is_some_and(|below| below.key == place) {
            self.at += 1;
        } else {
            self.close(self.at + 1)?;
            if let Some(left) = self.left.iter().position(|open| open.key == place) {
                let again = self.left.swap_remove(left);
                self.let_go()?;
                self.open.push(again);
                self.at += 1;
            } else {
                let dir = self.dir()?;
                let leaf = OsStr::from_bytes(name);
                match dir.dir(leaf) {
                    Ok(found) => {
                        self.push(name, found)?;
                    }
                    Err(error) if is_no_directory(&error) => {
                        if dir.metadata(leaf).is_ok_and(|there| there.file_type == FileType::Symlink) {
                            let target = dir.read_link(leaf);
                            let target = target.attempt(format_args!("read the link '{}'", Escaped(name)))?;
                            return Ok(Step::Link(target.into_vec()));
                        }
                        if !make {
                            return Ok(Step::Missing);
                        }
                        self.make_implied(name)?;
                    }
                    Err(error) => return Err(Error::io(opening(name), error)),
                }
            }
        }
        if make {
            self.mark(None);
        }
        Ok(Step::Entered)
    }
}
