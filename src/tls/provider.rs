//! The crypto provider as a whole.

use std::sync::Arc;

use rustls::crypto::{CryptoProvider, KeyProvider};
use rustls::pki_types::PrivateKeyDer;
use rustls::sign::SigningKey;

/// The cryptography, for any rustls client.
pub fn provider() -> Arc<CryptoProvider> {
    Arc::new(CryptoProvider {
        cipher_suites: super::suites::preferred(),
        kx_groups: super::kx::GROUPS.to_vec(),
        signature_verification_algorithms: super::verify::ALGORITHMS,
        secure_random: &super::random::Kernel,
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
