//! Variables that nothing declares.

use std::cell::RefCell;

use super::findings::Findings;
use super::graph::stage_above;
use crate::dockerfile::expand::{expand, expand_document};
use crate::dockerfile::instruction::{Argument, Copying, Dockerfile, Instruction, Lines, Source, Stage};
use crate::error::Result;
use crate::oci::Reference;
use crate::suggest::nearest;

/// The ARGs that are there without being declared, before FROM.
const PLATFORM: [&str; 9] = [
    "BUILDPLATFORM",
    "BUILDOS",
    "BUILDARCH",
    "BUILDVARIANT",
    "TARGETPLATFORM",
    "TARGETOS",
    "TARGETARCH",
    "TARGETVARIANT",
    "TARGETSTAGE",
];

/// What a variable of the platform stands for in a name of an image: something.
const SOMETHING: &str = "linux";

/// The names that a word uses and that `value` does not know, and what the word becomes.
fn expanded(
    word: &str,
    escape: char,
    value: &dyn Fn(&str) -> Option<String>,
) -> (Result<String>, Vec<String>) {
    let missing = RefCell::new(Vec::new());
    let made = expand(word, escape, &|name| noted(name, value, &missing));
    (made, missing.into_inner())
}

fn noted(
    name: &str,
    value: &dyn Fn(&str) -> Option<String>,
    missing: &RefCell<Vec<String>>,
) -> Option<String> {
    let found = value(name);
    let is_name = name.starts_with(|c: char| c.is_alphabetic() || c == '_');
    if found.is_none() && is_name {
        missing.borrow_mut().push(name.to_owned());
    }
    found
}

/// The ARGs before the first FROM, with their defaults.
fn globals(file: &Dockerfile) -> Vec<(String, Option<String>)> {
    let mut known: Vec<(String, Option<String>)> = Vec::new();
    for name in PLATFORM {
        known.push((name.to_owned(), Some(SOMETHING.to_owned())));
    }
    for argument in file.globals.iter().flat_map(|step| declared(&step.instruction)) {
        let default = argument.default.as_ref();
        let value = default
            .and_then(|word| expanded(word, file.directives.escape, &|name| last(&known, name)).0.ok());
        known.push((argument.name.clone(), value));
    }
    known
}

fn last(known: &[(String, Option<String>)], name: &str) -> Option<String> {
    known.iter().rev().find(|(other, _)| other == name).and_then(|(_, value)| value.clone())
}

fn declared(instruction: &Instruction) -> &[Argument] {
    match instruction {
        Instruction::Arg(arguments) => arguments,
        _ => &[],
    }
}

/// FROM knows the ARGs before it alone.
pub(super) fn in_from(file: &Dockerfile, found: &mut Findings) {
    let known = globals(file);
    let value = |name: &str| last(&known, name);
    for stage in &file.stages {
        let (image, mut missing) = expanded(&stage.image, file.directives.escape, &value);
        if image.is_ok_and(|image| Reference::parse(&image).is_err()) {
            let message = format!("'{}' is no image with the defaults of its ARGs", stage.image);
            found.add("InvalidDefaultArgInFrom", stage.lines, message);
        }
        let platform = stage.platform.as_deref().unwrap_or_default();
        missing.extend(expanded(platform, file.directives.escape, &value).1);
        missing.retain(|name| !known.iter().any(|(other, _)| other == name));
        for name in missing {
            let near = nearest(&name, known.iter().map(|(name, _)| name.as_str()));
            let message = format!("the ARG '{name}' is not declared before FROM{}", did_you_mean(near));
            found.add("UndefinedArgInFrom", stage.lines, message);
        }
    }
}

fn did_you_mean(near: Option<&str>) -> String {
    near.map(|near| format!(" (did you mean {near}?)")).unwrap_or_default()
}

/// The variables of a stage.
#[derive(Clone)]
struct Scope {
    names: Vec<String>,
    /// Whether the image sets others, and nobody knows which.
    open: bool,
}

pub(super) fn in_steps(
    file: &Dockerfile,
    environment: &dyn Fn(&Stage) -> Option<Vec<String>>,
    found: &mut Findings,
) {
    let elsewhere = all_declared(file);
    let mut scopes: Vec<Scope> = Vec::new();
    for (number, stage) in file.stages.iter().enumerate() {
        let mut scope = match stage_above(file, number, &stage.image).and_then(|above| scopes.get(above)) {
            Some(above) => above.clone(),
            None if stage.image == "scratch" => Scope { names: Vec::new(), open: false },
            None => {
                let names = environment(stage);
                Scope { open: names.is_none(), names: names.unwrap_or_default() }
            }
        };
        scope.names.push("PATH".to_owned());
        for step in &stage.steps {
            for name in used(&step.instruction, file.directives.escape) {
                scope.judge(&name, &elsewhere, step.lines, &step.text, found);
            }
            scope.declare(&step.instruction);
        }
        scopes.push(scope);
    }
}

/// The ARGs of the whole file.
fn all_declared(file: &Dockerfile) -> Vec<&str> {
    let steps = file.stages.iter().flat_map(|stage| &stage.steps);
    let all = file.globals.iter().chain(steps).flat_map(|step| declared(&step.instruction));
    all.map(|argument| argument.name.as_str()).chain(PLATFORM).collect()
}

impl Scope {
    fn declare(&mut self, instruction: &Instruction) {
        self.names.extend(declared(instruction).iter().map(|argument| argument.name.clone()));
        if let Instruction::Env(pairs) = instruction {
            self.names.extend(pairs.iter().map(|(name, _)| name.clone()));
        }
    }

    fn judge(&self, name: &str, elsewhere: &[&str], lines: Lines, text: &str, found: &mut Findings) {
        if self.names.iter().any(|known| known == name) || has_default(text, name) {
            return;
        }
        let near = nearest(name, self.names.iter().map(String::as_str).filter(|known| *known != "PATH"));
        if self.open && near.is_none() && !elsewhere.contains(&name) {
            return;
        }
        let message = match near {
            None if elsewhere.contains(&name) => {
                format!("the variable '{name}' is not set here: an ARG counts in its own stage alone")
            }
            near => format!("the variable '{name}' is not set{}", did_you_mean(near)),
        };
        found.add("UndefinedVar", lines, message);
    }
}

/// Whether the text says what to do where the variable is not set.
fn has_default(text: &str, name: &str) -> bool {
    let begins = |rest: &str| rest.trim_start_matches(':').starts_with(['-', '+', '?']);
    text.match_indices(&format!("${{{name}")).any(|(at, used)| begins(&text[at + used.len()..]))
}

/// The names that an instruction uses. RUN, CMD and ENTRYPOINT leave them to the shell.
fn used(instruction: &Instruction, escape: char) -> Vec<String> {
    let mut names = Vec::new();
    let mut word = |word: &str| names.extend(expanded(word, escape, &|_| None).1);
    match instruction {
        Instruction::Env(pairs) | Instruction::Label(pairs) => pairs.iter().for_each(|(name, value)| {
            word(name);
            word(value);
        }),
        Instruction::Arg(arguments) => {
            arguments.iter().filter_map(|argument| argument.default.as_deref()).for_each(word);
        }
        Instruction::Add(copying) | Instruction::Copy(copying) => return used_by_copy(copying, escape),
        Instruction::Workdir(text) | Instruction::User(text) | Instruction::Stopsignal(text) => word(text),
        Instruction::Volume(paths) => paths.iter().for_each(|path| word(path)),
        _ => {}
    }
    names
}

fn used_by_copy(copying: &Copying, escape: char) -> Vec<String> {
    let mut names = Vec::new();
    let flags = [&copying.chown, &copying.chmod, &copying.from, &copying.checksum];
    let words = flags.into_iter().flatten().chain(&copying.exclude).chain([&copying.destination]);
    words.for_each(|word| names.extend(expanded(word, escape, &|_| None).1));
    for source in &copying.sources {
        match source {
            Source::Path(path) => names.extend(expanded(path, escape, &|_| None).1),
            Source::Inline(document) if document.expand => names.extend(in_document(&document.content)),
            Source::Inline(_) => {}
        }
    }
    names
}

fn in_document(text: &str) -> Vec<String> {
    let missing = RefCell::new(Vec::new());
    // What is wrong in it comes up when it is copied.
    let _ = expand_document(text, &|name| noted(name, &|_| None, &missing));
    missing.into_inner()
}
