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

mod challenge;
mod client;
mod endpoint;
mod explain;
mod helper;
mod keychain;
mod mirrors;
#[cfg(test)]
mod tests;
mod token;

pub use client::{Client, Fetched};
