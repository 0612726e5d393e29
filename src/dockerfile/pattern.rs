//! The patterns of `${name#pattern}` and its like: `*` is any text of one line, `?` any character of it. Pure.

use crate::error::{Error, Result};

/// A pattern.
pub(super) struct Pattern(Vec<Part>);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    One(char),
    Any,
    Many,
}

impl Pattern {
    /// A backslash takes the special meaning from `*`, `?` and itself, and from the `}` or `/` that would end the pattern.
    pub(super) fn parse(text: &str) -> Result<Pattern> {
        let mut parts = Vec::new();
        let mut rest = text.chars();
        while let Some(c) = rest.next() {
            parts.push(match c {
                '*' => Part::Many,
                '?' => Part::Any,
                '\\' => match rest.next() {
                    Some(c @ ('*' | '?' | '\\' | '}' | '/')) => Part::One(c),
                    other => {
                        let shown = other.map(String::from).unwrap_or_default();
                        let error =
                            Error::invalid(format_args!("'\\{shown}' is not known in the pattern '{text}'"));
                        return Err(error.hint("a backslash goes before one of * ? \\ } /"));
                    }
                },
                c => Part::One(c),
            });
        }
        // Stars side by side are one.
        parts.dedup_by(|second, first| *first == Part::Many && *second == Part::Many);
        Ok(Pattern(parts))
    }

    /// `value` without the shortest or longest beginning that the pattern matches.
    pub(super) fn without_prefix(&self, value: &str, longest: bool) -> String {
        let text: Vec<char> = value.chars().collect();
        let end = matched(&self.0, &text, longest).unwrap_or(0);
        text[end..].iter().collect()
    }

    /// `value` without the shortest or longest end that the pattern matches.
    pub(super) fn without_suffix(&self, value: &str, longest: bool) -> String {
        let text: Vec<char> = value.chars().rev().collect();
        let parts: Vec<Part> = self.0.iter().rev().copied().collect();
        let end = matched(&parts, &text, longest).unwrap_or(0);
        text[end..].iter().rev().collect()
    }

    /// `value` with `by` in place of the first, or of each, longest text that the pattern matches; none if that has more
    /// than `room` bytes.
    pub(super) fn replace(&self, value: &str, by: &str, all: bool, room: usize) -> Option<String> {
        let text: Vec<char> = value.chars().collect();
        let (mut made, mut at, mut done) = (String::new(), 0, false);
        // An empty match right after another is none (Go's regexp).
        let mut last_end = None;
        while at <= text.len() {
            let found = if done { None } else { matched(&self.0, &text[at..], true) };
            match found {
                Some(length) if length > 0 || last_end != Some(at) => {
                    made.push_str(by);
                    done = !all;
                    at += length;
                    last_end = Some(at);
                    if length == 0 {
                        made.extend(text.get(at));
                        at += 1;
                    }
                }
                _ => {
                    made.extend(text.get(at));
                    at += 1;
                }
            }
            if made.len() > room {
                return None;
            }
        }
        Some(made)
    }
}

/// How many characters at the beginning of `text` the pattern matches: the fewest, or the most.
fn matched(parts: &[Part], text: &[char], longest: bool) -> Option<usize> {
    // The places in the pattern that can be reached, in order.
    let mut reached = vec![false; parts.len() + 1];
    reached[0] = true;
    pass_stars(parts, &mut reached);
    let mut found = None;
    for length in 0..=text.len() {
        if reached[parts.len()] {
            found = Some(length);
            if !longest {
                break;
            }
        }
        let Some(&c) = text.get(length) else { break };
        if !step(parts, &mut reached, c) {
            break;
        }
    }
    found
}

/// Takes one character; false when nothing can match any more.
fn step(parts: &[Part], reached: &mut [bool], c: char) -> bool {
    reached[parts.len()] = false;
    let mut alive = false;
    // Backwards, so that a place is read before it is written.
    for (at, part) in parts.iter().enumerate().rev() {
        if !std::mem::take(&mut reached[at]) {
            continue;
        }
        let (stays, goes) = match part {
            Part::One(one) => (false, *one == c),
            Part::Any => (false, c != '\n'),
            Part::Many => (c != '\n', false),
        };
        reached[at] = stays;
        reached[at + 1] |= goes;
        alive |= stays || goes;
    }
    pass_stars(parts, reached);
    alive
}

/// A star may stand for nothing.
fn pass_stars(parts: &[Part], reached: &mut [bool]) {
    for (at, part) in parts.iter().enumerate() {
        if reached[at] && *part == Part::Many {
            reached[at + 1] = true;
        }
    }
}
