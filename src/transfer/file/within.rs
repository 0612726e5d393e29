//! Whether one directory lies in another: a tree that is copied into itself would never end.

use crate::error::{Attempt, Result};
use crate::rootfs::{Dir, Metadata};

/// Whether `dir` is the directory `outer`, or lies somewhere below it.
pub(crate) fn is_within(dir: &Dir, outer: &Dir) -> Result<bool> {
    let attempt = "look at what is above a directory";
    let key = |dir: &Dir| -> Result<_> {
        let found: Metadata = rustix::fs::fstat(dir).attempt(attempt)?.into();
        Ok((found.dev, found.inode))
    };
    let outer = key(outer)?;
    let mut here = key(dir)?;
    let mut above = dir.parent().attempt(attempt)?;
    loop {
        if here == outer {
            return Ok(true);
        }
        let next = key(&above)?;
        // Only the root is its own parent.
        if next == here {
            return Ok(false);
        }
        here = next;
        above = above.parent().attempt(attempt)?;
    }
}
