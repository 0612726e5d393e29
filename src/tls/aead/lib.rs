//! TLS record protection: AES-GCM and ChaCha20-Poly1305 for TLS 1.3 (RFC 8446 section 5.2) and TLS 1.2 (RFC 5288,
//! RFC 7905), behind rustls's traits.
//!
//! A crate of its own for one reason: the ciphers are generic code, which is compiled where its types are chosen,
//! at that crate's optimization level. In the program, which is compiled for size, they would run at a tenth of
//! their speed.
//!
//! A record that is too short, too long or has a wrong tag is refused; tags are compared in constant time by the
//! cipher crates, and plaintext is written only after its tag was found right. Keys are never handed out (rustls
//! asks for them only to feed the kernel's TLS).
//!
//! No `--cfg` is needed for the CPU's instructions: aes 0.9 and polyval 0.7 look for them at run time, on x86 and on
//! aarch64.

use aes_gcm::aead::array::typenum::Unsigned;
use aes_gcm::aead::consts::{U12, U16};
use aes_gcm::aead::{AeadInOut, KeyInit, array::Array};
use aes_gcm::{Aes128Gcm, Aes256Gcm};
use chacha20poly1305::ChaCha20Poly1305;
use rustls::crypto::cipher::{
    AeadKey, InboundOpaqueMessage, InboundPlainMessage, Iv, KeyBlockShape, MessageDecrypter,
    MessageEncrypter, NONCE_LEN, Nonce, OutboundOpaqueMessage, OutboundPlainMessage, PrefixedPayload,
    Tls12AeadAlgorithm, Tls13AeadAlgorithm, UnsupportedOperationError, make_tls12_aad, make_tls13_aad,
};
use rustls::{ConnectionTrafficSecrets, ContentType, Error, ProtocolVersion};

/// GCM sends the last 8 bytes of its TLS 1.2 nonce with each record (RFC 5288 section 3).
pub static AES_128_GCM: Aead = Aead::of::<Aes128Gcm>(8);
/// As [`AES_128_GCM`], with the longer key.
pub static AES_256_GCM: Aead = Aead::of::<Aes256Gcm>(8);
/// ChaCha20-Poly1305's nonce is implicit in both versions (RFC 7905 section 2).
pub static CHACHA20_POLY1305: Aead = Aead::of::<ChaCha20Poly1305>(0);

/// Of all three.
const TAG_LEN: usize = 16;
/// The largest plaintext of a record (RFC 8446 section 5.1, RFC 5246 section 6.2.1).
const MAX_PLAINTEXT: usize = 1 << 14;

/// A cipher of the AEAD kind with TLS's nonce and tag lengths.
trait Cipher: AeadInOut<NonceSize = U12, TagSize = U16> + KeyInit + Send + Sync + 'static {}
impl<T: AeadInOut<NonceSize = U12, TagSize = U16> + KeyInit + Send + Sync + 'static> Cipher for T {}

/// One cipher's record protection in both versions.
///
/// Not generic, so that nothing generic is left to the crate that uses it.
pub struct Aead {
    key_len: usize,
    /// Bytes of the nonce that travel with each TLS 1.2 record.
    explicit: usize,
    tls13: fn(&AeadKey, Iv) -> Box<dyn Direction>,
    tls12: fn(&AeadKey, Iv, explicit: usize) -> Box<dyn Direction>,
}

/// What protects records can also open them.
trait Direction: MessageEncrypter + MessageDecrypter {}
impl<T: MessageEncrypter + MessageDecrypter> Direction for T {}

impl Aead {
    const fn of<C: Cipher>(explicit: usize) -> Aead {
        Aead {
            key_len: C::KeySize::USIZE,
            explicit,
            tls13: |key, iv| Box::new(Tls13::<C> { cipher: cipher(key), iv }),
            tls12: |key, iv, explicit| Box::new(Tls12::<C> { cipher: cipher(key), iv, explicit }),
        }
    }

    /// The nonce's first part is derived with the key; the rest is the sender's to choose.
    fn tls12(&self, key: &AeadKey, derived: &[u8], chosen: &[u8]) -> Box<dyn Direction> {
        let mut iv = [0; NONCE_LEN];
        let (first, rest) = iv.split_at_mut(derived.len());
        first.copy_from_slice(derived);
        rest[..chosen.len()].copy_from_slice(chosen);
        (self.tls12)(key, Iv::new(iv), self.explicit)
    }
}

/// `key` has the length that the algorithm asked rustls for.
fn cipher<C: Cipher>(key: &AeadKey) -> C {
    let mut bytes = Array::default();
    bytes.copy_from_slice(key.as_ref());
    C::new(&bytes)
}

impl Tls13AeadAlgorithm for Aead {
    fn encrypter(&self, key: AeadKey, iv: Iv) -> Box<dyn MessageEncrypter> {
        (self.tls13)(&key, iv)
    }

    fn decrypter(&self, key: AeadKey, iv: Iv) -> Box<dyn MessageDecrypter> {
        (self.tls13)(&key, iv)
    }

    fn key_len(&self) -> usize {
        self.key_len
    }

    fn extract_keys(&self, _: AeadKey, _: Iv) -> Result<ConnectionTrafficSecrets, UnsupportedOperationError> {
        Err(UnsupportedOperationError)
    }
}

impl Tls12AeadAlgorithm for Aead {
    fn encrypter(&self, key: AeadKey, derived: &[u8], chosen: &[u8]) -> Box<dyn MessageEncrypter> {
        self.tls12(&key, derived, chosen)
    }

    fn decrypter(&self, key: AeadKey, derived: &[u8]) -> Box<dyn MessageDecrypter> {
        self.tls12(&key, derived, &[])
    }

    fn key_block_shape(&self) -> KeyBlockShape {
        KeyBlockShape {
            enc_key_len: self.key_len,
            fixed_iv_len: NONCE_LEN - self.explicit,
            explicit_nonce_len: self.explicit,
        }
    }

    fn extract_keys(
        &self,
        _: AeadKey,
        _: &[u8],
        _: &[u8],
    ) -> Result<ConnectionTrafficSecrets, UnsupportedOperationError> {
        Err(UnsupportedOperationError)
    }
}

/// One direction of a TLS 1.3 connection.
struct Tls13<C> {
    cipher: C,
    iv: Iv,
}

impl<C: Cipher> MessageEncrypter for Tls13<C> {
    fn encrypt(
        &mut self,
        message: OutboundPlainMessage<'_>,
        sequence: u64,
    ) -> Result<OutboundOpaqueMessage, Error> {
        let total = self.encrypted_payload_len(message.payload.len());
        let mut payload = PrefixedPayload::with_capacity(total);
        payload.extend_from_chunks(&message.payload);
        payload.extend_from_slice(&message.typ.to_array());

        let nonce = Nonce::new(&self.iv, sequence).0;
        let tag = self
            .cipher
            .encrypt_inout_detached(&nonce.into(), &make_tls13_aad(total), payload.as_mut().into())
            .map_err(|_| Error::EncryptError)?;
        payload.extend_from_slice(&tag);

        // The true type is inside; outside, every record looks like TLS 1.2's application data.
        Ok(OutboundOpaqueMessage::new(ContentType::ApplicationData, ProtocolVersion::TLSv1_2, payload))
    }

    fn encrypted_payload_len(&self, plain: usize) -> usize {
        plain + 1 + TAG_LEN
    }
}

impl<C: Cipher> MessageDecrypter for Tls13<C> {
    fn decrypt<'a>(
        &mut self,
        mut message: InboundOpaqueMessage<'a>,
        sequence: u64,
    ) -> Result<InboundPlainMessage<'a>, Error> {
        let nonce = Nonce::new(&self.iv, sequence).0;
        let aad = make_tls13_aad(message.payload.len());
        let plain = open(&self.cipher, nonce, &aad, &mut message.payload)?;
        message.payload.truncate(plain);
        message.into_tls13_unpadded_message()
    }
}

/// One direction of a TLS 1.2 connection.
///
/// The sender's explicit nonce is a starting point from the key block, XORed with the sequence number: it never
/// repeats under a key, which is all that RFC 5288 asks of it.
struct Tls12<C> {
    cipher: C,
    iv: Iv,
    explicit: usize,
}

impl<C: Cipher> MessageEncrypter for Tls12<C> {
    fn encrypt(
        &mut self,
        message: OutboundPlainMessage<'_>,
        sequence: u64,
    ) -> Result<OutboundOpaqueMessage, Error> {
        let plain = message.payload.len();
        let nonce = Nonce::new(&self.iv, sequence).0;
        let mut payload = PrefixedPayload::with_capacity(self.encrypted_payload_len(plain));
        payload.extend_from_slice(&nonce[NONCE_LEN - self.explicit..]);
        payload.extend_from_chunks(&message.payload);

        let aad = make_tls12_aad(sequence, message.typ, message.version, plain);
        let text = &mut payload.as_mut()[self.explicit..];
        let tag = self
            .cipher
            .encrypt_inout_detached(&nonce.into(), &aad, text.into())
            .map_err(|_| Error::EncryptError)?;
        payload.extend_from_slice(&tag);

        Ok(OutboundOpaqueMessage::new(message.typ, message.version, payload))
    }

    fn encrypted_payload_len(&self, plain: usize) -> usize {
        self.explicit + plain + TAG_LEN
    }
}

impl<C: Cipher> MessageDecrypter for Tls12<C> {
    fn decrypt<'a>(
        &mut self,
        mut message: InboundOpaqueMessage<'a>,
        sequence: u64,
    ) -> Result<InboundPlainMessage<'a>, Error> {
        let Some(plain) = message.payload.len().checked_sub(self.explicit + TAG_LEN) else {
            return Err(Error::DecryptError);
        };
        let (explicit, text) = message.payload.split_at_mut(self.explicit);
        let mut nonce = Nonce::new(&self.iv, sequence).0;
        nonce[NONCE_LEN - explicit.len()..].copy_from_slice(explicit);

        let aad = make_tls12_aad(sequence, message.typ, message.version, plain);
        open(&self.cipher, nonce, &aad, text)?;
        if plain > MAX_PLAINTEXT {
            return Err(Error::PeerSentOversizedRecord);
        }
        Ok(message.into_plain_message_range(self.explicit..self.explicit + plain))
    }
}

/// Decrypts `sealed` (text, then tag) in place; returns the text's length.
fn open<C: Cipher>(
    cipher: &C,
    nonce: [u8; NONCE_LEN],
    aad: &[u8],
    sealed: &mut [u8],
) -> Result<usize, Error> {
    let (text, tag) = sealed.split_last_chunk_mut::<TAG_LEN>().ok_or(Error::DecryptError)?;
    let plain = text.len();
    cipher
        .decrypt_inout_detached(&nonce.into(), aad, text.into(), &(*tag).into())
        .map_err(|_| Error::DecryptError)?;
    Ok(plain)
}

#[cfg(test)]
mod tests {
    mod vectors;

    use rustls::crypto::cipher::OutboundChunks;

    use super::*;

    const VERSION: ProtocolVersion = ProtocolVersion::TLSv1_2;

    fn bytes(hex: &str) -> Vec<u8> {
        (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
    }

    fn plain(typ: ContentType, text: &[u8]) -> OutboundPlainMessage<'_> {
        OutboundPlainMessage { typ, version: VERSION, payload: OutboundChunks::Single(text) }
    }

    /// The record without its header.
    fn seal(encrypter: &mut dyn MessageEncrypter, text: &[u8], sequence: u64) -> Vec<u8> {
        let record = encrypter.encrypt(plain(ContentType::ApplicationData, text), sequence).unwrap().encode();
        assert_eq!(record.len(), 5 + encrypter.encrypted_payload_len(text.len()));
        record[5..].to_vec()
    }

    fn unseal(
        decrypter: &mut dyn MessageDecrypter,
        sealed: &mut [u8],
        sequence: u64,
    ) -> Result<Vec<u8>, Error> {
        let message = InboundOpaqueMessage::new(ContentType::ApplicationData, VERSION, sealed);
        decrypter.decrypt(message, sequence).map(|plain| plain.payload.to_vec())
    }

    /// RFC 8448 section 3: the client's Finished.
    #[test]
    fn tls13_aes_128_gcm_agrees_with_the_published_trace() {
        let cipher = Aes128Gcm::new_from_slice(&bytes("dbfaa693d1762c5b666af5d950258d01")).unwrap();
        let iv = Iv::copy(&bytes("5bd3c71b836e0b76bb73265f"));
        let mut direction = Tls13 { cipher, iv };
        let text = bytes("14000020a8ec436d677634ae525ac1fcebe11a039ec17694fac6e98527b642f2edd5ce61");
        let record = bytes(
            "170303003575ec4dc238cce60b298044a71e219c56cc77b0517fe9b93c7a4bfc\
             44d87f38f80338ac98fc46deb384bd1caeacab6867d726c40546",
        );
        assert_eq!(direction.encrypt(plain(ContentType::Handshake, &text), 0).unwrap().encode(), record);
        let mut sealed = record[5..].to_vec();
        let message = InboundOpaqueMessage::new(ContentType::ApplicationData, VERSION, &mut sealed);
        let opened = direction.decrypt(message, 0).unwrap();
        assert_eq!((opened.typ, opened.payload), (ContentType::Handshake, &text[..]));
    }

    /// RFC 8439 section 2.8.2.
    #[test]
    fn chacha20_poly1305_agrees_with_the_published_vector() {
        let key: Vec<u8> = (0x80..0xa0).collect();
        let cipher = ChaCha20Poly1305::new_from_slice(&key).unwrap();
        let nonce = bytes("070000004041424344454647").try_into().unwrap();
        let mut sealed = bytes(
            "d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d6\
             3dbea45e8ca9671282fafb69da92728b1a71de0a9e060b2905d6a5b67ecd3b36\
             92ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc\
             3ff4def08e4b7a9de576d26586cec64b61161ae10b594f09e26a7e902ecbd0600691",
        );
        let length = open(&cipher, nonce, &bytes("50515253c0c1c2c3c4c5c6c7"), &mut sealed).unwrap();
        assert!(sealed[..length].starts_with(b"Ladies and Gentlemen of the class of '99: "));
        assert!(sealed[..length].ends_with(b"sunscreen would be it."));
    }

    /// Both versions of every cipher.
    fn directions() -> Vec<(String, Box<dyn Direction>)> {
        fn both<C: Cipher>(name: &str, aead: &Aead) -> [(String, Box<dyn Direction>); 2] {
            let cipher = || C::new(&Array::from_fn(|at| at as u8));
            let iv = || Iv::new([7; NONCE_LEN]);
            [
                (format!("{name}, 1.3"), Box::new(Tls13 { cipher: cipher(), iv: iv() })),
                (
                    format!("{name}, 1.2"),
                    Box::new(Tls12 { cipher: cipher(), iv: iv(), explicit: aead.explicit }),
                ),
            ]
        }
        [
            both::<Aes128Gcm>("AES-128-GCM", &AES_128_GCM),
            both::<Aes256Gcm>("AES-256-GCM", &AES_256_GCM),
            both::<ChaCha20Poly1305>("ChaCha20-Poly1305", &CHACHA20_POLY1305),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    #[test]
    fn any_change_of_bytes_sequence_or_type_is_refused() {
        for (name, mut direction) in directions() {
            let sealed = seal(&mut *direction, b"layer", 3);
            assert_eq!(unseal(&mut *direction, &mut sealed.clone(), 3).unwrap(), b"layer", "{name}");
            for bit in 0..sealed.len() * 8 {
                let mut changed = sealed.clone();
                changed[bit / 8] ^= 1 << (bit % 8);
                assert_eq!(
                    unseal(&mut *direction, &mut changed, 3),
                    Err(Error::DecryptError),
                    "{name} {bit}"
                );
            }
            assert_eq!(unseal(&mut *direction, &mut sealed.clone(), 4), Err(Error::DecryptError), "{name}");
            assert_ne!(sealed, seal(&mut *direction, b"layer", 4), "{name}");
        }
    }

    #[test]
    fn records_of_any_length_end_without_a_panic() {
        let mut state = 1_u32;
        let mut random = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        };
        for (name, mut direction) in directions() {
            for length in (0..64).chain([255, 16_383, 16_384, 16_385, 18_432, 65_535]) {
                let mut noise: Vec<u8> = (0..length).map(|_| random()).collect();
                assert_eq!(
                    unseal(&mut *direction, &mut noise, 0),
                    Err(Error::DecryptError),
                    "{name} {length}"
                );
            }
            for length in [0, 1, MAX_PLAINTEXT] {
                let text: Vec<u8> = (0..length).map(|_| random()).collect();
                let mut sealed = seal(&mut *direction, &text, u64::MAX);
                assert_eq!(unseal(&mut *direction, &mut sealed, u64::MAX).unwrap(), text, "{name} {length}");
            }
            let mut sealed = seal(&mut *direction, &vec![0; MAX_PLAINTEXT + 1], 0);
            assert_eq!(
                unseal(&mut *direction, &mut sealed, 0),
                Err(Error::PeerSentOversizedRecord),
                "{name}"
            );
        }
    }
}
