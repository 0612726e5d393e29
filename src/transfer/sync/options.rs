//! What was asked for.

use super::exclude::Exclude;
use crate::error::Result;
use crate::rootfs::Metadata;
use crate::transfer::file::{Attributes, Handle, Owner};

/// How to synchronise.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Files of the same size are compared byte by byte; else their times tell.
    pub checksum: bool,
    /// What is not in the source goes.
    pub delete: bool,
    /// Hard links, devices, FIFOs, sockets and all extended attributes too.
    pub archive: bool,
    /// Nothing is written.
    pub dry_run: bool,
    /// What is left alone on both sides.
    pub exclude: Exclude,
    /// The owner of everything, in place of the source's.
    pub owner: Owner,
}

impl Options {
    /// What is to stand in the destination for `from`, which is `metadata`.
    pub(super) fn wanted(&self, from: Handle<'_>, metadata: &Metadata) -> Result<Attributes> {
        Attributes::read(from, metadata, self.owner, self.archive)
    }
}
