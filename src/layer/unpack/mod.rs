//! Writes entries into a guest's root, through descriptors alone: names are walked component by component and no
//! step follows a link ([`super::target::walk`] does, inside the root), so no archive reaches outside.
//!
//! The directories on the way to the last entry are open, the innermost of them with a descriptor, and each remembers
//! the modification time it must have in the end: its last entry's, or, when a layer changes its content without
//! mentioning it, the one it had. The time is set when the directory is closed, so nothing has to be remembered of
//! directories long left.
//!
//! Small files are made by a [`pool`] of threads; everything else happens here, in the archive's order, and waits
//! for the files that it depends on.

mod casefold;
mod clone;
mod directories;
mod file;
mod fresh;
mod layers;
mod open;
mod pool;
mod prune;
mod put;
mod rootfs_target;

pub use rootfs_target::RootfsTarget;

#[cfg(test)]
mod tests;
