//! Which stages a build needs, and what each one needs: from a Dockerfile, and what base images say. Pure.

use std::collections::BTreeSet;

use super::request::NamedContext;
use super::scope::Globals;
use crate::dockerfile::{Copying, Dockerfile, Instruction, Lines, Located, Stage};
use crate::error::{Error, Result};
use crate::oci::{Platform, Reference};
use crate::suggest::nearest;

/// What a name in FROM or `--from` means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum From {
    /// Nothing.
    Scratch,
    /// A stage above, by its number.
    Stage(usize),
    /// The directory that `--build-context` gave this name to, by its number there.
    Context(usize),
    /// The same for a layout: its image of this platform.
    Layout(usize, Platform),
    /// An image, of this platform.
    Image(Reference, Platform),
}

/// How the text of a trigger of a base image begins, when it is carried out.
pub const TRIGGER: &str = "ONBUILD ";

/// Names in a Dockerfile.
pub struct Names<'a> {
    /// The Dockerfile, and how it is called.
    pub dockerfile: &'a Dockerfile,
    pub file: &'a str,
    /// Those of `--build-context`.
    pub contexts: &'a [(String, NamedContext)],
    pub globals: &'a Globals,
    /// What is built for.
    pub platform: &'a Platform,
}

impl Names<'_> {
    fn stage(&self, name: &str, before: usize) -> Option<usize> {
        stage(self.dockerfile, name, before)
    }

    /// The platform of a stage.
    pub fn platform_of(&self, number: usize) -> Result<Platform> {
        let stage = &self.dockerfile.stages[number];
        let Some(word) = &stage.platform else { return Ok(self.platform.clone()) };
        let word = self.globals.expand(word).map_err(|error| self.at(stage.lines, error))?;
        match word.is_empty() {
            true => Err(self.at(stage.lines, Error::invalid("the platform is empty"))),
            false => Platform::parse(&word).map_err(|error| self.at(stage.lines, error)),
        }
    }

    /// What a stage is FROM.
    pub fn base(&self, number: usize) -> Result<From> {
        let stage = &self.dockerfile.stages[number];
        let at = |error| self.at(stage.lines, error);
        let word = self.globals.expand(&stage.image).map_err(at)?;
        if word.is_empty() {
            let error = Error::invalid(format_args!("FROM {}: the name of the image is empty", stage.image));
            return Err(at(error.hint("give the ARG a default, or set it with --build-arg NAME=VALUE")));
        }
        let by_name = self.stage(&word, number).filter(|_| word.parse::<usize>().is_err());
        match by_name {
            Some(found) => Ok(From::Stage(found)),
            None if word == "scratch" => Ok(From::Scratch),
            None => self.other(&word, &self.platform_of(number)?).map_err(at),
        }
    }

    /// What `--from` means in a step of the stage `number`.
    pub fn from(&self, word: &str, number: usize) -> Result<From> {
        match self.stage(word, number) {
            Some(found) => Ok(From::Stage(found)),
            None if word.parse::<usize>() == Ok(number) || self.is_own(word, number) => {
                Err(Error::invalid(format_args!("--from={word} is the stage itself")))
            }
            None if word.parse::<usize>().is_ok() => {
                Err(Error::invalid(format_args!("--from={word}: there is no such stage above")))
            }
            None if word == "scratch" => Ok(From::Scratch),
            None => self.other(word, &self.platform_of(number)?),
        }
    }

    /// That what failed as an image was meant as a stage, perhaps. `word` stands in the stage `number`.
    pub fn or_a_stage(&self, word: &str, number: usize, error: Error) -> Error {
        let names = names(&self.dockerfile.stages[..number]);
        match nearest(word, names.iter().copied()) {
            _ if word.contains(['/', ':', '@', '$']) || names.is_empty() => error,
            Some(near) => error
                .hint_instead(format_args!("no stage above has the name '{word}'; did you mean '{near}'?")),
            None => error.hint_instead(format_args!(
                "no stage above has the name '{word}', so it is taken for an image; there are {}",
                names.join(", ")
            )),
        }
    }

    fn is_own(&self, word: &str, number: usize) -> bool {
        let own = self.dockerfile.stages.get(number).and_then(|stage| stage.name.as_ref());
        own.is_some_and(|own| own.eq_ignore_ascii_case(word))
    }

    fn other(&self, word: &str, platform: &Platform) -> Result<From> {
        let image = |reference: &Reference| From::Image(reference.clone(), platform.clone());
        match self.contexts.iter().rposition(|(name, _)| name == word) {
            None => Ok(image(&Reference::parse(word)?)),
            Some(number) => Ok(match &self.contexts[number].1 {
                NamedContext::Image(reference) => image(reference),
                NamedContext::Layout(..) => From::Layout(number, platform.clone()),
                NamedContext::Directory(_) => From::Context(number),
            }),
        }
    }

    /// The stages that `steps`, those of the stage `number`, need, and its base.
    pub fn needs(&self, number: usize, steps: &[Located]) -> Result<Vec<usize>> {
        let froms = sources(steps.iter()).into_iter();
        let froms = froms.map(|(word, lines)| self.from(word, number).map_err(|error| self.at(lines, error)));
        let stage = |from| match from {
            Ok(From::Stage(number)) => Some(Ok(number)),
            Ok(_) => None,
            Err(error) => Some(Err(error)),
        };
        std::iter::once(self.base(number)).chain(froms).filter_map(stage).collect()
    }

    /// What tells an image from others; none of what is no image.
    pub fn key(&self, from: &From) -> Option<String> {
        match from {
            From::Image(reference, platform) => Some(format!("{reference} {platform}")),
            From::Layout(number, platform) => Some(format!("{} {platform}", self.contexts.get(*number)?.0)),
            From::Scratch | From::Stage(_) | From::Context(_) => None,
        }
    }

    /// Where in the Dockerfile something is wrong.
    pub fn at(&self, lines: Lines, error: Error) -> Error {
        error.context(format_args!("{}:{}", self.file, lines.first))
    }
}

/// The stage that is to be built: by its name or number; the last one. `shown`: how the Dockerfile is called.
pub fn target(file: &Dockerfile, shown: &str, name: Option<&str>) -> Result<usize> {
    let Some(name) = name else { return Ok(file.stages.len().saturating_sub(1)) };
    if let Some(found) = stage(file, name, file.stages.len()) {
        return Ok(found);
    }
    let names = names(&file.stages);
    let error = Error::usage(format_args!("{shown} has no stage '{name}'"));
    Err(match nearest(name, names.iter().copied()) {
        _ if name.parse::<usize>().is_ok() => error
            .hint(format_args!("its stages have the numbers 0 to {}", file.stages.len().saturating_sub(1))),
        Some(near) => error.hint(format_args!("did you mean '{near}'?")),
        None if names.is_empty() => error.hint("its stages have no names: give a number, from 0"),
        None => error.hint(format_args!("its stages are {}", names.join(", "))),
    })
}

/// The last stage before `before` with this name, or number.
fn stage(file: &Dockerfile, name: &str, before: usize) -> Option<usize> {
    let has = |stage: &Stage| stage.name.as_ref().is_some_and(|own| own.eq_ignore_ascii_case(name));
    let stages = file.stages.get(..before).unwrap_or_default();
    let number = || name.parse().ok().filter(|number| *number < before);
    stages.iter().rposition(has).or_else(number)
}

fn names(stages: &[Stage]) -> Vec<&str> {
    stages.iter().filter_map(|stage| stage.name.as_deref()).collect()
}

/// What the steps of a stage take from.
pub fn sources<'s>(steps: impl Iterator<Item = &'s Located>) -> Vec<(&'s str, Lines)> {
    let mut found = Vec::new();
    for step in steps {
        match &step.instruction {
            Instruction::Copy(Copying { from: Some(from), .. })
            | Instruction::Add(Copying { from: Some(from), .. }) => found.push((from.as_str(), step.lines)),
            Instruction::Run(run) => {
                let mounts = run.mounts.iter().filter_map(|mount| mount.from.as_deref());
                found.extend(mounts.map(|from| (from, step.lines)));
            }
            _ => {}
        }
    }
    found
}

/// All stages that `target` needs, each after those that it needs itself. `needs`: what one needs directly, always
/// stages above it.
pub fn needed(target: usize, needs: &dyn Fn(usize) -> Result<Vec<usize>>) -> Result<Vec<usize>> {
    let (mut all, mut waiting) = (BTreeSet::from([target]), vec![target]);
    while let Some(stage) = waiting.pop() {
        for needed in needs(stage)? {
            if all.insert(needed) {
                waiting.push(needed);
            }
        }
    }
    Ok(all.into_iter().collect())
}
