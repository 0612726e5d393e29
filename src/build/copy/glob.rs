//! Wildcards of one part of a path, as Go's filepath.Match has them: `*`, `?`, `[a-z]`, `[^a]`, `\` before what is meant
//! as it is. Names are bytes; where they are UTF-8, `?` is a character.

/// Whether there is a wildcard in a pattern.
pub fn has_wildcards(pattern: &str) -> bool {
    let mut bytes = pattern.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' => drop(bytes.next()),
            b'*' | b'?' | b'[' => return true,
            _ => {}
        }
    }
    false
}

/// Whether `pattern` matches the whole of `name`. A pattern that is none matches nothing.
pub fn matches(pattern: &[u8], name: &[u8]) -> bool {
    let (mut at, mut position) = (0, 0);
    // Where to go on when what follows the last star does not fit.
    let mut star: Option<(usize, usize)> = None;
    loop {
        let step = match pattern.get(at) {
            Some(b'*') => {
                star = Some((at + 1, position));
                Some((at + 1, position))
            }
            Some(_) => {
                one(&pattern[at..], &name[position..]).map(|(taken, used)| (at + taken, position + used))
            }
            None if position == name.len() => return true,
            None => None,
        };
        match (step, star) {
            (Some(next), _) => (at, position) = next,
            (None, Some((after, from))) if from < name.len() => {
                let from = from + length(&name[from..]);
                star = Some((after, from));
                (at, position) = (after, from);
            }
            (None, _) => return false,
        }
    }
}

/// Whether all classes and escapes of a pattern are complete.
pub fn is_valid(mut pattern: &[u8]) -> bool {
    while let Some((byte, rest)) = pattern.split_first() {
        let taken = match byte {
            b'\\' => rest.len().min(1),
            b'[' => match class_end(rest) {
                Some(end) => end,
                None => return false,
            },
            _ => {
                pattern = rest;
                continue;
            }
        };
        if taken == 0 {
            return false;
        }
        pattern = &rest[taken..];
    }
    true
}

/// Matches one element of a pattern with one character: how many bytes each has.
fn one(pattern: &[u8], name: &[u8]) -> Option<(usize, usize)> {
    let used = length(name);
    if used == 0 {
        return None;
    }
    match pattern {
        [b'?', ..] => Some((1, used)),
        [b'[', rest @ ..] => class(rest, code(&name[..used])).map(|taken| (taken + 1, used)),
        [b'\\', byte, ..] if *byte == name[0] => Some((2, 1)),
        [byte, ..] if *byte == name[0] && *byte != b'\\' => Some((1, 1)),
        _ => None,
    }
}

/// What follows a `[`: how many bytes it has, its `]` among them, if `wanted` is in it.
fn class(pattern: &[u8], wanted: u32) -> Option<usize> {
    let negated = pattern.first() == Some(&b'^');
    let mut found = false;
    let end = ranges(pattern, &mut |low, high| found |= (low..=high).contains(&wanted))?;
    (found != negated).then_some(end)
}

fn class_end(pattern: &[u8]) -> Option<usize> {
    ranges(pattern, &mut |_, _| ())
}

/// The ranges of a class, and how many bytes it has.
fn ranges(pattern: &[u8], each: &mut dyn FnMut(u32, u32)) -> Option<usize> {
    let mut at = usize::from(pattern.first() == Some(&b'^'));
    let mut count = 0;
    while pattern.get(at) != Some(&b']') || count == 0 {
        let low = character(pattern, &mut at)?;
        let mut high = low;
        if pattern.get(at) == Some(&b'-') {
            at += 1;
            high = character(pattern, &mut at)?;
        }
        each(low, high);
        count += 1;
    }
    Some(at + 1)
}

/// One character of a class.
fn character(pattern: &[u8], at: &mut usize) -> Option<u32> {
    match pattern.get(*at)? {
        b'-' | b']' => return None,
        b'\\' => *at += 1,
        _ => {}
    }
    let rest = pattern.get(*at..)?;
    let used = length(rest);
    *at += used;
    (used > 0).then(|| code(&rest[..used]))
}

/// Bytes of the first character: of what is no UTF-8, one.
fn length(bytes: &[u8]) -> usize {
    let valid = bytes.utf8_chunks().next().map(|chunk| chunk.valid()).unwrap_or_default();
    valid.chars().next().map_or(usize::from(!bytes.is_empty()), char::len_utf8)
}

fn code(bytes: &[u8]) -> u32 {
    let text = std::str::from_utf8(bytes).ok().and_then(|text| text.chars().next());
    text.map_or(u32::from(char::REPLACEMENT_CHARACTER), u32::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_in_go() {
        for (pattern, name, expected) in [
            ("*", "", true),
            ("*", "a.b", true),
            ("*.txt", "a.txt", true),
            ("*.txt", ".txt", true),
            ("*.txt", "a.txt2", false),
            ("a*b*c", "aXbYbZc", true),
            ("a*b*c", "aXbY", false),
            ("?", "ä", true),
            ("?", "", false),
            ("??", "ä", false),
            ("[a-c]x", "bx", true),
            ("[^a-c]x", "bx", false),
            ("[^a-c]x", "dx", true),
            ("arr[[]0].txt", "arr[0].txt", true),
            ("a\\*", "a*", true),
            ("a\\*", "ab", false),
            ("[\\]a]", "]", true),
            ("[]a]", "]", false),
            ("[-]", "-", false),
            ("[", "a", false),
            ("a[", "a", false),
            ("**", "abc", true),
            ("go.mod", "go.mod", true),
            ("non[e]xistent", "nonexistent", true),
        ] {
            assert_eq!(matches(pattern.as_bytes(), name.as_bytes()), expected, "{pattern} {name}");
        }
        assert!(matches(b"a?c", b"a\xffc") && !matches(b"a??c", b"a\xffc"));
    }

    #[test]
    fn a_wildcard_may_be_escaped() {
        assert!(has_wildcards("a*") && has_wildcards("a[b") && has_wildcards("\\\\?"));
        assert!(!has_wildcards("a\\*b") && !has_wildcards("plain") && !has_wildcards("\\"));
    }
}
