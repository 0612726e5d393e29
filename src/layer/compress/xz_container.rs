//! What stands around compressed data in an .xz file (The .xz File Format, version 1.2.1, sections 2 to 4).
//!
//! The check is CRC-32: it is the one that every decoder has, those of the kernel and of busybox too (section 2.1.1.2).

use flate2::Crc;

use super::block::Summary;

/// Two bytes: CRC-32.
const FLAGS: [u8; 2] = [0, 1];
/// One filter, with both sizes in the header.
const BLOCK_FLAGS: u8 = 0xc0;
const LZMA2: u8 = 0x21;

/// Section 2.1.1.
pub(super) fn stream_header() -> Vec<u8> {
    let mut header = b"\xfd7zXZ\0".to_vec();
    header.extend(FLAGS);
    header.extend(crc32(&FLAGS));
    header
}

/// Section 3.1: the header of a block of `compressed` bytes that hold `length`.
pub(super) fn block_header(compressed: u64, length: u64, dictionary: u32) -> Vec<u8> {
    let mut header = vec![0, BLOCK_FLAGS];
    number(&mut header, compressed);
    number(&mut header, length);
    header.extend([LZMA2, 1, dictionary_size(dictionary)]);
    header.extend(padding(header.len()));
    // In steps of four bytes, without the checksum, which is the four that are not counted.
    header[0] = (header.len() / 4) as u8;
    let check = crc32(&header);
    header.extend(check);
    header
}

/// Sections 4 and 2.1.2.
pub(super) fn index_and_footer(blocks: &[Summary]) -> Vec<u8> {
    let mut output = index(blocks);
    let mut footer = ((output.len() / 4 - 1) as u32).to_le_bytes().to_vec();
    footer.extend(FLAGS);
    output.extend(crc32(&footer));
    output.extend(footer);
    output.extend(b"YZ");
    output
}

fn index(blocks: &[Summary]) -> Vec<u8> {
    let mut index = vec![0];
    number(&mut index, blocks.len() as u64);
    for block in blocks {
        number(&mut index, block.packed);
        number(&mut index, block.length);
    }
    index.extend(padding(index.len()));
    let check = crc32(&index);
    index.extend(check);
    index
}

/// The zeros that make `length` a multiple of four.
pub(super) fn padding(length: usize) -> impl Iterator<Item = u8> {
    std::iter::repeat_n(0, length.wrapping_neg() % 4)
}

/// Section 5.3.1: the number 40 is 4 GiB - 1, each one below it is a power of two, or the one and a half of it.
fn dictionary_size(bytes: u32) -> u8 {
    (0..40).find(|code| dictionary_of(*code) >= bytes).unwrap_or(40)
}

fn dictionary_of(code: u8) -> u32 {
    (2 | u32::from(code & 1)) << (code / 2 + 11)
}

/// Section 1.2: seven bits a byte, the lowest first, the highest bit says that more follow.
fn number(output: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        output.push(value as u8 | 0x80);
        value >>= 7;
    }
    output.push(value as u8);
}

fn crc32(bytes: &[u8]) -> [u8; 4] {
    let mut crc = Crc::new();
    crc.update(bytes);
    crc.sum().to_le_bytes()
}
