//! How connections are made: versions, ALPN, and whose certificates are accepted.
//!
//! Chains are checked by webpki, with two additions. A certificate that may not sign others is no part of a chain. And a
//! server may present the very certificate that is trusted. A
//! private registry often has a self-signed one (`openssl req -x509`), which webpki takes for an authority that
//! has no business being a server; OpenSSL and Go accept it.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature,
};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, OtherError, RootCertStore, SignatureScheme,
};

use super::key_usage::may_sign;

/// A client that trusts `roots`, or with `None` any certificate. TLS 1.3 and 1.2, HTTP/1.1, no client
/// certificate; sessions are resumed within the process.
pub(super) fn client(
    provider: Arc<CryptoProvider>,
    roots: Option<RootCertStore>,
) -> Result<ClientConfig, Error> {
    let verifier = Verifier { roots, algorithms: provider.signature_verification_algorithms };
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

#[derive(Debug)]
struct Verifier {
    /// `None` for `--allow-insecure`: every certificate will do, for whatever name and time, but the server still
    /// proves that it has the key.
    roots: Option<RootCertStore>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        _ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Some(roots) = &self.roots else {
            return Ok(ServerCertVerified::assertion());
        };
        let certificate = ParsedCertificate::try_from(end_entity)?;
        let authorities: Vec<CertificateDer<'_>> =
            intermediates.iter().filter(|certificate| may_sign(certificate)).cloned().collect();
        let algorithms = self.algorithms.all;
        match verify_server_cert_signed_by_trust_anchor(&certificate, roots, &authorities, now, algorithms) {
            // webpki looks at the dates before it looks at this; the name is checked below.
            Err(error) if is_an_authority(&error) => {
                if !trusted_itself(roots, end_entity) {
                    return Err(CertificateError::UnknownIssuer.into());
                }
            }
            result => result?,
        }
        verify_server_name(&certificate, name)?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

fn is_an_authority(error: &Error) -> bool {
    let Error::InvalidCertificate(CertificateError::Other(OtherError(inner))) = error else {
        return false;
    };
    inner.downcast_ref() == Some(&webpki::Error::CaUsedAsEndEntity)
}

/// Whether the certificate's subject and key are those of a trusted authority. Whoever has that key could sign any
/// certificate, so its own one tells no more and no less.
fn trusted_itself(roots: &RootCertStore, certificate: &CertificateDer<'_>) -> bool {
    webpki::anchor_from_trusted_cert(certificate).is_ok_and(|anchor| roots.roots.contains(&anchor))
}
