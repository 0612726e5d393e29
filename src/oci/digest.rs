//! Content digests (OCI image-spec, descriptor.md, "Digests"): `sha256:` and `sha512:`, over raw bytes.

use std::fmt;

use crate::error::Result;

/// A registered algorithm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum Algorithm {
    Sha256,
    Sha512,
}

/// A digest, checked once: lower-case hex of the algorithm's length.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest {
    algorithm: Algorithm,
    hex: String,
}

impl Digest {
    /// Parses `algorithm:hex`.
    pub fn parse(text: &str) -> Result<Digest> {
        todo!()
    }
    /// The SHA-256 of `bytes`.
    pub fn of(bytes: &[u8]) -> Digest {
        todo!()
    }
    /// The algorithm.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
    /// The hex part.
    pub fn hex(&self) -> &str {
        &self.hex
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        todo!()
    }
}

/// Computes a digest over a stream.
#[derive(Clone)]
pub struct Hasher(());

impl Hasher {
    /// Starts empty.
    pub fn new(algorithm: Algorithm) -> Hasher {
        todo!()
    }
    /// Takes more bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        todo!()
    }
    /// The digest of all of them.
    pub fn finish(self) -> Digest {
        todo!()
    }
}
