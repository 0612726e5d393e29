//! A container taken for one command, to be moved or deleted as a whole: nobody inside, nothing mounted below it, and
//! its lock held.

use std::path::Path;
use std::time::Duration;

use super::ending::GRACE;
use super::mounts;
use crate::error::{Attempt, Error, Kind, Result};
use crate::store::{Container, Lock, Name};

/// How long the Python tool's parent of a session may take to notice that it ended.
const PATIENCE: Duration = Duration::from_secs(5);

impl Container {
    /// Undoes what is mounted below its root in our mount namespace, by the Python tool: ours never are there.
    pub fn unmount(&self) -> Result<()> {
        mounts::undo(&self.real_path()?)
    }

    /// Undoes the Python tool's mounts; refuses while any other remains, in any namespace.
    fn clear_of_mounts(&self) -> Result<()> {
        self.unmount()?;
        mounts::refuse(&self.real_path()?)
    }

    /// Takes it for `command`: ends what runs inside, takes the exclusive lock, undoes the Python tool's mounts, and
    /// refuses while any mount remains in any namespace.
    pub fn seize(&self, command: &str) -> Result<Lock> {
        if self.holder().is_some() {
            // Nobody's sessions end for what is refused at once.
            self.lock_exclusive(command, Duration::ZERO)?;
        }
        self.end(GRACE)?;
        let lock = self.lock_exclusive(command, PATIENCE)?;
        // Who had the shared lock may have started something since; from now on nobody can.
        self.end(GRACE)?;
        self.clear_of_mounts()?;
        Ok(lock)
    }

    /// Ends what runs inside and deletes it; see [`Container::delete`]. `each` hears every path.
    pub fn remove(self, each: &mut dyn FnMut(&Path)) -> Result<()> {
        let name = self.name().clone();
        let remove = || {
            let lock = self.seize("remove")?;
            self.delete(&lock, each)
        };
        remove().attempt(format_args!("remove '{name}'"))
    }

    /// Gives it another name. `Busy` while anything runs inside, `Exists` when the name is taken.
    pub fn rename(&self, new: &Name) -> Result<Container> {
        let ready = || {
            self.refuse_taken(new)?;
            self.refuse_running()
        };
        let rename = || {
            ready()?;
            let locks = self.lock_with(new, "rename")?;
            ready()?;
            self.clear_of_mounts()?;
            self.move_to(new, &locks)
        };
        rename().attempt(format_args!("rename '{}'", self.name()))
    }

    fn refuse_running(&self) -> Result<()> {
        if self.is_quiet()? {
            return Ok(());
        }
        Err(Error::new(Kind::Busy, "it is running")
            .hint(format_args!("end what runs inside first: chroot-distro kill {}", self.name())))
    }
}
