//! What one tree has that another had not, as a layer.
//!
//! Every changed file is sent whole, with everything on it, and the directories that lead there. A file with several
//! names is sent with all of them as soon as one has changed: a hard link of a layer leads to a file of the same layer,
//! for not every program can link to one of a lower layer. What is gone is hidden by name, before its siblings
//! (layer.md, "Whiteouts"); a directory is never made opaque, since the trees are compared and not how one became the
//! other. So equal trees make equal layers, whatever was done in between.
//!
//! Left out are sockets, and the time of the root.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use super::content::NoContent;
use super::entry::{Entry, EntryKind};
use super::found::Found;
use super::index::{Index, Node, pairs};
use super::linked::Linked;
use super::name::Name;
use super::target::Target;
use super::whiteout::order;
use crate::error::{Attempt, Error, Kind, Result};
use crate::rootfs::{Dir, FileType, Metadata, Rootfs};

/// Sends what is different from `before` to `after`, which is the index of `root` as it is now, to `target`: the paths that
/// `wanted` wants. The hashes of `after` must be known where a file may have other contents of the same size. What has gone
/// meanwhile is left out. How many entries were sent.
pub fn changes(
    before: &Index,
    after: &Index,
    root: &Rootfs,
    wanted: &dyn Fn(&OsStr) -> bool,
    target: &mut dyn Target,
) -> Result<u64> {
    let mut list = list(before, after)?;
    list.retain(|change| wanted(OsStr::from_bytes(&change.path)));
    let mut sender = Sender { root, target, above: Vec::new(), here: None, first: HashMap::new(), sent: 0 };
    for change in &list {
        match sender.change(change) {
            Err(error) if error.kind() == Kind::NotFound => {}
            sent => sent.attempt(format_args!("'/{}'", OsStr::from_bytes(&change.path).display()))?,
        }
    }
    Ok(sender.sent)
}

/// One path that is to be told of.
struct Change {
    path: Vec<u8>,
    what: What,
}

enum What {
    /// It is gone.
    Hide,
    /// It is new, or another; with the number of the file, if that has several names.
    Put(Option<u32>),
}

/// In the order in which it is sent.
fn list(before: &Index, after: &Index) -> Result<Vec<Change>> {
    let linked = Linked::of(before, after)?;
    let mut list: Vec<Change> = Vec::new();
    // Below it nothing needs to be hidden any more.
    let mut hidden: Option<Vec<u8>> = None;
    pairs(before, after, &mut |path, old, new| {
        let path = path.as_bytes();
        let what = match (old.filter(is_sent), new.filter(is_sent)) {
            (None, None) => return Ok(()),
            (Some(_), None) if hidden.as_ref().is_some_and(|above| is_below(path, above)) => return Ok(()),
            (Some(_), None) => What::Hide,
            (old, Some(new)) if linked.is_changed(path, old.as_ref(), &new) => What::Put(new.hard_link),
            (_, Some(_)) => return Ok(()),
        };
        if new.is_none_or(|new| new.file_type != FileType::Directory) {
            hidden = Some(path.to_vec());
        }
        list.push(Change { path: path.to_vec(), what });
        Ok(())
    })?;
    list.sort_by(|one, other| order(&one.path, one.is_hidden(), &other.path, other.is_hidden()));
    Ok(list)
}

impl Change {
    fn is_hidden(&self) -> bool {
        matches!(self.what, What::Hide)
    }
}

fn is_sent(node: &Node<'_>) -> bool {
    node.file_type != FileType::Socket
}

fn is_below(path: &[u8], above: &[u8]) -> bool {
    path.strip_prefix(above).is_some_and(|rest| rest.starts_with(b"/"))
}

struct Sender<'a> {
    root: &'a Rootfs,
    target: &'a mut dyn Target,
    /// The directory that was sent last: it and all above it need not be sent again.
    above: Vec<u8>,
    /// The directory that is open, with its path.
    here: Option<(Vec<u8>, Dir)>,
    /// The names that were sent of files with several.
    first: HashMap<u32, Name>,
    sent: u64,
}

impl Sender<'_> {
    fn change(&mut self, change: &Change) -> Result<()> {
        let name = Name::parse(&change.path)?;
        self.parents(&change.path)?;
        match change.what {
            What::Hide => self.target.hide(&name)?,
            What::Put(None) => self.put(&name)?,
            What::Put(Some(file)) => match self.first.get(&file) {
                Some(first) => {
                    let kind = EntryKind::HardLink(first.clone());
                    self.target.put(&Entry::new(name.as_path(), kind)?, &mut NoContent)?;
                }
                None => {
                    self.put(&name)?;
                    self.first.insert(file, name);
                }
            },
        }
        self.sent += 1;
        Ok(())
    }

    /// Sends the directories that lead to `path` and were not sent yet.
    fn parents(&mut self, path: &[u8]) -> Result<()> {
        let ends = path.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(at, _)| at);
        for end in ends {
            let parent = &path[..end];
            if self.above != parent && !is_below(&self.above, parent) {
                self.put(&Name::parse(parent)?)?;
                self.sent += 1;
            }
        }
        Ok(())
    }

    /// Sends what stands at `name` now.
    fn put(&mut self, name: &Name) -> Result<()> {
        let Some((parent, leaf)) = name.split() else {
            let root = self.root.dir("").attempt("open the root")?;
            return self.directory(name, &root);
        };
        let leaf = OsStr::from_bytes(leaf);
        if self.here.as_ref().is_none_or(|(path, _)| path != parent) {
            let dir = self.root.dir_at_any_depth(OsStr::from_bytes(parent)).attempt("open its directory")?;
            self.here = Some((parent.to_vec(), dir));
        }
        let Some((_, dir)) = &self.here else { return Ok(()) };
        let metadata = dir.metadata(leaf).attempt("look at it")?;
        if metadata.file_type == FileType::Directory {
            let opened = dir.dir(leaf).attempt("open it")?;
            return self.directory(name, &opened);
        }
        let found = Found::look(dir, leaf, &metadata).attempt("read it")?;
        let mut found = found.ok_or_else(|| Error::not_found("it is gone again"))?;
        let entry = entry(name, &found.metadata, found.kind, found.xattrs);
        match &mut found.content {
            Some(content) => self.target.put(&entry, content),
            None => self.target.put(&entry, &mut NoContent),
        }
    }

    fn directory(&mut self, name: &Name, opened: &Dir) -> Result<()> {
        let metadata: Metadata = rustix::fs::fstat(opened).attempt("look at it")?.into();
        let xattrs = opened.own_xattrs().attempt("read its extended attributes")?;
        self.above = name.as_bytes().to_vec();
        self.target.put(&entry(name, &metadata, EntryKind::Directory, xattrs), &mut NoContent)
    }
}

fn entry(
    name: &Name,
    metadata: &Metadata,
    kind: EntryKind,
    xattrs: Vec<(std::ffi::OsString, Vec<u8>)>,
) -> Entry {
    let &Metadata { mode, uid, gid, mtime, .. } = metadata;
    Entry { name: name.clone(), kind, mode, uid, gid, mtime, xattrs }
}

#[cfg(test)]
mod tests;
