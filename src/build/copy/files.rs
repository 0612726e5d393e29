//! A tree to copy from: a build context with its .dockerignore, or the root of a stage or an image.
//!
//! Paths resolve inside it: `..` and links, absolute ones too, never lead out. What .dockerignore hides is not there.

use std::ffi::OsStr;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::patterns::Patterns;
use crate::error::{Attempt, Error, Result};
use crate::rootfs::{FileType, Follow, Metadata, Rootfs};

/// MAXSYMLINKS of the kernel (path_resolution(7)).
const MAX_LINKS: usize = 40;

/// A tree to copy from.
#[derive(Debug)]
pub struct Files {
    root: Rootfs,
    /// Of a context.
    ignored: Option<Patterns>,
}

/// What a path leads to.
#[derive(Debug, Clone)]
pub struct Place {
    /// Its path from the root, without links; empty for the root.
    pub path: PathBuf,
    pub metadata: Metadata,
}

impl Files {
    /// A build context: what `ignored` names is hidden, and all of it belongs to root.
    pub fn context(root: OwnedFd, ignored: Patterns) -> Files {
        Files { root: Rootfs::new(root), ignored: Some(ignored) }
    }

    /// The root of a stage or an image, where owners mean something.
    pub fn tree(root: OwnedFd) -> Files {
        Files { root: Rootfs::new(root), ignored: None }
    }

    /// The tree itself.
    pub fn root(&self) -> &Rootfs {
        &self.root
    }

    /// Whether .dockerignore hides anything of it.
    pub fn is_filtered(&self) -> bool {
        self.ignored.as_ref().is_some_and(|ignored| !ignored.is_empty())
    }

    /// Whether its owners are kept.
    pub fn has_owners(&self) -> bool {
        self.ignored.is_none()
    }

    /// Whether .dockerignore names a path.
    pub fn ignores(&self, path: &Path) -> bool {
        !path.as_os_str().is_empty() && self.ignored.as_ref().is_some_and(|ignored| ignored.ignores(path))
    }

    /// Whether something that is not ignored may lie in an ignored directory.
    pub fn may_hold_exceptions(&self, directory: &Path) -> bool {
        self.ignored.as_ref().is_some_and(|ignored| ignored.may_hold_exceptions(directory))
    }

    /// What a path leads to, links followed. None when nothing is there, or nothing that may be seen.
    pub fn find(&self, path: &Path) -> Result<Option<Place>> {
        let found = self.follow(path).attempt(format_args!("look at '{}'", path.display()))?;
        Ok(found.filter(|place| self.shows(&place.path, &place.metadata)))
    }

    /// Whether it may be seen; a directory, when something in it may.
    pub fn shows(&self, path: &Path, metadata: &Metadata) -> bool {
        let is_directory = metadata.file_type == FileType::Directory;
        path.as_os_str().is_empty() || !self.ignores(path) || is_directory && self.may_hold_exceptions(path)
    }

    fn follow(&self, path: &Path) -> io::Result<Option<Place>> {
        let mut at = PathBuf::new();
        let mut pending = parts(path.as_os_str());
        let mut links = 0;
        while let Some(part) = pending.pop() {
            match &part[..] {
                b"" | b"." => continue,
                b".." => {
                    at.pop();
                    continue;
                }
                _ => {}
            }
            let next = at.join(OsStr::from_bytes(&part));
            let Some(metadata) = absent(self.root.metadata(&next, Follow::No))? else { return Ok(None) };
            if metadata.file_type != FileType::Symlink {
                at = next;
                continue;
            }
            links += 1;
            if links > MAX_LINKS {
                return Err(io::Error::from_raw_os_error(libc::ELOOP));
            }
            let target = self.root.read_link(&next)?;
            if target.as_bytes().starts_with(b"/") {
                at.clear();
            }
            pending.extend(parts(&target));
        }
        let metadata = absent(self.root.metadata(&at, Follow::No))?;
        Ok(metadata.map(|metadata| Place { path: at, metadata }))
    }
}

/// The parts of a path, the first one last.
fn parts(path: &OsStr) -> Vec<Vec<u8>> {
    path.as_bytes().rsplit(|byte| *byte == b'/').map(<[u8]>::to_vec).collect()
}

/// None for what is not there.
pub fn absent<T>(found: io::Result<T>) -> io::Result<Option<T>> {
    match found {
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            Ok(None)
        }
        found => found.map(Some),
    }
}

/// A path made plain, as Go's path.Clean does: `..` takes away the part before it, and at the root nothing.
pub fn clean(path: &str) -> PathBuf {
    let mut cleaned = PathBuf::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(cleaned.pop()),
            part => cleaned.push(part),
        }
    }
    cleaned
}

/// Nothing is there.
pub fn missing(files: &Files, source: &str) -> Error {
    let error = Error::not_found(format_args!("'{source}' is not there"));
    let Some(_) = &files.ignored else {
        return error.hint("paths after --from begin at the root of that stage or image");
    };
    let hidden = matches!(files.follow(&clean(source)), Ok(Some(_)));
    match hidden {
        true => error.hint("it is in the build context, but .dockerignore hides it"),
        false if source.split('/').any(|part| part == "..") => error.hint(
            "nothing outside of the build context can be copied: choose a larger one, or use --build-context",
        ),
        false => error.hint("paths begin at the build context, the PATH of the command line"),
    }
}
