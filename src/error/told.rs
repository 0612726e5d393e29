//! An error as bytes, for a process to tell another one.

use super::{Error, Kind};

/// Their order is that of the bytes; both processes are the same program.
const KINDS: [Kind; 9] = [
    Kind::Usage,
    Kind::NotFound,
    Kind::Exists,
    Kind::Busy,
    Kind::Denied,
    Kind::Unsupported,
    Kind::Invalid,
    Kind::Network,
    Kind::System,
];

/// The kind, the exit code, the message, NUL, the hint.
pub fn write(error: &Error) -> Vec<u8> {
    let kind = KINDS.iter().position(|kind| *kind == error.kind()).unwrap_or(KINDS.len() - 1);
    let head = [kind as u8, error.exit_code()];
    [&head, error.to_string().as_bytes(), &[0], error.hint_text().unwrap_or_default().as_bytes()].concat()
}

/// What [`write()`] wrote, perhaps cut at its end; none of nothing.
pub fn read(bytes: &[u8]) -> Option<Error> {
    let [kind, code, text @ ..] = bytes else { return None };
    let kind = KINDS.get(usize::from(*kind)).copied().unwrap_or(Kind::System);
    let text = String::from_utf8_lossy(text);
    let (message, hint) = text.split_once('\0').unwrap_or((&text, ""));
    let error = Error::new(kind, message);
    let error = if hint.is_empty() { error } else { error.hint(hint) };
    // What the kind says anyway is left open: whoever hears it may know better.
    Some(if error.exit_code() == *code { error } else { error.exits(*code) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_stays_what_it_is() {
        for kind in KINDS {
            let error = Error::new(kind, "no");
            let same = read(&write(&error)).unwrap();
            assert_eq!((same.kind(), same.exit_code()), (kind, error.exit_code()));
            assert_eq!((same.to_string().as_str(), same.hint_text()), ("no", None));
        }
        let error = read(&write(&Error::usage("no").hint("look").exits(127))).unwrap();
        assert_eq!((error.kind(), error.exit_code(), error.hint_text()), (Kind::Usage, 127, Some("look")));
        assert!(read(b"").is_none() && read(b"\x01").is_none());
    }
}
