//! Compressed data: any bytes into the decoders, and any data through the encoders and back.

use std::io::{Read, Write};

use chroot_distro::layer::{Compression, Compressor, decompress};

use super::Target;
use super::seeds::layers;

/// How much is read of what a few bytes may blow up to.
const MOST: u64 = 4 << 20;

const COMPRESSIONS: [Compression; 3] = [Compression::Gzip, Compression::Bzip2, Compression::Xz];

pub const DECOMPRESS: Target = Target {
    name: "decompress",
    seeds: || {
        let layer = layers().swap_remove(0);
        let mut seeds: Vec<Vec<u8>> = COMPRESSIONS.map(|compression| compress(&layer, compression)).into();
        seeds.push(b"\x28\xb5\x2f\xfd\x04\x38\x19\0\0abc\0\0\0\0".to_vec());
        seeds.push(b"\x50\x2a\x4d\x18\x01\0\0\0x\x28\xb5\x2f\xfd\0\x38\x19\0\0abc".to_vec());
        seeds.push(layer);
        seeds
    },
    words: &["\u{1f}", "BZh9", "YZ", "7zXZ\u{0}", "\u{0}\u{0}\u{0}\u{0}"],
    longest: 8 << 10,
    run: |input| {
        if let Ok(data) = decompress(input) {
            // Damage is an error.
            let _ = std::io::copy(&mut data.take(MOST), &mut std::io::sink());
        }
    },
};

pub const COMPRESS: Target = Target {
    name: "compress",
    seeds: || vec![b"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa".to_vec(), layers().swap_remove(0)],
    words: &[],
    longest: 64 << 10,
    run: |input| {
        let compression = COMPRESSIONS[input.len() % COMPRESSIONS.len()];
        // Behind a header: the decoders tell formats apart, and data that looks like another is another.
        let mut data = layers().swap_remove(0);
        data.extend_from_slice(input);
        let mut again = Vec::new();
        let file = compress(&data, compression);
        decompress(&file[..]).expect("a file of ours").read_to_end(&mut again).expect("whole");
        assert!(again == data, "{compression:?} loses something");
    },
};

fn compress(data: &[u8], compression: Compression) -> Vec<u8> {
    let mut compressor = Compressor::new(Vec::new(), compression, Some(1)).expect("a level");
    compressor.write_all(data).expect("memory");
    compressor.finish().expect("memory")
}
