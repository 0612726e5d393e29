use std::io::{self, Read, Write};

use super::decompress;
use crate::error::Result;
use crate::layer::read_error::read_error;

/// 1,000,000 bytes that compress, but not to nothing, behind a first block that is a tar header.
fn sample() -> Vec<u8> {
    let mut header = ::tar::Header::new_ustar();
    header.set_size(999_488);
    header.set_cksum();
    let mut data = header.as_bytes().to_vec();
    let mut state = 1u32;
    while data.len() < 1_000_000 {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        data.extend_from_slice(&(state >> 18).to_le_bytes());
    }
    data.truncate(1_000_000);
    data
}

fn gzip(data: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

fn bzip2(data: &[u8]) -> Vec<u8> {
    let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

fn xz(data: &[u8]) -> Vec<u8> {
    let mut encoder = lzma_rust2::XzWriter::new(Vec::new(), lzma_rust2::XzOptions::with_preset(1)).unwrap();
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

fn lzma(data: &[u8]) -> Vec<u8> {
    let options = lzma_rust2::LzmaOptions::with_preset(1);
    let mut encoder = lzma_rust2::LzmaWriter::new_use_header(Vec::new(), &options, None).unwrap();
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

/// A frame of raw and RLE blocks (there is no encoder), with or without a content checksum.
fn zstd(data: &[u8], checksum: Option<u32>) -> Vec<u8> {
    let mut frame = vec![0x28, 0xb5, 0x2f, 0xfd, if checksum.is_some() { 4 } else { 0 }, 0x38];
    let mut blocks = data.chunks(100_000).peekable();
    while let Some(block) = blocks.next() {
        let header = (block.len() as u32) << 3 | u32::from(blocks.peek().is_none());
        frame.extend_from_slice(&header.to_le_bytes()[..3]);
        frame.extend_from_slice(block);
    }
    frame.extend(checksum.into_iter().flat_map(u32::to_le_bytes));
    frame
}

fn read(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut plain = Vec::new();
    decompress(bytes)?.read_to_end(&mut plain).map_err(read_error)?;
    Ok(plain)
}

#[test]
fn every_format_in_one_piece_and_in_several() {
    let data = sample();
    let (front, back) = data.split_at(600_000);
    for encode in [gzip, bzip2, xz, |data: &[u8]| zstd(data, None)] {
        assert_eq!(read(&encode(&data)).unwrap(), data);
        assert_eq!(read(&[encode(front), encode(back)].concat()).unwrap(), data);
        assert_eq!(read(&[encode(front), encode(back), vec![0; 1024]].concat()).unwrap(), data);
    }
    assert_eq!(read(&lzma(&data)).unwrap(), data);
    assert_eq!(read(&data).unwrap(), data);
    assert!(read(&[]).unwrap().is_empty());
}

#[test]
fn skippable_zstd_frames_are_skipped_wherever_they_stand() {
    let data = sample();
    let skip = |payload: &[u8]| {
        [&[0x5a, 0x2a, 0x4d, 0x18][..], &(payload.len() as u32).to_le_bytes(), payload].concat()
    };
    let stream =
        [skip(b"first"), zstd(&data, None), skip(&[7; 300_000]), zstd(&data, None), skip(b"")].concat();
    assert_eq!(read(&stream).unwrap(), [&data[..], &data].concat());
    assert!(read(&[zstd(&data, None), skip(&[7; 100])[..50].to_vec()].concat()).is_err());
}

#[test]
fn a_wrong_zstd_checksum_is_noticed() {
    // XXH64 of nothing, seed 0, is ef46db3751d8e999: its low half is what the format stores.
    let empty = [&[0x28, 0xb5, 0x2f, 0xfd, 4, 0x38, 1, 0, 0][..], &0x51d8_e999u32.to_le_bytes()].concat();
    assert!(read(&empty).unwrap().is_empty());
    let error = read(&zstd(b"x", Some(1))).unwrap_err();
    assert!(error.to_string().contains("checksum"), "{error}");
}

#[test]
fn truncated_and_damaged_streams_are_errors() {
    let data = sample();
    for (name, stream) in [
        ("gzip", gzip(&data)),
        ("bzip2", bzip2(&data)),
        ("xz", xz(&data)),
        ("lzma", lzma(&data)),
        ("zstd", zstd(&data, Some(0))),
    ] {
        for cut in [stream.len() / 2, stream.len() - 1] {
            assert!(read(&stream[..cut]).is_err(), "{name} cut at {cut} of {}", stream.len());
        }
    }
    assert!(read(b"this is not a tar").is_err());
}

#[test]
fn behind_the_end_zeros_are_nothing_and_anything_else_is_told() {
    let data = sample();
    for encode in [gzip, bzip2, xz, lzma, |data: &[u8]| zstd(data, None)] {
        let stream = encode(&data);
        for zeros in [1, 3, 512, 200_000] {
            assert_eq!(read(&[&stream[..], &vec![0; zeros]].concat()).unwrap(), data);
        }
        for behind in [&b"x"[..], b"\0\0garbage", &[7; 100_000]] {
            let error = read(&[&stream[..], behind].concat()).unwrap_err().to_string();
            assert!(error.contains("something follows the end of the compressed data"), "{error}");
        }
    }
}

#[test]
fn a_window_beyond_the_limit_is_refused_before_it_is_allocated() {
    // Window descriptor: exponent 18, so 2^28 bytes.
    assert!(read(&[0x28, 0xb5, 0x2f, 0xfd, 0, 18 << 3, 1, 0, 0]).is_err());
    let mut huge = lzma(b"x");
    huge[1..5].copy_from_slice(&(1u32 << 30).to_le_bytes());
    assert!(read(&huge).is_err());
}

#[test]
fn the_sources_own_error_is_the_one_reported() {
    struct Broken(&'static [u8]);
    impl Read for Broken {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            match self.0.read(buffer)? {
                0 => Err(io::Error::other(crate::error::Error::network("the line went dead"))),
                count => Ok(count),
            }
        }
    }
    let data = Vec::leak([zstd(&sample(), None)[..super::sniff::HEAD + 500].to_vec()].concat());
    let error =
        decompress(Broken(data)).unwrap().read_to_end(&mut Vec::new()).map_err(read_error).unwrap_err();
    assert_eq!(error.to_string(), "the line went dead");
    assert_eq!(error.kind(), crate::error::Kind::Network);
}
