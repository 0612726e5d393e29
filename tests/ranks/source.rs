//! A source file as the checks see it: without the items that only tests compile, comments and what strings say.

use std::fs;
use std::path::Path;

/// One file below `src/`.
pub struct Source {
    /// Its path below `src/`, such as `store/blobs.rs`.
    pub path: String,
    /// What stands in it, without the items under `#[cfg(test)]`.
    pub production: String,
    /// The same without comments and the contents of literals.
    pub code: String,
}

impl Source {
    /// The file that `path` would be if `text` stood in it.
    pub fn new(path: &str, text: &str) -> Source {
        let blank = blanked(text);
        let mut production = String::new();
        let mut code = String::new();
        let mut from = 0;
        for (start, end) in test_items(&blank) {
            production.push_str(&text[from..start]);
            code.push_str(&blank[from..start]);
            from = end;
        }
        production.push_str(&text[from..]);
        code.push_str(&blank[from..]);
        Source { path: path.to_owned(), production, code }
    }

    /// The block it belongs to: the first part of its path.
    pub fn block(&self) -> &str {
        self.path.split('/').next().unwrap_or_default().trim_end_matches(".rs")
    }

    /// The names of the modules down to it; `lib.rs` has none.
    pub fn module(&self) -> Vec<&str> {
        let parts = self.path.trim_end_matches(".rs").split('/');
        parts.filter(|part| !matches!(*part, "mod" | "lib")).collect()
    }

    /// Whether it stands for a folder.
    pub fn is_face(&self) -> bool {
        self.path.ends_with("/mod.rs")
    }

    /// Whether a word stands in its code.
    pub fn has_word(&self, wanted: &str) -> bool {
        self.code.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == wanted)
    }
}

/// Every `.rs` file below `dir`, as a path below it with its text, in order.
pub fn files(dir: &str) -> Vec<(String, String)> {
    fn walk(dir: &Path, into: &mut Vec<std::path::PathBuf>) {
        for entry in fs::read_dir(dir).unwrap().flatten() {
            match entry.path() {
                path if path.is_dir() => walk(&path, into),
                path if path.extension().is_some_and(|e| e == "rs") => into.push(path),
                _ => {}
            }
        }
    }
    let mut paths = Vec::new();
    walk(Path::new(dir), &mut paths);
    paths.sort();
    let name = |path: &Path| path.strip_prefix(dir).unwrap().to_str().unwrap().to_owned();
    paths.iter().map(|path| (name(path), fs::read_to_string(path).unwrap())).collect()
}

/// Whether a file below `src/` is for unit tests alone: beside the code, or what several of them share.
pub fn is_test(path: &str) -> bool {
    path == "testing.rs" || path.split('/').any(|part| part == "tests" || part == "tests.rs")
}

/// The text with spaces in place of comments and of what stands between quotes; every byte stays where it is.
fn blanked(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = bytes.to_vec();
    let mut at = 0;
    while at < bytes.len() {
        let rest = &bytes[at..];
        let after_word = at > 0 && (bytes[at - 1].is_ascii_alphanumeric() || bytes[at - 1] == b'_');
        let end = at + literal(rest, after_word);
        if end == at {
            at += 1;
            continue;
        }
        // The quotes stay, so that an empty string is still an expression.
        let keep = usize::from(rest[0] != b'/');
        for byte in &mut out[at + keep..end - keep] {
            if *byte != b'\n' {
                *byte = b' ';
            }
        }
        at = end;
    }
    String::from_utf8(out).unwrap()
}

/// How long the comment or literal at the start is; 0 when there is none.
fn literal(rest: &[u8], after_word: bool) -> usize {
    let find = |what: &[u8], from: usize| {
        let found = rest[from..].windows(what.len()).position(|window| window == what);
        found.map_or(rest.len(), |found| from + found + what.len())
    };
    match rest {
        [b'/', b'/', ..] => find(b"\n", 0).saturating_sub(1).max(2),
        [b'/', b'*', ..] => find(b"*/", 2),
        [b'r', b'"' | b'#', ..] if !after_word => {
            let hashes = rest[1..].iter().take_while(|byte| **byte == b'#').count();
            if rest.get(1 + hashes) != Some(&b'"') {
                return 0;
            }
            find(&[b"\"".as_slice(), &vec![b'#'; hashes]].concat(), 2 + hashes)
        }
        [b'"', ..] => quoted(rest, b'"'),
        // A character; otherwise it is a lifetime.
        [b'\'', b'\\', ..] => quoted(rest, b'\''),
        [b'\'', second, ..] => {
            let length = match second {
                0xf0.. => 4,
                0xe0.. => 3,
                0xc0.. => 2,
                _ => 1,
            };
            if rest.get(1 + length) == Some(&b'\'') { length + 2 } else { 0 }
        }
        _ => 0,
    }
}

fn quoted(rest: &[u8], quote: u8) -> usize {
    let mut at = 1;
    while at < rest.len() && rest[at] != quote {
        at += if rest[at] == b'\\' { 2 } else { 1 };
    }
    (at + 1).min(rest.len())
}

/// Where the items under `#[cfg(test)]` start and end.
fn test_items(code: &str) -> Vec<(usize, usize)> {
    const MARK: &str = "#[cfg(test)]";
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(at) = code[from..].find(MARK) {
        let start = from + at;
        let end = start + MARK.len() + item(&code[start + MARK.len()..]);
        found.push((start, end));
        from = end;
    }
    found
}

/// The length of the first item, field, arm or statement, with the attributes before it.
fn item(code: &str) -> usize {
    let mut at = code.len() - code.trim_start().len();
    while code[at..].starts_with("#[") {
        at += code[at..].find(']').map_or(code.len() - at, |end| end + 1);
        at += code[at..].len() - code[at..].trim_start().len();
    }
    let words = |c: char| !c.is_alphanumeric() && c != '_';
    let mut head = code[at..].split(words).filter(|word| !word.is_empty());
    let keyword = head.find(|word| !matches!(*word, "pub" | "crate" | "super" | "in" | "unsafe"));
    let second = head.next();
    let to_semicolon = match keyword {
        Some("const") => second != Some("fn"),
        word => matches!(word, Some("use" | "static" | "type" | "let")),
    };
    let is_item = matches!(
        keyword,
        Some("fn" | "mod" | "struct" | "enum" | "trait" | "impl" | "const" | "macro_rules" | "union")
    );
    let mut depth = 0;
    for (index, c) in code[at..].char_indices() {
        match c {
            '{' | '(' | '[' => depth += 1,
            // The end of what it stands in.
            '}' | ')' | ']' if depth == 0 => return at + index,
            '}' | ')' | ']' => {
                depth -= 1;
                if c == '}' && depth == 0 && !to_semicolon {
                    return at + index + 1;
                }
            }
            ';' if depth == 0 => return at + index + 1,
            ',' if depth == 0 && !is_item && !to_semicolon => return at + index + 1,
            _ => {}
        }
    }
    code.len()
}
