//! TLS for the registry client: our own rustls crypto provider, the trusted roots, and the connector for ureq.
//!
//! The provider is a client's only, pure Rust and without unsafe code of ours: the RustCrypto and dalek crates
//! behind rustls's public traits. TLS 1.3 and 1.2 with AES-GCM and ChaCha20-Poly1305, X25519, P-256 and P-384.
//! It refuses private keys: no client certificates.

mod config;
mod connector;
mod failure;
mod hash;
mod hmac;
mod key_usage;
mod kx;
mod provider;
mod random;
mod roots;
mod suites;
#[cfg(test)]
mod tests;
mod verify;

pub use connector::{Connector, Transport};
pub use failure::failure;
pub use provider::provider;
