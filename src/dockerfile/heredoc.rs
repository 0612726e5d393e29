//! Here-documents: which ones a line announces.

use super::expand::{Quotes, Style, lex};
use crate::error::Result;

/// A here-document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heredoc {
    /// The word that ends it. For COPY and ADD the name of the file.
    pub name: String,
    /// Its lines as they stand in the Dockerfile.
    pub content: String,
    /// COPY and ADD replace variables in it (`expand_document`). A quoted delimiter turns that off.
    pub expand: bool,
    /// `<<-`: tabs at the beginning of lines do not belong to it.
    pub chomp: bool,
}

impl Heredoc {
    /// What it says: the content, for `<<-` without the tabs at the beginning of lines.
    pub fn text(&self) -> String {
        match self.chomp {
            true => self.content.split_inclusive('\n').map(|line| line.trim_start_matches('\t')).collect(),
            false => self.content.clone(),
        }
    }
}

/// The here-document that `word` announces, without content: `<<NAME`, `<<-NAME`, `<<"NAME"`, `<< NAME`, with digits
/// before it.
pub(super) fn announced(word: &str) -> Option<Heredoc> {
    let word = word.trim_start_matches(|c: char| c.is_ascii_digit());
    let word = word.strip_prefix("<<")?;
    let (word, chomp) = match word.strip_prefix('-') {
        Some(word) => (word, true),
        None => (word, false),
    };
    let word = word.trim_start();
    if word.is_empty() || word.contains('<') {
        return None;
    }
    let name = only_word(word, Quotes::Quote).ok()??;
    let quoted = only_word(word, Quotes::Stay).ok()??;
    let expand = quotes(&name) == quotes(&quoted);
    Some(Heredoc { name, content: String::new(), expand, chomp })
}

/// A here-document that a line announces.
pub(super) struct Announced {
    pub(super) heredoc: Heredoc,
    /// A blank stands before its name. Without an end it is none: `$((1 << 2))` is written like that too.
    pub(super) may_be_none: bool,
}

/// Those that an instruction's line announces, in order. A line with a quote that has no end announces none (BuildKit).
pub(super) fn all_announced(line: &str) -> Vec<Announced> {
    let style = Style { quotes: Quotes::Stay, keep_escapes: true, keep_unset: true, ..Style::new(&|_| None) };
    let words = lex(line, &style).map(|(_, words)| words).unwrap_or_default();
    let all = words.iter().filter_map(|word| {
        let may_be_none = word.contains("<< ") || word.contains("<<\t");
        announced(word).map(|heredoc| Announced { heredoc, may_be_none })
    });
    all.collect()
}

fn only_word(text: &str, quotes: Quotes) -> Result<Option<String>> {
    let (_, mut words) = lex(text, &Style { quotes, keep_unset: true, ..Style::new(&|_| None) })?;
    Ok(words.pop().filter(|_| words.is_empty()))
}

fn quotes(text: &str) -> usize {
    text.matches(['\'', '"']).count()
}
