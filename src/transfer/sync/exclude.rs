//! What is left alone on both sides, by patterns as in a .gitignore (gitignore(5)). Pure.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::glob;
use crate::error::{Error, Result};

/// Patterns, of which the last that matches decides.
#[derive(Debug, Clone, Default)]
pub struct Exclude(Vec<Pattern>);

#[derive(Debug, Clone)]
struct Pattern {
    /// Between slashes.
    components: Vec<Vec<u8>>,
    /// It had a `!` before it: what matches is not left alone after all.
    negated: bool,
    /// It had a slash behind it: only directories match.
    directory: bool,
}

impl Exclude {
    /// Reads the patterns, in their order. Errors are of kind `Usage`.
    pub fn parse<S: AsRef<OsStr>>(patterns: impl IntoIterator<Item = S>) -> Result<Exclude> {
        let parse = |pattern: S| Pattern::parse(pattern.as_ref());
        Ok(Exclude(patterns.into_iter().map(parse).collect::<Result<_>>()?))
    }

    /// Whether nothing is left alone.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether `path`, from the top of what is synchronised, is left alone. Of what is in a directory that is, nobody
    /// asks.
    pub fn has(&self, path: &Path, directory: bool) -> bool {
        if self.is_empty() {
            return false;
        }
        let names: Vec<&[u8]> = path.components().map(|name| name.as_os_str().as_bytes()).collect();
        let last = self.0.iter().rev().find(|pattern| pattern.matches(&names, directory));
        last.is_some_and(|pattern| !pattern.negated)
    }
}

impl Pattern {
    fn parse(pattern: &OsStr) -> Result<Pattern> {
        let wrong = || {
            Error::usage(format_args!("'{}' is no pattern", pattern.display()))
                .hint("a pattern is as in a .gitignore: '*.o', '/build/', 'logs/**'")
        };
        let bytes = pattern.as_bytes();
        let (negated, rest) = match bytes.strip_prefix(b"!") {
            Some(rest) => (true, rest),
            None => (false, bytes),
        };
        let (directory, rest) = match rest.strip_suffix(b"/") {
            Some(rest) => (true, rest),
            None => (false, rest),
        };
        // A slash that is left ties it to the top.
        let anchored = rest.contains(&b'/');
        let rest = rest.strip_prefix(b"/").unwrap_or(rest);
        if rest.is_empty() {
            return Err(wrong());
        }
        let anywhere = (!anchored).then(|| b"**".to_vec());
        let components = rest.split(|&byte| byte == b'/').map(<[u8]>::to_vec);
        let components: Vec<_> = anywhere.into_iter().chain(components).collect();
        if components.iter().any(Vec::is_empty) {
            return Err(wrong());
        }
        Ok(Pattern { components, negated, directory })
    }

    /// `**` stands for any number of names; at the end for at least one.
    fn matches(&self, names: &[&[u8]], directory: bool) -> bool {
        if self.directory && !directory {
            return false;
        }
        let pattern = &self.components;
        let (mut at, mut from) = (0, 0);
        let mut star: Option<(usize, usize)> = None;
        while from < names.len() {
            match pattern.get(at).map(Vec::as_slice) {
                Some(b"**") if at + 1 == pattern.len() => return true,
                Some(b"**") => {
                    star = Some((at, from));
                    at += 1;
                }
                Some(component) if glob::matches(component, names[from]) => (at, from) = (at + 1, from + 1),
                _ => {
                    let Some((starred, eaten)) = star else { return false };
                    star = Some((starred, eaten + 1));
                    (at, from) = (starred + 1, eaten + 1);
                }
            }
        }
        at == pattern.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn has(patterns: &[&str], path: &str) -> bool {
        let exclude = Exclude::parse(patterns).unwrap();
        // What is in a directory that is left alone is never asked for.
        let (above, leaf) = path.trim_end_matches('/').rsplit_once('/').unwrap_or(("", path));
        let _ = leaf;
        let mut top = String::new();
        for name in above.split('/').filter(|name| !name.is_empty()) {
            top = format!("{top}{name}");
            if exclude.has(Path::new(&top), true) {
                return true;
            }
            top.push('/');
        }
        exclude.has(Path::new(path.trim_end_matches('/')), path.ends_with('/'))
    }

    #[test]
    fn as_git_ignores() {
        let cases: &[(&[&str], &str, bool)] = &[
            (&[], "a", false),
            (&["*.o"], "x.o", true),
            (&["*.o"], "a/b/x.o", true),
            (&["*.o"], "a/x.oo", false),
            (&["/*.o"], "x.o", true),
            (&["/*.o"], "a/x.o", false),
            (&["build"], "a/build", true),
            (&["build/"], "a/build", false),
            (&["build/"], "a/build/", true),
            (&["build/"], "a/build/x", true),
            (&["a/b"], "a/b", true),
            (&["a/b"], "x/a/b", false),
            (&["a/*"], "a/b/c", true),
            (&["a/*/c"], "a/b/c", true),
            (&["a/*/c"], "a/b/d/c", false),
            (&["**/b"], "b", true),
            (&["**/b"], "x/y/b", true),
            (&["a/**"], "a/", false),
            (&["a/**"], "a/x/y", true),
            (&["a/**/z"], "a/z", true),
            (&["a/**/z"], "a/x/y/z", true),
            (&["a/**/z"], "b/a/z", false),
            (&["*", "!*.c"], "x.c", false),
            (&["*.c", "!keep.c"], "keep.c", false),
            (&["*.c", "!keep.c"], "a/other.c", true),
            (&["!keep.c", "*.c"], "keep.c", true),
            (&["/*", "!/a", "!/b"], "a", false),
            (&["/*", "!/a", "!/b"], "c", true),
            (&["dir/", "!dir/keep"], "dir/keep", true),
            (&[r"\!x"], "!x", true),
            (&["a b"], "a b", true),
        ];
        for (patterns, path, excluded) in cases {
            assert_eq!(has(patterns, path), *excluded, "{patterns:?} {path}");
        }
    }

    #[test]
    fn what_is_no_pattern_is_refused() {
        for wrong in ["", "/", "!", "!/", "//", "a//b"] {
            assert!(Exclude::parse([wrong]).is_err(), "{wrong}");
        }
    }
}
