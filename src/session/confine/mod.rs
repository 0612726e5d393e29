//! What an isolated guest cannot do.

mod confinement;
mod denylist;
pub mod shield;

pub use confinement::{Confinement, KEPT, capability};
