//! Wildcards in sources.

use super::scene::{From, check, files, on_disk, wanted};
use crate::build::copy::select;
use crate::layer::Index;
use crate::testing::needs_root;

const TREE: &[&str] = &[
    "a.c=1",
    "a.h=2",
    "arr[0].txt=3",
    "d/",
    "d/x.c=4",
    "d/y/",
    "d/y/z.c=5",
    "e/",
    "e/x.c=6",
    "l>d",
    "ünï=7",
];

#[test]
fn each_match_is_copied_as_if_it_were_named() {
    needs_root!();
    for (instruction, expected) in [
        ("COPY a.* /x/", &["x/", "x/a.c=1", "x/a.h=2"][..]),
        ("COPY a.? /x/", &["x/", "x/a.c=1", "x/a.h=2"]),
        ("COPY a.[a-g] /x/", &["x/", "x/a.c=1"]),
        ("COPY a.[^c] /x/", &["x/", "x/a.h=2"]),
        ("COPY arr[[]0].txt /x/", &["x/", "x/arr[0].txt=3"]),
        ("COPY ?n? /x/", &["x/", "x/ünï=7"]),
        // Of directories the contents, and a star takes no slash.
        ("COPY d* /x/", &["x/", "x/x.c=4", "x/y/", "x/y/z.c=5"]),
        ("COPY */x.c /x/", &["x/", "x/x.c=6"]),
        ("COPY d/*/z.c /x/", &["x/", "x/z.c=5"]),
        ("COPY *.c d/*.c /x/", &["x/", "x/a.c=1", "x/x.c=4"]),
        // A link that is matched is followed, one on the way to a match is not.
        ("COPY l* /x/", &["x/", "x/x.c=4", "x/y/", "x/y/z.c=5"]),
        ("COPY l/*.c /x/", &["x/", "x/x.c=4"]),
        ("COPY [l]/x.c /x/", &[]),
        // The directory before the wildcard must be there (BuildKit says so, too).
        ("COPY none/* /x/", &["! 'none/*' is not there"]),
        ("COPY a.c/* /x/", &[]),
        ("COPY a.[ /x/", &[]),
    ] {
        check(TREE, From::Context(""), &[], instruction, expected);
    }
}

#[test]
fn what_matches_nothing_is_told_and_copies_nothing() {
    needs_root!();
    let source = on_disk(TREE);
    let files = files(&source, From::Context("*.h"));
    let wanted = wanted("COPY *.h none* a.c /x/");
    let selection = select(&files, &wanted).unwrap();
    assert_eq!(selection.unmatched(), ["*.h", "none*"]);
    assert!(!selection.is_empty());
    let error = selection.all_matched().unwrap_err();
    assert_eq!(error.to_string(), "nothing matches '*.h'");
    assert!(error.hint_text().unwrap().contains(".dockerignore hides them"));
    check(TREE, From::Context(""), &[], "COPY non[e]xistent /x/", &[]);
}

#[test]
fn several_files_with_one_destination_are_warned_of() {
    needs_root!();
    let source = on_disk(TREE);
    let files = files(&source, From::Context(""));
    let warnings = |instruction: &str| {
        let wanted = wanted(instruction);
        let selection = select(&files, &wanted).unwrap();
        let placed = selection.place(&Index::new()).unwrap();
        placed.warnings().to_vec()
    };
    for instruction in ["COPY a.* /x", "COPY a.c a.h /y/../x"] {
        let told = warnings(instruction);
        assert!(
            told.len() == 1 && told[0].starts_with("'/x' is the destination of several files"),
            "{told:?}"
        );
    }
    for instruction in ["COPY a.* /x/", "COPY d e /x", "COPY a.c /x"] {
        assert!(warnings(instruction).is_empty(), "{instruction}");
    }
}
