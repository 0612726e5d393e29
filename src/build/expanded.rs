//! An instruction with its variables replaced, where the language has that done. Pure.

use super::scope::{Pair, Scope};
use crate::dockerfile::{Copying, Instruction, Source, expand_document, expand_words};
use crate::error::Result;

/// The instruction as it is carried out, with the values that `env` has before it. RUN, CMD, ENTRYPOINT and the like are
/// the shell's to expand; ARG is the scope's.
pub fn expanded(instruction: &Instruction, scope: &Scope<'_>, env: &[Pair]) -> Result<Instruction> {
    let one = |word: &String| scope.expand(word, env);
    let pairs = |pairs: &[(String, String)]| -> Result<Vec<(String, String)>> {
        pairs.iter().map(|(key, value)| Ok((one(key)?, one(value)?))).collect()
    };
    let all = |words: &[String]| words.iter().map(one).collect::<Result<Vec<_>>>();
    let document = |text: &str| expand_document(text, &|name| scope.value(name, env));
    Ok(match instruction {
        Instruction::Env(env) => Instruction::Env(pairs(env)?),
        Instruction::Label(labels) => Instruction::Label(pairs(labels)?),
        Instruction::User(user) => Instruction::User(one(user)?),
        Instruction::Workdir(path) => Instruction::Workdir(one(path)?),
        Instruction::Stopsignal(signal) => Instruction::Stopsignal(one(signal)?),
        Instruction::Volume(paths) => Instruction::Volume(all(paths)?),
        Instruction::Expose(ports) => {
            let lookup = |name: &str| scope.value(name, env);
            let words = ports.iter().map(|port| expand_words(port, scope.escape(), &lookup));
            Instruction::Expose(words.collect::<Result<Vec<_>>>()?.concat())
        }
        Instruction::Copy(copying) => Instruction::Copy(copied(copying, &one, &document)?),
        Instruction::Add(copying) => Instruction::Add(copied(copying, &one, &document)?),
        other => other.clone(),
    })
}

fn copied(
    copying: &Copying,
    one: &dyn Fn(&String) -> Result<String>,
    document: &dyn Fn(&str) -> Result<String>,
) -> Result<Copying> {
    let maybe = |word: &Option<String>| word.as_ref().map(one).transpose();
    let source = |source: &Source| {
        Ok(match source {
            Source::Path(path) => Source::Path(one(path)?),
            Source::Inline(here) if here.expand => {
                let mut here = here.clone();
                here.content = document(&here.text())?;
                here.chomp = false;
                Source::Inline(here)
            }
            inline => inline.clone(),
        })
    };
    Ok(Copying {
        sources: copying.sources.iter().map(source).collect::<Result<_>>()?,
        destination: one(&copying.destination)?,
        chown: maybe(&copying.chown)?,
        chmod: maybe(&copying.chmod)?,
        checksum: maybe(&copying.checksum)?,
        exclude: copying.exclude.iter().map(one).collect::<Result<_>>()?,
        ..copying.clone()
    })
}
