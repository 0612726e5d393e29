//! Being inside a container.
//!
//! A [`Request`] (what the user asked) and [`facts`] (what is there) become a [`Plan`], inert data. What executes it
//! decides nothing: [`apply`] mounts, [`program`] becomes the guest's program.
//!
//! Every session is in a mount namespace of its container's own. The first one makes it, later ones join whoever is
//! still inside. A login process becomes the guest's program itself: exit code, signals and job control are the
//! kernel's own, and no process of ours is left whose death could leave something behind. Only a PID namespace, which
//! cannot be entered but by a child, needs two: PID 1 ([`holder`]) and the login process that waits.

pub mod apply;
pub mod bind;
mod enter;
pub mod environment;
pub mod facts;
mod holder;
mod live;
pub mod plan;
mod print;
mod program;
mod relay;
mod root;
pub mod steps;
#[cfg(test)]
mod tests;

use std::ffi::OsString;
use std::path::PathBuf;

pub use bind::Bind;
pub use enter::{describe, enter};
pub use plan::{Namespaces, Plan, plan};

/// How much of the host a session sees.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Mode {
    /// The host's devices, processes and temporary files; Android's own on Termux.
    #[default]
    Default,
    /// No host path but those asked for, and namespaces as the kernel has them.
    Isolated,
    /// The host's core pseudo-filesystems, and a stripped environment.
    Minimal,
}

/// What the user asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Request {
    /// How much of the host is seen.
    pub mode: Mode,
    /// A name or number, with `:` and a group's; root when not given.
    pub user: Option<OsString>,
    /// Where to begin instead of at home.
    pub work_dir: Option<PathBuf>,
    /// Variables, later ones winning.
    pub env: Vec<(OsString, OsString)>,
    /// Host paths to see, in order.
    pub binds: Vec<Bind>,
    /// Of the container alone.
    pub hostname: Option<OsString>,
    /// The program and its arguments; the user's shell when empty.
    pub command: Vec<OsString>,
}
