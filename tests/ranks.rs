//! The map in `src/lib.rs` is true: a block imports only from blocks below it, and files import each other in no
//! circle. Unsafe code stands in `sys` alone, printing in `ui` alone, and nothing is left to do.
//!
//! `checks` says what is wrong in some sources, `source` and `graph` read them, and `made_up` shows that each check
//! finds something.

mod checks;
mod graph;
mod made_up;
mod source;

use std::fs;

use checks::Allowed;
use source::Source;

/// Circles that may be, each of at most three files. Empty is best.
const CIRCLES: Allowed = &[];

/// Faces that hold more than `mod` and `use` lines.
const FACES: Allowed = &[];

/// The source files of the program, without those of unit tests.
fn sources() -> Vec<Source> {
    let files = source::files("src");
    assert!(files.len() > 100, "src/ was not found");
    let files = files.iter().filter(|(path, _)| !source::is_test(path));
    files.map(|(path, text)| Source::new(path, text)).collect()
}

#[track_caller]
fn nothing(wrong: &[String]) {
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_block_imports_only_from_below() {
    let map = checks::map(&fs::read_to_string("src/lib.rs").unwrap());
    assert!(map.len() > 10, "the table in src/lib.rs was not found");
    nothing(&checks::ranks(&sources(), &map));
}

#[test]
fn files_import_each_other_in_no_circle() {
    // A crate of its own, whose `crate::` is another.
    let sources: Vec<Source> =
        sources().into_iter().filter(|source| !source.path.starts_with("tls/aead/")).collect();
    nothing(&[checks::circles(&sources, CIRCLES), checks::faces(&sources, FACES)].concat());
}

#[test]
fn unsafe_code_stands_in_sys_alone() {
    nothing(&checks::unsafe_code(&sources()));
}

#[test]
fn only_ui_prints_and_nothing_is_left_to_do() {
    nothing(&checks::words(&sources()));
}

#[test]
fn files_are_small_and_say_what_they_promise() {
    nothing(&checks::sizes(&sources()));
    nothing(&checks::heads(&sources()));
}

#[test]
fn files_of_tests_are_small_too() {
    let mut files = source::files("tests");
    files.extend(source::files("src").into_iter().filter(|(path, _)| source::is_test(path)));
    nothing(&checks::long_tests(&files));
}

#[test]
fn what_is_handed_out_kills_itself_nowhere() {
    let cargo = fs::read_to_string("Cargo.toml").unwrap();
    assert!(cargo.contains("\nfault-points = []\n"), "the feature has another name now");
    for file in ["Cargo.toml", "cross/build", "cross/package"] {
        let text = fs::read_to_string(file).unwrap();
        assert!(!text.contains("--all-features") && !text.contains("--features"), "{file} turns features on");
        assert!(!text.contains("default = ["), "{file} has features that are on by default");
    }
}
