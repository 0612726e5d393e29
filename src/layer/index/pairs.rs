//! Two trees side by side.

use std::cmp::Ordering;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use super::node::Node;
use super::tree::{Child, Index, ROOT};
use crate::error::Result;

/// Is told of a path and what stands there in either tree.
pub type Pair<'a> = dyn FnMut(&OsStr, Option<Node<'_>>, Option<Node<'_>>) -> Result<()> + 'a;

/// Visits every path of either tree, the root (empty) first, then each directory before its children, sorted by name.
pub fn pairs(old: &Index, new: &Index, visit: &mut Pair<'_>) -> Result<()> {
    let mut path = Vec::new();
    visit(OsStr::new(""), Some(old.node(ROOT)), Some(new.node(ROOT)))?;
    let mut open = vec![Level { length: 0, old: old.children(ROOT), new: new.children(ROOT) }];
    while let Some(level) = open.last_mut() {
        path.truncate(level.length);
        let Some((one, other)) = level.next(old, new) else {
            open.pop();
            continue;
        };
        if level.length > 0 {
            path.push(b'/');
        }
        path.extend_from_slice(match (one, other) {
            (Some(child), _) => old.text(child.name),
            (None, Some(child)) => new.text(child.name),
            (None, None) => b"",
        });
        visit(
            OsStr::from_bytes(&path),
            one.map(|child| old.node(child.inode)),
            other.map(|child| new.node(child.inode)),
        )?;
        open.push(Level {
            length: path.len(),
            old: one.map(|child| old.children(child.inode)).unwrap_or_default(),
            new: other.map(|child| new.children(child.inode)).unwrap_or_default(),
        });
    }
    Ok(())
}

/// A directory on the way: the length of its path, and the children that are still to come.
struct Level<'a> {
    length: usize,
    old: &'a [Child],
    new: &'a [Child],
}

impl Level<'_> {
    /// The next name in the order of both, and who has it.
    fn next(&mut self, old: &Index, new: &Index) -> Option<(Option<Child>, Option<Child>)> {
        let (one, other) = (self.old.first().copied(), self.new.first().copied());
        let order = match (one, other) {
            (None, None) => return None,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(one), Some(other)) => old.text(one.name).cmp(new.text(other.name)),
        };
        let one = one.filter(|_| order.is_le());
        let other = other.filter(|_| order.is_ge());
        self.old = &self.old[usize::from(one.is_some())..];
        self.new = &self.new[usize::from(other.is_some())..];
        Some((one, other))
    }
}
