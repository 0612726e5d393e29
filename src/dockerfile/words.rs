//! How the rest of an instruction's line is cut into words: at blanks, with quotes that stay for `expand`, or as JSON.

use serde_json::Value;

use crate::error::{Error, Result};

/// A line as JSON, or as it is.
pub(super) enum Form {
    Json(Vec<String>),
    Text(String),
}

/// What cuts words, as BuildKit has it.
const BLANKS: [char; 5] = [' ', '\t', '\x0b', '\x0c', '\r'];

/// The first word, and the rest without blanks before it.
pub(super) fn first(line: &str) -> (&str, Option<&str>) {
    match line.split_once(BLANKS) {
        Some((word, rest)) => (word, Some(rest.trim_start_matches(BLANKS))),
        None => (line, None),
    }
}

/// Words between blanks, whatever quotes say.
pub(super) fn split(text: &str) -> Vec<String> {
    text.split(BLANKS).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

/// An array of strings, if it is one from end to end. JSON that is broken is text; an array of something else is an error.
pub(super) fn form(text: &str) -> Result<Form> {
    let plain = || Form::Text(text.to_owned());
    if !text.starts_with('[') {
        return Ok(plain());
    }
    let Ok(Value::Array(items)) = serde_json::from_str(text) else { return Ok(plain()) };
    let mut words = Vec::new();
    for item in items {
        match item {
            Value::String(word) => words.push(word),
            _ => {
                let error = Error::invalid("an array in JSON holds something that is no string");
                return Err(error.hint("put each word in double quotes, as in [\"sleep\", \"10\"]"));
            }
        }
    }
    Ok(Form::Json(words))
}

/// Words between blanks that stand outside of quotes. Quotes and escapes stay in the words.
pub(super) fn quoted(text: &str, escape: char) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut quote = None;
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        match quote {
            None if c.is_whitespace() => {
                if !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
                continue;
            }
            None if c == '\'' || c == '"' => quote = Some(c),
            Some(q) if c == q => quote = None,
            _ => {}
        }
        if c != escape || quote == Some('\'') {
            word.push(c);
        } else if let Some(next) = rest.next() {
            // The escape character at the end of the line is dropped.
            word.extend([c, next]);
        }
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

/// The flags at the beginning of `text`, without quotes and escapes, and what follows them. A lone `--` ends them.
pub(super) fn flags(text: &str) -> (Vec<String>, &str) {
    let mut flags = Vec::new();
    let mut rest = text.trim_start();
    while rest.starts_with("--") {
        let (flag, after) = flag(rest);
        if flag == "--" {
            return (flags, after);
        }
        flags.push(flag);
        rest = after.trim_start();
    }
    (flags, rest)
}

fn flag(text: &str) -> (String, &str) {
    let mut word = String::new();
    let mut quote = None;
    let mut rest = text.chars();
    loop {
        let before = rest.as_str();
        let Some(c) = rest.next() else { return (word, before) };
        match (c, quote) {
            (c, None) if c.is_whitespace() => return (word, before),
            ('\\', _) => word.extend(rest.next()),
            ('\'' | '"', None) => quote = Some(c),
            (c, Some(q)) if c == q => quote = None,
            (c, _) => word.push(c),
        }
    }
}

#[cfg(test)]
mod tests;
