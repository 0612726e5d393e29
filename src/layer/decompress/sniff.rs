//! Tells formats apart by their first bytes.

use crate::layer::header;

/// How many bytes [`sniff`] wants: a tar header block.
pub(super) const HEAD: usize = header::BLOCK;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// A tar archive as it is, or nothing at all.
    Plain,
    Gzip,
    Zstd,
    Xz,
    Lzma,
    Bzip2,
}

/// What a stream is that begins with `head` (the whole stream, when shorter than [`HEAD`]).
pub(super) fn sniff(head: &[u8]) -> Option<Format> {
    let format = match head {
        [] => Format::Plain,
        [0x1f, 0x8b, 8, ..] => Format::Gzip,
        [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Format::Zstd,
        [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Format::Xz,
        [b'B', b'Z', b'h', b'1'..=b'9', 0x31, 0x41, 0x59, 0x26, 0x53, 0x59, ..]
        | [b'B', b'Z', b'h', b'1'..=b'9', 0x17, 0x72, 0x45, 0x38, 0x50, 0x90, ..] => Format::Bzip2,
        _ if header::is_header(head) => Format::Plain,
        _ if is_lzma(head) => Format::Lzma,
        _ => return None,
    };
    Some(format)
}

/// `.lzma` has no magic number. As xz(1) does, accept its header only with values that encoders write: properties
/// below 225, a dictionary of 2^n or 2^n + 2^(n-1) bytes, a size that is unknown or under 256 GiB, and the range
/// coder's first byte, always zero.
fn is_lzma(head: &[u8]) -> bool {
    let Some(&[properties, d0, d1, d2, d3, s0, s1, s2, s3, s4, s5, s6, s7, 0]) = head.first_chunk::<14>()
    else {
        return false;
    };
    let dictionary = u32::from_le_bytes([d0, d1, d2, d3]);
    let size = u64::from_le_bytes([s0, s1, s2, s3, s4, s5, s6, s7]);
    let highest = dictionary.checked_ilog2().map_or(0, |bit| 1 << bit);
    let usual =
        dictionary == u32::MAX || matches!(dictionary - highest, rest if rest == 0 || rest == highest >> 1);
    properties < 225 && dictionary != 0 && usual && (size == u64::MAX || size < 1 << 38)
}
