//! A tree in memory: what a rootfs looks like after its layers, with hashes in place of contents. Kept beside a
//! container, it makes `diff` a tree walk that needs no layers.

mod decode;
mod encode;
mod fill;
mod format;
mod hash;
mod node;
mod pairs;
mod recording;
mod settle;
mod stamp;
mod tree;
mod upper;

pub use hash::hash_of;
pub use node::Node;
pub use pairs::pairs;
pub use recording::Recording;
pub use settle::{Trust, content_hash};
pub use tree::Index;

#[cfg(test)]
mod tests;
