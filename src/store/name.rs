//! A container's name: checked once where it enters, and safe as a file name from then on.

use std::fmt;

use crate::error::{Error, Result};

/// A container's name: starts with a letter or digit; letters, digits, `_`, `.`, `-`; at most 128 bytes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(String);

impl Name {
    /// The longest name, in bytes: with our suffixes it still fits a file name.
    pub const MAX: usize = 128;

    /// Checks once.
    pub fn parse(text: &str) -> Result<Name> {
        let wrong = |why: &str| {
            Err(Error::usage(format_args!("'{}' cannot name a container: {why}", text.escape_debug()))
                .hint("start with a letter or digit; use letters, digits, '_', '.', '-' only"))
        };
        if text.is_empty() {
            return wrong("it is empty");
        }
        if text.len() > Name::MAX {
            return wrong("it is longer than 128 bytes");
        }
        if !text.starts_with(|c: char| c.is_ascii_alphanumeric()) {
            return wrong("its first character is neither a letter nor a digit");
        }
        match text.chars().find(|&c| !c.is_ascii_alphanumeric() && !"_.-".contains(c)) {
            Some(bad) => wrong(&format!("{bad:?} is not allowed")),
            None => Ok(Name(text.to_owned())),
        }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_can_never_leave_its_directory() {
        for good in ["a", "0", "debian-12", "A_b.c", &"x".repeat(128)] {
            assert_eq!(Name::parse(good).unwrap().as_str(), good);
        }
        for bad in ["", ".", "..", ".a", "-a", "_a", "a/b", "a b", "a\0", "é", "a\n", &"x".repeat(129)] {
            assert_eq!(Name::parse(bad).unwrap_err().exit_code(), 2, "{bad:?}");
        }
    }
}
