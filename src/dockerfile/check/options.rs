//! `# check=skip=RULE,...;error=true`

use crate::error::{Error, Result};

/// What the directive says.
#[derive(Default)]
pub(super) struct Options {
    skipped: Vec<String>,
    skips_all: bool,
    /// A finding is an error.
    pub(super) error: bool,
}

impl Options {
    pub(super) fn parse(text: &str) -> Result<Options> {
        let mut options = Options::default();
        for part in text.split(';').map(str::trim).filter(|part| !part.is_empty()) {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            match (name.trim(), value.trim()) {
                (name, "") => {
                    return Err(Error::invalid(format_args!(
                        "the option '{name}' of the directive check has no value"
                    )));
                }
                ("skip", "all") => options.skips_all = true,
                ("skip", rules) => {
                    options.skipped.extend(rules.split(',').map(|rule| rule.trim().to_owned()))
                }
                ("error", value) => options.error = truth(value)?,
                // BuildKit's rules that are off by default; none of them is known here.
                ("experimental", _) => {}
                (name, _) => {
                    let error = Error::invalid(format_args!("the directive check has no option '{name}'"));
                    return Err(error.hint("write '# check=skip=RULE,RULE;error=true'"));
                }
            }
        }
        Ok(options)
    }

    pub(super) fn skips(&self, rule: &str) -> bool {
        self.skips_all || self.skipped.iter().any(|skipped| skipped == rule)
    }
}

fn truth(value: &str) -> Result<bool> {
    match value {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        _ => Err(Error::invalid(format_args!(
            "error= in the directive check is true or false, and not '{value}'"
        ))),
    }
}
