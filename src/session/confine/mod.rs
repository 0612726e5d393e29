//! What an isolated guest cannot do.

mod confinement;
mod denylist;
mod risks;
pub mod shield;

pub use confinement::{Confinement, KEPT, capability};
pub use risks::risks;
