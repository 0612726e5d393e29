//! From bytes to the lines of instructions: directives, comments, continuations, and the text of here-documents.

use std::borrow::Cow;

use super::heredoc::Heredoc;
use super::instruction::{Directives, Lines};
use crate::error::{Error, Result};

/// Reads a Dockerfile from its beginning.
pub(super) struct Reader<'a> {
    rest: &'a [u8],
    /// The number of the line that was read last.
    number: usize,
    pub(super) directives: Directives,
    /// Whether only directives were read so far.
    beginning: bool,
    has_escape: bool,
}

/// The line of an instruction, with its continuations.
pub(super) struct Line {
    pub(super) text: String,
    pub(super) lines: Lines,
    /// An empty line stands between its continuations.
    pub(super) interrupted: bool,
}

impl<'a> Reader<'a> {
    pub(super) fn new(text: &'a [u8]) -> Reader<'a> {
        let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
        Reader {
            rest: text,
            number: 0,
            directives: Directives::default(),
            beginning: true,
            has_escape: false,
        }
    }

    /// The number of the line that was read last.
    pub(super) fn number(&self) -> usize {
        self.number
    }

    /// The next instruction.
    pub(super) fn next(&mut self) -> Result<Option<Line>> {
        while let Some(raw) = self.raw() {
            let text = lossy(raw);
            let text = text.trim_start();
            self.directive(text)?;
            if !text.is_empty() && !text.starts_with('#') {
                let first = self.number;
                let mut line =
                    Line { text: String::new(), lines: Lines { first, last: first }, interrupted: false };
                let text = utf8(raw)?.trim_start();
                self.continuations(text, &mut line)?;
                line.lines.last = self.number;
                return Ok(Some(line));
            }
        }
        Ok(None)
    }

    /// `text` is the beginning of a line; what follows belongs to it while an escape character stands at the end.
    fn continuations(&mut self, text: &str, line: &mut Line) -> Result<()> {
        let mut continued = self.add(text, line);
        while continued {
            let Some(raw) = self.raw() else { break };
            let shown = lossy(raw);
            match shown.trim_start().chars().next() {
                Some('#') => {}
                None => line.interrupted = true,
                Some(_) => continued = self.add(utf8(raw)?, line),
            }
        }
        Ok(())
    }

    /// Whether the line goes on. An escape character before the last one says that it does not.
    fn add(&self, text: &str, line: &mut Line) -> bool {
        let escape = self.directives.escape;
        let before = text.trim_end_matches([' ', '\t']).strip_suffix(escape);
        let before = before.filter(|before| !before.ends_with(escape));
        line.text.push_str(before.unwrap_or(text));
        before.is_some()
    }

    /// Whether a here-document that begins here has an end.
    pub(super) fn has_end(&self, heredoc: &Heredoc) -> bool {
        self.rest.split(|&byte| byte == b'\n').any(|line| ends(heredoc, line))
    }

    /// Reads the text of a here-document, up to its end.
    pub(super) fn document(&mut self, heredoc: &mut Heredoc) -> Result<()> {
        while let Some(whole) = self.raw_with_end() {
            if ends(heredoc, whole) {
                return Ok(());
            }
            heredoc.content.push_str(utf8(whole)?);
        }
        let error = Error::invalid(format_args!("the here-document '{}' has no end", heredoc.name));
        Err(error.hint(format_args!("write {} on a line of its own after it", heredoc.name)))
    }

    fn directive(&mut self, text: &str) -> Result<()> {
        if !self.beginning || (self.number == 1 && text.starts_with("#!")) {
            return Ok(());
        }
        let Some((name, value)) = directive(text) else {
            self.beginning = false;
            return Ok(());
        };
        match name.to_ascii_lowercase().as_str() {
            "syntax" => once(&mut self.directives.syntax, "syntax", value),
            "check" => once(&mut self.directives.check, "check", value),
            "escape" => self.escape(value),
            _ => {
                self.beginning = false;
                Ok(())
            }
        }
    }

    fn escape(&mut self, value: &str) -> Result<()> {
        if std::mem::replace(&mut self.has_escape, true) {
            return Err(repeated("escape"));
        }
        self.directives.escape = match value {
            "\\" => '\\',
            "`" => '`',
            other => {
                let error =
                    Error::invalid(format_args!("the directive escape is \\ or `, and not '{other}'"));
                return Err(error.hint("write '# escape=`', or take the line away"));
            }
        };
        Ok(())
    }

    fn raw(&mut self) -> Option<&'a [u8]> {
        self.raw_with_end().map(without_end)
    }

    fn raw_with_end(&mut self) -> Option<&'a [u8]> {
        let length = match self.rest.iter().position(|&byte| byte == b'\n') {
            Some(end) => end + 1,
            None => self.rest.len(),
        };
        let (line, rest) = self.rest.split_at(length);
        self.rest = rest;
        self.number += usize::from(length > 0);
        (length > 0).then_some(line)
    }
}

/// The name and value of a directive: `# NAME = VALUE`.
fn directive(text: &str) -> Option<(&str, &str)> {
    let (name, value) = text.strip_prefix('#')?.split_once('=')?;
    let (name, value) = (name.trim(), value.trim());
    let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric());
    (is_name && !value.is_empty()).then_some((name, value))
}

fn once(slot: &mut Option<String>, name: &str, value: &str) -> Result<()> {
    match slot.replace(value.to_owned()) {
        Some(_) => Err(repeated(name)),
        None => Ok(()),
    }
}

fn repeated(name: &str) -> Error {
    Error::invalid(format_args!("the directive {name} is given twice"))
}

/// Whether a line, perhaps with its end, is the last of a here-document.
fn ends(heredoc: &Heredoc, line: &[u8]) -> bool {
    let line = without_end(line);
    let tabs = if heredoc.chomp { line.iter().take_while(|&&byte| byte == b'\t').count() } else { 0 };
    &line[tabs..] == heredoc.name.as_bytes()
}

fn without_end(line: &[u8]) -> &[u8] {
    let end = line.iter().rposition(|byte| !matches!(byte, b'\r' | b'\n')).map_or(0, |last| last + 1);
    &line[..end]
}

/// For comments, whose bytes do not matter.
fn lossy(line: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(line)
}

fn utf8(line: &[u8]) -> Result<&str> {
    std::str::from_utf8(line)
        .map_err(|_| Error::invalid("the line is not UTF-8").hint("save the file as UTF-8, and try again"))
}
