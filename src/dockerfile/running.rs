//! RUN, and the other instructions that hold a command.

use super::flags::{Flags, Known, Takes};
use super::heredoc::{Heredoc, announced};
use super::instruction::{Command, Healthcheck, Network, Running, Security};
use super::mount::Mount;
use super::numbers;
use super::words::{self, Form};
use crate::error::{Error, Result};

const RUN: Known = &[
    ("mount", Takes::Values),
    ("network", Takes::Value),
    ("security", Takes::Value),
    ("device", Takes::Values),
];

const HEALTHCHECK: Known = &[
    ("interval", Takes::Value),
    ("timeout", Takes::Value),
    ("start-period", Takes::Value),
    ("start-interval", Takes::Value),
    ("retries", Takes::Value),
];

/// The shortest time that a health check knows (moby's `MinimumDuration`), in nanoseconds.
const SHORTEST: i64 = 1_000_000;

/// What a RUN with here-documents runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Script {
    /// A line for the shell.
    Shell(String),
    /// A program of its own: the only here-document, which begins with `#!`.
    File {
        /// The name of the here-document.
        name: String,
        /// What it says.
        text: String,
    },
    /// A program and its arguments (JSON).
    Exec(Vec<String>),
}

impl Running {
    /// What is run (BuildKit's `dispatchRun`). A line that only announces a here-document is its text. Any other line gets
    /// the here-documents after it, for the shell to read. Nothing is expanded: the shell does that.
    pub fn script(&self) -> Script {
        let line = match &self.command {
            Command::Exec(words) => return Script::Exec(words.clone()),
            Command::Shell(line) => line,
        };
        let Some(only) = self.heredocs.first().filter(|_| announced(line).is_some()) else {
            return Script::Shell(with_documents(line, &self.heredocs));
        };
        match only.text() {
            text if text.starts_with("#!") => Script::File { name: only.name.clone(), text },
            text => Script::Shell(text),
        }
    }
}

/// A line, and after it the here-documents that it announces.
pub(super) fn with_documents(line: &str, documents: &[Heredoc]) -> String {
    let mut whole = line.to_owned();
    for document in documents {
        whole.extend(["\n", &document.content, &document.name]);
    }
    whole
}

pub(super) fn command(rest: &str) -> Result<Command> {
    Ok(match words::form(rest)? {
        Form::Json(words) => Command::Exec(words),
        Form::Text(text) => Command::Shell(text),
    })
}

pub(super) fn run(flags: &[String], rest: &str, heredocs: &[Heredoc]) -> Result<Running> {
    let flags = Flags::parse(flags, RUN)?;
    Ok(Running {
        command: command(rest)?,
        heredocs: heredocs.to_vec(),
        mounts: flags.all("mount").into_iter().map(Mount::parse).collect::<Result<_>>()?,
        network: flags.text("network").map(|name| network(&name)).transpose()?,
        security: flags.text("security").map(|name| security(&name)).transpose()?,
        devices: flags.all("device").into_iter().map(str::to_owned).collect(),
    })
}

fn network(name: &str) -> Result<Network> {
    match name {
        "default" => Ok(Network::Default),
        "host" => Ok(Network::Host),
        "none" => Ok(Network::None),
        _ => Err(Error::invalid(format_args!("--network is default, host or none, and not '{name}'"))),
    }
}

fn security(name: &str) -> Result<Security> {
    match name {
        "sandbox" => Ok(Security::Sandbox),
        "insecure" => Ok(Security::Insecure),
        _ => Err(Error::invalid(format_args!("--security is sandbox or insecure, and not '{name}'"))),
    }
}

pub(super) fn healthcheck(flags: &[String], rest: &str) -> Result<Healthcheck> {
    let (kind, rest) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    let rest = rest.trim_start();
    if kind.eq_ignore_ascii_case("NONE") {
        return match rest.is_empty() {
            true => Flags::parse(flags, &[]).map(|_| Healthcheck::None),
            false => Err(Error::invalid("HEALTHCHECK NONE takes nothing more")),
        };
    }
    let flags = Flags::parse(flags, HEALTHCHECK)?;
    if !kind.eq_ignore_ascii_case("CMD") {
        let error = Error::invalid(format_args!("HEALTHCHECK takes CMD or NONE, and not '{kind}'"));
        return Err(error.hint(format_args!("write HEALTHCHECK CMD {kind} ...")));
    }
    let command = command(rest)?;
    if matches!(&command, Command::Shell(line) if line.is_empty())
        || matches!(&command, Command::Exec(words) if words.is_empty())
    {
        return Err(Error::invalid("HEALTHCHECK CMD needs a command"));
    }
    Ok(Healthcheck::Check {
        command,
        interval: interval(&flags, "interval")?,
        timeout: interval(&flags, "timeout")?,
        start_period: interval(&flags, "start-period")?,
        start_interval: interval(&flags, "start-interval")?,
        retries: retries(&flags)?,
    })
}

fn interval(flags: &Flags, name: &str) -> Result<i64> {
    let Some(text) = flags.text(name) else { return Ok(0) };
    let Some(time) = numbers::duration(&text) else {
        let error = Error::invalid(format_args!("--{name} is a time, and not '{text}'"));
        return Err(error.hint("a time is a number and its unit, such as 30s or 1m30s"));
    };
    match time {
        0 => Ok(0),
        time if time < SHORTEST => {
            Err(Error::invalid(format_args!("--{name} is at least 1ms, and not {text}")))
        }
        time => Ok(time),
    }
}

fn retries(flags: &Flags) -> Result<u32> {
    let Some(text) = flags.text("retries") else { return Ok(0) };
    let number = text.parse::<i32>().ok().and_then(|number| u32::try_from(number).ok());
    number.ok_or_else(|| Error::invalid(format_args!("--retries is a number from 0, and not '{text}'")))
}
