//! A container, or its root filesystem alone, as a tar archive; and back.
//!
//! A backup holds `NAME/manifest.json`, `NAME/rootfs/`, as the Python tool has it, and `NAME/.index`, the state as
//! installed, so that `diff` works after a restore. The container may run: what changes while it is read is told.

mod fitting;
mod restore;
mod sort;
mod write;

pub use restore::{Verified, list, restore, verify};
pub use write::{Options, backup, export};
