//! The tree that is copied into, as it becomes step by step: an index, and what was placed on top of it.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;

use crate::error::{Error, Result};
use crate::layer::{Index, Node};
use crate::rootfs::FileType;

/// MAXSYMLINKS of the kernel (path_resolution(7)).
const MAX_LINKS: usize = 40;

/// What stands at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stands {
    /// A directory.
    Directory,
    /// A symlink, and where it leads.
    Link(Vec<u8>),
    /// Anything else.
    Other,
}

/// The tree. Paths have no `/` at their ends, and the root's is empty.
pub struct View<'a> {
    index: &'a Index,
    placed: HashMap<Vec<u8>, Stands>,
    /// Directories of the index in whose place something else was put.
    replaced: Vec<Vec<u8>>,
}

impl<'a> View<'a> {
    /// The tree of an index, on which nothing is placed yet.
    pub fn new(index: &'a Index) -> View<'a> {
        View { index, placed: HashMap::new(), replaced: Vec::new() }
    }

    /// What stands at a path, links not followed.
    pub fn at(&self, path: &[u8]) -> Option<Stands> {
        if path.is_empty() {
            return Some(Stands::Directory);
        }
        if let Some(placed) = self.placed.get(path) {
            return Some(placed.clone());
        }
        let node = self.index.get(OsStr::from_bytes(path)).filter(|_| !self.is_gone(path))?;
        Some(match (node.file_type, node.link) {
            (FileType::Directory, _) => Stands::Directory,
            (_, Some(target)) => Stands::Link(target.as_bytes().to_vec()),
            _ => Stands::Other,
        })
    }

    fn is_gone(&self, path: &[u8]) -> bool {
        self.replaced.iter().any(|replaced| is_below(path, replaced))
    }

    /// A directory that was there before and that nothing was put over.
    pub fn untouched(&self, path: &[u8]) -> Option<Node<'a>> {
        if self.placed.contains_key(path) || self.is_gone(path) {
            return None;
        }
        self.index.get(OsStr::from_bytes(path)).filter(|node| node.file_type == FileType::Directory)
    }

    /// Puts something there. What is no directory takes the place of one with all that is in it.
    pub fn put(&mut self, path: Vec<u8>, stands: Stands) {
        if stands != Stands::Directory && self.at(&path) == Some(Stands::Directory) {
            self.placed.retain(|other, _| !is_below(other, &path));
            self.replaced.push(path.clone());
        }
        self.placed.insert(path, stands);
    }

    /// Where `path` leads from `base`, which is as a root to it: neither `..` nor links lead out. The last part is
    /// followed if it is wanted. What does not exist is taken as it is.
    pub fn resolve(&self, base: &[u8], path: &[u8], follow_last: bool) -> Result<Vec<u8>> {
        let mut at = base.to_vec();
        let mut pending = parts(path);
        let mut links = 0;
        while let Some(part) = pending.pop() {
            match &part[..] {
                b"" | b"." => continue,
                b".." => {
                    if at.len() > base.len() {
                        at.truncate(parent(&at).len().max(base.len()));
                    }
                    continue;
                }
                _ => {}
            }
            let next = join(&at, &part);
            let is_last = pending.iter().all(|part| part.is_empty());
            match self.at(&next) {
                Some(Stands::Link(target)) if follow_last || !is_last => {
                    links += 1;
                    if links > MAX_LINKS {
                        let error = io::Error::from_raw_os_error(libc::ELOOP);
                        return Err(Error::io(format_args!("follow the links of '/{}'", lossy(path)), error));
                    }
                    if target.starts_with(b"/") {
                        at.truncate(base.len());
                    }
                    pending.extend(parts(&target));
                }
                _ => at = next,
            }
        }
        Ok(at)
    }
}

fn parts(path: &[u8]) -> Vec<Vec<u8>> {
    path.rsplit(|byte| *byte == b'/').map(<[u8]>::to_vec).collect()
}

/// For messages.
pub fn lossy(path: &[u8]) -> String {
    String::from_utf8_lossy(path).into_owned()
}

/// The directory that holds a path.
pub fn parent(path: &[u8]) -> &[u8] {
    path.iter().rposition(|byte| *byte == b'/').map_or(&[], |at| &path[..at])
}

/// A name in a directory.
pub fn join(directory: &[u8], name: &[u8]) -> Vec<u8> {
    match (directory.is_empty(), name.is_empty()) {
        (true, _) => name.to_vec(),
        (_, true) => directory.to_vec(),
        _ => [directory, b"/", name].concat(),
    }
}

fn is_below(path: &[u8], directory: &[u8]) -> bool {
    path.strip_prefix(directory).is_some_and(|rest| rest.starts_with(b"/"))
}
