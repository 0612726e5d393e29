//! Brings an [`Index`] in line with a tree of overlayfs, by what its upper directory has: only there can anything have
//! changed. What that directory says itself (whiteouts, marks of opaque directories) is not believed: it tells where to
//! look, and what stands there is asked of the mounted tree.
//!
//! With `index=on` the names of a file stay one file when it is copied up by one of them: then the others are looked at, too.

use std::collections::HashSet;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::settle::{Settler, Trust};
use super::tree::{Index, ROOT};
use crate::error::{Attempt, Error, Kind, Result};
use crate::rootfs::walk::{self, Doing, Next, Order, Visit, Visited};
use crate::rootfs::{Dir, Metadata, Rootfs};

impl Index {
    /// Makes this the index of `merged`, of which only what also stands in `upper` may be another than it says, and gives
    /// that its stamps.
    pub fn settle_upper(&mut self, merged: &Rootfs, upper: Dir, trust: Trust) -> Result<()> {
        let root = merged.dir("").attempt("open the root")?;
        let metadata: Metadata = rustix::fs::fstat(&root).attempt("stat the root")?.into();
        let mut settler = Settler::new(self, trust, &[])?;
        settler.root(&root, &metadata)?;
        settler.open.push(ROOT);
        let mut follower = Follower { merged, settler, here: (PathBuf::new(), root) };
        follower.keep_what_is_there()?;
        walk::below(upper, Order::Any, &mut follower)?;
        follower.other_names()
    }
}

/// Follows the walk through the upper directory in the merged tree.
struct Follower<'a> {
    merged: &'a Rootfs,
    settler: Settler<'a>,
    /// The directory of the merged tree that was opened last, with its path.
    here: (PathBuf, Dir),
}

impl Follower<'_> {
    fn go_to(&mut self, path: &Path) -> Result<()> {
        if self.here.0 != path {
            let dir =
                self.merged.dir_at_any_depth(path).attempt(format_args!("open '/{}'", path.display()))?;
            self.here = (path.to_owned(), dir);
        }
        Ok(())
    }

    /// What is not in the directory any more goes.
    fn keep_what_is_there(&mut self) -> Result<()> {
        let names = self.here.1.names().attempt(format_args!("list '/{}'", self.here.0.display()))?;
        let names: HashSet<OsString> = names.into_iter().collect();
        let directory = self.settler.here();
        self.settler.index.keep_named(directory, &|name| names.contains(OsStr::from_bytes(name)));
        Ok(())
    }

    /// Looks at one name of the merged tree.
    fn look(&mut self, parent: &Path, leaf: &OsStr) -> Result<()> {
        self.go_to(parent)?;
        let attempt = || format!("look at '/{}'", parent.join(leaf).display());
        let metadata = match self.here.1.metadata(leaf) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            metadata => metadata.attempt(attempt)?,
        };
        let at = Visited { dir: &self.here.1, leaf, metadata: &metadata, mounted: false, parent };
        match self.settler.describe(&at) {
            Err(error) if error.kind() == Kind::NotFound => Ok(()),
            described => described.attempt(attempt),
        }
    }

    /// Looks at the other names of files that are not what they were by one of their names.
    fn other_names(mut self) -> Result<()> {
        let parted = std::mem::take(&mut self.settler.parted);
        if parted.is_empty() {
            return Ok(());
        }
        let mut names: Vec<PathBuf> = Vec::new();
        self.settler.index.preorder(&mut |path, inode| {
            if parted.contains(&inode) {
                names.push(PathBuf::from(OsStr::from_bytes(path)));
            }
        });
        for name in names {
            let (Some(parent), Some(leaf)) = (name.parent(), name.file_name()) else { continue };
            let index = &self.settler.index;
            let directory = parent.iter().try_fold(ROOT, |directory, name| {
                index.child(directory, name.as_bytes()).map(|child| child.inode)
            });
            self.settler.open = directory.into_iter().collect();
            self.look(parent, leaf)?;
        }
        Ok(())
    }
}

impl Visit for Follower<'_> {
    type Error = Error;

    fn enter(&mut self, at: &Visited<'_>, _opened: &Dir) -> Result<Next> {
        self.look(at.parent, at.leaf)?;
        let entered = self.settler.index.child(self.settler.here(), at.leaf.as_bytes());
        match entered.filter(|child| self.settler.index.is_directory(child.inode)) {
            Some(child) => {
                self.settler.open.push(child.inode);
                self.go_to(&at.path())?;
                self.keep_what_is_there()?;
                Ok(Next::Into)
            }
            None => Ok(Next::Over),
        }
    }

    fn other(&mut self, at: &Visited<'_>) -> Result<()> {
        self.look(at.parent, at.leaf)
    }

    fn leave(&mut self, _left: &Dir) -> Result<()> {
        self.settler.open.pop();
        Ok(())
    }

    fn failed(&mut self, doing: Doing, path: &Path, error: io::Error) -> Result<()> {
        Err(Error::io(format_args!("{} '/{}' of the upper directory", doing.verb(), path.display()), error))
    }
}
