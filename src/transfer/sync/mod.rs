//! Makes one side equal to the other, and writes only what differs.
//!
//! Both sides are gone through by descriptors; no link on the way is followed but what the user typed. A file is made
//! under another name and renamed, so that whoever looks sees the old one or the new one, whole.

mod exclude;
mod glob;
mod links;
mod options;
mod prune;
mod put;
mod run;
mod same;
mod syncer;
mod tree;

pub use exclude::Exclude;
pub use options::Options;
pub use run::{Counts, Request, run};
