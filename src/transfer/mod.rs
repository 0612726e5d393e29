//! Files in and out of containers, and between them.

pub mod backup;
pub mod clone;
pub mod copy;
pub mod diff;
mod endpoint;
mod file;
mod slip;
pub mod sync;
mod tell;

pub use endpoint::{Endpoint, Place};
