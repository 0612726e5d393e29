use super::*;
use crate::layer::tests::*;
use crate::layer::{Index, Options, apply};

/// A header with a valid checksum, changed by `change`, and a body padded to blocks.
fn block(name: &str, kind: u8, body: &[u8], change: impl Fn(&mut Header)) -> Vec<u8> {
    let mut header = Header::new_gnu();
    header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
    header.set_entry_type(EntryType::new(kind));
    header.set_mode(0o644);
    header.set_size(body.len() as u64);
    change(&mut header);
    header.set_cksum();
    let mut bytes = header.as_bytes().to_vec();
    bytes.extend_from_slice(body);
    bytes.resize(bytes.len().next_multiple_of(BLOCK), 0);
    bytes
}

fn plain(name: &str, kind: u8, body: &[u8]) -> Vec<u8> {
    block(name, kind, body, |_| ())
}

fn pax(kind: u8, records: &[(&str, &str)]) -> Vec<u8> {
    let mut body = String::new();
    for (key, value) in records {
        let rest = key.len() + value.len() + 3;
        let length = (rest..).find(|length| length.to_string().len() + rest == *length).unwrap();
        body += &format!("{length} {key}={value}\n");
    }
    plain("pax", kind, body.as_bytes())
}

fn entries(archive: &[u8]) -> Result<Vec<(Entry, Vec<u8>)>> {
    let mut reader = Reader::new(archive);
    let mut entries = Vec::new();
    while let Some(entry) = reader.next()? {
        let mut content = Vec::new();
        let mut body = reader.content();
        while let Some((offset, bytes)) = body.chunk()? {
            if offset < 1 << 20 {
                content.resize(offset as usize, 0);
                content.extend_from_slice(bytes);
            }
        }
        entries.push((entry, content));
    }
    Ok(entries)
}

fn only(archive: &[u8]) -> (Entry, Vec<u8>) {
    let mut entries = entries(archive).unwrap();
    assert_eq!(entries.len(), 1);
    entries.remove(0)
}

#[test]
fn names_may_stand_before_the_header() {
    let (long, target) = (format!("{}/leaf", "n".repeat(300)), "t".repeat(300));
    let gnu =
        [plain("L", b'L', long.as_bytes()), plain("K", b'K', target.as_bytes()), plain("short", b'2', b"")];
    let (entry, _) = only(&gnu.concat());
    assert_eq!(
        (entry.name.as_bytes(), entry.kind),
        (long.as_bytes(), EntryKind::Symlink(target.clone().into()))
    );
    let pax = [pax(b'x', &[("path", &long), ("linkpath", &target)]), plain("short", b'2', b"")].concat();
    let (entry, _) = only(&pax);
    assert_eq!((entry.name.as_bytes(), entry.kind), (long.as_bytes(), EntryKind::Symlink(target.into())));
    assert!(entries(&plain("L", b'L', b"name")).is_err(), "it says something of a header that never comes");
}

#[test]
fn pax_overrides_one_header_or_all_that_follow() {
    let archive = [
        pax(b'g', &[("uid", "7"), ("mtime", "5.5"), ("path", "nonsense"), ("size", "99")]),
        plain("a", b'0', b"1"),
        pax(b'x', &[("uid", "8"), ("size", "3"), ("gid", "3000000"), ("mtime", "")]),
        block("b", b'0', b"123", |header| header.set_size(0)),
        plain("c", b'0', b""),
    ];
    let found = entries(&archive.concat()).unwrap();
    let told: Vec<_> = found
        .iter()
        .map(|(entry, content)| (entry.uid, entry.gid, entry.mtime.seconds, &content[..]))
        .collect();
    assert_eq!(told, [(7, 0, 5, &b"1"[..]), (8, 3_000_000, 0, b"123"), (7, 0, 5, b"")]);
}

#[test]
fn numbers_in_base_256() {
    let (entry, _) = only(&block("old", b'0', b"", |header| {
        header.set_uid(1 << 30);
        header.set_mtime((-86400i64).cast_unsigned());
        header.as_old_mut().mtime[..4].fill(0xff);
    }));
    assert_eq!((entry.uid, entry.mtime.seconds), (1 << 30, -86400));
    for bad in [u64::MAX >> 32, u64::MAX >> 1] {
        assert!(entries(&block("x", b'0', b"", |header| header.set_uid(bad))).is_err());
    }
}

#[test]
fn types_without_a_body_have_none_whatever_their_size_says() {
    let claims = |kind| block("x", kind, b"", |header| header.set_size(1 << 40));
    for kind in *b"123456" {
        let archive = [claims(kind), plain("y", b'0', b"")].concat();
        assert_eq!(entries(&archive).unwrap().len(), 2, "type {}", char::from(kind));
    }
    assert!(entries(&claims(b'0')).is_err());
    assert_eq!(only(&plain("dir/", b'\0', b"")).0.kind, EntryKind::Directory);
    assert!(entries(&plain("x", b'Z', b"")).is_err());
    assert!(entries(&plain("x", b'V', b"label")).unwrap().is_empty());
}

#[test]
fn sparse_files_of_every_kind() {
    let expected = [&b"one"[..], &[0; 1021], b"two"].concat();
    let check = |archive: Vec<u8>| {
        let (entry, content) = only(
            [archive, plain("next", b'5', b"")].concat()[..]
                .strip_suffix(&plain("next", b'5', b"")[..])
                .unwrap(),
        );
        assert_eq!((entry.name.as_bytes(), entry.kind), (&b"file"[..], EntryKind::File { size: 2000 }));
        assert_eq!(content, expected);
    };
    check(block("file", b'S', b"onetwo", |header| {
        let gnu = header.as_gnu_mut().unwrap();
        for (slot, (offset, length)) in gnu.sparse.iter_mut().zip([(0, 3), (1024, 3), (2000, 0)]) {
            slot.set_offset(offset);
            slot.set_length(length);
        }
        gnu.set_real_size(2000);
    }));
    let mut extended = block("file", b'S', b"", |header| {
        let gnu = header.as_gnu_mut().unwrap();
        gnu.sparse[0].set_offset(0);
        gnu.sparse[0].set_length(3);
        gnu.set_real_size(2000);
        gnu.set_is_extended(true);
        header.set_size(6);
    });
    let mut more = ::tar::GnuExtSparseHeader::new();
    more.sparse_mut()[0].set_offset(1024);
    more.sparse_mut()[0].set_length(3);
    extended.extend_from_slice(more.as_bytes());
    extended.extend_from_slice(b"onetwo");
    extended.resize(extended.len().next_multiple_of(BLOCK), 0);
    check(extended);
    let offset = [("GNU.sparse.offset", "0"), ("GNU.sparse.numbytes", "3"), ("GNU.sparse.offset", "1024")];
    let v00 = [&[("GNU.sparse.size", "2000")], &offset[..], &[("GNU.sparse.numbytes", "3")]].concat();
    check([pax(b'x', &v00), plain("file", b'0', b"onetwo")].concat());
    let v01 = [("GNU.sparse.size", "2000"), ("GNU.sparse.map", "0,3,1024,3"), ("GNU.sparse.name", "file")];
    check([pax(b'x', &v01), plain("GNUSparseFile.1/file", b'0', b"onetwo")].concat());
    let v10 = [
        ("GNU.sparse.major", "1"),
        ("GNU.sparse.minor", "0"),
        ("GNU.sparse.realsize", "2000"),
        ("GNU.sparse.name", "file"),
    ];
    let mut body = b"2\n0\n3\n1024\n3\n".to_vec();
    body.resize(BLOCK, 0);
    body.extend_from_slice(b"onetwo");
    check([pax(b'x', &v10), plain("GNUSparseFile.1/file", b'0', &body)].concat());
}

#[test]
fn archives_end_in_order_or_not_at_all() {
    let one = plain("x", b'0', b"1");
    assert_eq!(entries(&one).unwrap().len(), 1, "without the end's zero blocks");
    assert_eq!(entries(&[&one[..], &[0; 512]].concat()).unwrap().len(), 1);
    assert_eq!(entries(&[&one[..], &[0; 1024], b"whatever follows"].concat()).unwrap().len(), 1);
    for bad in [
        [&one[..], &[0; 512], &one].concat(),
        one[..800].to_vec(),
        one[..1000].to_vec(),
        [&one[..], &[1; 512]].concat(),
    ] {
        assert!(entries(&bad).is_err());
    }
    assert_eq!(entries(&[1; 512]).unwrap_err().to_string(), "not a tar archive");
}

#[test]
fn what_follows_the_archive_belongs_to_its_digest() {
    let bytes = [plain("x", b'0', b"1"), vec![0; 1024], b"more".to_vec()].concat();
    let applied = apply(&bytes[..], &mut Index::new(), &Options::default()).unwrap();
    assert_eq!((applied.diff_id, applied.bytes), (crate::oci::Digest::of(&bytes), bytes.len() as u64));
}

#[test]
fn claims_cost_no_memory() {
    for kind in *b"xgLK" {
        let archive = block("x", kind, b"", |header| header.set_size(1 << 40));
        let error = entries(&archive).unwrap_err().to_string();
        assert!(error.contains("extended header of"), "{error}");
    }
}

#[test]
fn no_bytes_make_it_panic() {
    let sound = [
        pax(
            b'x',
            &[
                ("path", "a/b"),
                ("mtime", "-1.5"),
                ("SCHILY.xattr.user.x", "y"),
                ("GNU.sparse.map", "0,1,9,1"),
                ("GNU.sparse.size", "20"),
            ],
        ),
        plain("a", b'0', b"12"),
        plain("L", b'L', b"long/name"),
        block("s", b'S', b"onetwo", |header| {
            header.as_gnu_mut().unwrap().sparse[0].set_offset(10);
            header.as_gnu_mut().unwrap().sparse[0].set_length(6);
            header.as_gnu_mut().unwrap().set_real_size(100);
        }),
        plain("l", b'1', b""),
        vec![0; 1024],
    ]
    .concat();
    assert_eq!(entries(&sound).unwrap().len(), 3);
    let mut random = Random(1);
    let mut understood = 0;
    for _ in 0..20_000 {
        let mut archive = sound.clone();
        for _ in 0..1 + random.below(4) {
            let at = random.below(archive.len());
            archive[at] = random.of(b"\0\x80\xff019 /\n=x");
        }
        archive.truncate(random.below(archive.len() * 2).max(BLOCK));
        // Checksums made right again let the damage through to what they guard.
        for header in archive.chunks_exact_mut(BLOCK).filter(|header| header[257..262] == *b"ustar") {
            let mut copy = Header::new_old();
            copy.as_mut_bytes().copy_from_slice(header);
            copy.set_cksum();
            header.copy_from_slice(copy.as_bytes());
        }
        understood += usize::from(entries(&archive).is_ok());
    }
    assert!(understood > 100, "only {understood}");
}
