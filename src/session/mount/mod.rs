//! The mounts of a session, in namespaces of the container's own.

pub mod apply;
pub mod late;
mod nodes;
pub mod root;
