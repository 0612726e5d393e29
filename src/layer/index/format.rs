//! An index as bytes, for storing it beside a container: the tree in the order of [`Index::for_each`].
//!
//! After the magic stands the root. A directory's record ends with the number of its children; then each child
//! follows, name first. Numbers are LEB128, signed ones zigzag-coded; texts have their length in front. The second
//! and later names of a file hold only its number, counted over such files.
//!
//! Version 2 has hashes: of a regular file's contents, and of what has extended attributes. After the tree come
//! sections that a reader may skip, each a byte that names it and a text. One is defined: the stamps of all inodes
//! ([`super::stamp`]), eight bytes each, in the order in which they first come in the tree.
//! Version 1 ends with the tree; its hashes are unknown.

pub(super) const MAGIC_1: &[u8] = b"chroot-distro index\n1";
pub(super) const MAGIC_2: &[u8] = b"chroot-distro index\n2";

pub(super) const FILE: u8 = 0;
pub(super) const DIRECTORY: u8 = 1;
pub(super) const SYMLINK: u8 = 2;
pub(super) const FIFO: u8 = 3;
pub(super) const CHARACTER: u8 = 4;
pub(super) const BLOCK: u8 = 5;
pub(super) const SOCKET: u8 = 6;
/// Added to the type of what has several names.
pub(super) const SHARED: u8 = 0x80;
/// Added to the type of what has extended attributes (version 2).
pub(super) const ATTRIBUTES: u8 = 0x40;

/// The section of the stamps.
pub(super) const STAMPS: u8 = 1;
