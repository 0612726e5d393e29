//! A Dockerfile from its text, as BuildKit's frontend reads it (`docker/dockerfile` 1.x). Pure.

use super::flags::{Flags, Takes};
use super::heredoc::Announced;
use super::instruction::{Dockerfile, Lines, Located, Stage, Warning};
use super::reader::{Line, Reader};
use super::single::{Cut, documents as announced, instruction, is_old_form};
use super::words;
use crate::error::{Error, Result};

/// What BuildKit's own frontend is called.
const FRONTENDS: [&str; 2] = ["docker/dockerfile", "docker/dockerfile-upstream"];

/// Reads a Dockerfile. Errors begin with `name` and the number of the line.
pub fn parse(text: &[u8], name: &str) -> Result<Dockerfile> {
    let mut reader = Reader::new(text);
    let mut file = Parsed::default();
    loop {
        let before = reader.number();
        let line = reader.next().map_err(|error| at(name, reader.number().max(before), error))?;
        let Some(line) = line else { break };
        let first = line.lines.first;
        file.line(line, &mut reader).map_err(|error| at(name, first, error))?;
    }
    if file.stages.is_empty() {
        let error = Error::invalid(format_args!("{name}: there is no FROM"));
        return Err(error.hint("a Dockerfile begins with FROM IMAGE, or with FROM scratch"));
    }
    file.warnings.extend(foreign(&reader));
    let directives = reader.directives;
    Ok(Dockerfile { directives, globals: file.globals, stages: file.stages, warnings: file.warnings })
}

/// Reads a trigger of a base image: one instruction, perhaps with here-documents.
pub fn parse_onbuild(text: &str, escape: char) -> Result<Located> {
    let mut reader = Reader::new(text.as_bytes());
    reader.directives.escape = escape;
    let read = one(&mut reader);
    read.map_err(|error| {
        error.context(format_args!("the trigger 'ONBUILD {}'", text.lines().next().unwrap_or(text)))
    })
}

fn one(reader: &mut Reader) -> Result<Located> {
    let line = reader.next()?.ok_or_else(|| Error::invalid("it is empty"))?;
    if matches!(Cut::new(&line.text).name.as_str(), "FROM" | "ONBUILD" | "MAINTAINER") {
        return Err(Error::invalid("such an instruction cannot be a trigger"));
    }
    let step = located(line, reader)?;
    match reader.next()? {
        None => Ok(step),
        Some(_) => Err(Error::invalid("it is more than one instruction")),
    }
}

fn at(name: &str, line: usize, error: Error) -> Error {
    error.context(format_args!("{name}:{line}"))
}

#[derive(Default)]
struct Parsed {
    globals: Vec<Located>,
    stages: Vec<Stage>,
    warnings: Vec<Warning>,
}

impl Parsed {
    fn line(&mut self, line: Line, reader: &mut Reader) -> Result<()> {
        self.warn(&line, reader.directives.escape);
        let name = Cut::new(&line.text).name;
        if name == "FROM" {
            self.stages.push(from(line)?);
            return Ok(());
        }
        let step = located(line, reader)?;
        match self.stages.last_mut() {
            Some(stage) => stage.steps.push(step),
            None if name == "ARG" => self.globals.push(step),
            None => {
                let error = Error::invalid(format_args!("{name} stands before the first FROM"));
                return Err(error.hint("only ARG can; put FROM before it"));
            }
        }
        Ok(())
    }

    /// What only the text tells.
    fn warn(&mut self, line: &Line, escape: char) {
        let mut warn =
            |rule, message: String| self.warnings.push(Warning { rule, message, lines: line.lines });
        if line.interrupted {
            warn("NoEmptyContinuation", "an empty line stands inside an instruction".to_owned());
        }
        let Cut { name, rest, .. } = Cut::new(&line.text);
        if matches!(name.as_str(), "ENV" | "LABEL") && is_old_form(rest, escape) {
            warn("LegacyKeyValueFormat", format!("{name} should have the form NAME=VALUE, with no blank"));
        }
    }
}

/// An instruction other than FROM, with its here-documents.
fn located(mut line: Line, reader: &mut Reader) -> Result<Located> {
    let mut documents = Vec::new();
    for Announced { mut heredoc, may_be_none } in announced(&line.text) {
        if !may_be_none || reader.has_end(&heredoc) {
            reader.document(&mut heredoc)?;
            documents.push(heredoc);
        }
    }
    line.lines.last = reader.number();
    let instruction = instruction(&line.text, reader.directives.escape, &documents)?;
    Ok(Located { instruction, lines: line.lines, text: line.text.trim().to_owned() })
}

fn from(line: Line) -> Result<Stage> {
    let Cut { flags, rest, .. } = Cut::new(&line.text);
    let flags = Flags::parse(&flags, &[("platform", Takes::Value)])?;
    let words = words::split(rest);
    let (image, name) = match &words[..] {
        [image] => (image, None),
        [image, keyword, name] if keyword.eq_ignore_ascii_case("as") => (image, Some(stage_name(name)?)),
        _ => {
            return Err(Error::invalid("FROM takes an image, or an image, AS and a name")
                .hint("write FROM IMAGE AS NAME"));
        }
    };
    let text = line.text.trim().to_owned();
    let platform = flags.text("platform");
    Ok(Stage { image: image.clone(), platform, name, lines: line.lines, text, steps: Vec::new() })
}

fn stage_name(name: &str) -> Result<String> {
    let lower = name.to_lowercase();
    let known = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_.".contains(&byte);
    if lower.starts_with(|c: char| c.is_ascii_lowercase()) && lower.bytes().all(known) {
        return Ok(lower);
    }
    let error = Error::invalid(format_args!("'{name}' is no name for a stage"));
    Err(error.hint("a name begins with a letter, and has letters, digits, '-', '_' and '.'"))
}

/// What a syntax other than BuildKit's own gets.
fn foreign(reader: &Reader) -> Option<Warning> {
    let syntax = reader.directives.syntax.as_ref()?;
    let image = syntax.split_whitespace().next()?;
    let image = image.strip_prefix("docker.io/").unwrap_or(image);
    let bare = image.split(['@', ':']).next()?;
    if FRONTENDS.contains(&bare) {
        return None;
    }
    let message = format!("'# syntax={syntax}' is not followed: the file is read as an ordinary Dockerfile");
    let lines = Lines { first: 1, last: 1 };
    Some(Warning { rule: "ForeignSyntax", message, lines })
}

#[cfg(test)]
mod tests;
