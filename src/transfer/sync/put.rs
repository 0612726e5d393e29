//! Puts one thing in its place: made whole under another name, then renamed over what stands there.

use std::ffi::OsStr;
use std::fs::File;
use std::io;

use crate::error::{Attempt, Result};
use crate::rootfs::{Dir, FileType, Metadata};
use crate::sys::point;
use crate::transfer::file::{Attributes, Handle, Lost, copy_contents};

/// The name of what is not whole yet, documented. The next run removes what a killed one left, and one in a source is
/// never synchronised.
pub(super) const TEMPORARY: &str = ".~cd_sync";

fn temporary() -> &'static OsStr {
    OsStr::new(TEMPORARY)
}

/// Where something goes.
#[derive(Clone, Copy)]
pub(super) struct Spot<'a> {
    pub(super) dir: &'a Dir,
    pub(super) leaf: &'a OsStr,
    /// The directory was made just now: nothing stands there.
    pub(super) is_new: bool,
}

impl Spot<'_> {
    /// What stands there.
    pub(super) fn found(&self) -> Result<Option<Metadata>> {
        match self.dir.metadata(self.leaf) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            found => found.map(Some).attempt("look at what stands there"),
        }
    }

    /// A regular file with the contents of `from`, which is `source`.
    pub(super) fn file(
        &self,
        from: &File,
        source: &Metadata,
        wanted: &Attributes,
        lost: &mut Lost,
    ) -> Result<()> {
        let mode = wanted.mode_meanwhile();
        let file = new(|name| self.dir.create_file(name, mode), self.dir)?;
        let filled =
            copy_contents(from, &file, source).and_then(|()| wanted.set_on_new(Handle::open(&file), lost));
        point::reach("sync.filled");
        self.settle(filled)
    }

    /// A link, device, FIFO or socket.
    pub(super) fn special(
        &self,
        make: &dyn Fn(&Dir, &OsStr) -> io::Result<()>,
        wanted: &Attributes,
        lost: &mut Lost,
    ) -> Result<()> {
        new(|name| make(self.dir, name), self.dir)?;
        let described = wanted.set_on_new(Handle::Name(self.dir, temporary()), lost);
        point::reach("sync.made");
        self.settle(described)
    }

    /// Another name of a file that is there.
    pub(super) fn hard_link(&self, of: Spot<'_>) -> Result<()> {
        new(|name| self.dir.hard_link(name, of.dir, of.leaf), self.dir)?;
        point::reach("sync.linked");
        self.settle(Ok(()))
    }

    fn settle(&self, made: Result<()>) -> Result<()> {
        let settled =
            made.and_then(|()| self.dir.rename(temporary(), self.dir, self.leaf).attempt("give it its name"));
        if settled.is_err() {
            // What failed already has its error.
            let _ = self.dir.remove_file(temporary());
        }
        settled
    }
}

/// Makes something under the temporary name, in place of what a killed process left there.
fn new<T>(make: impl Fn(&OsStr) -> io::Result<T>, dir: &Dir) -> Result<T> {
    let made = match make(temporary()) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            clean(dir).and_then(|()| make(temporary()))
        }
        made => made,
    };
    made.attempt("create it")
}

/// Removes what a killed process left in a directory.
pub(super) fn clean(dir: &Dir) -> io::Result<()> {
    match dir.remove_file(temporary()) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        // Not one of ours: they are no directories.
        Err(error) if error.kind() == io::ErrorKind::IsADirectory => Ok(()),
        removed => removed,
    }
}

/// How to make what is neither a file nor a directory.
pub(super) fn maker<'a>(
    metadata: &Metadata,
    target: &'a OsStr,
) -> impl Fn(&Dir, &OsStr) -> io::Result<()> + use<'a> {
    let Metadata { file_type, mode, rdev, .. } = *metadata;
    move |dir, name| match file_type {
        FileType::Symlink => dir.symlink(name, target),
        _ => dir.mknod(name, file_type, mode & 0o700, rdev),
    }
}
