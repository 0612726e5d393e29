//! What an instruction does to an image's config (config.md), with Docker's fields and BuildKit's rules. Pure. Words are
//! expanded before they come here.
//!
//! A config comes from outside: what is no object or list where one belongs is replaced.

use serde_json::{Value, json};

use super::ports;
use crate::dockerfile::{Command, Healthcheck, Instruction};
use crate::error::{Error, Result};

/// What runs the shell form where no SHELL says otherwise.
const SHELL: [&str; 2] = ["/bin/sh", "-c"];

/// Applies one instruction to a whole image config. `has_cmd`: whether a CMD was among the instructions before it; an
/// ENTRYPOINT drops the CMD of a base image, not one of its own stage. Instructions that change no config do nothing.
///
/// # Errors
///
/// A port, a signal or a volume that is none.
pub fn apply(image: &mut Value, instruction: &Instruction, has_cmd: &mut bool) -> Result<()> {
    if let Instruction::Maintainer(author) = instruction {
        object(image)["author"] = author.as_str().into();
        return Ok(());
    }
    let words = |command: &Command, image: &Value| argv(command, &shell(image));
    match instruction {
        Instruction::Cmd(command) => {
            let words = words(command, image);
            set_list(image, "Cmd", words);
            *has_cmd = true;
        }
        Instruction::Entrypoint(command) => {
            let words = words(command, image);
            set_list(image, "Entrypoint", words);
            if !*has_cmd {
                remove(image, "Cmd");
            }
        }
        Instruction::Env(pairs) => pairs.iter().for_each(|(name, value)| set_env(image, name, value)),
        Instruction::Label(pairs) => pairs.iter().for_each(|(name, value)| {
            object(&mut config(image)["Labels"])[name] = value.as_str().into();
        }),
        Instruction::Expose(words) => {
            for port in ports::all(words)? {
                object(&mut config(image)["ExposedPorts"])[port] = json!({});
            }
        }
        Instruction::Volume(paths) => {
            for path in paths {
                if path.is_empty() {
                    return Err(Error::invalid("a VOLUME needs a path"));
                }
                object(&mut config(image)["Volumes"])[path] = json!({});
            }
        }
        Instruction::User(user) => config(image)["User"] = user.as_str().into(),
        Instruction::Workdir(path) => {
            let path = absolute(image["config"]["WorkingDir"].as_str().unwrap_or_default(), path);
            config(image)["WorkingDir"] = path.into();
        }
        Instruction::Stopsignal(signal) => {
            check_signal(signal)?;
            config(image)["StopSignal"] = signal.as_str().into();
        }
        Instruction::Healthcheck(check) => config(image)["Healthcheck"] = healthcheck(check),
        Instruction::Shell(words) => set_list(image, "Shell", words.clone()),
        Instruction::Onbuild(trigger) => push(&mut config(image)["OnBuild"], trigger.clone()),
        _ => {}
    }
    Ok(())
}

/// How the history tells of an instruction.
pub fn created_by(instruction: &Instruction) -> String {
    let pairs = |name: &str, pairs: &[(String, String)]| {
        let words = pairs.iter().map(|(key, value)| format!(" {key}={value}"));
        format!("{name}{}", words.collect::<String>())
    };
    match instruction {
        Instruction::Cmd(command) => format!("CMD {}", shown(command)),
        Instruction::Entrypoint(command) => format!("ENTRYPOINT {}", shown(command)),
        Instruction::Env(env) => pairs("ENV", env),
        Instruction::Label(labels) => pairs("LABEL", labels),
        Instruction::Expose(words) => format!("EXPOSE {}", words.join(" ")),
        Instruction::Volume(paths) => format!("VOLUME {}", json!(paths)),
        Instruction::User(user) => format!("USER {user}"),
        Instruction::Workdir(path) => format!("WORKDIR {path}"),
        Instruction::Stopsignal(signal) => format!("STOPSIGNAL {signal}"),
        Instruction::Healthcheck(Healthcheck::None) => "HEALTHCHECK NONE".to_owned(),
        Instruction::Healthcheck(Healthcheck::Check { command, .. }) => {
            format!("HEALTHCHECK CMD {}", shown(command))
        }
        Instruction::Shell(words) => format!("SHELL {}", json!(words)),
        Instruction::Onbuild(trigger) => format!("ONBUILD {trigger}"),
        Instruction::Maintainer(author) => format!("MAINTAINER {author}"),
        Instruction::Arg(arguments) => {
            let names: Vec<&str> = arguments.iter().map(|argument| argument.name.as_str()).collect();
            format!("ARG {}", names.join(" "))
        }
        Instruction::Add(_) => "ADD".to_owned(),
        Instruction::Copy(_) => "COPY".to_owned(),
        Instruction::Run(running) => format!("RUN {}", shown(&running.command)),
    }
}

/// A path as the working directory makes it absolute, without `.` and `..`.
pub fn absolute(current: &str, path: &str) -> String {
    let whole = if path.starts_with('/') { path.to_owned() } else { format!("/{current}/{path}") };
    let mut parts: Vec<&str> = Vec::new();
    for part in whole.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

fn shown(command: &Command) -> String {
    match command {
        Command::Shell(line) => line.clone(),
        Command::Exec(words) => json!(words).to_string(),
    }
}

/// What runs the shell form.
fn shell(image: &Value) -> Vec<String> {
    let own = image["config"]["Shell"].as_array().into_iter().flatten();
    let own: Vec<String> = own.filter_map(Value::as_str).map(str::to_owned).collect();
    if own.is_empty() { SHELL.map(str::to_owned).to_vec() } else { own }
}

fn argv(command: &Command, shell: &[String]) -> Vec<String> {
    match command {
        Command::Shell(line) => [shell, std::slice::from_ref(line)].concat(),
        Command::Exec(words) => words.clone(),
    }
}

fn set_env(image: &mut Value, name: &str, value: &str) {
    let env = &mut config(image)["Env"];
    let word = format!("{name}={value}");
    let is_it = |old: &Value| {
        old.as_str().is_some_and(|old| old.split_once('=').map_or(old, |(name, _)| name) == name)
    };
    let at = env.as_array().and_then(|env| env.iter().position(is_it));
    match at {
        Some(at) => env[at] = word.into(),
        None => push(env, word),
    }
}

fn healthcheck(check: &Healthcheck) -> Value {
    let Healthcheck::Check { command, interval, timeout, start_period, start_interval, retries } = check
    else {
        return json!({"Test": ["NONE"]});
    };
    let test: Vec<String> = match command {
        Command::Shell(line) => ["CMD-SHELL", line].map(str::to_owned).to_vec(),
        Command::Exec(words) => ["CMD".to_owned()].into_iter().chain(words.iter().cloned()).collect(),
    };
    let mut json = json!({"Test": test});
    let times = [
        ("Interval", *interval),
        ("Timeout", *timeout),
        ("StartPeriod", *start_period),
        ("StartInterval", *start_interval),
        ("Retries", i64::from(*retries)),
    ];
    for (key, value) in times.into_iter().filter(|(_, value)| *value != 0) {
        json[key] = value.into();
    }
    json
}

/// A signal by its number, or by its name as signal(7) has it, `SIG` left out perhaps.
fn check_signal(signal: &str) -> Result<()> {
    const NAMES: [&str; 34] = [
        "ABRT", "ALRM", "BUS", "CHLD", "CLD", "CONT", "FPE", "HUP", "ILL", "INT", "IO", "IOT", "KILL",
        "PIPE", "POLL", "PROF", "PWR", "QUIT", "SEGV", "STKFLT", "STOP", "SYS", "TERM", "TRAP", "TSTP",
        "TTIN", "TTOU", "URG", "USR1", "USR2", "VTALRM", "WINCH", "XCPU", "XFSZ",
    ];
    let upper = signal.to_ascii_uppercase();
    let name = upper.strip_prefix("SIG").unwrap_or(&upper);
    let is_number = signal.parse().is_ok_and(|number: u32| (1..=64).contains(&number));
    if is_number || NAMES.contains(&name) || name.starts_with("RTMIN") || name.starts_with("RTMAX") {
        return Ok(());
    }
    Err(Error::invalid(format_args!("'{signal}' is no signal"))
        .hint("a signal is a number or a name such as SIGTERM"))
}

/// An empty list is left out, as Docker does it.
fn set_list(image: &mut Value, key: &str, words: Vec<String>) {
    if words.is_empty() {
        remove(image, key);
    } else {
        config(image)[key] = words.into();
    }
}

fn remove(image: &mut Value, key: &str) {
    if let Some(members) = config(image).as_object_mut() {
        members.remove(key);
    }
}

fn config(image: &mut Value) -> &mut Value {
    object(&mut object(image)["config"])
}

fn object(value: &mut Value) -> &mut Value {
    if !value.is_object() {
        *value = json!({});
    }
    value
}

fn push(list: &mut Value, word: String) {
    match list {
        Value::Array(list) => list.push(word.into()),
        other => *other = json!([word]),
    }
}

#[cfg(test)]
mod tests;
