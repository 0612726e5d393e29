//! The kernel's doors: one system call a function, the only block where `unsafe` is allowed.
//!
//! rustix speaks for most of them already; what stands here is what it lacks, and what must behave alike on
//! kernels from 3.10 on. A modern call and its old twin share one signature through [`Modern`].

pub mod chmod;
pub mod copy;
pub mod descriptor;
pub mod environment;
pub mod fault;
pub mod identity;
mod modern;
pub mod mount;
pub mod namespace;
pub mod network;
pub mod point;
pub mod process;
pub mod resolve;
pub mod seccomp;
pub mod signal;
pub mod trap;
pub mod xattr;

pub use modern::Modern;
