use std::ffi::OsStr;

use super::hash::ContentHash;
use super::*;
use crate::layer::tests::*;
use crate::layer::{Content, Entry, EntryKind, FileContent, Name, RootfsTarget, Target, apply};
use crate::report::Silent;
use crate::rootfs::Rootfs;
use crate::testing::{TempDir, needs_root};

fn sample() -> Index {
    index(&[
        tar([
            (directory("usr").0.mode(0o2755).owner(0, 50).mtime(1_700_000_000, 5), &b""[..]),
            file("usr/a", b"twelve bytes"),
            hard_link("usr/b", "usr/a"),
            (symlink("bin", "usr/bin").0.mtime(-1, 0), b""),
            (Entry::new("null", EntryKind::Character(1, 3)).unwrap(), b""),
            (Entry::new("loop", EntryKind::Block(7, 0)).unwrap(), b""),
            (Entry::new("pipe", EntryKind::Fifo).unwrap(), b""),
        ]),
        tar([file("usr/.wh.gone", b""), hard_link("c", "usr/a"), file("implied/x", b"1")]),
    ])
    .unwrap()
}

#[test]
fn bytes_hold_everything() {
    let index = sample();
    let again = Index::from_bytes(&index.to_bytes()).unwrap();
    assert_eq!(listing(&again), listing(&index));
    assert_eq!(again.to_bytes(), index.to_bytes());
    let a = again.get("usr/a").unwrap();
    assert_eq!((a.size, a.hard_link), (12, again.get("/c").unwrap().hard_link));
    assert!(a.hard_link.is_some());
    assert_eq!(again.get("bin").unwrap().link, Some(OsStr::new("usr/bin")));
    assert_eq!(again.get("null").unwrap().rdev, (1, 3));
    assert_eq!(again.get("implied").unwrap().mode, 0o755);
    assert_eq!(again.get("usr/gone"), None);
}

#[test]
fn damaged_bytes_are_refused_or_at_least_harmless() {
    let bytes = sample().to_bytes();
    for length in 0..bytes.len() {
        assert!(Index::from_bytes(&bytes[..length]).is_err(), "cut at {length}");
    }
    for at in 0..bytes.len() {
        for flip in [1, 0x80, 0xff] {
            let mut damaged = bytes.clone();
            damaged[at] ^= flip;
            if let Ok(index) = Index::from_bytes(&damaged) {
                let _ = listing(&index);
            }
        }
    }
}

#[test]
fn whiteouts_spare_what_their_own_layer_made() {
    let lower = tar([file("d/old", b""), file("d/s/old", b""), file("d/t/old", b"")]);
    let paths = |upper: Vec<u8>| {
        let mut paths = Vec::new();
        index(&[lower.clone(), upper]).unwrap().for_each(&mut |path, _| {
            paths.push(path.to_str().unwrap().to_owned());
        });
        paths.join(" ")
    };
    let marked = [file("d/.wh..wh..opq", b""), file(".wh.d", b"")];
    for marker in marked {
        assert_eq!(paths(tar([marker.clone(), file("d/new", b"")])), " d d/new");
        assert_eq!(paths(tar([file("d/new", b""), marker.clone()])), " d d/new");
        assert_eq!(paths(tar([file("d/s/new", b""), marker.clone()])), " d d/s d/s/new");
    }
    assert_eq!(paths(tar([file(".wh.d", b""), symlink("d", "x")])), " d");
    assert_eq!(paths(tar([file(".wh..wh..opq", b"")])), "");
}

#[test]
fn freed_inodes_are_used_again() {
    let layer = tar([directory("d"), file("d/x", b"1"), file("d/y", b"2")]);
    let wipe = tar([file(".wh.d", b"")]);
    let mut index = Index::new();
    for _ in 0..100 {
        crate::layer::apply(&layer[..], &mut index, &layers()).unwrap();
        crate::layer::apply(&wipe[..], &mut index, &layers()).unwrap();
    }
    assert_eq!(index.inodes(), 4);
}

fn hash(runs: &[(u64, &[u8])]) -> u64 {
    let mut hash = ContentHash::new();
    runs.iter().for_each(|(offset, bytes)| hash.update(*offset, bytes));
    hash.finish()
}

#[test]
fn holes_and_zeros_hash_equal_however_they_are_cut() {
    let mut bytes = vec![0; 40_000];
    bytes[5000..9000].fill(7);
    bytes[30_000] = 1;
    let whole = hash(&[(0, &bytes)]);
    assert_ne!(whole, 0);
    assert_eq!(hash(&[(5000, &bytes[5000..9000]), (30_000, &[1])]), whole);
    assert_eq!(
        hash(&[(4096, &bytes[4096..8192]), (8192, &bytes[8192..12_288]), (29_000, &bytes[29_000..])]),
        whole
    );
    for cut in [1, 511, 4095, 4097, 10_000] {
        let runs: Vec<_> =
            bytes.chunks(cut).zip((0..).step_by(cut)).map(|(run, offset)| (offset, run)).collect();
        assert_eq!(hash(&runs), whole, "runs of {cut}");
    }
    assert_eq!(hash(&[]), hash(&[(0, &[0; 10_000])]));
    let mut moved = bytes.clone();
    moved.swap(30_000, 34_096);
    assert_ne!(hash(&[(0, &moved)]), whole, "the same block elsewhere");
    let mut hasher = ContentHash::new();
    hasher.update(0, b"one");
    hasher.finish();
    hasher.update(5000, b"two");
    assert_eq!(hasher.finish(), hash(&[(5000, b"two")]), "a hasher begins anew");
}

#[test]
fn changes_that_keep_size_and_time_are_told() {
    let one = |entry: Entry, content: &'static [u8]| index(&[tar([(entry, content)])]).unwrap();
    let hashes = |index: &Index| {
        let node = index.get("f").unwrap();
        (node.content_hash.unwrap(), node.xattr_hash.unwrap())
    };
    let entry = || file("f", b"content").0.mtime(5, 0);
    let plain = hashes(&one(entry(), b"content"));
    let changed = hashes(&one(entry(), b"changed"));
    assert!(plain.0 != changed.0 && plain.1 == changed.1);
    let labelled = hashes(&one(entry().xattr("user.a", "1").xattr("user.b", "2"), b"content"));
    assert!(plain.0 == labelled.0 && plain.1 != labelled.1);
    let swapped = hashes(&one(entry().xattr("user.b", "2").xattr("user.a", "1"), b"content"));
    assert_eq!(swapped, labelled);
    let exchanged = hashes(&one(entry().xattr("user.b", "1").xattr("user.a", "2"), b"content"));
    assert_ne!(exchanged.1, labelled.1);
    let host =
        hashes(&one(entry().xattr("security.selinux", "x").xattr("trusted.overlay.opaque", "y"), b"content"));
    assert_eq!(host, plain);
    let again = Index::from_bytes(&one(entry().xattr("user.a", "1"), b"content").to_bytes()).unwrap();
    assert_eq!(hashes(&again), hashes(&one(entry().xattr("user.a", "1"), b"content")));
}

#[test]
fn what_is_recorded_is_what_is_read() {
    needs_root!();
    let zeros: &'static [u8] = Box::leak(vec![0; 1 << 20].into_boxed_slice());
    let layer = tar([
        directory("."),
        file("small", b"small"),
        file("zeros", zeros),
        directory("d"),
        file("d/x", b"x"),
    ]);
    let root = TempDir::new();
    let rootfs = Rootfs::new(root.open());
    let mut tree = RootfsTarget::new(&rootfs, &Silent);
    let mut recorded = Index::new();
    apply(&layer[..], &mut Recording::new(&mut tree, &mut recorded), &layers()).unwrap();
    tree.finish().unwrap();
    assert_eq!(recorded.to_bytes(), index(std::slice::from_ref(&layer)).unwrap().to_bytes());
    assert_eq!(listing(&index(&[packed(&root)]).unwrap()), listing(&recorded));
}

#[test]
fn files_that_could_be_cloned_are_hashed_too() {
    needs_root!();
    let (source, root) = (TempDir::new(), TempDir::new());
    let bytes: Vec<u8> = (0..300_000).map(|at| (at / 7) as u8).collect();
    let size = bytes.len() as u64;
    std::fs::write(source.path().join("file"), &bytes).unwrap();
    let file = std::fs::File::open(source.path().join("file")).unwrap();
    let rootfs = Rootfs::new(root.open());
    let (mut tree, mut index) = (RootfsTarget::new(&rootfs, &Silent), Index::new());
    let mut target = Recording::new(&mut tree, &mut index);
    let entry = Entry::new("file", EntryKind::File { size }).unwrap();
    target.begin().unwrap();
    target.put(&entry, &mut FileContent::new(file, size)).unwrap();
    target.end().unwrap();
    tree.finish().unwrap();
    assert_eq!(index.get("file").unwrap().content_hash, Some(hash(&[(0, &bytes)])));
    assert!(std::fs::read(root.path().join("file")).unwrap() == bytes);
}

/// A target that reads nothing.
struct Blind;

impl Target for Blind {
    fn begin(&mut self) -> crate::error::Result<()> {
        Ok(())
    }
    fn put(&mut self, _: &Entry, _: &mut dyn Content) -> crate::error::Result<()> {
        Ok(())
    }
    fn hide(&mut self, _: &Name) -> crate::error::Result<()> {
        Ok(())
    }
    fn hide_children(&mut self, _: &Name) -> crate::error::Result<()> {
        Ok(())
    }
    fn end(&mut self) -> crate::error::Result<()> {
        Ok(())
    }
}

#[test]
fn contents_that_nobody_reads_are_hashed_too() {
    let layer = tar([file("f", b"content")]);
    let mut recorded = Index::new();
    apply(&layer[..], &mut Recording::new(&mut Blind, &mut recorded), &layers()).unwrap();
    assert_eq!(recorded.get("f").unwrap().content_hash, Some(hash(&[(0, b"content")])));
}

const ROOT_AND_ONE_FILE: &[u8] = b"\x01\xed\x03\0\0\0\0\x01\x01a\x00\xa4\x03\0\0\x0a\0\x0c";

#[test]
fn version_1_is_read_and_has_no_hashes() {
    let bytes = [b"chroot-distro index\n1", ROOT_AND_ONE_FILE].concat();
    let index = Index::from_bytes(&bytes).unwrap();
    let a = index.get("a").unwrap();
    assert_eq!((a.size, a.mode, a.mtime.seconds), (12, 0o644, 5));
    assert_eq!((a.content_hash, a.xattr_hash), (None, None));
    assert_eq!(index.to_bytes(), bytes, "what is not known is not made up");
    assert!(Index::from_bytes(&[&bytes[..], b"s\x01x"].concat()).is_err());
}

#[test]
fn sections_after_the_tree_are_skipped() {
    let bytes = [b"chroot-distro index\n2", ROOT_AND_ONE_FILE, b"8 bytes.", b"s\x03xyz", b"t\0"].concat();
    let index = Index::from_bytes(&bytes).unwrap();
    assert_eq!(index.get("a").unwrap().content_hash, Some(u64::from_le_bytes(*b"8 bytes.")));
    assert!(Index::from_bytes(&bytes[..bytes.len() - 1]).is_err());
}

/// On a thread with the least stack that Rust gives: each level of recursion would cost some of it.
#[test]
fn depth_costs_no_stack() {
    const DEPTH: usize = 20_000;
    let run = || {
        let mut bytes = b"chroot-distro index\n2".to_vec();
        for _ in 0..DEPTH {
            bytes.extend_from_slice(b"\x01\xed\x03\0\0\0\0\x01\x01d");
        }
        bytes.extend_from_slice(b"\x01\xed\x03\0\0\0\0\0");
        let mut index = Index::from_bytes(&bytes).unwrap();
        assert_eq!(index.to_bytes(), bytes);
        let mut levels = 0;
        index.for_each(&mut |_, _| levels += 1);
        assert_eq!(levels, DEPTH + 1);
        index.begin().unwrap();
        index.hide_children(&Name::default()).unwrap();
        assert!(index.get("d").is_none());
    };
    std::thread::Builder::new().stack_size(128 << 10).spawn(run).unwrap().join().unwrap();
}
