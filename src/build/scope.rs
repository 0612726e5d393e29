//! The variables of a Dockerfile: what ARG and ENV mean where, as BuildKit has them. Pure.
//!
//! ARGs before the first FROM are for the FROM lines, and for stages that declare them again. ENV beats ARG.

use crate::dockerfile::{Argument, Dockerfile, Instruction, expand};
use crate::error::Result;
use crate::oci::Platform;

/// What every RUN may be given without a declaration, and what is part of no cache key and of no image.
const PROXIES: [&str; 10] = [
    "ALL_PROXY",
    "FTP_PROXY",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "NO_PROXY",
    "all_proxy",
    "ftp_proxy",
    "http_proxy",
    "https_proxy",
    "no_proxy",
];

/// A name and its value.
pub type Pair = (String, String);

/// What is known before the first FROM.
#[derive(Debug, Clone, Default)]
pub struct Globals {
    /// `--build-arg`.
    given: Vec<Pair>,
    /// `TARGETPLATFORM` and its like.
    platform: Vec<Pair>,
    /// Of the ARGs before the first FROM.
    declared: Vec<Pair>,
    escape: char,
}

impl Globals {
    /// `target`: the platform that is built for, and the stage.
    pub fn new(given: &[Pair], target: &Platform, stage: &str, escape: char) -> Globals {
        let host = Platform::host();
        let mut platform = Vec::new();
        for (prefix, of) in [("BUILD", &host), ("TARGET", target)] {
            let variant = of.variant.clone().unwrap_or_default();
            platform.extend([
                (format!("{prefix}PLATFORM"), of.to_string()),
                (format!("{prefix}OS"), "linux".to_owned()),
                (format!("{prefix}ARCH"), of.arch.oci().to_owned()),
                (format!("{prefix}VARIANT"), variant),
            ]);
        }
        platform.push(("TARGETSTAGE".to_owned(), stage.to_owned()));
        Globals { given: given.to_vec(), platform, declared: Vec::new(), escape }
    }

    /// An ARG before the first FROM.
    pub fn declare(&mut self, argument: &Argument) -> Result<()> {
        let value = match (last(&self.given, &argument.name), &argument.default) {
            (Some(given), _) => Some(given.to_owned()),
            (None, Some(default)) => Some(self.expand(default)?),
            (None, None) => None,
        };
        self.declared.extend(value.map(|value| (argument.name.clone(), value)));
        Ok(())
    }

    /// A word of a FROM line.
    pub fn expand(&self, word: &str) -> Result<String> {
        expand(word, self.escape, &|name| {
            let own = last(&self.declared, name);
            own.or_else(|| self.of_platform(name)).map(str::to_owned)
        })
    }

    fn of_platform(&self, name: &str) -> Option<&str> {
        let known = last(&self.platform, name)?;
        Some(last(&self.given, name).unwrap_or(known))
    }

    /// What the ARGs of a Dockerfile say before its first FROM.
    pub fn of(file: &Dockerfile, given: &[Pair], target: &Platform, stage: &str) -> Result<Globals> {
        let mut globals = Globals::new(given, target, stage, file.directives.escape);
        for located in &file.globals {
            if let Instruction::Arg(arguments) = &located.instruction {
                arguments.iter().try_for_each(|argument| globals.declare(argument))?;
            }
        }
        Ok(globals)
    }
}

/// Whether every RUN is given it without a declaration.
pub fn is_proxy(name: &str) -> bool {
    PROXIES.contains(&name)
}

/// What is known in a stage.
#[derive(Debug, Clone)]
pub struct Scope<'a> {
    globals: &'a Globals,
    arguments: Vec<Pair>,
}

impl<'a> Scope<'a> {
    /// At the beginning of a stage; `inherited` from the stage that it is FROM.
    pub fn new(globals: &'a Globals, inherited: Vec<Pair>) -> Scope<'a> {
        Scope { globals, arguments: inherited }
    }

    /// An ARG, with the values that `env` has by then.
    pub fn declare(&mut self, argument: &Argument, env: &[Pair]) -> Result<()> {
        let Globals { given, declared, .. } = self.globals;
        let name = &argument.name;
        let value = match (last(given, name), &argument.default) {
            (Some(given), _) => Some(given.to_owned()),
            (None, Some(default)) => Some(self.expand(default, env)?),
            (None, None) => {
                last(declared, name).or_else(|| self.globals.of_platform(name)).map(str::to_owned)
            }
        };
        self.arguments.retain(|(other, _)| other != name);
        self.arguments.extend(value.map(|value| (name.clone(), value)));
        Ok(())
    }

    /// A word of an instruction.
    pub fn expand(&self, word: &str, env: &[Pair]) -> Result<String> {
        expand(word, self.globals.escape, &|name| self.value(name, env))
    }

    /// What a variable stands for.
    pub fn value(&self, name: &str, env: &[Pair]) -> Option<String> {
        last(env, name).or_else(|| last(&self.arguments, name)).map(str::to_owned)
    }

    /// What a RUN has in its environment, and is part of its cache key.
    pub fn environment(&self, env: &[Pair]) -> Vec<Pair> {
        let own = self.arguments.iter().filter(|(name, _)| !is_proxy(name) && last(env, name).is_none());
        own.chain(env).cloned().collect()
    }

    /// What a RUN has besides, and is part of nothing.
    pub fn proxies(&self) -> Vec<Pair> {
        let given = self.globals.given.iter().chain(&self.arguments);
        given.filter(|(name, _)| is_proxy(name)).cloned().collect()
    }

    /// Those that were declared: for the history, and for a stage that is FROM this one.
    pub fn arguments(&self) -> &[Pair] {
        &self.arguments
    }

    /// What escapes in words.
    pub fn escape(&self) -> char {
        self.globals.escape
    }
}

fn last<'a>(pairs: &'a [Pair], name: &str) -> Option<&'a str> {
    pairs.iter().rev().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
}
