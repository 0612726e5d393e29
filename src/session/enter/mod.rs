//! The way into a session: on a container, with its locks, records, and the sessions that are there already
//! (`enter`), or on a root that is nobody's (`run`).

mod channel;
mod detach;
mod ended;
mod flow;
mod flows;
mod hand_over;
mod holder;
mod join;
mod let_go;
mod limits;
mod live;
mod make;
mod null;
mod outside;
mod peek;
mod pipes;
mod program;
mod pump;
mod relay;
mod route;
mod run;
mod streams;
mod way;

pub use ended::Ended;
pub use route::{describe, enter};
pub use run::run;
pub use streams::Stdio;
