//! Builds: images from Dockerfiles.

pub mod cache;
pub mod change;
pub mod config;
pub mod copy;
mod ports;
pub mod tree;
