//! What has changed in a container since it was installed, or from one container to another.
//!
//! Two trees in memory are compared: the index that was written at install, and the same index brought in line with the
//! tree on disk. What the stamps show to be as it was is not read.

mod baseline;
mod change;
mod compare;
mod container;
mod layer;
mod names;
mod own;

pub use change::{Change, Kind};
pub use container::{between, since_install};
pub use layer::{layer, whole};
