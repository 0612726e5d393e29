//! The cipher suites, in the order that suits this CPU.

use chroot_distro_aead as aead;
use rustls::crypto::cipher::{Tls12AeadAlgorithm, Tls13AeadAlgorithm};
use rustls::crypto::hash::Hash;
use rustls::crypto::tls12::{Prf, PrfUsingHmac};
use rustls::crypto::tls13::{Hkdf, HkdfUsingHmac};
use rustls::crypto::{CipherSuiteCommon, KeyExchangeAlgorithm};
use rustls::{CipherSuite, SignatureScheme, SupportedCipherSuite, Tls12CipherSuite, Tls13CipherSuite};

use super::{hash, hmac};

/// TLS 1.3 before TLS 1.2; within a version AES-GCM first where the CPU has instructions for it, else ChaCha20,
/// which is several times faster than AES in (constant-time) software.
pub(super) fn preferred() -> Vec<SupportedCipherSuite> {
    let mut suites = vec![
        SupportedCipherSuite::Tls13(&TLS13_AES_128),
        SupportedCipherSuite::Tls13(&TLS13_AES_256),
        SupportedCipherSuite::Tls13(&TLS13_CHACHA20),
        SupportedCipherSuite::Tls12(&ECDSA_AES_128),
        SupportedCipherSuite::Tls12(&ECDSA_AES_256),
        SupportedCipherSuite::Tls12(&ECDSA_CHACHA20),
        SupportedCipherSuite::Tls12(&RSA_AES_128),
        SupportedCipherSuite::Tls12(&RSA_AES_256),
        SupportedCipherSuite::Tls12(&RSA_CHACHA20),
    ];
    if !aes_in_hardware() {
        suites.chunks_mut(3).for_each(|family| family.rotate_right(1));
    }
    suites
}

/// Whether the aes and polyval crates use AES and carry-less multiplication instructions here.
fn aes_in_hardware() -> bool {
    #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
    return std::arch::is_x86_feature_detected!("aes") && std::arch::is_x86_feature_detected!("pclmulqdq");
    #[cfg(target_arch = "aarch64")]
    return std::arch::is_aarch64_feature_detected!("aes");
    #[cfg(not(any(target_arch = "x86", target_arch = "x86_64", target_arch = "aarch64")))]
    false
}

/// What a suite is made of, whatever the version.
struct Parts {
    hash: &'static dyn Hash,
    hkdf: &'static dyn Hkdf,
    prf: &'static dyn Prf,
    tls13: &'static dyn Tls13AeadAlgorithm,
    tls12: &'static dyn Tls12AeadAlgorithm,
    /// Records under one key before rustls changes it (RFC 8446 section 5.5).
    limit: u64,
}

const AES_128: Parts = Parts {
    hash: &hash::SHA256,
    hkdf: &HkdfUsingHmac(&hmac::SHA256),
    prf: &PrfUsingHmac(&hmac::SHA256),
    tls13: &aead::AES_128_GCM,
    tls12: &aead::AES_128_GCM,
    limit: 1 << 24,
};

const AES_256: Parts = Parts {
    hash: &hash::SHA384,
    hkdf: &HkdfUsingHmac(&hmac::SHA384),
    prf: &PrfUsingHmac(&hmac::SHA384),
    tls13: &aead::AES_256_GCM,
    tls12: &aead::AES_256_GCM,
    limit: 1 << 24,
};

const CHACHA20: Parts = Parts {
    hash: &hash::SHA256,
    hkdf: &HkdfUsingHmac(&hmac::SHA256),
    prf: &PrfUsingHmac(&hmac::SHA256),
    tls13: &aead::CHACHA20_POLY1305,
    tls12: &aead::CHACHA20_POLY1305,
    limit: u64::MAX,
};

static TLS13_AES_128: Tls13CipherSuite = tls13(CipherSuite::TLS13_AES_128_GCM_SHA256, AES_128);
static TLS13_AES_256: Tls13CipherSuite = tls13(CipherSuite::TLS13_AES_256_GCM_SHA384, AES_256);
static TLS13_CHACHA20: Tls13CipherSuite = tls13(CipherSuite::TLS13_CHACHA20_POLY1305_SHA256, CHACHA20);

static ECDSA_AES_128: Tls12CipherSuite =
    tls12(CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, ECDSA, AES_128);
static ECDSA_AES_256: Tls12CipherSuite =
    tls12(CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, ECDSA, AES_256);
static ECDSA_CHACHA20: Tls12CipherSuite =
    tls12(CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, ECDSA, CHACHA20);
static RSA_AES_128: Tls12CipherSuite =
    tls12(CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, RSA, AES_128);
static RSA_AES_256: Tls12CipherSuite =
    tls12(CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, RSA, AES_256);
static RSA_CHACHA20: Tls12CipherSuite =
    tls12(CipherSuite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256, RSA, CHACHA20);

/// What "ECDSA" in a TLS 1.2 suite's name stands for; Ed25519 goes with it (RFC 8422 section 5.1.1).
const ECDSA: &[SignatureScheme] = &[
    SignatureScheme::ECDSA_NISTP256_SHA256,
    SignatureScheme::ECDSA_NISTP384_SHA384,
    SignatureScheme::ED25519,
];

const RSA: &[SignatureScheme] = &[
    SignatureScheme::RSA_PSS_SHA256,
    SignatureScheme::RSA_PSS_SHA384,
    SignatureScheme::RSA_PSS_SHA512,
    SignatureScheme::RSA_PKCS1_SHA256,
    SignatureScheme::RSA_PKCS1_SHA384,
    SignatureScheme::RSA_PKCS1_SHA512,
];

const fn tls13(suite: CipherSuite, parts: Parts) -> Tls13CipherSuite {
    Tls13CipherSuite {
        common: common(suite, &parts),
        hkdf_provider: parts.hkdf,
        aead_alg: parts.tls13,
        quic: None,
    }
}

const fn tls12(suite: CipherSuite, sign: &'static [SignatureScheme], parts: Parts) -> Tls12CipherSuite {
    Tls12CipherSuite {
        common: common(suite, &parts),
        prf_provider: parts.prf,
        kx: KeyExchangeAlgorithm::ECDHE,
        sign,
        aead_alg: parts.tls12,
    }
}

const fn common(suite: CipherSuite, parts: &Parts) -> CipherSuiteCommon {
    CipherSuiteCommon { suite, hash_provider: parts.hash, confidentiality_limit: parts.limit }
}
