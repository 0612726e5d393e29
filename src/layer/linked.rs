//! Which files of a tree are others than in the tree before, with all of their names in mind.

use std::collections::{HashMap, HashSet};
use std::os::unix::ffi::OsStrExt;

use super::index::{Index, Node, pairs};
use crate::error::Result;
use crate::rootfs::FileType;

/// What is known of files with several names.
pub(super) struct Linked {
    /// Files of the tree after, by their numbers, that have changed or have other names.
    changed: HashSet<u32>,
    /// Of a file of the tree before: who has the first of its names that is left. It alone may be the same file still.
    heirs: HashMap<u32, Heir>,
}

/// A file of the tree after: by its number, or by its only name.
#[derive(PartialEq, Eq)]
enum Heir {
    Several(u32),
    Single(Vec<u8>),
}

impl Heir {
    fn of(path: &[u8], node: &Node<'_>) -> Heir {
        node.hard_link.map_or_else(|| Heir::Single(path.to_vec()), Heir::Several)
    }
}

impl Linked {
    pub(super) fn of(before: &Index, after: &Index) -> Result<Linked> {
        let mut linked = Linked { changed: HashSet::new(), heirs: HashMap::new() };
        // Which file each file with several names was before.
        let mut was: HashMap<u32, u32> = HashMap::new();
        pairs(before, after, &mut |path, old, new| {
            let Some(new) = new else { return Ok(()) };
            let path = path.as_bytes();
            let same = old.filter(|old| is_same(old, &new));
            if let Some(number) = same.and_then(|old| old.hard_link) {
                linked.heirs.entry(number).or_insert_with(|| Heir::of(path, &new));
            }
            let Some(number) = new.hard_link else { return Ok(()) };
            let is_one = match same.and_then(|old| old.hard_link) {
                Some(old) => *was.entry(number).or_insert(old) == old,
                None => false,
            };
            if !is_one {
                linked.changed.insert(number);
            }
            Ok(())
        })?;
        for (number, old) in was {
            if linked.heirs.get(&old) != Some(&Heir::Several(number)) {
                linked.changed.insert(number);
            }
        }
        Ok(linked)
    }

    /// Whether what stands at `path` must be sent, if `old` is there.
    pub(super) fn is_changed(&self, path: &[u8], old: Option<&Node<'_>>, new: &Node<'_>) -> bool {
        if let Some(number) = new.hard_link {
            return self.changed.contains(&number);
        }
        let Some(old) = old.filter(|old| is_same(old, new)) else {
            // Nobody gave the root its time: it changes with whatever is made in it.
            return !(path.is_empty()
                && old.is_some_and(|old| is_same(&Node { mtime: new.mtime, ..*old }, new)));
        };
        let heir = old.hard_link.and_then(|number| self.heirs.get(&number));
        heir.is_some_and(|heir| *heir != Heir::of(path, new))
    }
}

/// Whether two nodes tell the same, their names aside.
fn is_same(old: &Node<'_>, new: &Node<'_>) -> bool {
    let link = old.file_type == FileType::Symlink;
    let mode = |node: &Node<'_>| if link { 0 } else { node.mode };
    let told = |node: &Node<'_>| (node.file_type, node.uid, node.gid, node.mtime, node.size, node.rdev);
    told(old) == told(new)
        && mode(old) == mode(new)
        && old.link == new.link
        && old.content_hash == new.content_hash
        && old.xattr_hash == new.xattr_hash
}
