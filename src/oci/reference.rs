//! Image references, as Docker's and containers' tools write them: `[registry/]repository[:tag][@digest]`.

use std::fmt;

use super::Digest;
use crate::error::Result;

/// A reference, normalized once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// `docker.io`, `ghcr.io`, `localhost:5000`.
    pub registry: String,
    /// `library/ubuntu`, `foo/bar`.
    pub repository: String,
    /// The tag; `latest` when neither tag nor digest was given.
    pub tag: Option<String>,
    /// The digest, which wins over the tag.
    pub digest: Option<Digest>,
}

impl Reference {
    /// Parses and normalizes; the first component is a registry when it has a `.` or `:` or is `localhost`.
    pub fn parse(text: &str) -> Result<Reference> {
        todo!()
    }
    /// The last part of the repository: the default container name.
    pub fn short_name(&self) -> &str {
        todo!()
    }
    /// The key of the manifest cache, by the on-disk layout of `reference/`: `[registry/]repo:tag_arch`, no
    /// `registry/` for Docker Hub.
    pub fn cache_key(&self, arch: super::Arch) -> String {
        todo!()
    }
}
/// As a user would write it: `ubuntu:24.04`, `ghcr.io/foo/bar:1`.
impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        todo!()
    }
}
