//! An image becomes a container: pulled from a registry, or read from an archive, a layout directory or an address.
//!
//! Everything is made in a staging directory and checked on the way: the manifest, the config and each blob by
//! digest, each layer's contents by diff_id. One rename makes it a container.

mod assemble;
mod download;
mod fill;
mod make;
mod reset;
mod slot;

pub use download::{open_archive, read_stdin};
pub use fill::NewContainer;
pub use make::{install, reset};
pub use reset::without_a_name;
