//! Lists of patterns over whole paths, as .dockerignore has them (moby/patternmatcher): `**` is any number of
//! directories, `!` takes back, and the last pattern that matches decides. What matches a directory matches all in it.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::glob;
use crate::error::{Error, Result};

/// Patterns, in their order.
#[derive(Debug, Default)]
pub struct Patterns(Vec<Rule>);

#[derive(Debug)]
struct Rule {
    takes_back: bool,
    parts: Vec<Vec<u8>>,
}

impl Patterns {
    /// Reads a .dockerignore: a pattern on each line, `#` begins a comment.
    pub fn parse(text: &[u8]) -> Result<Patterns> {
        let text = std::str::from_utf8(text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text));
        let text = text.map_err(|_| Error::invalid(".dockerignore is no UTF-8 text"))?;
        Ok(Patterns::of(text.lines().filter(|line| !line.starts_with('#'))))
    }

    /// Of single patterns.
    pub fn of<'p>(patterns: impl IntoIterator<Item = &'p str>) -> Patterns {
        let rule = |pattern: &'p str| {
            let pattern = pattern.trim();
            let (takes_back, pattern) = match pattern.strip_prefix('!') {
                Some(rest) => (true, rest.trim()),
                None => (false, pattern),
            };
            let parts = pattern.split('/').filter(|part| !matches!(*part, "" | "."));
            Rule { takes_back, parts: parts.map(|part| part.as_bytes().to_vec()).collect() }
        };
        Patterns(patterns.into_iter().map(rule).filter(|rule| !rule.parts.is_empty()).collect())
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
}

fn names(path: &Path) -> Vec<&[u8]> {
    path.as_os_str().as_bytes().split(|byte| *byte == b'/').collect()
}

/// Whether a pattern can match something in the directory `names`.
fn reaches(parts: &[Vec<u8>], names: &[&[u8]]) -> bool {
    match (parts.split_first(), names.split_first()) {
        (None, _) | (_, None) => true,
        (Some((part, _)), _) if part == b"**" => true,
        (Some((part, parts)), Some((name, names))) => glob::matches(part, name) && reaches(parts, names),
    }
}

fn matches(parts: &[Vec<u8>], names: &[&[u8]]) -> bool {
    match parts.split_first() {
        None => names.is_empty(),
        Some((part, [])) if part == b"**" => !names.is_empty(),
        Some((part, rest)) if part == b"**" => (0..=names.len()).any(|count| matches(rest, &names[count..])),
        Some((part, rest)) => names
            .split_first()
            .is_some_and(|(name, others)| glob::matches(part, name) && matches(rest, others)),
    }
}
