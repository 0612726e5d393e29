//! Root: asked of sudo, doas, pkexec or su, whichever comes first, by running this program again under it.
//!
//! The elevated process gets the caller's working directory and the variables that matter through a pipe
//! ([`handover`]): those tools clear the environment, and a secret in `argv` is everybody's. This process waits and
//! passes the exit code on. It never elevates twice, and changes who is allowed what only when told to ([`rule`]).

mod elevate;
pub mod group;
mod handover;
pub mod rule;
mod tool;

pub use elevate::{Wishes, arguments, elevate, inherit, is_root, line_as_root, tools};
