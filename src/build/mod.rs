//! Builds: images from Dockerfiles.

pub mod cache;
pub mod tree;
