//! What the files of a guest mean: its accounts, and what we see to in its tree.
//!
//! Every file is reached through [`crate::rootfs::Rootfs`].

pub mod accounts;
mod android;
pub mod guest_file;
pub mod ldconfig;
pub mod libraries;
pub mod provision;
mod renumber;
pub mod systemd;
pub mod terminfo;
pub mod time_zone;
mod tolerate;
pub mod written;

pub use renumber::renumber;
