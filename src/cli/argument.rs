//! Arguments as text and back: argh takes only UTF-8, a path may be any bytes.
//!
//! A byte that is not UTF-8 travels as one private-use character, U+EF80 to U+EFFF (the range that MirBSD's
//! OPTU encoding uses for this). Those characters themselves travel as their bytes, so nothing is ambiguous.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

const BASE: u32 = 0xEF00;
const ESCAPES: std::ops::RangeInclusive<u32> = BASE + 0x80..=BASE + 0xFF;

/// The argument as text; [`os_string`] undoes it.
pub fn text(argument: &OsStr) -> String {
    let mut text = String::with_capacity(argument.len());
    for chunk in argument.as_bytes().utf8_chunks() {
        for character in chunk.valid().chars() {
            if ESCAPES.contains(&u32::from(character)) {
                text.extend(character.encode_utf8(&mut [0; 4]).bytes().filter_map(escape));
            } else {
                text.push(character);
            }
        }
        text.extend(chunk.invalid().iter().copied().filter_map(escape));
    }
    text
}

fn escape(byte: u8) -> Option<char> {
    char::from_u32(BASE + u32::from(byte))
}

/// The argument that the text of a field stands for, byte for byte. Use it for whatever may name a file.
pub fn os_string(argument: &str) -> OsString {
    let mut bytes = Vec::with_capacity(argument.len());
    for character in argument.chars() {
        match u32::from(character) {
            code if ESCAPES.contains(&code) => bytes.push((code & 0xFF) as u8),
            _ => bytes.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    OsString::from_vec(bytes)
}

/// For messages.
pub(super) fn shown(argument: &str) -> String {
    os_string(argument).to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_bytes_come_back() {
        let all: Vec<u8> = (1..=255).collect();
        for bytes in [&all[..], b"plain", "größe \u{EF80}\u{EFFF}\u{F000}".as_bytes(), b"a\xff\xc3", b""] {
            assert_eq!(os_string(&text(OsStr::from_bytes(bytes))).as_bytes(), bytes);
        }
        assert_eq!(shown(&text(OsStr::from_bytes(b"a\xffb"))), "a\u{FFFD}b");
    }
}
