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
