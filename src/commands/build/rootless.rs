//! Builds that need no root: metadata, COPY and ADD become layers in memory.

use std::fs;
use std::path::Path;

use super::command::BuildImage;
use crate::cli::{Line, os_string};
use crate::dockerfile::{Copying, Dockerfile, Instruction, Stage, parse};
use crate::host::Host;
use crate::store::Store;

impl BuildImage {
    /// Whether a line needs no root: no step lays out a tree, and the user may write where images are kept. What cannot be
    /// known here needs it.
    pub(super) fn spares_root(line: &Line, host: &Host) -> bool {
        let Ok(command) = line.parse::<BuildImage>() else { return false };
        let lays_out = |output: &String| output.contains("type=tar") || output.contains("type=local");
        let is_image = command.install_as.is_none() && command.export.is_empty();
        let is_spared = || {
            is_image
                && !command.output.iter().any(lays_out)
                && dockerfile(&command).is_some_and(|file| file.stages.iter().all(is_spared))
        };
        (command.check || is_spared()) && Store::open(host.paths()).is_writable()
    }
}

/// That of a directory; else it can only be read once.
fn dockerfile(command: &BuildImage) -> Option<Dockerfile> {
    let context = os_string(command.path.as_deref().unwrap_or("."));
    let context = Path::new(&context);
    let text = match command.file.as_deref() {
        Some("-") => return None,
        _ if !context.is_dir() => return None,
        Some(file) => fs::read(Path::new(&os_string(file))),
        None => fs::read(context.join("Dockerfile")).or_else(|_| fs::read(context.join("dockerfile"))),
    };
    parse(&text.ok()?, "Dockerfile").ok()
}

fn is_spared(stage: &Stage) -> bool {
    stage.steps.iter().all(|step| match &step.instruction {
        Instruction::Run(_) => false,
        Instruction::Copy(Copying { from, .. }) => from.is_none(),
        _ => true,
    })
}
