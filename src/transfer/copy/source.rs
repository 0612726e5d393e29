//! What a typed source means: a directory to be copied with what is in it, or one file.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::io::Errno;

use crate::error::{Attempt, Result};
use crate::rootfs::{Dir, FileType, Follow, Metadata, Rootfs};
use crate::transfer::endpoint::Place;

/// How a path was typed, as far as cp(1) looks at it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Spelling {
    /// The name that a copy gets in a directory; none for `x/.`, `..` and `/`, whose contents go there.
    pub(super) base: Option<OsString>,
    /// It ends in a slash, `.` or `..`, so it must name a directory (path_resolution(7)).
    pub(super) directory: bool,
}

impl Spelling {
    pub(super) fn of(path: &Path) -> Spelling {
        let bytes = path.as_os_str().as_bytes();
        let end = bytes.iter().rposition(|&byte| byte != b'/').map_or(0, |last| last + 1);
        let last = bytes[..end].rsplit(|&byte| byte == b'/').next().unwrap_or_default();
        let base = Some(last).filter(|last| !matches!(*last, b"" | b"." | b".."));
        let base = base.map(|base| OsStr::from_bytes(base).to_owned());
        let directory = end < bytes.len() || base.is_none();
        Spelling { base, directory }
    }
}

/// A source that was found.
pub(super) enum Source {
    /// A directory.
    Tree(Dir, Metadata),
    /// Anything else, by its directory and name.
    Leaf(Dir, OsString, Metadata),
}

/// Finds what stands at the source. A link there is itself the source, unless `follow` or the spelling says otherwise.
pub(super) fn find(place: &Place, spelling: &Spelling, follow: bool) -> Result<Source> {
    let Place { rootfs, path, .. } = place;
    let find = || -> io::Result<Source> {
        let follow = if follow || spelling.directory { Follow::Yes } else { Follow::No };
        let found = rootfs.metadata(path, follow)?;
        if found.file_type == FileType::Directory {
            let dir = rootfs.dir(path)?;
            let metadata = rustix::fs::fstat(&dir)?.into();
            return Ok(Source::Tree(dir, metadata));
        }
        if spelling.directory {
            return Err(Errno::NOTDIR.into());
        }
        let (dir, leaf) = match follow {
            Follow::Yes => settle(rootfs, path)?,
            Follow::No => rootfs.parent(path)?,
        };
        let metadata = dir.metadata(&leaf)?;
        Ok(Source::Leaf(dir, leaf, metadata))
    };
    find().attempt("find it")
}

impl Source {
    pub(super) fn metadata(&self) -> &Metadata {
        match self {
            Source::Tree(_, metadata) | Source::Leaf(_, _, metadata) => metadata,
        }
    }
}

/// Where the links at `path` lead in the end, inside the root: the directory and the name of what is there, which is no
/// link.
pub(super) fn settle(rootfs: &Rootfs, path: &Path) -> io::Result<(Dir, OsString)> {
    /// MAXSYMLINKS of the kernel (path_resolution(7)).
    const MAX_LINKS: usize = 40;
    let mut path = PathBuf::from(path);
    for _ in 0..=MAX_LINKS {
        let (dir, leaf) = rootfs.parent(&path)?;
        if dir.metadata(&leaf)?.file_type != FileType::Symlink {
            return Ok((dir, leaf));
        }
        let target = dir.read_link(&leaf)?;
        path = path.parent().unwrap_or(Path::new("/")).join(target);
    }
    Err(Errno::LOOP.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spelling_has_a_name_or_means_what_is_inside() {
        let spelling = |path: &str| {
            let Spelling { base, directory } = Spelling::of(Path::new(path));
            (base.map(|base| base.into_string().unwrap()), directory)
        };
        let named = |base: &str, directory| (Some(base.to_owned()), directory);
        assert_eq!(spelling("a/b"), named("b", false));
        assert_eq!(spelling("b"), named("b", false));
        assert_eq!(spelling("a/b//"), named("b", true));
        assert_eq!(spelling("a/..b"), named("..b", false));
        for path in ["/", ".", "..", "a/.", "a/..", "a/./", "//"] {
            assert_eq!(spelling(path), (None, true), "{path}");
        }
    }
}
