//! Untrusted text made safe to show: names in images, file names and servers' messages may hold terminal
//! sequences, and a terminal obeys them.

use std::borrow::Cow;
use std::fmt::Write;

/// Whether a terminal may act on this character or use it to reorder what the user reads.
fn is_unsafe(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{61C}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

/// One line of text: control characters, line ends among them, and bidirectional overrides as `\u{1b}`.
pub fn line(text: &str) -> Cow<'_, str> {
    escape(text, &['\t'])
}

/// Several lines of text.
pub fn block(text: &str) -> Cow<'_, str> {
    escape(text, &['\t', '\n'])
}

fn escape<'a>(text: &'a str, kept: &[char]) -> Cow<'a, str> {
    let harmful = |character: char| is_unsafe(character) && !kept.contains(&character);
    if !text.contains(harmful) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        match harmful(character) {
            true => safe.extend(character.escape_unicode()),
            false => safe.push(character),
        }
    }
    Cow::Owned(safe)
}

/// A JSON document without the control characters that JSON allows in strings but terminals obey (U+007F to
/// U+009F): they are written as JSON escapes.
pub fn json(document: &str) -> String {
    let mut safe = String::with_capacity(document.len());
    for character in document.chars() {
        match is_unsafe(character) && character != '\n' {
            true => {
                let _ = write!(safe, "\\u{:04x}", u32::from(character));
            }
            false => safe.push(character),
        }
    }
    safe
}

/// How many columns of a terminal it takes: East Asian wide characters and emoji two, combining ones none (UAX #11,
/// by whole blocks).
pub fn width(text: &str) -> usize {
    text.chars().map(columns).sum()
}

fn columns(character: char) -> usize {
    match character {
        '\u{300}'..='\u{36F}' | '\u{200B}'..='\u{200D}' | '\u{FE00}'..='\u{FE0F}' => 0,
        '\u{1100}'..='\u{115F}'
        | '\u{2E80}'..='\u{A4CF}'
        | '\u{AC00}'..='\u{D7A3}'
        | '\u{F900}'..='\u{FAFF}'
        | '\u{FE30}'..='\u{FE6F}'
        | '\u{FF00}'..='\u{FF60}'
        | '\u{1F300}'..='\u{1FAFF}'
        | '\u{20000}'..='\u{3FFFD}' => 2,
        _ => 1,
    }
}

/// At most `room` columns; what is cut is marked by `…`.
pub fn truncate(text: &str, room: usize) -> Cow<'_, str> {
    if width(text) <= room {
        return Cow::Borrowed(text);
    }
    let mut left = room.saturating_sub(1);
    let fits = |character: &char| {
        let rest = left.checked_sub(columns(*character));
        left = rest.unwrap_or(0);
        rest.is_some()
    };
    let mut short: String = text.chars().take_while(fits).collect();
    short.push('…');
    Cow::Owned(short)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminal_sequences_are_spelled_out() {
        assert_eq!(line("plain größe"), "plain größe");
        assert_eq!(line("a\x1b[2Jb\nc\u{9b}1m\u{202e}"), "a\\u{1b}[2Jb\\u{a}c\\u{9b}1m\\u{202e}");
        assert_eq!(block("a\nb\r\x07"), "a\nb\\u{d}\\u{7}");
        assert_eq!(json("\"\u{9b}1m\"\n"), "\"\\u009b1m\"\n");
    }

    #[test]
    fn truncation_counts_columns() {
        assert_eq!(truncate("größe", 5), "größe");
        assert_eq!(truncate("größer", 5), "größ…");
        assert_eq!(truncate("e\u{301}e\u{301}", 2), "e\u{301}e\u{301}");
        assert_eq!((truncate("数据库", 6), truncate("数据库", 5)), ("数据库".into(), "数据…".into()));
        assert_eq!((truncate("数据库", 4), width("数据库🐘")), ("数…".into(), 8));
    }
}
