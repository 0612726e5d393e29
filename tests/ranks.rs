//! The map in `src/lib.rs` is true: a block imports only from blocks below it, unsafe code stands in `sys` alone,
//! printing in `ui` alone, and nothing is left to do.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Block names by rank, highest first, as the table in `src/lib.rs` has them.
fn map() -> Vec<String> {
    let lib = fs::read_to_string("src/lib.rs").unwrap();
    let rows = lib.lines().filter_map(|line| line.strip_prefix("//! | [`"));
    rows.filter_map(|row| row.split_once('`')).map(|(name, _)| name.to_owned()).collect()
}

/// Every source file of the program with its block, in order.
fn sources() -> Vec<(String, PathBuf, String)> {
    fn walk(dir: &Path, into: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(dir).unwrap().flatten() {
            match entry.path() {
                path if path.is_dir() => walk(&path, into),
                path if path.extension().is_some_and(|e| e == "rs") => into.push(path),
                _ => {}
            }
        }
    }
    let mut paths = Vec::new();
    walk(Path::new("src"), &mut paths);
    paths.sort();
    // Files of unit tests alone: beside the code, or what several of them share.
    paths.retain(|path| !path.ends_with("tests.rs") && path != Path::new("src/testing.rs"));
    paths.retain(|path| !path.components().any(|part| part.as_os_str() == "tests"));
    let block = |path: &Path| {
        let first = path.strip_prefix("src").unwrap().components().next().unwrap();
        first.as_os_str().to_string_lossy().trim_end_matches(".rs").to_owned()
    };
    paths.into_iter().map(|path| (block(&path), path.clone(), fs::read_to_string(&path).unwrap())).collect()
}

/// The code of a file, without its unit tests, comments and the contents of plain string literals.
fn code(text: &str) -> String {
    let text = text.split("\n#[cfg(test)]\n").next().unwrap_or_default();
    let mut code = String::new();
    for line in text.lines().filter(|line| !line.trim_start().starts_with("//")) {
        let mut outside = true;
        for part in line.split('"') {
            code.push_str(if outside { part } else { "" });
            outside = !outside;
        }
        code.push('\n');
    }
    code
}

/// The blocks that a piece of code names: `crate::x`, and each of `crate::{x, y::z}`.
fn imports(code: &str) -> Vec<String> {
    let word = |text: &str| text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    let mut found = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        let Some(group) = rest.strip_prefix('{') else {
            found.push(word(rest));
            continue;
        };
        let mut depth = 0;
        let mut start = true;
        for (index, c) in group.char_indices() {
            match c {
                '{' => depth += 1,
                '}' if depth == 0 => break,
                '}' => depth -= 1,
                ',' if depth == 0 => start = true,
                c if start && !c.is_whitespace() => {
                    found.push(word(&group[index..]));
                    start = false;
                }
                _ => {}
            }
        }
    }
    found
}

#[test]
fn a_block_imports_only_from_below() {
    let ranks: BTreeMap<String, usize> = map().into_iter().zip(0..).collect();
    assert!(ranks.len() > 10, "the table in src/lib.rs was not found");
    let mut wrong = Vec::new();
    for (block, path, text) in sources() {
        let Some(rank) = ranks.get(&block) else {
            if block != "lib" && block != "main" {
                wrong.push(format!("{}: block {block} is not on the map", path.display()));
            }
            continue;
        };
        for used in imports(&code(&text)).iter().filter(|used| **used != block) {
            match ranks.get(used) {
                Some(below) if below > rank => {}
                Some(_) => {
                    wrong.push(format!("{}: {block} imports {used}, which stands above", path.display()))
                }
                None => wrong.push(format!("{}: {used} is not on the map", path.display())),
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn unsafe_code_stands_in_sys_alone() {
    for (block, path, text) in sources() {
        let code = code(&text);
        let has = code.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == "unsafe");
        assert!(block == "sys" || !has, "unsafe code in {}", path.display());
        let argued = text.matches("// SAFETY:").count();
        let blocks = code.matches("unsafe {").count();
        assert!(blocks <= argued, "{}: {blocks} unsafe blocks, {argued} reasons", path.display());
    }
}

#[test]
fn only_ui_prints_and_nothing_is_left_to_do() {
    for (block, path, text) in sources() {
        let code = code(&text);
        for word in ["todo!(", "unimplemented!(", "dbg!(", "allow(dead_code)"] {
            assert!(!code.contains(word), "{word} in {}", path.display());
        }
        for word in ["println!(", "print!("] {
            assert!(block == "ui" || !code.contains(word), "{word} in {}", path.display());
        }
        for word in [".unwrap()", ".expect(", "panic!("] {
            assert!(!code.contains(word), "{word} outside tests in {}", path.display());
        }
    }
}

#[test]
fn files_are_small_and_say_what_they_promise() {
    for (_, path, text) in sources() {
        let lines = text.split("\n#[cfg(test)]\n").next().unwrap_or_default().lines().count();
        assert!(lines <= 500, "{} has {lines} lines: it wants to be two", path.display());
        let first = text.lines().next().unwrap_or_default();
        assert!(first.starts_with("//!") || path.ends_with("main.rs"), "{} has no //! head", path.display());
    }
}
