//! What a build is asked for.

use std::ffi::OsString;
use std::path::PathBuf;

use crate::net::Settings;
use crate::oci::{Platform, Reference};

/// A build.
#[derive(Debug, Clone)]
pub struct Request {
    /// The build context: a directory, an archive, or `-` for standard input.
    pub context: OsString,
    /// The Dockerfile; `-` is standard input. None: `Dockerfile` of the context.
    pub file: Option<OsString>,
    /// Names of the image.
    pub tags: Vec<Reference>,
    /// `--build-arg`, later ones winning.
    pub arguments: Vec<(String, String)>,
    /// `--build-context`: names that FROM and `--from` may use.
    pub contexts: Vec<(String, NamedContext)>,
    /// What is built for, each once.
    pub platforms: Vec<Platform>,
    /// The stage to build; the last one when not given.
    pub target: Option<String>,
    /// No step comes from the cache.
    pub no_cache: bool,
    /// No step of these stages does.
    pub no_cache_filter: Vec<String>,
    /// RUN has no network unless it asks for one.
    pub no_network: bool,
    /// On top of the labels of the Dockerfile.
    pub labels: Vec<(String, String)>,
    /// Base images are asked for at their registries, also when they are here.
    pub pull: bool,
    /// `--secret`.
    pub secrets: Vec<Secret>,
    /// `--ssh`: sockets of agents by their id.
    pub ssh: Vec<(String, PathBuf)>,
    /// `SOURCE_DATE_EPOCH`, in seconds: what is made later is dated back to it.
    pub epoch: Option<i64>,
    /// RUN has no more rights than an isolated guest.
    pub confined: bool,
    /// For downloads.
    pub settings: Settings,
}

/// What `--build-context` gives a name to.
#[derive(Debug, Clone)]
pub enum NamedContext {
    /// A directory of the host.
    Directory(PathBuf),
    /// An image.
    Image(Reference),
    /// An OCI image layout, and the tag or digest of the image in it, where it has several.
    Layout(PathBuf, Option<String>),
}

/// A secret for `RUN --mount=type=secret`.
#[derive(Debug, Clone)]
pub struct Secret {
    /// Its name.
    pub id: String,
    /// What it is.
    pub value: Vec<u8>,
}
