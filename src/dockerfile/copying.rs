//! COPY and ADD: flags, sources and the destination.

use super::flags::{Flags, Known, Takes};
use super::heredoc::{Heredoc, announced};
use super::instruction::{Copying, Source};
use super::words::{self, Form};
use crate::error::{Error, Result};

const COPY: Known = &[
    ("chown", Takes::Value),
    ("chmod", Takes::Value),
    ("from", Takes::Value),
    ("link", Takes::Switch),
    ("parents", Takes::Switch),
    ("exclude", Takes::Values),
];

const ADD: Known = &[
    ("chown", Takes::Value),
    ("chmod", Takes::Value),
    ("link", Takes::Switch),
    ("exclude", Takes::Values),
    ("checksum", Takes::Value),
    ("keep-git-dir", Takes::Switch),
    ("unpack", Takes::Switch),
];

impl Copying {
    /// All of a stage, an image or a context: `COPY --from=FROM / /`.
    pub fn all_from(from: String) -> Copying {
        let sources = vec![Source::Path("/".to_owned())];
        Copying { sources, destination: "/".to_owned(), from: Some(from), ..Copying::default() }
    }
}

pub(super) fn copy(flags: &[String], rest: &str, documents: &[Heredoc]) -> Result<Copying> {
    copying(&Flags::parse(flags, COPY)?, rest, documents)
}

pub(super) fn add(flags: &[String], rest: &str, documents: &[Heredoc]) -> Result<Copying> {
    copying(&Flags::parse(flags, ADD)?, rest, documents)
}

fn copying(flags: &Flags, rest: &str, documents: &[Heredoc]) -> Result<Copying> {
    let mut words = match words::form(rest)? {
        Form::Json(words) => words,
        Form::Text(text) => words::split(&text),
    };
    let destination = words.pop().unwrap_or_default();
    if words.is_empty() {
        let error = Error::invalid("a source and a destination are needed");
        return Err(error.hint("the last word is the destination, as in COPY file /directory/"));
    }
    if announced(&destination).is_some() {
        return Err(Error::invalid("a here-document cannot be the destination"));
    }
    Ok(Copying {
        sources: words.into_iter().map(|word| source(word, documents)).collect(),
        destination,
        from: flags.text("from"),
        chown: flags.text("chown"),
        chmod: flags.text("chmod"),
        link: flags.switch("link") == Some(true),
        parents: flags.switch("parents") == Some(true),
        exclude: flags.all("exclude").into_iter().map(str::to_owned).collect(),
        checksum: flags.text("checksum"),
        unpack: flags.switch("unpack"),
        keep_git_dir: flags.switch("keep-git-dir") == Some(true),
    })
}

fn source(word: String, documents: &[Heredoc]) -> Source {
    match announced(&word) {
        None => Source::Path(word),
        Some(heredoc) => {
            // Of several with one name the last one counts (BuildKit).
            let read = documents.iter().rev().find(|document| document.name == heredoc.name);
            Source::Inline(read.cloned().unwrap_or(heredoc))
        }
    }
}
