//! ADD: archives.

use std::fs::File;
use std::io::Write;

use super::scene::{From, archive, check, copied, on_disk, sent};
use crate::layer::{Compression, Compressor};
use crate::testing::{TempDir, needs_root};

const CONTEXT: From<'_> = From::Context("");

fn added(tree: &[&str], base: &[&str], instruction: &str) -> Vec<String> {
    let source = TempDir::new();
    archive(&source, "a.tar", tree);
    match copied(&source, CONTEXT, base, instruction) {
        Ok(found) => found,
        Err(error) => vec![format!("! {error}")],
    }
}

#[test]
fn an_archive_is_unpacked_with_its_owners_and_modes() {
    needs_root!();
    let tree = &["./", "d@700,3:4/", "d/f@4755,3:4=F", "d/h&d/f", "l>d/f", "p|"];
    let all = &["x/", "x/d/@700,3:4", "x/d/f@4755,3:4=F", "x/d/h&x/d/f", "x/l>d/f", "x/p|"];
    assert_eq!(added(tree, &[], "ADD a.tar /x"), all);
    assert_eq!(added(tree, &[], "ADD a.tar /x/"), all);
    let owned =
        &["x/@755,5:6", "x/d/@700,5:6", "x/d/f@4755,5:6=F", "x/d/h&x/d/f", "x/l@777,5:6>d/f", "x/p|@644,5:6"];
    assert_eq!(added(tree, &[], "ADD --chown=5:6 a.tar /x"), owned);
    // --chmod is of copied files only.
    assert_eq!(added(&["f@600=F"], &[], "ADD --chmod=777 a.tar /x"), ["x/", "x/f@600=F"]);
    assert_eq!(added(&["f=F"], &[], "ADD --unpack=false a.tar /x/").len(), 2);
    assert_eq!(added(&["f=F"], &[], "COPY a.tar /x/").len(), 2);
    assert_eq!(added(&["f=F"], &[], "COPY --unpack=true a.tar /x/"), ["x/", "x/f=F"]);
    // Parents that the archive does not have.
    assert_eq!(added(&["p/q/f=F"], &[], "ADD a.tar /x"), ["x/", "x/p/", "x/p/q/", "x/p/q/f=F"]);
}

#[test]
fn entries_of_an_archive_replace_what_stands_there() {
    needs_root!();
    for (tree, base, expected) in [
        (&["f=new"][..], &["f=old"][..], &["f=new"][..]),
        (&["f=new"], &["f/", "f/g=G"], &["f=new"]),
        (&["d/", "d/g=G"], &["d=old"], &["d/", "d/g=G"]),
        (&["d@700/"], &["d@755,1:1/", "d/f=F"], &["d/@700", "d/f=F"]),
        (&["f=new"], &["y=Y", "f>y"], &["f=new", "y=Y"]),
        // A directory joins what a link leads to.
        (
            &["lib/", "lib/f=F"],
            &["usr/", "usr/lib/", "lib>usr/lib"],
            &["lib>usr/lib", "usr/", "usr/lib/", "usr/lib/f=F"],
        ),
        (
            &["lib/f=F"],
            &["usr/", "usr/lib/", "lib>/usr/lib"],
            &["lib>/usr/lib", "usr/", "usr/lib/", "usr/lib/f=F"],
        ),
        (&["l>usr", "l/f=F"], &[], &["l>usr", "usr/", "usr/f=F"]),
        (&["d/f=F"], &["d=old"], &["! unpack 'a.tar': entry 'd/f': '/d' is not a directory"]),
        (&["f=1", "f=2"], &[], &["f=2"]),
        (
            &["d/", "d/f=1", "d=file", "d/g=G"],
            &[],
            &["! unpack 'a.tar': entry 'd/g': '/d' is not a directory"],
        ),
        (&["h&old"], &["old=O"], &["h=O", "old&h"]),
    ] {
        assert_eq!(added(tree, base, "ADD a.tar /"), expected, "{tree:?}");
    }
}

#[test]
fn the_destination_is_the_archives_root() {
    needs_root!();
    let base = &["etc/", "x/", "x/abs>/etc", "x/up>../../etc"];
    let found = added(&["abs/f=F", "up/g=G"], base, "ADD a.tar /x");
    assert_eq!(found, ["etc/", "x/", "x/abs>/etc", "x/etc/", "x/etc/f=F", "x/etc/g=G", "x/up>../../etc"]);
    // The destination itself is the image's.
    assert_eq!(added(&["f=F"], &["y/", "x>/y"], "ADD a.tar /x"), ["x>/y", "y/", "y/f=F"]);
    assert_eq!(added(&["f=F"], &["x=old"], "ADD a.tar /x"), ["! unpack 'a.tar': '/x' is not a directory"]);
    let climbs = added(&["f=F"], &[], "ADD a.tar /../../y");
    assert_eq!(climbs, ["y/", "y/f=F"]);
}

#[test]
fn contents_tell_what_an_archive_is() {
    needs_root!();
    let source = TempDir::new();
    archive(&source, "plain", &["f=F"]);
    let tar = std::fs::read(source.path().join("plain")).unwrap();
    for (name, kind) in [("g", Compression::Gzip), ("b", Compression::Bzip2), ("x", Compression::Xz)] {
        let file = File::create(source.path().join(name)).unwrap();
        let mut compressor = Compressor::new(file, kind, None).unwrap();
        compressor.write_all(&tar).unwrap();
        compressor.finish().unwrap();
    }
    std::fs::write(source.path().join("false.tar.gz"), "no archive").unwrap();
    std::fs::write(source.path().join("empty.tar"), [0; 1024]).unwrap();
    let mut compressor =
        Compressor::new(File::create(source.path().join("text.gz")).unwrap(), Compression::Gzip, None)
            .unwrap();
    compressor.write_all(b"text").unwrap();
    compressor.finish().unwrap();
    for name in ["plain", "g", "b", "x"] {
        assert_eq!(
            copied(&source, CONTEXT, &[], &format!("ADD {name} /x")).unwrap(),
            ["x/", "x/f=F"],
            "{name}"
        );
    }
    assert_eq!(copied(&source, CONTEXT, &[], "ADD false.tar.gz /x").unwrap(), ["x=no archive"]);
    for name in ["empty.tar", "text.gz"] {
        let shown = sent(&source, CONTEXT, &[], &format!("ADD {name} /x/"));
        assert_eq!(shown[1].name.to_string(), format!("x/{name}"));
    }
    // A link to an archive is one, and what is not whole is told.
    std::os::unix::fs::symlink("g", source.path().join("link")).unwrap();
    assert_eq!(copied(&source, CONTEXT, &[], "ADD link /x").unwrap(), ["x/", "x/f=F"]);
    std::fs::write(source.path().join("cut"), &tar[..513]).unwrap();
    let error = copied(&source, CONTEXT, &[], "ADD cut /x").unwrap_err();
    assert!(error.to_string().starts_with("unpack 'cut': "), "{error}");
}

#[test]
fn directories_and_files_are_added_as_copy_copies_them() {
    needs_root!();
    let source = on_disk(&["d/", "d/f@600,1:1=F"]);
    archive(&source, "d/a.tar", &["g=G"]);
    assert_eq!(copied(&source, CONTEXT, &[], "ADD d/f /x").unwrap(), ["x@600=F"]);
    // Archives in a directory stay as they are.
    let names: Vec<String> =
        sent(&source, CONTEXT, &[], "ADD d /x").iter().map(|entry| entry.name.to_string()).collect();
    assert_eq!(names, ["x", "x/a.tar", "x/f"]);
    assert_eq!(copied(&source, CONTEXT, &[], "ADD d/f d/*.tar /x/").unwrap(), ["x/", "x/f@600=F", "x/g=G"]);
    check(&["d/"], CONTEXT, &["x/"], "ADD none /x", &["! 'none' is not there"]);
}
