//! Builds: images from Dockerfiles.

pub mod cache;
pub mod copy;
pub mod tree;
