use super::*;
use crate::layer::tests::*;

fn sample() -> Index {
    index(&[
        tar([
            (directory("usr").0.mode(0o2755).owner(0, 50).mtime(1_700_000_000, 5), &b""[..]),
            file("usr/a", b"twelve bytes"),
            hard_link("usr/b", "usr/a"),
            (symlink("bin", "usr/bin").0.mtime(-1, 0), b""),
            (Entry::new("null", Kind::Character(1, 3)).unwrap(), b""),
            (Entry::new("loop", Kind::Block(7, 0)).unwrap(), b""),
            (Entry::new("pipe", Kind::Fifo).unwrap(), b""),
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
    assert_eq!(index.inodes.len(), 4);
}
