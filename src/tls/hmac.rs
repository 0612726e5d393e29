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
