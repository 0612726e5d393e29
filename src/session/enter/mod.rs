//! The one route into a container: locks, records, the first session and the later ones.

mod channel;
mod detach;
mod holder;
mod live;
mod program;
mod relay;
mod route;
mod streams;

pub use route::{describe, enter};
