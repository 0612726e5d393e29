//! Layers, what an index makes of them, and headers that come before an entry.

use std::ffi::OsString;

use chroot_distro::layer::pack::Writer;
use chroot_distro::layer::{Content, Entry, Index, Options, Reader, Target as _, apply};

use super::Target;
use super::seeds::{Seed, layers, records, tar};

const BLOCK: usize = 512;
/// Contents that are compared; what claims to be larger is only read.
const SMALL: u64 = 1 << 20;

pub const LAYERS: Target = Target {
    name: "layers",
    seeds: layers,
    words: &[
        ".wh.",
        ".wh..wh..opq",
        "../",
        "/",
        "./",
        "d/",
        "f",
        "ustar\u{0}00",
        "ustar  \u{0}",
        "0000644\u{0}",
        "00000000000\u{0}",
    ],
    longest: 16 << 10,
    run: run_layers,
};

/// A layer goes into an index, the index into bytes and back. What is read can be written, and reads the same.
fn run_layers(input: &[u8]) {
    let input = with_checksums(input);
    let mut index = Index::new();
    let options = Options { whiteouts: true, ..Options::default() };
    let applied = apply(&input[..], &mut index, &options);
    if applied.is_ok() {
        let again = Index::from_bytes(&index.to_bytes()).expect("an index of ours");
        assert_eq!(listing(&again), listing(&index));
    }
    written_again(&input);
}

pub const INDEX: Target = Target {
    name: "index",
    seeds: indexes,
    words: &["\u{0}", "\u{1}", "d", "f"],
    longest: 4 << 10,
    run: |input| {
        let Ok(index) = Index::from_bytes(input) else { return };
        let again = Index::from_bytes(&index.to_bytes()).expect("an index of ours");
        assert_eq!(listing(&again), listing(&index));
    },
};

fn indexes() -> Vec<Vec<u8>> {
    let index = |layer: Vec<u8>| {
        let mut index = Index::new();
        apply(&layer[..], &mut index, &Options::default()).expect("a layer of ours");
        index.to_bytes()
    };
    layers().into_iter().map(index).collect()
}

fn listing(index: &Index) -> Vec<String> {
    let mut lines = Vec::new();
    index.for_each(&mut |path, node| lines.push(format!("{path:?} {node:?}")));
    lines
}

pub const HEADERS: Target = Target {
    name: "headers",
    seeds: headers,
    words: &[
        "path=",
        "linkpath=",
        "size=",
        "uid=",
        "gid=",
        "mtime=",
        "uname=",
        "hdrcharset=BINARY",
        "SCHILY.xattr.user.a=",
        "LIBARCHIVE.xattr.user.b=",
        "SCHILY.devmajor=",
        "GNU.sparse.major=1",
        "GNU.sparse.minor=0",
        "GNU.sparse.name=",
        "GNU.sparse.realsize=",
        "GNU.sparse.size=",
        "GNU.sparse.numblocks=",
        "GNU.sparse.map=",
        "GNU.sparse.offset=",
        "GNU.sparse.numbytes=",
        "\n",
        "=",
        " ",
        ",",
        "11 ",
        "0.5",
        "-1",
    ],
    longest: 4 << 10,
    run: run_headers,
};

/// An input is the kind of a header (`x`, `g`, `L`, `K`, `S`), its body, a zero byte, and an entry's contents.
fn headers() -> Vec<Vec<u8>> {
    let pax = |kind: &str, fields: &[(&str, &str)], body: &str| {
        format!("{kind}{}\0{body}", records(fields)).into_bytes()
    };
    vec![
        pax("x", &[("path", "a"), ("size", "4"), ("mtime", "1.25")], "data"),
        pax("g", &[("uid", "5"), ("SCHILY.xattr.user.x", "y")], "data"),
        pax(
            "x",
            &[("GNU.sparse.size", "9"), ("GNU.sparse.numblocks", "2"), ("GNU.sparse.map", "0,2,7,2")],
            "data",
        ),
        pax(
            "x",
            &[("GNU.sparse.major", "1"), ("GNU.sparse.minor", "0"), ("GNU.sparse.realsize", "9")],
            "1\n5\n4\n",
        ),
        pax(
            "x",
            &[("GNU.sparse.offset", "0"), ("GNU.sparse.numbytes", "4"), ("GNU.sparse.size", "8")],
            "data",
        ),
        b"La/b/c\0data".to_vec(),
        b"K../x\0data".to_vec(),
        b"S00000000000\x0000000000004\x00data".to_vec(),
    ]
}

fn run_headers(input: &[u8]) {
    let Some((&kind, rest)) = input.split_first() else { return };
    let [body, contents] = super::parts(rest);
    let mut archive = match kind {
        b'S' => old_sparse(rest),
        b'x' | b'g' | b'L' | b'K' => tar([
            Seed::new("head", kind, body),
            Seed::new("entry", b'0', contents),
            Seed::new("next", b'0', "next"),
        ]),
        _ => tar([
            Seed::new("head", b'x', body),
            Seed::link("link", b'2', "target"),
            Seed::new("next", b'0', "next"),
        ]),
    };
    archive = with_checksums(&archive);
    written_again(&archive);
}

/// An entry whose header holds a sparse map as GNU tar once wrote it, and a block of more of it.
fn old_sparse(map: &[u8]) -> Vec<u8> {
    let mut archive = tar([Seed::new("sparse", b'S', map), Seed::new("next", b'0', "next")]);
    let head = &map[..map.len().min(4 * 24 + 1 + 12)];
    archive[386..386 + head.len()].copy_from_slice(head);
    archive
}

/// With right checksums in all blocks that look like headers: a mutation would be refused for the checksum alone.
pub(super) fn with_checksums(archive: &[u8]) -> Vec<u8> {
    let mut archive = archive.to_vec();
    for block in archive.chunks_exact_mut(BLOCK).filter(|block| block[257..262] == *b"ustar") {
        block[148..156].fill(b' ');
        let sum: u32 = block.iter().map(|&byte| u32::from(byte)).sum();
        block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    }
    archive
}

type Read = Vec<(Entry, Option<Vec<u8>>)>;

/// What can be read can be written, unless the writer refuses it, and reads the same then.
fn written_again(archive: &[u8]) {
    let Some(entries) = read(archive) else { return };
    let mut writer = Writer::new(Vec::new());
    let small = |(entry, contents): (Entry, Option<Vec<u8>>)| Some((entry, contents?));
    let taken: Vec<_> = entries
        .into_iter()
        .filter_map(small)
        .filter(|(entry, contents)| writer.append(entry, contents).is_ok())
        .map(|(entry, contents)| (sorted(entry), contents))
        .collect();
    let Ok(archive) = writer.end().and_then(|()| writer.finish()) else { return };
    let again = read(&archive).expect("an archive of ours");
    let again: Vec<_> =
        again.into_iter().filter_map(small).map(|(entry, contents)| (sorted(entry), contents)).collect();
    assert_eq!(again, taken);
}

/// The order of attributes means nothing; of two with one name the last counts.
fn sorted(mut entry: Entry) -> Entry {
    let attributes: std::collections::BTreeMap<OsString, Vec<u8>> = entry.kept_xattrs().cloned().collect();
    entry.xattrs = attributes.into_iter().collect();
    entry
}

/// The entries, with their contents where these are small.
fn read(archive: &[u8]) -> Option<Read> {
    let mut reader = Reader::new(archive);
    let mut entries = Vec::new();
    while let Some(entry) = reader.next().ok()? {
        let mut contents = Some(Vec::new());
        let mut end = 0;
        let size = match entry.kind {
            chroot_distro::layer::EntryKind::File { size } => size,
            _ => 0,
        };
        let mut body = reader.content();
        while let Some((offset, bytes)) = body.chunk().ok()? {
            assert!(offset >= end && !bytes.is_empty(), "runs ascend");
            end = offset + bytes.len() as u64;
            assert!(end <= size, "a run ends at {end}, the file at {size}");
            if let Some(contents) = contents.as_mut().filter(|_| end <= SMALL) {
                contents.resize(offset as usize, 0);
                contents.extend_from_slice(bytes);
            }
        }
        if size > SMALL {
            contents = None;
        }
        if let Some(contents) = &mut contents {
            contents.resize(size as usize, 0);
        }
        entries.push((entry, contents));
    }
    Some(entries)
}
