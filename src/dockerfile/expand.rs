//! Variables and quotes in a word: what BuildKit's lexer (`frontend/dockerfile/shell`) makes of them. Pure.
//!
//! It is the shell's expansion with `${name:-word}`, `-`, `+`, `?`, `#`, `##`, `%`, `%%`, `/` and `//`, and nothing else: no
//! commands, no arithmetic, no `~`.

use std::iter::Peekable;
use std::str::Chars;

use super::pattern::Pattern;
use crate::error::{Error, Result};

/// How deep `${a:-${b:-...}}` may be nested.
const DEEPEST: usize = 64;

/// The most bytes that a word may become. Variables made of variables double with each line.
const LONGEST: usize = 16 << 20;

/// What a variable stands for.
pub type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

/// `word` with its variables replaced and its quotes taken away.
///
/// Fails for quotes and braces without an end, and for what `${name:?message}` says.
pub fn expand(word: &str, escape: char, lookup: Lookup) -> Result<String> {
    Ok(lex(word, &Style { escape, ..Style::new(lookup) })?.0)
}

/// The words that `word` becomes: split at blanks outside quotes, after the variables are replaced. Fails as [`expand`].
pub fn expand_words(word: &str, escape: char, lookup: Lookup) -> Result<Vec<String>> {
    Ok(lex(word, &Style { escape, ..Style::new(lookup) })?.1)
}

/// The text of a here-document for COPY or ADD with its variables replaced. Quotes are text; a backslash keeps the next
/// character as it is. Fails as [`expand`].
pub fn expand_document(text: &str, lookup: Lookup) -> Result<String> {
    Ok(lex(text, &Style { quotes: Quotes::Text, ..Style::new(lookup) })?.0)
}

/// How words are read.
pub(super) struct Style<'a> {
    pub(super) escape: char,
    pub(super) quotes: Quotes,
    /// The escape character stays where it is.
    pub(super) keep_escapes: bool,
    /// Variables without a value stay as they are written: the words may announce here-documents.
    pub(super) keep_unset: bool,
    pub(super) lookup: Lookup<'a>,
}

/// What quotes mean.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Quotes {
    Quote,
    /// They quote, and stay.
    Stay,
    /// Nothing.
    Text,
}

impl<'a> Style<'a> {
    pub(super) fn new(lookup: Lookup<'a>) -> Style<'a> {
        Style { escape: '\\', quotes: Quotes::Quote, keep_escapes: false, keep_unset: false, lookup }
    }
}

/// What `word` becomes as a whole, and in words.
pub(super) fn lex(word: &str, style: &Style) -> Result<(String, Vec<String>)> {
    let keep_escapes = style.keep_escapes;
    let mut lexer = Lexer { rest: word.chars().peekable(), style, keep_escapes, depth: 0, length: 0 };
    let read = lexer.until(None, keep_escapes);
    read.map(|read| (read.whole, read.words.done())).map_err(|error| {
        let shown: String = word.chars().take(200).collect();
        error.context(format_args!("cannot expand '{shown}'"))
    })
}

struct Lexer<'a> {
    rest: Peekable<Chars<'a>>,
    style: &'a Style<'a>,
    keep_escapes: bool,
    depth: usize,
    /// Bytes made so far.
    length: usize,
}

#[derive(Default)]
struct Read {
    whole: String,
    words: Words,
}

impl Lexer<'_> {
    /// Up to the character `stop`, which is taken too, or to the end.
    fn until(&mut self, stop: Option<char>, keep_escapes: bool) -> Result<Read> {
        if self.depth > DEEPEST {
            return Err(wrong("'${' is nested too deep"));
        }
        self.depth += 1;
        let before = std::mem::replace(&mut self.keep_escapes, keep_escapes);
        let read = self.read(stop);
        self.keep_escapes = before;
        self.depth -= 1;
        read
    }

    fn read(&mut self, stop: Option<char>) -> Result<Read> {
        let mut read = Read::default();
        while let Some(&next) = self.rest.peek() {
            if stop == Some(next) {
                self.rest.next();
                return Ok(read);
            }
            self.piece(next, &mut read)?;
        }
        match stop {
            Some('/') => Err(wrong("a '${name/' has no second '/'")),
            Some(_) => Err(unclosed()),
            None => Ok(read),
        }
    }

    /// One quoted text, variable or character.
    fn piece(&mut self, next: char, read: &mut Read) -> Result<()> {
        let quotes = self.style.quotes != Quotes::Text;
        match next {
            '$' => {
                let value = self.dollar()?;
                self.count(value.len())?;
                value.chars().for_each(|c| read.words.push(c));
                read.whole.push_str(&value);
            }
            '\'' | '"' if quotes => {
                let text = if next == '"' { self.double_quoted()? } else { self.single_quoted()? };
                self.count(text.len())?;
                read.words.quoted(&text);
                read.whole.push_str(&text);
            }
            '<' if self.style.keep_unset => self.angles(read),
            _ => self.character(read)?,
        }
        Ok(())
    }

    /// The blanks after `<<` belong to the word: the name of a here-document may follow (BuildKit since 0.22).
    fn angles(&mut self, read: &mut Read) {
        let mut text = String::new();
        text.extend(self.rest.next());
        if let Some(second) = self.rest.next_if_eq(&'<') {
            text.push(second);
            while let Some(blank) = self.rest.next_if(|c| c.is_whitespace()) {
                text.push(blank);
            }
        }
        read.words.quoted(&text);
        read.whole.push_str(&text);
    }

    fn character(&mut self, read: &mut Read) -> Result<()> {
        let Some(mut c) = self.rest.next() else { return Ok(()) };
        self.count(c.len_utf8())?;
        if c != self.style.escape {
            read.words.push(c);
            read.whole.push(c);
            return Ok(());
        }
        if self.keep_escapes {
            read.words.quoted(c.encode_utf8(&mut [0; 4]));
            read.whole.push(c);
        }
        // Nothing follows: the escape character at the end is dropped.
        let Some(escaped) = self.rest.next() else { return Ok(()) };
        c = escaped;
        read.words.quoted(c.encode_utf8(&mut [0; 4]));
        read.whole.push(c);
        Ok(())
    }

    fn count(&mut self, more: usize) -> Result<()> {
        self.length += more;
        match self.length > LONGEST {
            true => Err(wrong("it becomes longer than 16 MiB")),
            false => Ok(()),
        }
    }

    fn single_quoted(&mut self) -> Result<String> {
        let stay = self.style.quotes == Quotes::Stay;
        let mut text = String::new();
        text.extend(self.rest.next().filter(|_| stay));
        loop {
            match self.rest.next() {
                None => return Err(wrong("a single quote (') has no end")),
                Some('\'') => break,
                Some(c) => text.push(c),
            }
        }
        text.extend(stay.then_some('\''));
        Ok(text)
    }

    fn double_quoted(&mut self) -> Result<String> {
        let stay = self.style.quotes == Quotes::Stay;
        let mut text = String::new();
        text.extend(self.rest.next().filter(|_| stay));
        loop {
            match self.rest.peek() {
                None => return Err(wrong("a double quote (\") has no end")),
                Some('"') => break,
                Some('$') => text.push_str(&self.dollar()?),
                Some(_) => self.in_double_quotes(&mut text),
            }
        }
        text.extend(self.rest.next().filter(|_| stay));
        Ok(text)
    }

    /// Within double quotes the escape character is one before `"`, `$` and itself; else it is text.
    fn in_double_quotes(&mut self, text: &mut String) {
        let Some(c) = self.rest.next() else { return };
        if c != self.style.escape {
            return text.push(c);
        }
        text.extend(self.keep_escapes.then_some(c));
        match self.rest.peek() {
            None => {}
            Some(&next) if next == '"' || next == '$' || next == c => text.extend(self.rest.next()),
            Some(_) => text.push(c),
        }
    }

    /// From a `$` on.
    fn dollar(&mut self) -> Result<String> {
        self.rest.next();
        if self.rest.peek() != Some(&'{') {
            let name = self.name();
            return Ok(match self.value(&name) {
                _ if name.is_empty() => "$".to_owned(),
                None if self.style.keep_unset => format!("${name}"),
                value => value.unwrap_or_default(),
            });
        }
        self.rest.next();
        match self.rest.peek() {
            None => return Err(unclosed()),
            Some('{' | '}' | ':') => return Err(wrong("'${' needs the name of a variable")),
            Some(_) => {}
        }
        let name = self.name();
        self.braced(&name)
    }

    /// What follows the name in `${name...}`.
    fn braced(&mut self, name: &str) -> Result<String> {
        let Some(modifier) = self.rest.next() else { return Err(unclosed()) };
        match modifier {
            '}' => Ok(match self.value(name) {
                None if self.style.keep_unset => format!("${{{name}}}"),
                value => value.unwrap_or_default(),
            }),
            ':' => match self.rest.next() {
                None => Err(unclosed()),
                Some(modifier) => self.modified(name, modifier, true),
            },
            '+' | '-' | '?' | '#' | '%' => self.modified(name, modifier, false),
            '/' => self.replaced(name),
            other => Err(unknown(&other.to_string())),
        }
    }

    /// `${name-word}` and its like; `colon`: an empty value is as good as none.
    fn modified(&mut self, name: &str, modifier: char, colon: bool) -> Result<String> {
        let word = self.until(Some('}'), matches!(modifier, '#' | '%'))?.whole;
        let value = self.value(name);
        if value.is_none() && self.style.keep_unset {
            let colon = if colon { ":" } else { "" };
            return Ok(format!("${{{name}{colon}{modifier}{word}}}"));
        }
        let there = value.as_ref().is_some_and(|value| !(colon && value.is_empty()));
        match modifier {
            '-' if there => Ok(value.unwrap_or_default()),
            '-' => Ok(word),
            '+' if there => Ok(word),
            '+' => Ok(String::new()),
            '?' if there => Ok(value.unwrap_or_default()),
            '?' => Err(missing(name, &word, value.is_some())),
            '#' | '%' => cut(&value.unwrap_or_default(), modifier, &word),
            other if colon => Err(unknown(&format!(":{other}"))),
            other => Err(unknown(&other.to_string())),
        }
    }

    /// `${name/pattern/replacement}`
    fn replaced(&mut self, name: &str) -> Result<String> {
        let all = self.rest.next_if_eq(&'/').is_some();
        let pattern = self.until(Some('/'), true)?.whole;
        let replacement = self.until(Some('}'), true)?.whole;
        match self.value(name) {
            None if self.style.keep_unset => Ok(format!("${{{name}/{pattern}/{replacement}}}")),
            value => {
                let pattern = Pattern::parse(&pattern)?;
                let room = LONGEST.saturating_sub(self.length);
                let made = pattern.replace(&value.unwrap_or_default(), &replacement, all, room);
                made.ok_or_else(|| wrong("it becomes longer than 16 MiB"))
            }
        }
    }

    /// A name: digits, one of the shell's special parameters, or letters, digits and underscores. Perhaps none.
    fn name(&mut self) -> String {
        let mut name = String::new();
        match self.rest.peek() {
            Some(c) if c.is_ascii_digit() => {
                while let Some(c) = self.rest.next_if(char::is_ascii_digit) {
                    name.push(c);
                }
            }
            Some('@' | '*' | '#' | '?' | '-' | '$' | '!') => name.extend(self.rest.next()),
            _ => {
                while let Some(c) = self.rest.next_if(|c| c.is_alphanumeric() || *c == '_') {
                    name.push(c);
                }
            }
        }
        name
    }

    fn value(&self, name: &str) -> Option<String> {
        if name.is_empty() { None } else { (self.style.lookup)(name) }
    }
}

/// `${name#pattern}`, `##`, `%` and `%%`.
fn cut(value: &str, modifier: char, word: &str) -> Result<String> {
    let (word, longest) = match word.strip_prefix(modifier) {
        Some(word) => (word, true),
        None => (word, false),
    };
    let pattern = Pattern::parse(word)?;
    Ok(match modifier {
        '#' => pattern.without_prefix(value, longest),
        _ => pattern.without_suffix(value, longest),
    })
}

fn wrong(what: &str) -> Error {
    Error::invalid(what)
}

fn unclosed() -> Error {
    wrong("a '${' has no '}'")
}

fn unknown(modifier: &str) -> Error {
    let error = wrong(&format!("'{modifier}' is not known in a '${{'"));
    error.hint("known are :- - :+ + :? ? # ## % %% / and //")
}

fn missing(name: &str, message: &str, empty: bool) -> Error {
    let what = match message {
        "" if empty => "is empty",
        "" => "is not set",
        message => return wrong(&format!("{name}: {message}")),
    };
    wrong(&format!("{name} {what}"))
        .hint(format_args!("set it with --build-arg {name}=VALUE, or give its ARG a default"))
}

/// Words that grow by characters and quoted texts.
#[derive(Default)]
struct Words {
    word: String,
    words: Vec<String>,
}

impl Words {
    fn push(&mut self, c: char) {
        match c.is_whitespace() {
            true => self.end(),
            false => self.word.push(c),
        }
    }

    fn quoted(&mut self, text: &str) {
        self.word.push_str(text);
    }

    fn end(&mut self) {
        if !self.word.is_empty() {
            self.words.push(std::mem::take(&mut self.word));
        }
    }

    fn done(mut self) -> Vec<String> {
        self.end();
        self.words
    }
}

#[cfg(test)]
mod tests;
