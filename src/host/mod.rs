//! What this host is: Termux or plain Linux, where our trees are, what its kernel can do.
//!
//! Everything is read from a [`Host`], which is a snapshot: its environment is copied once and its files are
//! looked up below one root, so that a faked Android tree can stand in for a phone.

pub mod binfmt;
pub mod boot;
mod caller;
pub mod device;
mod devpts;
pub mod elf;
pub mod executable;
pub mod files;
pub mod output;
pub mod probe;
pub mod program;
pub mod resolv_conf;
mod resolvers;
mod snapshot;
mod switch;
pub mod time_zone;
pub mod tzif;

pub use snapshot::{Host, Paths, Termux};
