use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;

use super::*;
use crate::layer::{self, Entry, EntryKind, Name, Options, Target, pack};

fn index(entries: impl IntoIterator<Item = (Entry, &'static str)>) -> Index {
    let mut writer = pack::Writer::new(Vec::new());
    for (entry, contents) in entries {
        writer.append(&entry, contents.as_bytes()).unwrap();
    }
    let mut index = Index::new();
    layer::apply(&writer.finish().unwrap()[..], &mut index, &Options::default()).unwrap();
    index
}

fn file(name: &str, contents: &'static str) -> (Entry, &'static str) {
    let size = contents.len() as u64;
    (Entry::new(name, EntryKind::File { size }).unwrap(), contents)
}

fn other(name: &str, kind: EntryKind) -> (Entry, &'static str) {
    (Entry::new(name, kind).unwrap(), "")
}

fn link(name: &str, to: &str) -> (Entry, &'static str) {
    other(name, EntryKind::HardLink(Name::parse(to.as_bytes()).unwrap()))
}

struct Nothing;

impl Contents for Nothing {
    fn hash(&self, _: bool, _: &Path, _: &Node<'_>) -> Result<Option<u64>> {
        Ok(None)
    }
}

fn told(old: &Index, new: &Index, lenient: bool) -> String {
    let changes = compare(old, new, Rules { lenient }, &["tmp"], &Nothing, &mut |_, _| true).unwrap();
    let line = |change: &Change| {
        let what = change.what.join(",");
        format!("{} {} {what}", change.kind.letter(), change.path.display()).trim_end().to_owned()
    };
    changes.iter().map(line).collect::<Vec<_>>().join("; ")
}

#[test]
fn every_difference_is_told_and_why() {
    type Made = (Entry, &'static str);
    let symlink = |to: &str| other("f", EntryKind::Symlink(OsString::from(to)));
    let with = |change: fn(Entry) -> Entry| {
        let (entry, contents) = file("f", "12345");
        (change(entry), contents)
    };
    let cases: Vec<(Made, Made, &str)> = vec![
        (file("f", "12345"), file("f", "12345"), ""),
        (file("f", "12345"), file("f", "54321"), "C /f contents"),
        (file("f", "12345"), file("f", "1234"), "C /f contents"),
        (file("f", "12345"), with(|entry| entry.mode(0o600)), "C /f mode"),
        (file("f", "12345"), with(|entry| entry.owner(0, 5)), "C /f owner"),
        (file("f", "12345"), with(|entry| entry.mtime(0, 1)), "C /f time"),
        (file("f", "12345"), with(|entry| entry.xattr("user.a", "1")), "C /f xattrs"),
        (file("f", ""), other("f", EntryKind::Fifo), "C /f type"),
        (symlink("a"), symlink("b"), "C /f target"),
        (other("f", EntryKind::Character(1, 3)), other("f", EntryKind::Character(1, 5)), "C /f device"),
        (other("f", EntryKind::Character(1, 3)), other("f", EntryKind::Block(1, 3)), "C /f type"),
        (other("f", EntryKind::Directory), file("f", ""), "C /f type"),
        (file("tmp", ""), other("tmp", EntryKind::Fifo), ""),
        (file("tmp/x", ""), file("tmp/y", ""), ""),
        (file("tmpx", ""), file("b/tmp", ""), "A /b; A /b/tmp; D /tmpx"),
    ];
    for (old, new, want) in cases {
        let (old, new) = (index([old]), index([new]));
        assert_eq!(told(&old, &new, false), want);
    }
}

#[test]
fn a_directory_goes_and_comes_with_all_it_holds() {
    let tree = index([file("a/b/c", ""), file("a-b", ""), file("z", "")]);
    let less = index([file("a-b", ""), file("z", "")]);
    assert_eq!(told(&tree, &less, false), "D /a; D /a/b; D /a/b/c");
    assert_eq!(told(&less, &tree, false), "A /a; A /a/b; A /a/b/c");
    let instead = index([file("a", ""), file("a-b", ""), file("z", "")]);
    assert_eq!(told(&tree, &instead, false), "C /a type; D /a/b; D /a/b/c");
}

#[test]
fn names_of_one_file_are_told_apart_from_files_that_are_alike() {
    let linked = index([file("a", "1"), link("b", "a"), link("c", "a")]);
    let apart = index([file("a", "1"), file("b", "1"), link("c", "a")]);
    assert_eq!(told(&linked, &apart, false), "C /b hard links");
    assert_eq!(told(&apart, &linked, false), "C /b hard links");
    assert_eq!(told(&linked, &apart, true), "");
    let fewer = index([link("c", "b"), file("b", "1"), link("c", "b")].into_iter().skip(1));
    assert_eq!(told(&linked, &fewer, false), "D /a; C /b hard links; C /c hard links");
}

#[test]
fn times_that_another_program_wrote_count_for_less() {
    let at = |seconds, nanoseconds| {
        let ((dir, _), (file, contents)) = (other("d", EntryKind::Directory), file("f", "1"));
        index([(dir.mtime(seconds, 0), ""), (file.mtime(5, nanoseconds), contents)])
    };
    assert_eq!(told(&at(1, 1), &at(2, 2), false), "C /d time; C /f time");
    assert_eq!(told(&at(1, 1), &at(2, 2), true), "");
}

#[test]
fn what_nobody_knows_is_no_difference() {
    let known = index([file("f", "12345")]);
    let bytes =
        [b"chroot-distro index\n1", &b"\x01\xed\x03\0\0\0\0\x01\x01f\x00\xa4\x03\0\0\0\0\x05"[..]].concat();
    let unknown = Index::from_bytes(&bytes).unwrap();
    assert_eq!(told(&unknown, &known, false), "");
    assert_eq!(told(&known, &unknown, false), "");
}

#[test]
fn depth_costs_no_stack() {
    let run = || {
        let mut deep = Index::new();
        deep.begin().unwrap();
        let name = vec!["d"; 5000].join("/");
        deep.put(&Entry::new(&name, EntryKind::Directory).unwrap(), &mut layer::NoContent).unwrap();
        let changes =
            compare(&Index::new(), &deep, Rules::default(), &[], &Nothing, &mut |_, _| true).unwrap();
        assert_eq!(changes.len(), 5000);
        assert_eq!(changes[4999].path.as_os_str().as_bytes().len(), 10_000);
    };
    std::thread::Builder::new().stack_size(256 << 10).spawn(run).unwrap().join().unwrap();
}
