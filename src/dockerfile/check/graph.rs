//! Stages that the last one does not need.

use super::findings::Findings;
use crate::dockerfile::instruction::{Copying, Dockerfile, Instruction, Stage};

/// A stage may be there for `--target`: this is worth a word, and no more.
pub(super) fn unused(file: &Dockerfile, found: &mut Findings) {
    let mut needed = vec![false; file.stages.len()];
    let Some(last) = needed.last_mut() else { return };
    *last = true;
    for (number, stage) in file.stages.iter().enumerate().rev() {
        if !needed[number] {
            continue;
        }
        for word in sources(stage) {
            // What a variable stands for is not known here.
            if word.contains('$') {
                return;
            }
            if let Some(other) = stage_above(file, number, word) {
                needed[other] = true;
            }
        }
    }
    for (stage, _) in file.stages.iter().zip(&needed).filter(|(_, needed)| !**needed) {
        let name = stage.name.as_deref().unwrap_or(&stage.image);
        found.add("UnusedStage", stage.lines, format!("the last stage does not need the stage '{name}'"));
    }
}

/// The stage that `word` means in the stage `number`: the last one above with this name, or the one with this number.
pub(super) fn stage_above(file: &Dockerfile, number: usize, word: &str) -> Option<usize> {
    let has = |stage: &Stage| stage.name.as_ref().is_some_and(|name| name.eq_ignore_ascii_case(word));
    let by_name = file.stages[..number].iter().rposition(has);
    by_name.or_else(|| word.parse().ok().filter(|other| *other < number))
}

/// What a stage is made from.
fn sources(stage: &Stage) -> Vec<&str> {
    let mut words = vec![stage.image.as_str()];
    for step in &stage.steps {
        match &step.instruction {
            Instruction::Copy(Copying { from: Some(from), .. }) => words.push(from),
            Instruction::Run(run) => {
                words.extend(run.mounts.iter().filter_map(|mount| mount.from.as_deref()))
            }
            _ => {}
        }
    }
    words
}
