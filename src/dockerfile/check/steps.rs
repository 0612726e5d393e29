//! Checks of single instructions, and of those that only the last of a stage counts of.

use super::findings::Findings;
use super::graph::stage_above;
use crate::dockerfile::instruction::{Command, Dockerfile, Instruction, Lines, Located, Stage};

/// Words of names that tell of secrets, and those that tell of none (BuildKit's `SecretsUsedInArgOrEnv`).
const SECRETS: [&str; 10] =
    ["apikey", "auth", "credential", "credentials", "key", "password", "pword", "passwd", "secret", "token"];
const NO_SECRETS: [&str; 3] = ["public", "file", "version"];

/// What the stages above leave to those that are FROM them.
#[derive(Clone, Copy, Default)]
struct State {
    has_shell: bool,
    has_directory: bool,
}

/// All instructions should be in capitals, or none.
pub(super) fn casing(file: &Dockerfile, found: &mut Findings) {
    let froms = file.stages.iter().map(|stage| (stage.text.as_str(), stage.lines));
    let steps = file.stages.iter().flat_map(|stage| &stage.steps);
    let lines: Vec<(&str, Lines)> = froms.chain(steps.map(|step| (step.text.as_str(), step.lines))).collect();
    let name = |text: &'_ str| text.split_whitespace().next().unwrap_or_default().to_owned();
    let count = |is: &dyn Fn(&str) -> bool| lines.iter().filter(|(text, _)| is(&name(text))).count();
    let lower = count(&|name| name.to_lowercase() == name);
    let upper = count(&|name| name.to_uppercase() == name && name.to_lowercase() != name);
    for (text, lines) in &lines {
        let name = name(text);
        let right = if lower > upper { name.to_lowercase() } else { name.to_uppercase() };
        if name != right {
            let message = format!("'{name}' should be written '{right}', as most instructions here");
            found.add("ConsistentInstructionCasing", *lines, message);
        }
    }
}

pub(super) fn all(file: &Dockerfile, found: &mut Findings) {
    for global in &file.globals {
        secrets(global, found);
    }
    let mut states: Vec<State> = Vec::new();
    for (number, stage) in file.stages.iter().enumerate() {
        let above = stage_above(file, number, &stage.image).filter(|_| stage.image.parse::<usize>().is_err());
        let mut state = above.and_then(|above| states.get(above)).copied().unwrap_or_default();
        for step in &stage.steps {
            one(step, &mut state, found);
        }
        only_the_last(stage, found);
        states.push(state);
    }
}

fn one(step: &Located, state: &mut State, found: &mut Findings) {
    secrets(step, found);
    match &step.instruction {
        Instruction::Cmd(command) => form("CMD", command, step, *state, found),
        Instruction::Entrypoint(command) => form("ENTRYPOINT", command, step, *state, found),
        Instruction::Shell(_) => state.has_shell = true,
        Instruction::Maintainer(_) => {
            found.add(
                "MaintainerDeprecated",
                step.lines,
                "use LABEL org.opencontainers.image.authors".to_owned(),
            );
        }
        Instruction::Workdir(path) => {
            if !state.has_directory && !path.starts_with(['/', '$', '"', '\'']) {
                let message = format!("'{path}' depends on the working directory of the base image");
                found.add("WorkdirRelativePath", step.lines, message);
            }
            state.has_directory = true;
        }
        Instruction::Expose(ports) => ports.iter().for_each(|port| expose(port, step.lines, found)),
        _ => {}
    }
}

fn form(name: &str, command: &Command, step: &Located, state: State, found: &mut Findings) {
    if matches!(command, Command::Shell(_)) && !state.has_shell {
        let is_broken = matches!(command, Command::Shell(line) if line.starts_with('['));
        let message = match is_broken {
            true => format!("{name} is no JSON, so a shell runs it as it is: put each word in double quotes"),
            false => format!("{name} should be in JSON: a shell keeps signals from the program"),
        };
        found.add("JSONArgsRecommended", step.lines, message);
    }
}

fn expose(port: &str, lines: Lines, found: &mut Findings) {
    let (ports, protocol) = port.rsplit_once('/').unwrap_or((port, ""));
    if !protocol.contains('$') && protocol.to_lowercase() != protocol {
        found.add("ExposeProtoCasing", lines, format!("the protocol of '{port}' should be in lower case"));
    }
    if !ports.contains('$') && ports.contains(':') {
        let message =
            format!("'{port}' has an address or a port of the host: EXPOSE takes the container's port");
        found.add("ExposeInvalidFormat", lines, message);
    }
}

fn secrets(step: &Located, found: &mut Findings) {
    let mut look = |instruction: &str, name: &str| {
        let words: Vec<String> = name.split('_').map(str::to_lowercase).collect();
        let has = |known: &[&str]| words.iter().any(|word| known.contains(&word.as_str()));
        if has(&SECRETS) && !has(&NO_SECRETS) {
            let message =
                format!("{instruction} {name}: a secret stays in the image; use RUN --mount=type=secret");
            found.add("SecretsUsedInArgOrEnv", step.lines, message);
        }
    };
    match &step.instruction {
        Instruction::Arg(arguments) => arguments.iter().for_each(|argument| look("ARG", &argument.name)),
        Instruction::Env(pairs) => pairs.iter().for_each(|(name, _)| look("ENV", name)),
        _ => {}
    }
}

fn only_the_last(stage: &Stage, found: &mut Findings) {
    for (name, is) in [
        ("CMD", (|step| matches!(step, Instruction::Cmd(_))) as fn(&Instruction) -> bool),
        ("ENTRYPOINT", |step| matches!(step, Instruction::Entrypoint(_))),
        ("HEALTHCHECK", |step| matches!(step, Instruction::Healthcheck(_))),
    ] {
        let steps: Vec<&Located> = stage.steps.iter().filter(|step| is(&step.instruction)).collect();
        for step in steps.iter().rev().skip(1) {
            let message = format!("only the last {name} of a stage counts");
            found.add("MultipleInstructionsDisallowed", step.lines, message);
        }
    }
}
