//! TLS for the registry client: our own rustls crypto provider, the trusted roots, and the connector for ureq.
//!
//! The provider is a client's only, pure Rust and without unsafe code of ours: the RustCrypto and dalek crates
//! behind rustls's public traits. TLS 1.3 and 1.2 with AES-GCM and ChaCha20-Poly1305, X25519, P-256 and P-384.
//! It refuses private keys: no client certificates.

use std::sync::Arc;

use rustls::crypto::{CryptoProvider, KeyProvider};
use rustls::pki_types::PrivateKeyDer;
use rustls::sign::SigningKey;

mod config;
mod connector;
mod failure;
mod hash;
mod hmac;
mod kx;
mod random;
mod roots;
mod suites;
mod verify;

pub use connector::{Connector, Transport};
pub use failure::failure;

/// The cryptography, for any rustls client.
pub fn provider() -> Arc<CryptoProvider> {
    Arc::new(CryptoProvider {
        cipher_suites: suites::preferred(),
        kx_groups: kx::GROUPS.to_vec(),
        signature_verification_algorithms: verify::ALGORITHMS,
        secure_random: &random::Kernel,
        key_provider: &NoKeys,
    })
}

/// A client that authenticates itself with passwords and tokens has no key to load.
#[derive(Debug)]
struct NoKeys;

impl KeyProvider for NoKeys {
    fn load_private_key(&self, _: PrivateKeyDer<'static>) -> Result<Arc<dyn SigningKey>, rustls::Error> {
        Err(rustls::Error::General("client certificates are not supported".to_owned()))
    }
}
