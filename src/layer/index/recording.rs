//! Writes files and the [`Index`] of them in one pass.

use super::hash::ContentHash;
use super::tree::Index;
use crate::error::{Attempt, Result};
use crate::layer::content::Content;
use crate::layer::entry::Entry;
use crate::layer::name::Name;
use crate::layer::target::Target;

/// A target that tells an index of all that another target receives. The contents are hashed while that target
/// reads them.
pub struct Recording<'a> {
    tree: &'a mut dyn Target,
    index: &'a mut Index,
    hash: ContentHash,
}

impl<'a> Recording<'a> {
    /// Entries go to `tree` first, then to `index`.
    pub fn new(tree: &'a mut dyn Target, index: &'a mut Index) -> Recording<'a> {
        Recording { tree, index, hash: ContentHash::new() }
    }
}

impl Target for Recording<'_> {
    fn begin(&mut self) -> Result<()> {
        self.tree.begin()?;
        self.index.begin()
    }

    fn put(&mut self, entry: &Entry, content: &mut dyn Content) -> Result<()> {
        let mut hashed = Hashed { content, hash: &mut self.hash };
        self.tree.put(entry, &mut hashed)?;
        hashed.read_rest()?;
        let hash = self.hash.finish();
        self.index.record(entry, hash).attempt(format_args!("entry '{}'", entry.name))
    }

    fn hide(&mut self, name: &Name) -> Result<()> {
        self.tree.hide(name)?;
        self.index.hide(name)
    }

    fn hide_children(&mut self, name: &Name) -> Result<()> {
        self.tree.hide_children(name)?;
        self.index.hide_children(name)
    }

    fn end(&mut self) -> Result<()> {
        self.tree.end()?;
        self.index.end()
    }
}

/// Contents that are hashed as they are read. There is no descriptor, so that nobody copies past the hash.
struct Hashed<'a> {
    content: &'a mut dyn Content,
    hash: &'a mut ContentHash,
}

impl Hashed<'_> {
    /// Targets do not read what they have no use for.
    fn read_rest(&mut self) -> Result<()> {
        while self.chunk()?.is_some() {}
        Ok(())
    }
}

impl Content for Hashed<'_> {
    fn chunk(&mut self) -> Result<Option<(u64, &[u8])>> {
        let chunk = self.content.chunk()?;
        if let Some((offset, bytes)) = chunk {
            self.hash.update(offset, bytes);
        }
        Ok(chunk)
    }

    fn is_whole(&self, size: u64) -> bool {
        self.content.is_whole(size)
    }
}
