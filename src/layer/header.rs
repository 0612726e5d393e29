//! The fields of a tar header block: ustar and pax (POSIX.1-2001), GNU, star, and the format before them (v7).
//!
//! The `tar` crate gives the block's layout; the numbers are read here, since its readers cut base-256 numbers to
//! 64 bits and pass what does not fit.

use std::borrow::Cow;

use ::tar::Header;

/// Everything in a tar archive is padded to this many bytes.
pub(super) const BLOCK: usize = 512;

/// Whether a stream that begins with `block` can be a tar archive: a header with a valid checksum, or the two zero
/// blocks of an empty archive.
pub(super) fn is_header(block: &[u8]) -> bool {
    let Some(block) = block.first_chunk::<BLOCK>() else { return false };
    is_zero(block) || has_valid_checksum(block)
}

pub(super) fn is_zero(block: &[u8]) -> bool {
    block.iter().all(|&byte| byte == 0)
}

/// The sum of the block's bytes with spaces in the checksum's place. Some old tars summed signed bytes.
pub(super) fn has_valid_checksum(block: &[u8; BLOCK]) -> bool {
    let stored = &block[148..156];
    let Some(Some(stored)) = number(stored).map(|sum| u32::try_from(sum).ok()) else { return false };
    let outside = || block[..148].iter().chain(&block[156..]);
    let spaces = 8 * u32::from(b' ');
    let unsigned: u32 = outside().map(|&byte| u32::from(byte)).sum::<u32>() + spaces;
    let signed: i32 =
        outside().map(|&byte| i32::from(byte.cast_signed())).sum::<i32>() + spaces.cast_signed();
    stored == unsigned || i64::from(stored) == i64::from(signed)
}

/// A numeric field: octal digits with spaces and NULs around them, nothing at all for zero, or base-256 in two's
/// complement when the first bit is set (GNU). None when it is neither, or beyond 64 bits.
pub(super) fn number(field: &[u8]) -> Option<i64> {
    let (&first, rest) = field.split_first()?;
    if first & 0x80 == 0 {
        let digits = field.trim_ascii_start();
        let end = digits.iter().position(|&byte| byte == 0 || byte == b' ').unwrap_or(digits.len());
        let (digits, tail) = digits.split_at(end);
        if !tail.iter().all(|&byte| byte == 0 || byte == b' ') {
            return None;
        }
        return digits.iter().try_fold(0i64, |value, byte| match byte {
            b'0'..=b'7' => value.checked_mul(8)?.checked_add(i64::from(byte - b'0')),
            _ => None,
        });
    }
    // The next bit is the sign; a positive number has it clear.
    let start = if first & 0x40 == 0 { i64::from(first & 0x3f) } else { i64::from(first | 0x80) - 256 };
    rest.iter().try_fold(start, |value, &byte| value.checked_mul(256)?.checked_add(i64::from(byte)))
}

/// A text field: up to its NUL, or all of it.
pub(super) fn text(field: &[u8]) -> &[u8] {
    &field[..field.iter().position(|&byte| byte == 0).unwrap_or(field.len())]
}

/// The name, with the prefix that ustar and star headers may have.
pub(super) fn name(header: &Header) -> Cow<'_, [u8]> {
    let name = text(&header.as_old().name);
    let Some(ustar) = header.as_ustar() else { return Cow::Borrowed(name) };
    // star keeps two times behind a shorter prefix, and signs the block at its end.
    let star = header.as_bytes()[508..] == *b"tar\0";
    let prefix = text(if star { &ustar.prefix[..131] } else { &ustar.prefix });
    if prefix.is_empty() { Cow::Borrowed(name) } else { Cow::Owned([prefix, b"/", name].concat()) }
}

/// Major and minor of a device, which only headers with a magic have.
pub(super) fn device(header: &Header) -> Option<(u32, u32)> {
    let (major, minor) = match (header.as_ustar(), header.as_gnu()) {
        (Some(ustar), _) => (&ustar.dev_major, &ustar.dev_minor),
        (_, Some(gnu)) => (&gnu.dev_major, &gnu.dev_minor),
        _ => return None,
    };
    Some((number(major)?.try_into().ok()?, number(minor)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_every_spelling() {
        assert_eq!(number(b"0000644\0"), Some(0o644));
        assert_eq!(number(b"   644 \0"), Some(0o644));
        assert_eq!(number(b"77777777777\0"), Some(0o77_777_777_777));
        assert_eq!(number(b"\0\0\0\0\0\0\0\0"), Some(0));
        assert_eq!(number(b"        "), Some(0));
        assert_eq!(number(b"\x80\0\0\0\0\x20\0\0"), Some(0x20_0000));
        assert_eq!(number(&[0xff; 12]), Some(-1));
        assert_eq!(number(b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xae\x80"), Some(-86400));
        assert_eq!(number(b"\x80\0\0\0\x80\0\0\0\0\0\0\0"), None, "2^63 does not fit");
        assert_eq!(number(b"0000689\0"), None);
        assert_eq!(number(b"-000001\0"), None);
        assert_eq!(number(b"12\x0034\0\0\0"), None);
    }

    #[test]
    fn both_checksums_are_accepted() {
        let mut header = Header::new_ustar();
        header.as_old_mut().name[0] = 0xe9;
        header.set_cksum();
        assert!(has_valid_checksum(header.as_bytes()));
        let sum = header.cksum().unwrap() - 256;
        header.as_old_mut().cksum.copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        assert!(has_valid_checksum(header.as_bytes()));
        header.as_old_mut().name[1] = 1;
        assert!(!has_valid_checksum(header.as_bytes()));
    }
}
