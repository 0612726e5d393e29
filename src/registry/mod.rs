//! The OCI distribution protocol: client, challenge and token authentication, keychain.
//!
//! | file | what it is |
//! |---|---|
//! | `client` | manifests, blobs, URLs: what callers use |
//! | `repository`, `push`, `upload`, `part` | what writes: manifests, and blobs that are sent on where they broke off |
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
mod part;
mod push;
mod repository;
mod scope;
#[cfg(test)]
mod tests;
mod token;
mod upload;

pub use client::{Client, Fetched};
pub use part::Source;
pub use push::{Put, push};
pub use repository::Repository;
