//! Compares two trees in memory.

use std::ffi::OsStr;
use std::path::Path;

use super::change::{Change, Kind};
use super::names::Names;
use crate::error::Result;
use crate::layer::{Index, Node, pairs};
use crate::rootfs::FileType;

/// What a difference counts for.
#[derive(Debug, Clone, Copy, Default)]
pub struct Rules {
    /// One tree was made of layers just now. Another program may have installed the other: it wrote files into
    /// directories, which changes their times, knew no hard links, and cut fractions of seconds.
    pub lenient: bool,
}

/// Hashes of contents that an index does not have.
pub trait Contents {
    /// Of the file at `path` of the old tree, or of the new one. `None` where that cannot be known.
    fn hash(&self, new: bool, path: &Path, node: &Node<'_>) -> Result<Option<u64>>;
}

/// Is told of each difference, and of what stands there in either tree; what it answers is kept.
pub type Keep<'a> = dyn FnMut(&Change, Option<Node<'_>>) -> bool + 'a;

/// Everything that is different from `old` to `new` outside the directories `excluded` of the root, in the order of
/// the tree.
pub fn compare(
    old: &Index,
    new: &Index,
    rules: Rules,
    excluded: &[&str],
    contents: &dyn Contents,
    keep: &mut Keep<'_>,
) -> Result<Vec<Change>> {
    let names = (Names::of(old), Names::of(new));
    let mut changes = Vec::new();
    pairs(old, new, &mut |path, old, new| {
        if is_excluded(path, excluded) {
            return Ok(());
        }
        let path = Path::new("/").join(path);
        let (kind, what) = match (&old, &new) {
            (None, _) => (Kind::Added, Vec::new()),
            (_, None) => (Kind::Deleted, Vec::new()),
            (Some(one), Some(other)) => {
                let mut what = differences(one, other, rules);
                if !rules.lenient && names.0.first(one) != names.1.first(other) {
                    what.push("hard links");
                }
                if is_same_size(one, other) && contents_differ(&path, one, other, contents)? {
                    what.insert(0, "contents");
                }
                if what.is_empty() {
                    return Ok(());
                }
                (Kind::Changed, what)
            }
        };
        let change = Change { path, kind, what };
        if keep(&change, old) {
            changes.push(change);
        }
        Ok(())
    })?;
    Ok(changes)
}

fn is_excluded(path: &OsStr, excluded: &[&str]) -> bool {
    let mut components = Path::new(path).components();
    components.next().is_some_and(|first| excluded.iter().any(|name| first.as_os_str() == *name))
}

/// What is different without looking at contents of the same size.
fn differences(one: &Node<'_>, other: &Node<'_>, rules: Rules) -> Vec<&'static str> {
    if one.file_type != other.file_type {
        return vec!["type"];
    }
    let is_link = one.file_type == FileType::Symlink;
    let xattrs = one.xattr_hash.zip(other.xattr_hash);
    let checks = [
        ("contents", one.size != other.size),
        ("target", one.link != other.link),
        ("device", one.rdev != other.rdev),
        // The kernel gives none to links; archives do.
        ("mode", one.mode != other.mode && !is_link),
        ("owner", (one.uid, one.gid) != (other.uid, other.gid)),
        ("time", times_differ(one, other, rules)),
        ("xattrs", xattrs.is_some_and(|(one, other)| one != other)),
    ];
    checks.into_iter().filter(|(_, differs)| *differs).map(|(what, _)| what).collect()
}

fn times_differ(one: &Node<'_>, other: &Node<'_>, rules: Rules) -> bool {
    if !rules.lenient {
        return one.mtime != other.mtime;
    }
    one.file_type != FileType::Directory && one.mtime.seconds != other.mtime.seconds
}

fn is_same_size(one: &Node<'_>, other: &Node<'_>) -> bool {
    let is_file = |node: &Node<'_>| node.file_type == FileType::Regular;
    is_file(one) && is_file(other) && one.size == other.size && one.size > 0
}

fn contents_differ(path: &Path, one: &Node<'_>, other: &Node<'_>, contents: &dyn Contents) -> Result<bool> {
    let hash = |new, node: &Node<'_>| match node.content_hash {
        None => contents.hash(new, path, node),
        known => Ok(known),
    };
    // What nobody knows of one tree need not be read in the other.
    let Some(one) = hash(false, one)? else { return Ok(false) };
    Ok(hash(true, other)?.is_some_and(|other| one != other))
}

#[cfg(test)]
mod tests;
