//! What was typed and leads to nothing: a slip, perhaps. Pure.

use super::request::Request;
use super::scope::is_proxy;
use crate::dockerfile::{Dockerfile, Instruction, MountKind, MountOptions};
use crate::suggest::nearest;

/// Variables that BuildKit itself reads, declared or not.
const OWN: [&str; 2] = ["BUILDKIT_", "SOURCE_DATE_EPOCH"];

/// A line for each.
pub fn slips(request: &Request, file: &Dockerfile) -> Vec<String> {
    let mut slips = Vec::new();
    arguments(request, file, &mut slips);
    filters(request, file, &mut slips);
    secrets(request, file, &mut slips);
    slips
}

fn instructions(file: &Dockerfile) -> impl Iterator<Item = &Instruction> {
    let steps = file.stages.iter().flat_map(|stage| &stage.steps);
    file.globals.iter().chain(steps).map(|step| &step.instruction)
}

fn arguments(request: &Request, file: &Dockerfile, slips: &mut Vec<String>) {
    let is_declared = |name: &str| {
        instructions(file).any(|instruction| match instruction {
            Instruction::Arg(arguments) => arguments.iter().any(|argument| argument.name == name),
            _ => false,
        })
    };
    for (name, _) in &request.arguments {
        let is_known = is_proxy(name) || OWN.iter().any(|own| name.starts_with(own));
        if !is_known && !is_declared(name) {
            slips.push(format!("--build-arg {name}: no ARG declares it"));
        }
    }
}

fn filters(request: &Request, file: &Dockerfile, slips: &mut Vec<String>) {
    let names = || file.stages.iter().filter_map(|stage| stage.name.as_deref());
    for filter in &request.no_cache_filter {
        if !names().any(|name| name.eq_ignore_ascii_case(filter)) {
            slips.push(format!(
                "--no-cache-filter {filter}: there is no such stage{}",
                did_you_mean(filter, names())
            ));
        }
    }
}

/// Those that no RUN mounts, and those that a RUN requires.
fn secrets(request: &Request, file: &Dockerfile, slips: &mut Vec<String>) {
    let mut mounted = Vec::new();
    let mut all_known = true;
    for instruction in instructions(file) {
        let Instruction::Run(run) = instruction else { continue };
        for mount in &run.mounts {
            match mount.plain() {
                Some(mount) => mounted.push(mount),
                None => all_known = false,
            }
        }
    }
    let of = |kind| mounted.iter().filter(move |mount: &&MountOptions| mount.kind == kind);
    let is_given = |id: &str| request.secrets.iter().any(|secret| secret.id == id);
    for id in request.secrets.iter().map(|secret| secret.id.as_str()) {
        if all_known && !of(MountKind::Secret).any(|mount| mount.id == id) {
            let near = did_you_mean(id, of(MountKind::Secret).map(|mount| mount.id.as_str()));
            slips.push(format!("--secret {id}: no RUN mounts it{near}"));
        }
    }
    for id in of(MountKind::Secret).filter(|mount| mount.required).map(|mount| mount.id.as_str()) {
        if !is_given(id) {
            slips.push(format!(
                "a RUN requires the secret '{id}', which is not given: add --secret id={id},src=FILE"
            ));
        }
    }
    if all_known && !request.ssh.is_empty() && of(MountKind::Ssh).next().is_none() {
        slips.push("--ssh: no RUN mounts an SSH agent (RUN --mount=type=ssh)".to_owned());
    }
}

fn did_you_mean<'a>(typed: &str, names: impl Iterator<Item = &'a str>) -> String {
    nearest(typed, names).map(|near| format!(" (did you mean '{near}'?)")).unwrap_or_default()
}
