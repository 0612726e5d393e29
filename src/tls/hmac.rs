//! HMAC with SHA-256 and SHA-384 (RFC 2104). rustls builds TLS 1.3's HKDF and TLS 1.2's PRF on it.

use std::marker::PhantomData;

use hmac::{EagerHash, Hmac, KeyInit, Mac};
use rustls::crypto::hmac::{Key, Tag};
use sha2::{Digest, Sha256, Sha384};

pub(super) static SHA256: HmacOf<Sha256> = HmacOf(PhantomData);
pub(super) static SHA384: HmacOf<Sha384> = HmacOf(PhantomData);

pub(super) struct HmacOf<D>(PhantomData<D>);

impl<D> rustls::crypto::hmac::Hmac for HmacOf<D>
where
    D: Digest + EagerHash + Send + Sync,
    Hmac<D>: Send + Sync + 'static,
{
    fn with_key(&self, key: &[u8]) -> Box<dyn Key> {
        // RFC 2104 section 2: a short key is filled up with zeros, one longer than a block is hashed first.
        let mut block = hmac::digest::Key::<Hmac<D>>::default();
        if key.len() <= block.len() {
            block[..key.len()].copy_from_slice(key);
        } else {
            let digest = D::digest(key);
            block[..digest.len()].copy_from_slice(&digest);
        }
        Box::new(Keyed(<Hmac<D> as KeyInit>::new(&block)))
    }

    fn hash_output_len(&self) -> usize {
        <D as Digest>::output_size()
    }
}

struct Keyed<M>(M);

impl<M: Mac + Clone + Send + Sync> Key for Keyed<M> {
    fn sign_concat(&self, first: &[u8], middle: &[&[u8]], last: &[u8]) -> Tag {
        let mut mac = self.0.clone();
        mac.update(first);
        for part in middle {
            mac.update(part);
        }
        mac.update(last);
        Tag::new(&mac.finalize().into_bytes())
    }

    fn tag_len(&self) -> usize {
        M::output_size()
    }
}

#[cfg(test)]
mod tests {
    use rustls::crypto::hmac::Hmac;

    use super::*;

    /// RFC 4231, test cases 2 (a short key) and 6 (one longer than a block).
    #[test]
    fn published_vectors() {
        let tag = |hmac: &dyn Hmac, key: &[u8], parts: [&[u8]; 3]| {
            let tag = hmac.with_key(key).sign_concat(parts[0], &parts[1..2], parts[2]);
            tag.as_ref().iter().map(|b| format!("{b:02x}")).collect::<String>()
        };
        let jefe = [&b"what do ya "[..], b"want for ", b"nothing?"];
        let long = [&b"Test Using Larger "[..], b"Than Block-Size Key ", b"- Hash Key First"];
        assert_eq!(
            tag(&SHA256, b"Jefe", jefe),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
        assert_eq!(
            tag(&SHA384, b"Jefe", jefe),
            "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e8e2240ca5e69e2c78b3239ecfab21649"
        );
        assert_eq!(
            tag(&SHA256, &[0xaa; 131], long),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
        );
        assert_eq!(
            tag(&SHA384, &[0xaa; 131], long),
            "4ece084485813e9088d2c63a041bc5b44f9ef1012a2b588f3cd11f05033ac4c60c2ef6ab4030fe8296248df163f44952"
        );
    }
}
