//! Whether a certificate may sign others, by its key usage (RFC 5280, section 4.2.1.3): webpki does not look at that.

use der::asn1::{AnyRef, BitStringRef, ObjectIdentifier, OctetStringRef};
use der::{Decode, Reader, SliceReader, Tag, TagNumber, Tagged};

const KEY_USAGE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.15");
/// `keyCertSign (5)` in the first byte, whose first bit is `digitalSignature (0)`.
const KEY_CERT_SIGN: u8 = 0x80 >> 5;
/// `extensions [3] EXPLICIT` of a `TBSCertificate`.
const EXTENSIONS: Tag = Tag::ContextSpecific { constructed: true, number: TagNumber(3) };

/// Whether nothing in the certificate keeps its key from signing certificates. What cannot be read may not.
pub(super) fn may_sign(certificate: &[u8]) -> bool {
    key_usage(certificate).is_ok_and(|usage| usage.is_none_or(|bits| bits & KEY_CERT_SIGN != 0))
}

/// The first byte of the extension; none where there is none.
fn key_usage(certificate: &[u8]) -> der::Result<Option<u8>> {
    let certificate = AnyRef::from_der(certificate)?;
    let mut parts = SliceReader::new(certificate.value())?;
    let to_be_signed = AnyRef::decode(&mut parts)?;
    let mut fields = SliceReader::new(to_be_signed.value())?;
    while !fields.is_finished() {
        let field = AnyRef::decode(&mut fields)?;
        if field.tag() == EXTENSIONS {
            return in_extensions(AnyRef::from_der(field.value())?.value());
        }
    }
    Ok(None)
}

fn in_extensions(list: &[u8]) -> der::Result<Option<u8>> {
    let mut list = SliceReader::new(list)?;
    while !list.is_finished() {
        let extension = AnyRef::decode(&mut list)?;
        let mut parts = SliceReader::new(extension.value())?;
        if ObjectIdentifier::decode(&mut parts)? != KEY_USAGE {
            continue;
        }
        // Whether it is critical stands before the value, where it stands.
        let mut value = AnyRef::decode(&mut parts)?;
        if value.tag() == Tag::Boolean {
            value = AnyRef::decode(&mut parts)?;
        }
        let bits = BitStringRef::from_der(value.decode_as::<&OctetStringRef>()?.as_bytes())?;
        return Ok(Some(bits.raw_bytes().first().copied().unwrap_or(0)));
    }
    Ok(None)
}
