//! What the layer being unpacked has made, so that its whiteouts spare it.

use std::collections::HashSet;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::LazyLock;

/// A set of places: 64-bit hashes of their paths, eight bytes each, however long the paths. The key is drawn at
/// random for each process, so an archive cannot choose two names of one hash; by chance, a million entries meet
/// once in 37 million layers, and then one whiteout spares one file.
#[derive(Default)]
pub(super) struct Fresh(HashSet<u64>);

impl Fresh {
    /// The place `name` in the directory with the place `parent`; the root's is 0.
    pub(super) fn key(parent: u64, name: &[u8]) -> u64 {
        static KEY: LazyLock<RandomState> = LazyLock::new(RandomState::new);
        let mut hasher = KEY.build_hasher();
        hasher.write_u64(parent);
        hasher.write(name);
        hasher.finish()
    }

    pub(super) fn insert(&mut self, key: u64) {
        self.0.insert(key);
    }

    pub(super) fn contains(&self, key: u64) -> bool {
        self.0.contains(&key)
    }
}
