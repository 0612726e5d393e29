//! `commit --change`: one instruction for an image's config. Pure.

use crate::dockerfile::{Instruction, expand, expand_words, parse};
use crate::error::{Error, Result, WRONG_USAGE};

const ESCAPE: char = '\\';

/// Reads an instruction that changes nothing but a config.
pub fn parse_change(text: &str) -> Result<Instruction> {
    let word = text.split_whitespace().next().unwrap_or_default();
    if let Some((name, _)) = word.split_once('=') {
        return Err(Error::usage(format!("'{}' is no instruction", word.escape_debug()))
            .hint(format!("write it as in a Dockerfile, with a space: '{name} ...'")));
    }
    let read = parse(format!("FROM scratch\n{text}\n").as_bytes(), "--change");
    let file = read.map_err(|error| error.exits(WRONG_USAGE))?;
    let refused = |what: &str| {
        Err(Error::usage(format!("'{}' {what}", text.escape_debug()))
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
    let lookup = |name: &str| {
        let found = env.iter().filter_map(|word| word.split_once('=')).find(|(own, _)| *own == name);
        found.map(|(_, value)| value.to_owned())
    };
    let one = |word: &String| expand(word, ESCAPE, &lookup);
    let pairs = |pairs: &[(String, String)]| -> Result<Vec<(String, String)>> {
        pairs.iter().map(|(key, value)| Ok((one(key)?, one(value)?))).collect()
    };
    Ok(match instruction {
        Instruction::Env(env) => Instruction::Env(pairs(env)?),
        Instruction::Label(labels) => Instruction::Label(pairs(labels)?),
        Instruction::User(user) => Instruction::User(one(user)?),
        Instruction::Workdir(path) => Instruction::Workdir(one(path)?),
        Instruction::Stopsignal(signal) => Instruction::Stopsignal(one(signal)?),
        Instruction::Volume(paths) => Instruction::Volume(paths.iter().map(one).collect::<Result<_>>()?),
        Instruction::Expose(ports) => {
            let words = ports.iter().map(|port| expand_words(port, ESCAPE, &lookup));
            Instruction::Expose(words.collect::<Result<Vec<_>>>()?.concat())
        }
        other => other.clone(),
    })
}
