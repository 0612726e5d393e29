//! The OCI distribution protocol: client, challenge and token authentication, keychain.
//!
//! | file | what it is |
//! |---|---|
//! | `client` | manifests, blobs, URLs: what callers use |
//! | `endpoint`, `mirrors` | a registry or a mirror: scheme, repository, authentication |
//! | `token`, `challenge`, `credential`, `keychain`, `helper` | the parts of authentication |
//! | `explain` | why not |

mod challenge;
mod client;
mod credential;
mod endpoint;
mod explain;
mod helper;
mod keychain;
mod mirrors;
#[cfg(test)]
mod tests;
mod token;

pub use client::{Client, Fetched};
