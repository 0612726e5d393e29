use std::io::{self, Read, Write};
use std::sync::Arc;

use super::block::{Block, Format, Stop, Summary};
use super::bzip2::Bzip2;
use super::gzip::Gzip;
use super::line::Line;
use super::xz::Xz;
use super::xz_container::{block_header, index_and_footer};
use super::{Compression, Compressor};
use crate::error::Kind;
use crate::layer::decompress;

/// The formats, at levels whose blocks are small.
const FORMATS: [(Compression, Option<u32>); 4] = [
    (Compression::None, None),
    (Compression::Gzip, None),
    (Compression::Bzip2, Some(1)),
    (Compression::Xz, Some(0)),
];

/// The block of each of [`FORMATS`].
const BLOCKS: [usize; 4] = [0, 512 << 10, 79_950, 1 << 20];

/// Bytes that compress, but not to nothing; what repeats is often in another block.
fn sample(length: usize) -> Vec<u8> {
    let mut state = 1u32;
    let words = std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 20).to_le_bytes()
    });
    let mut data: Vec<u8> = words.flatten().take(length.min(300_000)).collect();
    while data.len() < length {
        let more = (length - data.len()).min(data.len());
        data.extend_from_within(..more);
    }
    data
}

fn compress(
    data: &[u8],
    compression: Compression,
    level: Option<u32>,
    threads: usize,
    piece: usize,
) -> Vec<u8> {
    let mut compressor = Compressor::on(Vec::new(), compression, level, threads);
    data.chunks(piece).for_each(|piece| compressor.write_all(piece).unwrap());
    compressor.finish().unwrap()
}

fn read(mut input: impl Read) -> Vec<u8> {
    let mut data = Vec::new();
    input.read_to_end(&mut data).unwrap();
    data
}

/// What a reader of one format, without members or streams that follow, makes of it.
fn read_one(file: &[u8], compression: Compression) -> Vec<u8> {
    match compression {
        Compression::None => file.to_vec(),
        Compression::Gzip => read(flate2::bufread::GzDecoder::new(file)),
        Compression::Bzip2 => read(::bzip2::bufread::BzDecoder::new(file)),
        Compression::Xz => read(lzma_rust2::XzReader::new(file, false)),
    }
}

#[test]
fn data_of_any_length_comes_back() {
    for ((compression, level), block) in FORMATS.into_iter().zip(BLOCKS) {
        for length in [0, 1, 5, block.max(1) - 1, block, block + 1, 4 * block + 7] {
            let data = sample(length);
            let file = compress(&data, compression, level, 2, 70_000);
            assert!(read_one(&file, compression) == data, "{compression:?} of {length} bytes");
            if compression != Compression::None {
                assert!(read(decompress(&*file).unwrap()) == data, "{compression:?} of {length} bytes");
            }
        }
    }
}

#[test]
fn runs_that_bzip2_makes_longer_are_one_block_still() {
    // Four equal bytes become five before they are cut into blocks.
    let data: Vec<u8> = (0..BLOCKS[2] * 3).map(|at| (at / 4 % 251) as u8).collect();
    let file = compress(&data, Compression::Bzip2, Some(1), 2, 70_000);
    assert!(read_one(&file, Compression::Bzip2) == data);
}

#[test]
fn the_bytes_depend_on_neither_threads_nor_the_sizes_of_writes() {
    let data = sample(2_500_000);
    for (compression, level) in FORMATS {
        let file = compress(&data, compression, level, 1, data.len());
        for (threads, piece) in [(0, data.len()), (2, 4096), (2, 1 << 20), (7, 65_537)] {
            let other = compress(&data, compression, level, threads, piece);
            assert!(file == other, "{compression:?} on {threads} threads by {piece} bytes");
        }
    }
}

#[test]
fn blocks_of_gzip_look_back() {
    // What repeats in the distance of a window, and is random otherwise, is small only if the window crosses borders.
    let mut state = 7u32;
    let random = std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    });
    let window: Vec<u8> = random.take(30_000).collect();
    let once = compress(&window, Compression::Gzip, None, 1, 1 << 20).len();
    let many = compress(&window.repeat(80), Compression::Gzip, None, 1, 1 << 20).len();
    assert!(many < once + 30_000, "{once} and {many} bytes");
}

#[test]
fn the_head_of_gzip_has_no_time_and_no_name() {
    let file = compress(b"x", Compression::Gzip, None, 1, 1);
    assert_eq!(file[..10], [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255]);
}

#[test]
fn levels_are_those_of_the_format() {
    let data = sample(400_000);
    for (compression, fast, best) in
        [(Compression::Gzip, 1, 9), (Compression::Bzip2, 1, 9), (Compression::Xz, 0, 9)]
    {
        let size = |level| compress(&data, compression, Some(level), 1, data.len()).len();
        assert!(size(best) < size(fast), "{compression:?}");
        let error = Compressor::new(io::sink(), compression, Some(10)).err().unwrap();
        assert_eq!((error.kind(), error.hint_text().is_some()), (Kind::Usage, true));
    }
    assert!(Compressor::new(io::sink(), Compression::Bzip2, Some(0)).is_err());
    assert!(Compressor::new(io::sink(), Compression::None, Some(1)).is_err());
    assert!(Compressor::new(io::sink(), Compression::Gzip, Some(0)).is_ok());
}

/// An output that has room for so many bytes.
struct Full(usize);

impl Write for Full {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        match data.len().min(self.0) {
            0 => Err(io::Error::from_raw_os_error(libc::ENOSPC)),
            count => {
                self.0 -= count;
                Ok(count)
            }
        }
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_full_output_is_told_wherever_it_is_full() {
    let data = sample(2_500_000);
    for (compression, level) in FORMATS {
        let whole = compress(&data, compression, level, 2, data.len()).len();
        for room in [0, 5, whole / 2, whole - 1] {
            let mut compressor = Compressor::on(Full(room), compression, level, 2);
            let written = data.chunks(4096).try_for_each(|piece| compressor.write_all(piece));
            if let Err(error) = &written {
                assert_eq!(error.raw_os_error(), Some(libc::ENOSPC), "{compression:?}, room for {room}");
                assert_eq!(compressor.write(b"x").unwrap_err().kind(), io::ErrorKind::StorageFull);
            }
            let finished = compressor.finish().map(drop);
            let kind = written.and(finished).unwrap_err().kind();
            assert_eq!(kind, io::ErrorKind::StorageFull, "{compression:?}, room for {room}");
        }
        assert!(Compressor::on(Full(whole), compression, level, 2).write_all(&data).is_ok());
    }
}

#[test]
fn after_an_error_it_does_not_finish() {
    let mut compressor = Compressor::on(Full(0), Compression::Gzip, None, 1);
    let data = sample(4 << 20);
    assert!(compressor.write_all(&data).is_err());
    assert_eq!(compressor.finish().err().unwrap().kind(), io::ErrorKind::StorageFull);
}

#[test]
fn dropped_unfinished_it_leaves_no_thread() {
    let formats: [Arc<dyn Format>; 3] =
        [Arc::new(Gzip::new(None)), Arc::new(Bzip2::new(Some(1))), Arc::new(Xz::new(Some(0)))];
    for format in formats {
        let mut line = Line::new(format.clone(), 3);
        line.add(&sample(5 * format.sizes().block), &mut io::sink()).unwrap();
        assert_eq!(Arc::strong_count(&format), 3, "the line and its threads hold it");
        drop(line);
        assert_eq!(Arc::strong_count(&format), 1);
    }
}

#[test]
fn a_long_block_is_given_up_in_the_middle() {
    let stop = Stop::default();
    stop.stop();
    let mut block = Block::after(&[], 10);
    assert_eq!(block.fill(&[7; 20], 10), 10);
    assert!(Xz::new(None).pack(&block, &stop).is_err());
}

#[test]
fn names_tell_the_compression() {
    let of = |name: &str| Compression::of_name(name.as_ref());
    for (name, compression) in [
        ("a.tar.gz", Compression::Gzip),
        ("/x/a.b.tgz", Compression::Gzip),
        ("A.TAR.GZ", Compression::Gzip),
        ("a.tar.bz2", Compression::Bzip2),
        ("a.tbz2", Compression::Bzip2),
        ("a.tar.xz", Compression::Xz),
        ("a.txz", Compression::Xz),
        ("a.tar", Compression::None),
        ("a.xz.tar", Compression::None),
    ] {
        assert_eq!(of(name), Some(compression), "{name}");
    }
    for name in ["", "gz", "tar", "a.tar.zst", "a.tar.gz.gpg", "a.gzip"] {
        assert_eq!(of(name), None, "{name}");
    }
}

#[test]
fn words_tell_the_compression() {
    for compression in [Compression::None, Compression::Gzip, Compression::Bzip2, Compression::Xz] {
        assert_eq!(Compression::parse(compression.name()).unwrap(), compression);
    }
    let error = Compression::parse("zip").unwrap_err();
    assert_eq!(error.to_string(), "unknown compression 'zip'");
    assert_eq!(error.kind(), Kind::Usage);
}

/// Pieces of files that xz 5.4 made (`xz -T2 --check=crc32`), of 1 MiB at level 0, of five bytes and of none.
#[test]
fn the_container_of_xz_is_that_of_xz() {
    let compressed = 0x72 | 0x5d << 7 | 0x1e << 14;
    let header = b"\x03\xc0\xf2\xdd\x1e\x80\x80\x40\x21\x01\x0c\0\x3f\xaa\x8e\x4e";
    assert_eq!(block_header(compressed, 1 << 20, 1 << 18), header);
    let five = Summary { crc: flate2::Crc::new(), length: 5, packed: 33 };
    let end = b"\0\x01\x21\x05\x47\x54\x73\xdc\x90\x42\x99\x0d\x01\0\0\0\0\x01YZ";
    assert_eq!(index_and_footer(&[five]), end);
    let empty = b"\xfd7zXZ\0\0\x01\x69\x22\xde\x36\0\0\0\0\x1c\xdf\x44\x21\x90\x42\x99\x0d\x01\0\0\0\0\x01YZ";
    assert_eq!(compress(b"", Compression::Xz, None, 1, 1), empty);
}
