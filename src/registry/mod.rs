//! The OCI distribution protocol: client, challenge and token authentication, keychain.
//!
//! | file | what it is |
//! |---|---|
//! | `client` | manifests, blobs, URLs: what callers use |
//! | `repository`, `push`, `upload`, `part` | what writes: manifests, and blobs that are sent on where they broke off |
//! | `referrers`, `manage` | lists of what belongs to an image; lists of tags, and deletion |
//! | `endpoint`, `mirrors` | a registry or a mirror: scheme, repository, authentication |
//! | `scope`, `grants`, `token`, `challenge` | what a call may do, and how it is authenticated |
//! | `credential`, `keychain`, `helper`, `auth_file` | the user's secrets |
//! | `realm`, `login` | where secrets may go, and whether a registry takes them |
//! | `explain` | why not |

mod auth_file;
mod challenge;
mod client;
mod credential;
mod endpoint;
mod explain;
mod grants;
mod helper;
mod keychain;
mod login;
mod manage;
mod mirrors;
mod part;
mod push;
mod realm;
mod referrers;
mod repository;
mod scope;
#[cfg(test)]
mod tests;
mod token;
mod upload;

pub use auth_file::{Login, add, list, remove};
pub use client::{Client, Fetched};
pub use login::Answered;
pub use manage::{delete, tags};
pub use part::Source;
pub use push::{Put, push};
pub use referrers::manifest;
pub use repository::Repository;
