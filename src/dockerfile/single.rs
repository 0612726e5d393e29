//! The instruction of one line: which one it is, and what it says.

use super::copying::{add, copy};
use super::flags::Flags;
use super::heredoc::{Announced, Heredoc, all_announced};
use super::instruction::{Argument, Instruction};
use super::running::{command, healthcheck, run, with_documents};
use super::words::{self, Form};
use crate::error::{Error, Result};
use crate::suggest::nearest;

/// The names of all instructions.
const NAMES: [&str; 18] = [
    "ADD",
    "ARG",
    "CMD",
    "COPY",
    "ENTRYPOINT",
    "ENV",
    "EXPOSE",
    "FROM",
    "HEALTHCHECK",
    "LABEL",
    "MAINTAINER",
    "ONBUILD",
    "RUN",
    "SHELL",
    "STOPSIGNAL",
    "USER",
    "VOLUME",
    "WORKDIR",
];

/// A line in three: the instruction's name in capitals, its flags, and the rest.
pub(super) struct Cut<'a> {
    pub(super) name: String,
    pub(super) flags: Vec<String>,
    pub(super) rest: &'a str,
}

impl Cut<'_> {
    pub(super) fn new(line: &str) -> Cut<'_> {
        let (name, rest) = words::first(line.trim());
        let (flags, rest) = words::flags(rest.unwrap_or_default());
        Cut { name: name.to_uppercase(), flags, rest: rest.trim() }
    }
}

/// The here-documents that the line announces: RUN, COPY and ADD may, in ONBUILD too, if they are not in the JSON form.
pub(super) fn documents(line: &str) -> Vec<Announced> {
    let cut = Cut::new(line);
    let inner = if cut.name == "ONBUILD" { Cut::new(cut.rest) } else { cut };
    let may = matches!(inner.name.as_str(), "RUN" | "COPY" | "ADD");
    match may && matches!(words::form(inner.rest), Ok(Form::Text(_))) {
        true => all_announced(line),
        false => Vec::new(),
    }
}

/// What a line other than FROM says. `documents`: its here-documents, with their text.
pub(super) fn instruction(line: &str, escape: char, documents: &[Heredoc]) -> Result<Instruction> {
    let cut = Cut::new(line);
    let Cut { name, flags, rest } = &cut;
    let rest = *rest;
    Ok(match name.as_str() {
        "ADD" => Instruction::Add(add(flags, rest, documents)?),
        "COPY" => Instruction::Copy(copy(flags, rest, documents)?),
        "RUN" => Instruction::Run(run(flags, rest, documents)?),
        "HEALTHCHECK" => Instruction::Healthcheck(healthcheck(flags, needed(name, rest)?)?),
        _ => {
            Flags::parse(flags, &[])?;
            plain(name, rest, escape, documents)?
        }
    })
}

/// The instructions without flags.
fn plain(name: &str, rest: &str, escape: char, documents: &[Heredoc]) -> Result<Instruction> {
    let text = || needed(name, rest).map(str::to_owned);
    Ok(match name {
        "ARG" => Instruction::Arg(arguments(needed(name, rest)?, escape)?),
        "CMD" => Instruction::Cmd(command(rest)?),
        "ENTRYPOINT" => Instruction::Entrypoint(command(rest)?),
        "ENV" => Instruction::Env(pairs(name, needed(name, rest)?, escape)?),
        "EXPOSE" => Instruction::Expose(words::split(needed(name, rest)?)),
        "LABEL" => Instruction::Label(pairs(name, needed(name, rest)?, escape)?),
        "MAINTAINER" => Instruction::Maintainer(text()?),
        "ONBUILD" => Instruction::Onbuild(trigger(needed(name, rest)?, escape, documents)?),
        "SHELL" => Instruction::Shell(shell(rest)?),
        "STOPSIGNAL" => Instruction::Stopsignal(text()?),
        "USER" => Instruction::User(text()?),
        "VOLUME" => Instruction::Volume(volumes(rest)?),
        "WORKDIR" => Instruction::Workdir(text()?),
        _ => return Err(unknown(name)),
    })
}

fn needed<'a>(name: &str, rest: &'a str) -> Result<&'a str> {
    match rest.is_empty() {
        true => Err(Error::invalid(format_args!("{name} needs an argument"))),
        false => Ok(rest),
    }
}

fn unknown(name: &str) -> Error {
    let error = Error::invalid(format_args!("the instruction {name} is not known"));
    match nearest(name, NAMES) {
        Some(near) => error.hint(format_args!("did you mean {near}?")),
        None => error.hint("a command that goes on in the next line needs a \\ at the end of its line"),
    }
}

fn arguments(rest: &str, escape: char) -> Result<Vec<Argument>> {
    let argument = |word: String| match word.split_once('=') {
        Some(("", _)) => Err(nameless("ARG")),
        Some((name, value)) => Ok(Argument { name: name.to_owned(), default: Some(value.to_owned()) }),
        None => Ok(Argument { name: word, default: None }),
    };
    words::quoted(rest, escape).into_iter().map(argument).collect()
}

/// `NAME=VALUE ...`, or the old form `NAME VALUE`, which the whole rest of the line is the value of.
fn pairs(instruction: &str, rest: &str, escape: char) -> Result<Vec<(String, String)>> {
    let words = words::quoted(rest, escape);
    if is_old_form(rest, escape) {
        let (name, value) = words::first(rest);
        let Some(value) = value.filter(|value| !value.is_empty()) else {
            let error = Error::invalid(format_args!("{instruction} needs a name and a value"));
            return Err(error.hint(format_args!("write {instruction} {name}=VALUE")));
        };
        return Ok(vec![(name.to_owned(), value.to_owned())]);
    }
    let pair = |word: String| match word.split_once('=') {
        Some(("", _)) => Err(nameless(instruction)),
        Some((name, value)) => Ok((name.to_owned(), value.to_owned())),
        None => {
            let error = Error::invalid(format_args!("'{word}' has no '='"));
            Err(error.hint(format_args!(
                "write {instruction} NAME=VALUE; a value with blanks stands in double quotes"
            )))
        }
    };
    words.into_iter().map(pair).collect()
}

/// Whether ENV or LABEL is in the form without `=`.
pub(super) fn is_old_form(rest: &str, escape: char) -> bool {
    words::quoted(rest, escape).first().is_some_and(|word| !word.contains('='))
}

fn nameless(instruction: &str) -> Error {
    Error::invalid(format_args!("a name in {instruction} is empty"))
}

fn shell(rest: &str) -> Result<Vec<String>> {
    match words::form(rest)? {
        Form::Json(words) if !words.is_empty() => Ok(words),
        _ => {
            let error = Error::invalid("SHELL needs its words as JSON");
            Err(error.hint("write SHELL [\"/bin/bash\", \"-c\"]"))
        }
    }
}

fn volumes(rest: &str) -> Result<Vec<String>> {
    let words = match words::form(rest)? {
        Form::Json(words) => words.iter().map(|word| word.trim().to_owned()).collect(),
        Form::Text(text) => words::split(&text),
    };
    match words.is_empty() || words.iter().any(String::is_empty) {
        true => Err(Error::invalid("VOLUME needs a path")),
        false => Ok(words),
    }
}

/// A trigger is read here to find what is wrong in it; it is kept as text.
fn trigger(rest: &str, escape: char, documents: &[Heredoc]) -> Result<String> {
    let name = Cut::new(rest).name;
    if matches!(name.as_str(), "ONBUILD" | "FROM" | "MAINTAINER") {
        return Err(Error::invalid(format_args!("{name} cannot stand in ONBUILD")));
    }
    instruction(rest, escape, documents)?;
    Ok(with_documents(rest, documents))
}
