//! Shell patterns, as .gitignore has them (gitignore(5), glob(7)). Pure.

/// Whether `pattern` matches the whole `text`: `*` and `?` match anything but a slash, and there is none in either;
/// `[a-z]`, `[!a]`, `[[:digit:]]`; a backslash takes the next byte as it is.
pub(super) fn matches(pattern: &[u8], text: &[u8]) -> bool {
    let (mut at, mut from) = (0, 0);
    // Where the last star is, and how far it has eaten.
    let mut star: Option<(usize, usize)> = None;
    while from < text.len() {
        if pattern.get(at) == Some(&b'*') {
            star = Some((at, from));
            at += 1;
        } else if let Some(length) = one(&pattern[at..], text[from]) {
            (at, from) = (at + length, from + 1);
        } else if let Some((starred, eaten)) = star {
            star = Some((starred, eaten + 1));
            (at, from) = (starred + 1, eaten + 1);
        } else {
            return false;
        }
    }
    pattern[at..].iter().all(|&byte| byte == b'*')
}

/// How much of the pattern stands for `byte`, when its beginning does.
fn one(pattern: &[u8], byte: u8) -> Option<usize> {
    match pattern {
        [] => None,
        [b'?', ..] => Some(1),
        [b'[', rest @ ..] => set(rest, byte).and_then(|(holds, length)| holds.then_some(length + 1)),
        [b'\\', escaped, ..] => (*escaped == byte).then_some(2),
        [plain, ..] => (*plain == byte).then_some(1),
    }
}

/// Whether `byte` is in the set that begins after the bracket, and the set's length with the closing one. A set without
/// an end matches nothing.
fn set(pattern: &[u8], byte: u8) -> Option<(bool, usize)> {
    let negated = matches!(pattern.first(), Some(b'!' | b'^'));
    let mut at = usize::from(negated);
    let (start, mut found) = (at, false);
    loop {
        let rest = &pattern[at..];
        match rest {
            [] => return None,
            [b']', ..] if at > start => return Some((found != negated, at + 1)),
            [b'[', b':', ..] => {
                let (holds, length) = class(&rest[2..], byte)?;
                found |= holds;
                at += length + 2;
            }
            _ => {
                let (low, length) = literal(rest)?;
                at += length;
                match &pattern[at..] {
                    [b'-', next, ..] if *next != b']' => {
                        let (high, length) = literal(&pattern[at + 1..])?;
                        found |= (low..=high).contains(&byte);
                        at += length + 1;
                    }
                    _ => found |= low == byte,
                }
            }
        }
    }
}

fn literal(pattern: &[u8]) -> Option<(u8, usize)> {
    match pattern {
        [b'\\', escaped, ..] => Some((*escaped, 2)),
        [plain, ..] => Some((*plain, 1)),
        [] => None,
    }
}

/// Whether `byte` is of the class that ends with `:]`, and the length with that.
fn class(pattern: &[u8], byte: u8) -> Option<(bool, usize)> {
    let end = pattern.windows(2).position(|end| end == b":]")?;
    let holds = match &pattern[..end] {
        b"alnum" => byte.is_ascii_alphanumeric(),
        b"alpha" => byte.is_ascii_alphabetic(),
        b"blank" => byte == b' ' || byte == b'\t',
        b"cntrl" => byte.is_ascii_control(),
        b"digit" => byte.is_ascii_digit(),
        b"graph" => byte.is_ascii_graphic(),
        b"lower" => byte.is_ascii_lowercase(),
        b"print" => byte.is_ascii_graphic() || byte == b' ',
        b"punct" => byte.is_ascii_punctuation(),
        b"space" => byte.is_ascii_whitespace() || byte == 0x0b,
        b"upper" => byte.is_ascii_uppercase(),
        b"xdigit" => byte.is_ascii_hexdigit(),
        _ => return None,
    };
    Some((holds, end + 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_a_shell_matches() {
        let cases: &[(&str, &str, bool)] = &[
            ("", "", true),
            ("a", "a", true),
            ("a", "ab", false),
            ("*", "", true),
            ("*.o", "x.o", true),
            ("*.o", ".o", true),
            ("*.o", "x.oo", false),
            ("a*b*c", "a1b2b3c", true),
            ("a*b*c", "a1c2b", false),
            ("?", "", false),
            ("?x", "ax", true),
            ("[abc]", "b", true),
            ("[a-c]x", "bx", true),
            ("[a-c]", "d", false),
            ("[!a-c]", "d", true),
            ("[^a-c]", "a", false),
            ("[]]", "]", true),
            ("[!]]", "]", false),
            ("[a-]", "-", true),
            ("[a", "a", false),
            ("[a", "[a", false),
            (r"\*", "*", true),
            (r"\*", "x", false),
            (r"[\]]", "]", true),
            ("[[:digit:]x]", "7", true),
            ("[[:digit:]x]", "x", true),
            ("[[:digit:]]", "a", false),
            ("[[:nothing:]]", "a", false),
            (r"a\", "a", false),
        ];
        for (pattern, text, holds) in cases {
            assert_eq!(matches(pattern.as_bytes(), text.as_bytes()), *holds, "{pattern} {text}");
        }
    }

    #[test]
    fn many_stars_take_no_time() {
        let pattern = b"*a".repeat(50);
        assert!(!matches(&pattern, &b"a".repeat(49)));
        assert!(!matches(&[pattern, b"b".to_vec()].concat(), &b"a".repeat(5000)));
    }
}
