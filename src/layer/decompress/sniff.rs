//! Tells formats apart by their first bytes.

use crate::layer::header;

/// How many bytes [`sniff`] and [`foreign`] want: to the end of ext4's superblock.
pub(super) const HEAD: usize = 2048;

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

/// What a stream is that is no archive of ours, and how to make one of it.
pub(super) fn foreign(head: &[u8]) -> Option<(&'static str, &'static str)> {
    const MOUNT: &str = "mount it, and make an archive of its files: tar -C MOUNTPOINT -cf rootfs.tar .";
    const UNPACK: &str = "unpack it, and make a tar archive of its files";
    // The superblock of ext2 to ext4 begins at 1024, its magic number at 56 in it (ext4(5), kernel's documentation).
    if head.get(1080..1082) == Some(&[0x53, 0xef]) && header::is_zero(&head[..512]) {
        return Some(("a disk image with an ext4 filesystem", MOUNT));
    }
    Some(match head {
        [b'h', b's', b'q', b's', ..] => {
            ("a squashfs image", "unpack it with unsquashfs, and make a tar archive")
        }
        [b'P', b'K', 3, 4, ..] => ("a zip archive", UNPACK),
        [b'7', b'z', 0xbc, 0xaf, 0x27, 0x1c, ..] => ("a 7z archive", UNPACK),
        [b'Q', b'F', b'I', 0xfb, ..] => ("a qcow2 disk image", MOUNT),
        [0x3a, 0xff, 0x26, 0xed, ..] => {
            ("an Android sparse image", "convert it with simg2img, mount it, and make a tar archive")
        }
        [0x04, 0x22, 0x4d, 0x18, ..] => ("compressed with lz4", "decompress it first: lz4 -d FILE"),
        [b'!', b'<', b'a', b'r', b'c', b'h', b'>', ..] => ("a Debian package or another ar archive", UNPACK),
        [b'<', b'!' | b'h' | b'H', ..] => ("a web page", "the address may lead to a page about the file"),
        _ => return None,
    })
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
