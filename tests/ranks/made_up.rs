//! Each check finds what it is for, in sources that are made up.

use super::checks::{self, Allowed};
use super::source::Source;

fn sources(files: &[(&str, &str)]) -> Vec<Source> {
    files.iter().map(|(path, text)| Source::new(path, text)).collect()
}

#[track_caller]
fn finds(wrong: &[String], words: &[&str]) {
    assert_eq!(wrong.len(), words.len(), "{wrong:?}");
    for (wrong, word) in wrong.iter().zip(words) {
        assert!(wrong.contains(word), "no {word:?} in {wrong:?}");
    }
}

#[test]
fn only_what_the_attribute_is_on_is_cut_out() {
    for (text, left) in [
        ("#[cfg(test)]\nmod tests { fn a() { x(); } }\nfn b() {}", "\nfn b() {}"),
        ("#[cfg(test)]\nmod tests;\nfn b() {}", "\nfn b() {}"),
        ("#[cfg(test)]\nuse a::{b, c};\nfn b() {}", "\nfn b() {}"),
        ("#[cfg(test)]\n#[must_use]\npub(super) fn a(x: [u8; 2]) -> u8 { 1 }\nfn b() {}", "\nfn b() {}"),
        ("#[cfg(test)]\nconst A: [S; 1] = [S { a: 1 }];\nfn b() {}", "\nfn b() {}"),
        ("#[cfg(test)]\nconst fn a() {}\nfn b() {}", "\nfn b() {}"),
        ("struct S {\n#[cfg(test)]\na: u8,\nb: u8 }", "struct S {\n\nb: u8 }"),
        ("struct S { b: u8,\n#[cfg(test)]\na: u8 }", "struct S { b: u8,\n}"),
        ("fn a() {\n#[cfg(test)]\nlet x = || { 1 };\nb() }", "fn a() {\n\nb() }"),
        ("#[cfg(test)]\nfn a() { \"}\"; '}'; r#\"}\"#; /* } */ }\nfn b() {}", "\nfn b() {}"),
        ("// #[cfg(test)]\nfn a() {}", "// #[cfg(test)]\nfn a() {}"),
    ] {
        assert_eq!(Source::new("a.rs", text).production, left, "{text}");
    }
}

#[test]
fn comments_and_literals_are_no_code() {
    let source =
        Source::new("a.rs", "f(\"a\\\"::b\", 'c', '\\'', b\"d\"); // e\n/* f */ fn g<'h>(r: &'h str) {}");
    let words: Vec<&str> =
        source.code.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    assert_eq!(words, ["f", "b", "fn", "g", "h", "r", "h", "str"]);
    let raw = Source::new("a.rs", "x(r#\"a \" b\"#, r\"\\\"); y");
    assert!(!raw.code.contains('a') && !raw.code.contains('b') && raw.code.ends_with("y"), "{}", raw.code);
}

#[test]
fn a_block_above_is_found() {
    let map = checks::map("//! | [`top`] | x |\n//! | [`middle`] | y |\n//! | [`low`] | z |\n");
    assert_eq!(map, ["top", "middle", "low"]);
    let files = sources(&[
        ("top.rs", "use crate::{low, middle::{self, X}};"),
        ("middle/mod.rs", "#[cfg(test)]\nmod tests;\nfn f() { crate::top::g() }"),
        ("low/a.rs", "#[cfg(test)]\nuse crate::top;\nuse crate::{low, odd};"),
        ("lost.rs", ""),
    ]);
    finds(
        &checks::ranks(&files, &map),
        &["middle imports top", "odd is not on the map", "lost is not on the map"],
    );
}

#[test]
fn unsafe_code_is_found() {
    let files = sources(&[
        ("a.rs", "fn f() { unsafe { g() } }"),
        ("b.rs", "#[cfg(test)]\nfn f() { unsafe { g() } }\nfn h() { is_unsafe(\"unsafe\") }"),
        ("sys/c.rs", "// SAFETY: it is.\nfn f() { unsafe { g() } }\nfn h() { unsafe { g() } }"),
    ]);
    finds(
        &checks::unsafe_code(&files),
        &["a.rs: unsafe", "a.rs: 1 unsafe blocks", "sys/c.rs: 2 unsafe blocks, 1"],
    );
}

#[test]
fn printing_and_unwrapping_behind_an_item_for_tests_is_found() {
    for word in [
        "todo!()",
        "x.unwrap()",
        "x.expect(y)",
        "panic!(x)",
        "println!(x)",
        "eprintln!(x)",
        "eprint!(x)",
        "dbg!(x)",
    ] {
        let text = format!("#[cfg(test)]\nfn t() {{ x.unwrap() }}\nfn f() {{ {word} }}");
        assert!(!checks::words(&sources(&[("a.rs", &text)])).is_empty(), "{word}");
        let text = format!("fn f() {{}}\n#[cfg(test)]\nfn t() {{ {word} }}");
        finds(&checks::words(&sources(&[("a.rs", &text)])), &[]);
    }
    finds(
        &checks::words(&sources(&[
            ("ui/a.rs", "fn f() { println!(x) }"),
            ("ui/b.rs", "fn f() { x.unwrap() }"),
        ])),
        &["ui/b.rs"],
    );
}

#[test]
fn long_files_are_found() {
    let lines = "//! x\n".repeat(checks::LINES);
    let tests = format!("{lines}#[cfg(test)]\nmod tests {{\n{}}}", lines);
    finds(&checks::sizes(&sources(&[("a.rs", &lines), ("b.rs", &tests)])), &[]);
    let long = format!("{tests}\nfn a() {{}}");
    finds(&checks::sizes(&sources(&[("a.rs", &long)])), &["a.rs: 50"]);
    finds(
        &checks::long_tests(&[("a.rs".to_owned(), lines), ("b.rs".to_owned(), long)]),
        &["b.rs: 1004 lines"],
    );
    finds(&checks::heads(&sources(&[("a.rs", "// x"), ("b.rs", "//! x"), ("main.rs", "")])), &["a.rs"]);
}

/// `a/mod.rs` with the files `b`, `c` and `d` of its folder, and `e.rs` beside it.
fn block<'a>(face: &'a str, b: &'a str, c: &'a str, d: &'a str) -> Vec<Source> {
    sources(&[("a/mod.rs", face), ("a/b.rs", b), ("a/c.rs", c), ("a/d.rs", d), ("e.rs", "use crate::a::B;")])
}

const FACE: &str = "mod b;\nmod c;\nmod d;\n";

#[test]
fn circles_are_found_whatever_way_they_are_written() {
    for (b, c, d) in [
        ("use super::c::C;", "use super::b::B;", ""),
        ("use crate::a::c::C;", "fn f() { super::b::g() }", ""),
        ("use super::{c::{C, D}, x};", "pub use crate::{a::b as x, y};", ""),
        ("use super::c;", "use super::d;\nfn f() { d::g() }", "fn f(x: crate::a::b::B) {}"),
        ("use super::c as x;\nfn f() { x::g() }", "pub(super) use super::b::*;", ""),
    ] {
        let files = block(FACE, b, c, d);
        let wrong = checks::circles(&files, &[]);
        assert!(wrong.len() == 1 && wrong[0].contains("a/b.rs -> a/c.rs"), "{b} {c} {d}: {wrong:?}");
    }
    let by_face = block("mod b;\npub use b::B;", "use super::B;", "", "");
    finds(&checks::circles(&by_face, &[]), &["a/mod.rs -> a/b.rs"]);
    let bare = block("mod b;\nfn f() { b::g() }", "fn g() { super::f() }", "", "");
    finds(&checks::circles(&bare, &[]), &["a/mod.rs -> a/b.rs"]);
    let behind_an_alias = sources(&[
        ("a.rs", "use crate::b as x;\nfn f() { x::c::g() }"),
        ("b/mod.rs", "pub mod c;"),
        ("b/c.rs", "use crate::a;"),
    ]);
    finds(&checks::circles(&behind_an_alias, &[]), &["a.rs -> b/c.rs"]);
}

#[test]
fn what_is_no_circle_is_let_be() {
    for (b, c, d) in [
        ("use super::c::C;", "use super::d::D;", "use std::b;"),
        ("use super::c::C;", "#[cfg(test)]\nuse super::b::B;\n// super::b\nfn f() { \"super::b\" }", ""),
        ("use super::{c, d};", "use super::d;", ""),
    ] {
        finds(&checks::circles(&block(FACE, b, c, d), &[]), &[]);
    }
}

#[test]
fn an_exception_is_small_has_a_reason_and_is_needed() {
    let files = || block(FACE, "use super::c;", "use super::b;", "");
    let names: &[&str] = &["a/b.rs", "a/c.rs"];
    let good: Allowed = &[(names, "they are one")];
    finds(&checks::circles(&files(), good), &[]);
    finds(&checks::circles(&files(), &[(names, "")]), &["a reason"]);
    let other: Allowed = &[(&["a/b.rs", "a/d.rs"], "no")];
    finds(&checks::circles(&files(), other), &["a circle of 2", "no circle any more"]);
    let many: Allowed = &[(&["a/b.rs", "a/c.rs", "a/d.rs", "e.rs"], "many")];
    finds(&checks::circles(&files(), many), &["at most three"]);
}

#[test]
fn a_face_with_items_and_imports_through_it_are_found() {
    finds(&checks::faces(&block("pub mod b;\npub use b::B;", "use super::c::C;", "", ""), &[]), &[]);
    finds(&checks::faces(&block("mod b;\npub struct X;", "", "", ""), &[]), &["this one has struct"]);
    finds(&checks::faces(&block("mod b;\nfn f() {}\nimpl X {}", "", "", ""), &[]), &["has fn", "has impl"]);
    let through = || block("mod b;\nmod c;\npub use c::C;", "use super::C;", "", "");
    finds(&checks::faces(&through(), &[]), &["a/b.rs imports through its own face"]);
    finds(&checks::faces(&through(), &[(&["a/mod.rs"], "today")]), &[]);
    finds(&checks::faces(&block("mod b;", "", "", ""), &[(&["a/mod.rs"], "today")]), &["needs no exception"]);
}
