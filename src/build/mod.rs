//! Builds: images from Dockerfiles.

pub mod tree;
