//! Names of entries, checked once: relative, `/`-separated, without `.`, `..`, empty components or NUL.
//!
//! `./a`, `/a` and `a//b` are read as `a`, `a` and `a/b`. A `..` is refused, not resolved: no honest archiver
//! writes one into a layer, and what it would name depends on links that other entries made.

use std::ffi::OsStr;
use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::error::{Error, Result};

/// Bytes: what the reader takes of one extension header, so no name in an archive is longer. PATH_MAX is no limit of
/// a tree, only of what one system call takes, and nothing here hands a whole name to the kernel.
const MAX_LENGTH: usize = 1 << 20;
/// Components. Guests make trees of thousands of levels (tests of `rm` and `find`); a hostile archive shall not
/// make trees that are slow to get rid of.
pub(super) const MAX_DEPTH: usize = 32_768;

/// A path inside the target; empty for the root itself. Any bytes but NUL and `/` make a component.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Name(Vec<u8>);

impl Name {
    /// Checks and normalizes a name as it stands in an archive. The error names it.
    pub fn parse(raw: &[u8]) -> Result<Name> {
        let refuse = |why: &str| Err(Error::invalid(format_args!("the name '{}' {why}", Escaped(raw))));
        if raw.len() > MAX_LENGTH {
            return refuse("is too long");
        }
        let mut name = Vec::with_capacity(raw.len());
        let mut depth = 0;
        for component in raw.split(|&byte| byte == b'/') {
            match component {
                b"" | b"." => continue,
                b".." => return refuse("climbs with '..'"),
                _ if component.contains(&0) => return refuse("has a NUL in it"),
                _ => {}
            }
            if depth == MAX_DEPTH {
                return refuse("is nested too deeply");
            }
            depth += 1;
            if !name.is_empty() {
                name.push(b'/');
            }
            name.extend_from_slice(component);
        }
        Ok(Name(name))
    }

    /// The bytes, without a leading or trailing `/`.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The same as a relative path.
    pub fn as_path(&self) -> &Path {
        Path::new(OsStr::from_bytes(&self.0))
    }

    /// Whether it names the root itself.
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// The components, none for the root.
    pub fn components(&self) -> impl DoubleEndedIterator<Item = &[u8]> {
        self.0.split(|&byte| byte == b'/').filter(|component| !component.is_empty())
    }

    /// The directory's bytes and the last component; none for the root.
    pub fn split(&self) -> Option<(&[u8], &[u8])> {
        match self.0.iter().rposition(|&byte| byte == b'/') {
            Some(at) => Some((&self.0[..at], &self.0[at + 1..])),
            None if self.is_root() => None,
            None => Some((&[], &self.0)),
        }
    }

    /// The same directory with another last component.
    pub(super) fn sibling(&self, leaf: &[u8]) -> Name {
        match self.split() {
            Some((parent, _)) if !parent.is_empty() => Name([parent, b"/", leaf].concat()),
            _ => Name(leaf.to_vec()),
        }
    }

    /// The name `leaf` in this directory.
    pub(super) fn child(&self, leaf: &[u8]) -> Result<Name> {
        Name::parse(&[&self.0, &b"/"[..], leaf].concat())
    }

    /// The directory that holds it; the root for the root.
    pub(super) fn parent(&self) -> Name {
        Name(self.split().map_or(&[][..], |(parent, _)| parent).to_vec())
    }

    /// Without its first `count` components; none when it has fewer.
    pub(super) fn strip(&self, count: usize) -> Option<Name> {
        let mut rest = &self.0[..];
        for _ in 0..count {
            if rest.is_empty() {
                return None;
            }
            rest = rest.iter().position(|&byte| byte == b'/').map_or(&[][..], |at| &rest[at + 1..]);
        }
        Some(Name(rest.to_vec()))
    }

    /// Relative to `prefix`; none when it is not under it.
    pub fn under(&self, prefix: &Name) -> Option<Name> {
        if prefix.is_root() {
            return Some(self.clone());
        }
        match self.0.strip_prefix(&prefix.0[..])? {
            [] => Some(Name::default()),
            [b'/', rest @ ..] => Some(Name(rest.to_vec())),
            _ => None,
        }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_root() { f.write_str(".") } else { Escaped(&self.0).fmt(f) }
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "'{self}'")
    }
}

/// Bytes from an archive for a message: control characters and what is not UTF-8 are escaped, the middle of what
/// is long is left out.
pub(super) struct Escaped<'a>(pub &'a [u8]);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.len() > 256 {
            let (head, tail) = (&self.0[..100], &self.0[self.0.len() - 100..]);
            return write!(f, "{}...{}", Escaped(head), Escaped(tail));
        }
        for chunk in self.0.utf8_chunks() {
            for character in chunk.valid().chars() {
                if character.is_control() {
                    write!(f, "{}", character.escape_default())?;
                } else {
                    write!(f, "{character}")?;
                }
            }
            for byte in chunk.invalid() {
                write!(f, "\\x{byte:02x}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(raw: &[u8]) -> String {
        match Name::parse(raw) {
            Ok(name) => String::from_utf8(name.0).unwrap(),
            Err(error) => format!("! {error}"),
        }
    }

    #[test]
    fn spellings_of_one_name_are_one_name() {
        for raw in ["a/b", "./a/b", "/a/b", "a//b", "a/./b/", "//a/b//"] {
            assert_eq!(name(raw.as_bytes()), "a/b", "{raw}");
        }
        for raw in ["", ".", "./", "/"] {
            assert!(Name::parse(raw.as_bytes()).unwrap().is_root(), "{raw}");
        }
        assert_eq!(name(b"..a/b.."), "..a/b..");
    }

    #[test]
    fn what_climbs_or_cannot_be_a_path_is_refused() {
        assert_eq!(name(b"a/../\x1b[31m"), "! the name 'a/../\\u{1b}[31m' climbs with '..'");
        assert!(name(b"a\0b").starts_with('!'));
        assert!(name(&vec![b'x'; MAX_LENGTH + 1]).ends_with("is too long"));
        assert!(name(&b"d/".repeat(MAX_DEPTH + 1)).ends_with("is nested too deeply"));
        assert!(!name(&b"d/".repeat(MAX_DEPTH)).starts_with('!'));
    }

    #[test]
    fn strip_and_prefix() {
        let name = Name::parse(b"a/b/c").unwrap();
        let show = |name: Option<Name>| name.map(|name| name.to_string());
        assert_eq!(show(name.strip(1)).as_deref(), Some("b/c"));
        assert_eq!(show(name.strip(3)).as_deref(), Some("."));
        assert_eq!(show(name.strip(4)), None);
        assert_eq!(show(name.under(&Name::parse(b"a/b").unwrap())).as_deref(), Some("c"));
        assert_eq!(show(name.under(&name)).as_deref(), Some("."));
        assert_eq!(show(name.under(&Name::parse(b"a/bb").unwrap())), None);
        assert_eq!(show(name.under(&Name::parse(b"a/b/c/d").unwrap())), None);
    }
}
