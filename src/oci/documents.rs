//! Manifests, indexes and image configs: typed views over JSON whose unknown fields survive.

use serde_json::Value;

use super::{Digest, Platform};
use crate::error::Result;

/// Media types, OCI and Docker.
pub mod media_type {
    /// OCI image manifest.
    pub const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
    /// OCI image index.
    pub const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
    /// Docker schema 2 manifest.
    pub const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
    /// Docker manifest list.
    pub const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
}

/// A descriptor (descriptor.md).
#[derive(Debug, Clone)]
#[allow(missing_docs)]
pub struct Descriptor {
    pub media_type: String,
    pub digest: Digest,
    /// Bytes.
    pub size: u64,
    /// Foreign layers' addresses.
    pub urls: Vec<String>,
    /// Inline contents, decoded.
    pub data: Option<Vec<u8>>,
}

/// What a manifest's bytes turned out to be.
#[derive(Debug)]
pub enum Document {
    /// One image.
    Manifest(ImageManifest),
    /// Several; see [`Document::parse`].
    Index(Vec<(Descriptor, Option<Platform>)>),
}
impl Document {
    /// Parses raw bytes; `content_type` is believed only where the document names none. Schema 1 is refused.
    pub fn parse(bytes: &[u8], content_type: Option<&str>) -> Result<Document> {
        todo!()
    }
}

/// An image manifest (manifest.md), OCI or Docker schema 2.
#[derive(Debug, Clone)]
pub struct ImageManifest {
    /// The whole document.
    pub json: Value,
    /// The config blob.
    pub config: Descriptor,
    /// Bottom layer first.
    pub layers: Vec<Descriptor>,
}

/// An image config (config.md).
#[derive(Debug, Clone)]
pub struct ImageConfig {
    /// The whole document.
    pub json: Value,
}
impl ImageConfig {
    /// Parses raw bytes.
    pub fn parse(bytes: &[u8]) -> Result<ImageConfig> {
        todo!()
    }
    /// `rootfs.diff_ids`, bottom first.
    pub fn diff_ids(&self) -> Result<Vec<Digest>> {
        todo!()
    }
    /// `config.Entrypoint`
    pub fn entrypoint(&self) -> Vec<String> {
        todo!()
    }
    /// `config.Cmd`
    pub fn cmd(&self) -> Vec<String> {
        todo!()
    }
    /// `config.Env`
    pub fn env(&self) -> Vec<String> {
        todo!()
    }
    /// `config.WorkingDir`, when not empty.
    pub fn working_dir(&self) -> Option<&str> {
        todo!()
    }
    /// `config.User`, when not empty.
    pub fn user(&self) -> Option<&str> {
        todo!()
    }
}
