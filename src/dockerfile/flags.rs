//! The flags of an instruction: `--name`, `--name=value`.

use crate::error::{Error, Result};
use crate::suggest::nearest;

/// What a flag takes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Takes {
    /// Nothing, `true` or `false`.
    Switch,
    /// A value.
    Value,
    /// A value, and it may be given several times.
    Values,
}

/// The flags that an instruction knows.
pub(super) type Known<'a> = &'a [(&'a str, Takes)];

/// The flags that are given.
pub(super) struct Flags(Vec<(String, String)>);

impl Flags {
    pub(super) fn parse(given: &[String], known: Known) -> Result<Flags> {
        let mut flags = Flags(Vec::new());
        for flag in given {
            let flag = flag.strip_prefix("--").unwrap_or(flag);
            let (name, value) = match flag.split_once('=') {
                Some((name, value)) => (name, Some(value)),
                None => (flag, None),
            };
            let Some((_, takes)) = known.iter().find(|(other, _)| *other == name) else {
                return Err(unknown(name, known));
            };
            if *takes != Takes::Values && flags.value(name).is_some() {
                return Err(Error::invalid(format_args!("--{name} is given twice")));
            }
            flags.0.push((name.to_owned(), checked(name, value, *takes)?));
        }
        Ok(flags)
    }

    fn value(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(other, _)| other == name);
        found.map(|(_, value)| value.as_str())
    }

    /// Its value; none for an empty one.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        self.value(name).filter(|value| !value.is_empty()).map(str::to_owned)
    }

    /// A switch, if it is given.
    pub(super) fn switch(&self, name: &str) -> Option<bool> {
        self.value(name).map(|value| value == "true")
    }

    /// All of its values.
    pub(super) fn all(&self, name: &str) -> Vec<&str> {
        let given = self.0.iter().filter(|(other, _)| other == name);
        given.map(|(_, value)| value.as_str()).collect()
    }
}

fn checked(name: &str, value: Option<&str>, takes: Takes) -> Result<String> {
    match (takes, value) {
        (Takes::Switch, None) => Ok("true".to_owned()),
        (Takes::Switch, Some(value)) => match value.to_ascii_lowercase() {
            lower if lower == "true" || lower == "false" => Ok(lower),
            _ => Err(Error::invalid(format_args!("--{name} is true or false, and not '{value}'"))),
        },
        (_, Some(value)) => Ok(value.to_owned()),
        (_, None) => {
            let error = Error::invalid(format_args!("--{name} needs a value"));
            Err(error.hint(format_args!("write --{name}=VALUE, with no blank")))
        }
    }
}

fn unknown(name: &str, known: Known) -> Error {
    let error = Error::invalid(format_args!("the flag --{name} is not known here"));
    let names = known.iter().map(|(name, _)| *name);
    match nearest(name, names.clone()) {
        Some(near) => error.hint(format_args!("did you mean --{near}?")),
        None if known.is_empty() => error.hint("this instruction has no flags"),
        None => {
            let names: Vec<String> = names.map(|name| format!("--{name}")).collect();
            error.hint(format_args!("its flags are {}", names.join(", ")))
        }
    }
}
