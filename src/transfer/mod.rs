//! Files in and out of containers, and between them.

pub mod backup;
pub mod clone;
pub mod copy;
pub mod diff;
mod endpoint;
pub mod sync;

pub use endpoint::{Endpoint, Place};
