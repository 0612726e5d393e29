//! Files in and out of containers, and between them.

mod endpoint;

pub use endpoint::{Endpoint, Place};
