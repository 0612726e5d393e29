//! The mounts of a session, in namespaces of the container's own.

pub mod apply;
mod devpts;
pub mod landmarks;
pub mod late;
mod nodes;
pub mod root;
mod source;
