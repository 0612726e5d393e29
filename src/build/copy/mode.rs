//! `--chmod`: octal, or symbolic as chmod(1) has it.

use crate::error::{Error, Result};

/// The mode that copied files get.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mode {
    /// These bits.
    Exact(u32),
    /// Changes of what the file has, one after the other.
    Changes(Vec<Change>),
}

/// One clause of a symbolic mode, such as `go-w`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// All bits of those whom it is about.
    who: u32,
    operator: u8,
    /// Bits for all three classes.
    bits: u32,
    /// `X`: x for directories, and for what somebody may execute.
    search: bool,
    /// The class whose bits are taken: how far they are shifted.
    like: Option<u32>,
}

const USER: u32 = 0o4700;
const GROUP: u32 = 0o2070;
const OTHERS: u32 = 0o1007;

impl Mode {
    /// Parses `755`, `u=rwX,go=rX` and the like.
    pub fn parse(text: &str) -> Result<Mode> {
        let bad = || {
            Error::invalid(format_args!("--chmod={text}: this is no mode"))
                .hint("write octal digits from 0 to 7777, or changes such as u=rwX,go=rX")
        };
        if text.bytes().all(|byte| byte.is_ascii_digit()) {
            let bits = u32::from_str_radix(text, 8).ok().filter(|bits| *bits <= 0o7777);
            return bits.map(Mode::Exact).ok_or_else(bad);
        }
        let mut changes = Vec::new();
        for clause in text.split(',') {
            parse_clause(clause.as_bytes(), &mut changes).ok_or_else(bad)?;
        }
        Ok(Mode::Changes(changes))
    }

    /// The mode of a file that had `mode`.
    pub fn apply(&self, mode: u32, is_directory: bool) -> u32 {
        match self {
            Mode::Exact(bits) => *bits,
            Mode::Changes(changes) => {
                changes.iter().fold(mode, |mode, change| change.apply(mode, is_directory))
            }
        }
    }
}

/// `[ugoa]*` and then one or more of `[-+=]` with permissions.
fn parse_clause(clause: &[u8], changes: &mut Vec<Change>) -> Option<()> {
    let is_who = |byte: &&u8| matches!(byte, b'u' | b'g' | b'o' | b'a');
    let count = clause.iter().take_while(is_who).count();
    let (who, mut rest) = clause.split_at(count);
    let who = who.iter().fold(0, |mask, class| mask | class_bits(*class));
    let who = if who == 0 { USER | GROUP | OTHERS } else { who };
    if rest.is_empty() {
        return None;
    }
    while let Some((&operator, after)) = rest.split_first() {
        if !matches!(operator, b'+' | b'-' | b'=') {
            return None;
        }
        let end = after.iter().position(|byte| matches!(byte, b'+' | b'-' | b'=')).unwrap_or(after.len());
        changes.push(parse_change(who, operator, &after[..end])?);
        rest = &after[end..];
    }
    Some(())
}

fn class_bits(class: u8) -> u32 {
    match class {
        b'u' => USER,
        b'g' => GROUP,
        b'o' => OTHERS,
        _ => USER | GROUP | OTHERS,
    }
}

fn parse_change(who: u32, operator: u8, permissions: &[u8]) -> Option<Change> {
    let mut change = Change { who, operator, bits: 0, search: false, like: None };
    if let [class @ (b'u' | b'g' | b'o')] = permissions {
        change.like = Some(match class {
            b'u' => 6,
            b'g' => 3,
            _ => 0,
        });
        return Some(change);
    }
    for permission in permissions {
        change.bits |= match permission {
            b'r' => 0o444,
            b'w' => 0o222,
            b'x' => 0o111,
            b's' => 0o6000,
            b't' => 0o1000,
            b'X' => {
                change.search = true;
                0
            }
            _ => return None,
        };
    }
    Some(change)
}

impl Change {
    fn apply(&self, mode: u32, is_directory: bool) -> u32 {
        let mut bits = self.bits;
        if self.search && (is_directory || mode & 0o111 != 0) {
            bits |= 0o111;
        }
        if let Some(shift) = self.like {
            bits |= (mode >> shift & 7) * 0o111;
        }
        let bits = bits & self.who;
        match self.operator {
            b'+' => mode | bits,
            b'-' => mode & !bits,
            _ => mode & !self.who | bits,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_are_as_chmod_makes_them() {
        for (text, before, is_directory, after) in [
            ("755", 0o644, false, 0o755),
            ("0", 0o644, false, 0),
            ("7777", 0, true, 0o7777),
            ("u+x", 0o644, false, 0o744),
            ("+x", 0o644, false, 0o755),
            ("a=r", 0o777, false, 0o444),
            ("go-w,u+w", 0o466, false, 0o644),
            ("u=rwX,go=rX", 0o600, false, 0o644),
            ("u=rwX,go=rX", 0o600, true, 0o755),
            ("u=rwX,go=rX", 0o710, false, 0o755),
            ("g=u", 0o640, false, 0o660),
            ("u+s,g+s", 0o755, false, 0o6755),
            ("+t", 0o777, true, 0o1777),
            ("u=", 0o4755, false, 0o055),
            ("u=rw+x", 0o000, false, 0o700),
        ] {
            assert_eq!(Mode::parse(text).unwrap().apply(before, is_directory), after, "{text}");
        }
    }

    #[test]
    fn what_is_no_mode_is_refused() {
        for text in ["8", "10000", "99999999999999", "u", "u+q", "x+u", "u+x,", "-1", "0x1ff", "u+ug"] {
            let error = Mode::parse(text).unwrap_err();
            assert!(error.to_string().contains(text) && error.hint_text().is_some(), "{text}");
        }
        assert_eq!(Mode::parse("").ok(), None);
    }
}
