//! Which names are of one file: each stands for the first of them.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use crate::layer::{Index, Node};

/// The first name, by its bytes, of each file that has several.
pub struct Names(HashMap<u32, Vec<u8>>);

impl Names {
    pub fn of(index: &Index) -> Names {
        let mut names: HashMap<u32, Vec<u8>> = HashMap::new();
        index.for_each(&mut |path: &OsStr, node: Node<'_>| {
            let Some(file) = node.hard_link else { return };
            let path = path.as_bytes();
            let first = names.entry(file).or_insert_with(|| path.to_vec());
            if path < first.as_slice() {
                *first = path.to_vec();
            }
        });
        Names(names)
    }

    /// `None` for a file that has one name.
    pub fn first(&self, node: &Node<'_>) -> Option<&[u8]> {
        self.0.get(&node.hard_link?).map(Vec::as_slice)
    }
}
