//! The tree of a stage on disk: what its RUNs see, and what they have changed.
//!
//! | file | what it is |
//! |---|---|
//! | `stage` | the tree: made, changed by layers, asked what has changed |
//! | `base`, `chain` | the base image below it: unpacked once, kept by the chain of its layers |
//! | `above` | the layers above it, where they can stand in memory |
//! | `overlay` | where overlayfs works, the base is shared; where not, it is copied |

mod above;
mod base;
mod chain;
mod overlay;
mod stage;
#[cfg(test)]
mod tests;

pub use base::{base, index};
pub use chain::chain;
pub use stage::Tree;
