//! Lists of patterns over whole paths, as .dockerignore has them (moby/patternmatcher): `**` is any number of
//! directories, `!` takes back, and the last pattern that matches decides. What matches a directory matches all in it.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::glob;
use crate::error::{Attempt, Error, Result};

/// Patterns, in their order.
#[derive(Debug, Default)]
pub struct Patterns(Vec<Rule>);

#[derive(Debug)]
struct Rule {
    takes_back: bool,
    parts: Vec<String>,
}

impl Patterns {
    /// Reads a .dockerignore: a pattern on each line, `#` begins a comment.
    pub fn parse(text: &[u8]) -> Result<Patterns> {
        let text = std::str::from_utf8(text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text));
        let text = text.map_err(|_| Error::invalid(".dockerignore is no UTF-8 text"))?;
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        Patterns::of(lines).attempt("read .dockerignore")
    }

    /// Of single patterns.
    pub fn of<'p>(patterns: impl IntoIterator<Item = &'p str>) -> Result<Patterns> {
        let mut rules = Vec::new();
        for pattern in patterns {
            add(pattern.trim(), &mut rules)?;
        }
        Ok(Patterns(rules))
    }

    /// Whether a path is among them.
    pub fn ignores(&self, path: &Path) -> bool {
        let names = names(path);
        let mut ignored = false;
        for rule in &self.0 {
            if rule.takes_back == ignored {
                let matched = (1..=names.len()).any(|count| matches(&rule.parts, &names[..count]));
                ignored = if matched { !rule.takes_back } else { ignored };
            }
        }
        ignored
    }

    /// Whether something in an ignored directory may be taken back.
    pub fn may_hold_exceptions(&self, directory: &Path) -> bool {
        let names = names(directory);
        self.0.iter().any(|rule| rule.takes_back && reaches(&rule.parts, &names))
    }

    /// Whether something in a directory may be among them.
    pub fn may_match_in(&self, directory: &Path) -> bool {
        let names = names(directory);
        self.0.iter().any(|rule| !rule.takes_back && reaches(&rule.parts, &names))
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Each `**` inside of a name doubles what a pattern becomes.
const INNER_MAX: usize = 8;

fn add(pattern: &str, rules: &mut Vec<Rule>) -> Result<()> {
    let (takes_back, path) = match pattern.strip_prefix('!') {
        Some(rest) => (true, rest.trim()),
        None => (false, pattern),
    };
    let bad = |why: &str| {
        Error::invalid(format_args!("the pattern '{pattern}' {why}")).hint(
            "wildcards are *, ?, [a-z] and **; a backslash goes before a character that is meant as it is",
        )
    };
    if takes_back && path.is_empty() {
        return Err(bad("takes nothing back"));
    }
    if !glob::is_valid(path.as_bytes()) {
        return Err(bad("has a '[' or a backslash that is not complete"));
    }
    let parts = clean(path);
    let inner = parts.iter().filter(|part| *part != "**").map(|part| part.matches("**").count());
    if inner.sum::<usize>() > INNER_MAX {
        return Err(bad("has too many '**' inside of names"));
    }
    let mut expanded = Vec::new();
    expand(parts, &mut expanded);
    let whole = expanded.into_iter().filter(|parts| !parts.is_empty());
    rules.extend(whole.map(|parts| Rule { takes_back, parts }));
    Ok(())
}

/// As Go's path.Clean does.
fn clean(path: &str) -> Vec<String> {
    let mut parts: Vec<String> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| last != "..") => drop(parts.pop()),
            part => parts.push(part.to_owned()),
        }
    }
    parts
}

/// `a**b` is as `a(.*/)?b` in moby's matcher: `ab`, or `a*` and `b` with directories between them.
fn expand(parts: Vec<String>, into: &mut Vec<Vec<String>>) {
    let inner = |part: &String| part != "**" && part.contains("**");
    let Some(at) = parts.iter().position(inner) else {
        into.push(parts);
        return;
    };
    let (before, after) = parts[at].split_once("**").unwrap_or_default();
    let after = after.trim_start_matches('*');
    let around = |middle: &[String]| [&parts[..at], middle, &parts[at + 1..]].concat();
    let star = "**".to_owned();
    match (before, after) {
        ("", after) => expand(around(&[star, after.to_owned()]), into),
        // At its end it is as one star: what it matches is a directory to what follows, or all of it.
        (before, "") => {
            let last = around(&[format!("{before}*")]);
            if at + 1 < parts.len() {
                expand([&parts[..at], &[format!("{before}*"), star], &parts[at + 1..]].concat(), into);
                let joined = format!("{before}{}", parts[at + 1]);
                expand([&parts[..at], &[joined], &parts[at + 2..]].concat(), into);
            } else {
                expand(last, into);
            }
        }
        (before, after) => {
            expand(around(&[format!("{before}{after}")]), into);
            expand(around(&[format!("{before}*"), star, after.to_owned()]), into);
        }
    }
}

fn names(path: &Path) -> Vec<&[u8]> {
    path.as_os_str().as_bytes().split(|byte| *byte == b'/').collect()
}

/// Whether a pattern can match something in the directory `names`.
fn reaches(parts: &[String], names: &[&[u8]]) -> bool {
    match (parts.split_first(), names.split_first()) {
        (None, _) | (_, None) => true,
        (Some((part, _)), _) if part == "**" => true,
        (Some((part, parts)), Some((name, names))) => {
            glob::matches(part.as_bytes(), name) && reaches(parts, names)
        }
    }
}

/// As a pattern is matched with a name: only what the last `**` took is ever tried again.
fn matches(parts: &[String], names: &[&[u8]]) -> bool {
    let (mut at, mut position) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    loop {
        match (parts.get(at), names.get(position)) {
            // At the end it takes one directory at least.
            (Some(part), name) if part == "**" && at + 1 == parts.len() => return name.is_some(),
            (Some(part), _) if part == "**" => {
                at += 1;
                star = Some((at, position));
            }
            (Some(part), Some(name)) if glob::matches(part.as_bytes(), name) => {
                (at, position) = (at + 1, position + 1);
            }
            (None, None) => return true,
            _ => match star {
                Some((after, from)) if from < names.len() => {
                    star = Some((after, from + 1));
                    (at, position) = (after, from + 1);
                }
                _ => return false,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ignored(patterns: &[&str], path: &str) -> bool {
        Patterns::of(patterns.iter().copied()).unwrap().ignores(Path::new(path))
    }

    /// As in the tests of moby/patternmatcher.
    #[test]
    fn patterns_match_as_in_moby() {
        for (pattern, path, expected) in [
            ("**", "file", true),
            ("**/", "file", true),
            ("**", "dir/file", true),
            ("**/**", "dir/file", true),
            ("dir/**", "dir/file", true),
            ("dir/**", "dir/dir2/file", true),
            ("dir/**", "dir", false),
            ("**/dir", "dir/file", true),
            ("**/dir2/*", "dir/dir2/file", true),
            ("**/dir2/**", "dir/dir2/dir2/file", true),
            ("**file", "file", true),
            ("**file", "dir/dir/file", true),
            ("**/file", "dir/dir/file", true),
            ("**/file*", "dir/dir/file.txt", true),
            ("**/file*txt", "dir/dir/file.txt", true),
            ("**/**/*.txt", "dir/dir/file.txt", true),
            ("**/*.txt", "file.txt", true),
            ("**.txt", "file.txt", false),
            ("**.txt", "dir/.txt", true),
            ("a**/*.txt", "a/file.txt", true),
            ("a**/*.txt", "a/dir/dir/file.txt", true),
            ("a/*.txt", "a/dir/file.txt", false),
            ("a/*.txt/**", "a/file.txt", false),
            ("a[b-d]e", "ae", false),
            ("a[b-d]e", "ace", true),
            ("abc/**", "abc", false),
            ("abc.def", "abcZdef", false),
            ("abc?def", "abcZdef", true),
            ("a\\*b", "a*b", true),
            (".*", ".foo", true),
            (".*", "foo", false),
            ("/abc", "abc", true),
            ("a/../b", "b", true),
            ("../a", "a", false),
            ("foo/**/bar", "foo/bar", true),
            ("foo/**/bar", "foo/a/b/bar", true),
            (" a ", "a", true),
            ("a*b**c", "aXbY/c", true),
        ] {
            assert_eq!(ignored(&[pattern], path), expected, "{pattern} {path}");
        }
        assert!(!ignored(&["docs", "!docs/README.md"], "docs/README.md"));
        assert!(!ignored(&["docs/", "!docs/README.md"], "docs/README.md"));
        assert!(ignored(&["!docs/README.md", "docs"], "docs/README.md"));
        assert!(!ignored(&["", "  ", "."], "a"));
    }

    #[test]
    fn what_is_no_pattern_is_told() {
        for pattern in ["!", "! ", "[", "a[", "a[]b", "[a-]", "a\\"] {
            let error = Patterns::parse(pattern.as_bytes()).unwrap_err().to_string();
            assert!(error.starts_with("read .dockerignore: the pattern '"), "{pattern}: {error}");
        }
        assert!(Patterns::parse(b"\xff").is_err());
        assert!(Patterns::parse(b"\xef\xbb\xbf# only\r\n\r\n").unwrap().is_empty());
    }

    #[test]
    fn many_double_stars_take_no_time() {
        let path = vec!["a"; 200].join("/");
        let pattern = format!("{}b", "**/a/".repeat(100));
        assert!(!ignored(&[&pattern], &path));
        assert!(ignored(&[&"**/a/".repeat(100)], &path));
        assert!(ignored(&["a**".repeat(8).as_str()], "aaaaaaaa"));
        assert!(Patterns::of(["a**".repeat(40).as_str()]).is_err());
    }

    #[test]
    fn directories_that_may_hold_something_are_told() {
        let patterns = Patterns::of(["*", "!a/b/c", "!d*/**"]).unwrap();
        for (directory, expected) in
            [("a", true), ("a/b", true), ("a/x", false), ("x", false), ("dd/e/f", true)]
        {
            assert_eq!(patterns.may_hold_exceptions(Path::new(directory)), expected, "{directory}");
        }
    }
}
