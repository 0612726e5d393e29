//! The OCI distribution protocol: client, challenge and token authentication, keychain, downloads that resume.

use crate::error::Result;
use crate::oci::{Descriptor, Digest, Reference};
use crate::report::{Report, Task};

/// What the environment and the command line say about downloads.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `--allow-insecure`: no certificate checks, and plain HTTP for any registry.
    pub insecure: bool,
    /// `CD_DOWNLOAD_WORKERS`: 1 to 10, default 4.
    pub workers: usize,
    /// `CD_DOWNLOAD_RATE_LIMIT`: bytes a second over all downloads, 0 = unlimited.
    pub rate_limit: u64,
    /// `CD_DOWNLOAD_MAX_RETRIES`: 0 to 20, default 3.
    pub max_retries: u32,
}
impl Settings {
    /// Reads the environment; invalid values use the default, out-of-range ones are clamped.
    pub fn from_env(insecure: bool) -> Settings {
        todo!()
    }
}

/// What a manifest request brought.
#[derive(Debug)]
pub enum Fetched {
    /// The server still has `known`.
    Unchanged,
    /// Raw bytes, verified against the reference's digest if it has one.
    Document {
        /// As served.
        bytes: Vec<u8>,
        /// `Content-Type`, without parameters.
        content_type: Option<String>,
        /// Of the bytes.
        digest: Digest,
    },
}

/// Where a download goes. A dropped connection resumes at `len()`.
pub trait Sink {
    /// Bytes already there.
    fn len(&self) -> u64;
    /// Appends.
    fn append(&mut self, bytes: &[u8]) -> Result<()>;
    /// Forgets what is there (the server cannot resume).
    fn restart(&mut self) -> Result<()>;
}

/// A client for any number of registries; one a command. Shared between threads.
pub struct Client<'a> {
    report: &'a dyn Report,
}
impl<'a> Client<'a> {
    /// Reads credentials' sources, proxies and roots lazily.
    pub fn new(settings: Settings, report: &'a dyn Report) -> Result<Client<'a>> {
        todo!()
    }
    /// The settings in force.
    pub fn settings(&self) -> &Settings {
        todo!()
    }
    /// The manifest or index that `reference` names (its digest first, then its tag). With `known`, a HEAD or
    /// conditional request first.
    pub fn manifest(&self, reference: &Reference, known: Option<&Digest>) -> Result<Fetched> {
        todo!()
    }
    /// One blob of the reference's repository into `sink`, resuming, retrying, obeying Retry-After and the rate
    /// limit. The caller verifies.
    pub fn blob(
        &self,
        reference: &Reference,
        blob: &Descriptor,
        sink: &mut dyn Sink,
        task: &dyn Task,
    ) -> Result<()> {
        todo!()
    }
    /// A plain `http://` or `https://` URL into `sink`, in the same manner. `task` may not know the total.
    pub fn download(&self, url: &str, sink: &mut dyn Sink, task: &dyn Task) -> Result<()> {
        todo!()
    }
}
