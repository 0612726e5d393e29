//! The OCI distribution protocol: client, challenge and token authentication, keychain.
//!
//! | file | what it is |
//! |---|---|
//! | `client` | manifests, blobs, URLs: what callers use |
//! | `endpoint`, `mirrors` | a registry or a mirror: scheme, repository, authentication |
//! | `scope`, `grants`, `token`, `challenge` | what a call may do, and how it is authenticated |
//! | `credential`, `keychain`, `helper` | the user's secrets |
//! | `explain` | why not |

mod challenge;
mod client;
mod credential;
mod endpoint;
mod explain;
mod grants;
mod helper;
mod keychain;
mod mirrors;
mod scope;
#[cfg(test)]
mod tests;
mod token;

pub use client::{Client, Fetched};
