//! The OCI distribution protocol: client, challenge and token authentication, keychain, downloads that resume.
//!
//! | file | what it is |
//! |---|---|
//! | `client` | manifests, blobs, URLs: what callers use |
//! | `download` | one body into a sink, through drops, stalls and busy servers |
//! | `endpoint`, `mirrors` | a registry or a mirror: scheme, repository, authentication |
//! | `token`, `challenge`, `keychain`, `helper` | the parts of authentication |
//! | `http`, `body`, `url`, `proxy`, `socks` | one request |
//! | `resolver`, `dns`, `resolv_conf`, `netd` | names to addresses without the C library |
//! | `retry`, `limiter`, `settings`, `explain` | when, how fast, how, and why not |

mod body;
mod challenge;
mod client;
mod dns;
mod download;
mod endpoint;
mod explain;
mod helper;
mod http;
mod keychain;
mod limiter;
mod mirrors;
mod netd;
mod proxy;
mod resolv_conf;
mod resolver;
mod retry;
mod settings;
mod socks;
#[cfg(test)]
mod tests;
mod token;
mod url;

pub use client::{Client, Fetched};
pub use download::Sink;
pub use settings::{Patience, Settings};
pub use url::shown;
