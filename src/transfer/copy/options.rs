//! What was asked for.

use crate::error::Result;
use crate::rootfs::Metadata;
use crate::transfer::file::{Attributes, Handle, Owner};

/// How to copy.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Directories too.
    pub recursive: bool,
    /// Hard links, devices, FIFOs, sockets and all extended attributes too, and the attributes of directories that
    /// exist.
    pub archive: bool,
    /// A link that is named as a source stands for what it leads to.
    pub follow: bool,
    /// Delete each source that was copied whole.
    pub remove: bool,
    /// The owner of everything that is made.
    pub owner: Owner,
}

impl Options {
    /// What the copy of `from`, which is `metadata`, shall have.
    pub(super) fn wanted(&self, from: Handle<'_>, metadata: &Metadata) -> Result<Attributes> {
        Attributes::read(from, metadata, self.owner, self.archive)
    }
}
