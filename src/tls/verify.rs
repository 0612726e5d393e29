//! Signature checks, for certificates and for handshakes: ECDSA on P-256 and P-384, Ed25519, and RSA (PKCS#1 v1.5
//! and PSS) with keys of 2048 to 8192 bits.
//!
//! SHA-1, shorter RSA keys and P-521 are refused, as by rustls's own providers. RUSTSEC-2023-0071 (the rsa crate's
//! timing) is about private keys, and there are none here.

use der::asn1::UintRef;
use der::{Decode, Reader, SliceReader};
use rsa::BoxedUint;
use rsa::pkcs1v15::Pkcs1v15Sign;
use rsa::signature::hazmat::PrehashVerifier;
use rustls::SignatureScheme;
use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls::pki_types::{AlgorithmIdentifier, InvalidSignature, SignatureVerificationAlgorithm, alg_id};
use sha2::digest::FixedOutputReset;
use sha2::digest::const_oid::AssociatedOid;
use sha2::{Digest, Sha256, Sha384, Sha512};

type Check = fn(key: &[u8], message: &[u8], signature: &[u8]) -> Option<()>;

#[derive(Debug)]
pub(super) struct Algorithm {
    key: AlgorithmIdentifier,
    signature: AlgorithmIdentifier,
    /// `Some` only for a good signature.
    check: Check,
}

impl SignatureVerificationAlgorithm for Algorithm {
    fn verify_signature(&self, key: &[u8], message: &[u8], signature: &[u8]) -> Result<(), InvalidSignature> {
        (self.check)(key, message, signature).ok_or(InvalidSignature)
    }

    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        self.key
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        self.signature
    }
}

const fn algorithm(key: AlgorithmIdentifier, signature: AlgorithmIdentifier, check: Check) -> Algorithm {
    Algorithm { key, signature, check }
}

pub(super) static P256_SHA256: Algorithm =
    algorithm(alg_id::ECDSA_P256, alg_id::ECDSA_SHA256, p256::<Sha256>);
static P256_SHA384: Algorithm = algorithm(alg_id::ECDSA_P256, alg_id::ECDSA_SHA384, p256::<Sha384>);
pub(super) static P384_SHA256: Algorithm =
    algorithm(alg_id::ECDSA_P384, alg_id::ECDSA_SHA256, p384::<Sha256>);
pub(super) static P384_SHA384: Algorithm =
    algorithm(alg_id::ECDSA_P384, alg_id::ECDSA_SHA384, p384::<Sha384>);
pub(super) static ED25519: Algorithm = algorithm(alg_id::ED25519, alg_id::ED25519, ed25519);
pub(super) static PKCS1_SHA256: Algorithm = algorithm(RSA, alg_id::RSA_PKCS1_SHA256, pkcs1::<Sha256>);
pub(super) static PKCS1_SHA384: Algorithm = algorithm(RSA, alg_id::RSA_PKCS1_SHA384, pkcs1::<Sha384>);
pub(super) static PKCS1_SHA512: Algorithm = algorithm(RSA, alg_id::RSA_PKCS1_SHA512, pkcs1::<Sha512>);
static BARE_PKCS1_SHA256: Algorithm =
    algorithm(RSA, bare(b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b"), pkcs1::<Sha256>);
static BARE_PKCS1_SHA384: Algorithm =
    algorithm(RSA, bare(b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0c"), pkcs1::<Sha384>);
static BARE_PKCS1_SHA512: Algorithm =
    algorithm(RSA, bare(b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0d"), pkcs1::<Sha512>);
pub(super) static PSS_SHA256: Algorithm = algorithm(RSA, alg_id::RSA_PSS_SHA256, pss::<Sha256>);
pub(super) static PSS_SHA384: Algorithm = algorithm(RSA, alg_id::RSA_PSS_SHA384, pss::<Sha384>);
pub(super) static PSS_SHA512: Algorithm = algorithm(RSA, alg_id::RSA_PSS_SHA512, pss::<Sha512>);
const RSA: AlgorithmIdentifier = alg_id::RSA_ENCRYPTION;

/// A PKCS#1 identifier without its NULL parameters: not allowed, but to be accepted (RFC 4055 section 5).
const fn bare(oid: &'static [u8]) -> AlgorithmIdentifier {
    AlgorithmIdentifier::from_slice(oid)
}

/// What webpki may use, and which of it each TLS scheme means. TLS 1.2's ECDSA schemes do not fix the curve.
pub(super) static ALGORITHMS: WebPkiSupportedAlgorithms = WebPkiSupportedAlgorithms {
    all: &[
        &P256_SHA256,
        &P256_SHA384,
        &P384_SHA256,
        &P384_SHA384,
        &ED25519,
        &PKCS1_SHA256,
        &PKCS1_SHA384,
        &PKCS1_SHA512,
        &BARE_PKCS1_SHA256,
        &BARE_PKCS1_SHA384,
        &BARE_PKCS1_SHA512,
        &PSS_SHA256,
        &PSS_SHA384,
        &PSS_SHA512,
    ],
    mapping: &[
        (SignatureScheme::ECDSA_NISTP256_SHA256, &[&P256_SHA256, &P384_SHA256]),
        (SignatureScheme::ECDSA_NISTP384_SHA384, &[&P384_SHA384, &P256_SHA384]),
        (SignatureScheme::ED25519, &[&ED25519]),
        (SignatureScheme::RSA_PSS_SHA256, &[&PSS_SHA256]),
        (SignatureScheme::RSA_PSS_SHA384, &[&PSS_SHA384]),
        (SignatureScheme::RSA_PSS_SHA512, &[&PSS_SHA512]),
        (SignatureScheme::RSA_PKCS1_SHA256, &[&PKCS1_SHA256]),
        (SignatureScheme::RSA_PKCS1_SHA384, &[&PKCS1_SHA384]),
        (SignatureScheme::RSA_PKCS1_SHA512, &[&PKCS1_SHA512]),
    ],
};

fn p256<D: Digest>(key: &[u8], message: &[u8], signature: &[u8]) -> Option<()> {
    let key = p256::ecdsa::VerifyingKey::from_sec1_bytes(key).ok()?;
    let signature = p256::ecdsa::Signature::from_der(signature).ok()?;
    key.verify_prehash(&D::digest(message), &signature).ok()
}

fn p384<D: Digest>(key: &[u8], message: &[u8], signature: &[u8]) -> Option<()> {
    let key = p384::ecdsa::VerifyingKey::from_sec1_bytes(key).ok()?;
    let signature = p384::ecdsa::Signature::from_der(signature).ok()?;
    key.verify_prehash(&D::digest(message), &signature).ok()
}

fn ed25519(key: &[u8], message: &[u8], signature: &[u8]) -> Option<()> {
    let key = ed25519_dalek::VerifyingKey::try_from(key).ok()?;
    let signature = ed25519_dalek::Signature::from_slice(signature).ok()?;
    key.verify_strict(message, &signature).ok()
}

fn pkcs1<D: Digest + AssociatedOid>(key: &[u8], message: &[u8], signature: &[u8]) -> Option<()> {
    rsa_key(key)?.verify(Pkcs1v15Sign::new::<D>(), &D::digest(message), signature).ok()
}

/// The salt is as long as the hash (RFC 8446 section 4.2.3, and `alg_id::RSA_PSS_*`).
fn pss<D: Digest + FixedOutputReset>(key: &[u8], message: &[u8], signature: &[u8]) -> Option<()> {
    rsa_key(key)?.pss_verify::<D>(message, signature).ok()
}

/// `RSAPublicKey ::= SEQUENCE { modulus INTEGER, publicExponent INTEGER }` (RFC 8017 appendix A.1.1).
fn rsa_key(der: &[u8]) -> Option<rsa::PublicKey> {
    let mut reader = SliceReader::new(der).ok()?;
    let (modulus, exponent) =
        reader.sequence(|body| Ok::<_, der::Error>((UintRef::decode(body)?, UintRef::decode(body)?))).ok()?;
    reader.finish().ok()?;
    let number = |integer: UintRef<'_>| BoxedUint::from_be_slice_vartime(integer.as_bytes());
    rsa::PublicKey::new_with_size_limits(number(modulus), number(exponent), 2048..=8192).ok()
}
