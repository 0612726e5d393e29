//! A guest's root as a directory descriptor, and every operation on guest files.
//!
//! Names come from layers, archives and guests, all hostile. Nothing outside this block joins a host path
//! with a guest path: a [`Rootfs`] exposes no `PathBuf`. Each operation resolves inside the root (openat2
//! `RESOLVE_IN_ROOT`, or an `O_PATH|O_NOFOLLOW` walk where the kernel has none) to a [`Dir`] and a leaf name,
//! and acts there. Links are followed inside the root, never out of it.

mod attributes;
pub mod descent;
mod dir;
mod kept;
mod metadata;
mod mount_point;
pub mod mountinfo;
pub mod mounts;
mod regular;
mod remove;
mod rewrite;
mod root;
mod usage;
pub mod walk;
mod xattrs;

pub use attributes::{chmod, chown, set_mtime, set_xattr};
pub use dir::Dir;
pub use metadata::{FileType, Metadata, Timestamp};
pub use mount_point::is_mount_point;
pub use root::{Follow, Rootfs};
pub use xattrs::{remove_xattr, xattrs};
