//! `commit --change`: one instruction for an image's config. Pure.

use super::expanded;
use super::scope::{Globals, Pair, Scope};
use crate::dockerfile::{Instruction, parse};
use crate::error::{Error, Result, WRONG_USAGE};
use crate::oci::Platform;

const ESCAPE: char = '\\';

/// Reads an instruction that changes nothing but a config.
pub fn parse_change(text: &str) -> Result<Instruction> {
    let word = text.split_whitespace().next().unwrap_or_default();
    if let Some((name, _)) = word.split_once('=') {
        return Err(Error::usage(format_args!("'{}' is no instruction", word.escape_debug()))
            .hint(format_args!("write it as in a Dockerfile, with a space: '{name} ...'")));
    }
    let read = parse(format!("FROM scratch\n{text}\n").as_bytes(), "--change");
    let file = read.map_err(|error| error.exits(WRONG_USAGE))?;
    let refused = |what: &str| {
        Err(Error::usage(format_args!("'{}' {what}", text.escape_debug()))
            .hint("one of CMD, ENTRYPOINT, ENV, EXPOSE, HEALTHCHECK, LABEL, ONBUILD, SHELL, STOPSIGNAL, USER, VOLUME and WORKDIR"))
    };
    match &file.stages[..] {
        [stage] => match &stage.steps[..] {
            [step] => match &step.instruction {
                Instruction::Add(_) | Instruction::Arg(_) | Instruction::Copy(_) | Instruction::Run(_) => {
                    refused("does not change an image's configuration")
                }
                instruction => Ok(instruction.clone()),
            },
            [] => refused("is no instruction"),
            _ => refused("is more than one instruction"),
        },
        _ => refused("is no instruction for an existing image"),
    }
}

/// The instruction with the variables of `env` (`NAME=value`) replaced, where the language has that done.
pub fn expanded(instruction: &Instruction, env: &[String]) -> Result<Instruction> {
    let globals = Globals::new(&[], &Platform::host(), "", ESCAPE);
    let pairs = env.iter().filter_map(|word| word.split_once('='));
    let pairs: Vec<Pair> = pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    expanded::expanded(instruction, &Scope::new(&globals, Vec::new()), &pairs)
}
