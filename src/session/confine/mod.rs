//! What an isolated guest cannot do.

mod bpf;
mod calls;
mod confinement;
mod filter;
mod risks;
pub mod shield;

pub use confinement::{Confinement, KEPT, capability};
pub use filter::Filter;
pub use risks::risks;
