//! The checks themselves. Each takes sources and gives a line for whatever is wrong, so that made-up sources can show
//! that it finds something.

use std::collections::BTreeSet;

use super::graph;
use super::source::Source;

/// What may be wrong in some files, with the reason; it is not told.
pub type Allowed<'a> = &'a [(&'a [&'a str], &'a str)];

/// Block names by rank, highest first, as the table at the head of `src/lib.rs` has them.
pub fn map(lib: &str) -> Vec<String> {
    let rows = lib.lines().filter_map(|line| line.strip_prefix("//! | [`"));
    rows.filter_map(|row| row.split_once('`')).map(|(name, _)| name.to_owned()).collect()
}

/// A block imports only from blocks below it.
pub fn ranks(sources: &[Source], map: &[String]) -> Vec<String> {
    let rank = |block: &str| map.iter().position(|row| row == block);
    let mut wrong = Vec::new();
    for source in sources {
        let (path, block) = (&source.path, source.block());
        if matches!(block, "lib" | "main") {
            continue;
        }
        let Some(own) = rank(block) else {
            wrong.push(format!("{path}: block {block} is not on the map"));
            continue;
        };
        for used in blocks(&source.code).iter().filter(|used| *used != block) {
            match rank(used) {
                Some(other) if other > own => {}
                Some(_) => wrong.push(format!("{path}: {block} imports {used}, which stands above")),
                None => wrong.push(format!("{path}: {used} is not on the map")),
            }
        }
    }
    wrong
}

/// The blocks that code names: `crate::x`, and each of `crate::{x, y::z}`.
fn blocks(code: &str) -> BTreeSet<String> {
    let word = |text: &str| text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    let mut found = BTreeSet::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        let Some(group) = rest.strip_prefix('{') else {
            found.insert(word(rest));
            continue;
        };
        let (mut depth, mut start) = (0, true);
        for (index, c) in group.char_indices() {
            match c {
                '{' => depth += 1,
                '}' if depth == 0 => break,
                '}' => depth -= 1,
                ',' if depth == 0 => start = true,
                c if start && !c.is_whitespace() => {
                    found.insert(word(&group[index..]));
                    start = false;
                }
                _ => {}
            }
        }
    }
    found
}

/// Unsafe code stands in `sys` alone, each block with its reason.
pub fn unsafe_code(sources: &[Source]) -> Vec<String> {
    let mut wrong = Vec::new();
    for source in sources {
        if source.block() != "sys" && source.has_word("unsafe") {
            wrong.push(format!("{}: unsafe code", source.path));
        }
        let argued = source.production.matches("// SAFETY:").count();
        let blocks = source.code.matches("unsafe {").count();
        if blocks > argued {
            wrong.push(format!("{}: {blocks} unsafe blocks, {argued} reasons", source.path));
        }
    }
    wrong
}

/// Only `ui` prints, nothing is left to do, and nothing panics on purpose.
pub fn words(sources: &[Source]) -> Vec<String> {
    const NEVER: &[&str] = &[
        "todo!(",
        "unimplemented!(",
        "dbg!(",
        "allow(dead_code)",
        "panic!(",
        "unreachable!(",
        ".unwrap()",
        ".expect(",
        ".unwrap_err()",
        ".expect_err(",
    ];
    const PRINTS: &[&str] = &["println!(", "print!("];
    let mut wrong = Vec::new();
    for source in sources {
        let prints = PRINTS.iter().filter(|_| source.block() != "ui");
        for word in NEVER.iter().chain(prints).filter(|word| source.code.contains(**word)) {
            wrong.push(format!("{}: {word} outside tests", source.path));
        }
    }
    wrong
}

/// A file's code has at most 500 lines.
pub fn sizes(sources: &[Source]) -> Vec<String> {
    let long = sources.iter().map(|source| (&source.path, source.production.lines().count()));
    long.filter(|(_, lines)| *lines > LINES).map(|(path, lines)| format!("{path}: {lines} lines")).collect()
}

/// The most lines of a file, and of a file of tests.
pub const LINES: usize = 500;

/// A file begins with what it promises.
pub fn heads(sources: &[Source]) -> Vec<String> {
    let without = sources.iter().filter(|source| !source.production.starts_with("//!"));
    without
        .filter(|source| source.path != "main.rs")
        .map(|source| format!("{}: no //! head", source.path))
        .collect()
}

/// A face holds `mod` and `use` lines alone, and what stands in its folder does not import through it.
pub fn faces(sources: &[Source], allowed: Allowed) -> Vec<String> {
    let mut wrong = Vec::new();
    let graph = graph::imports(sources);
    for (index, face) in sources.iter().enumerate().filter(|(_, source)| source.is_face()) {
        let folder = face.path.trim_end_matches("mod.rs");
        for item in items(&face.code) {
            wrong.push((&face.path, format!("a face only re-exports, and this one has {item}")));
        }
        for (user, uses) in sources.iter().zip(&graph) {
            if user.path.starts_with(folder) && uses.contains(&index) {
                wrong.push((&face.path, format!("{} imports through its own face", user.path)));
            }
        }
    }
    let mut told: Vec<String> = wrong
        .iter()
        .filter(|(path, _)| !allowed.iter().any(|(files, _)| files.contains(&path.as_str())))
        .map(|(path, what)| format!("{path}: {what}"))
        .collect();
    let bad: BTreeSet<&str> = wrong.iter().map(|(path, _)| path.as_str()).collect();
    for file in allowed.iter().flat_map(|(files, _)| *files).filter(|file| !bad.contains(**file)) {
        told.push(format!("{file}: it is in order, and needs no exception any more"));
    }
    told
}

/// The keywords of the items in some code, each once.
fn items(code: &str) -> BTreeSet<&str> {
    const BEFORE: &[&str] = &["pub", "crate", "super", "in", "unsafe", "async", "extern", "default"];
    const ITEMS: &[&str] =
        &["fn", "struct", "enum", "trait", "impl", "const", "static", "type", "union", "macro_rules"];
    fn first(line: &str) -> Option<&str> {
        let mut words =
            line.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty());
        words.find(|word| !BEFORE.contains(word))
    }
    code.lines().filter_map(first).filter(|word| ITEMS.contains(word)).collect()
}

/// Files import each other in no circle, but for those that are `allowed`: at most three files with a reason.
pub fn circles(sources: &[Source], allowed: Allowed) -> Vec<String> {
    let graph = graph::imports(sources);
    let circles = graph::circles(&graph);
    let mut wrong = Vec::new();
    let mut needed = BTreeSet::new();
    for circle in &circles {
        let paths: Vec<&str> = circle.iter().map(|file| sources[*file].path.as_str()).collect();
        if let Some(exception) =
            allowed.iter().position(|(files, _)| paths.iter().all(|path| files.contains(path)))
        {
            needed.insert(exception);
            continue;
        }
        let arrows = circle.iter().map(|file| {
            let used = graph[*file].iter().filter(|used| circle.contains(used));
            let used: Vec<&str> = used.map(|used| sources[*used].path.as_str()).collect();
            format!("\n    {} -> {}", sources[*file].path, used.join(", "))
        });
        wrong.push(format!("a circle of {} files:{}", circle.len(), arrows.collect::<String>()));
    }
    for (index, (files, reason)) in allowed.iter().enumerate() {
        if files.len() > 3 || reason.is_empty() {
            wrong.push(format!("{files:?}: an exception has at most three files, and a reason"));
        }
        if !needed.contains(&index) {
            wrong.push(format!("{files:?}: no circle any more, so it needs no exception"));
        }
    }
    wrong
}

/// Files of tests that are longer than others may be.
pub fn long_tests(files: &[(String, String)]) -> Vec<String> {
    let long = files.iter().map(|(path, text)| (path, text.lines().count()));
    long.filter(|(_, lines)| *lines > LINES)
        .map(|(path, lines)| format!("{path}: {lines} lines of tests"))
        .collect()
}
