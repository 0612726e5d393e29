//! Stages that the last one does not need.

use super::findings::Findings;
use crate::dockerfile::instruction::{Copying, Dockerfile, Instruction, Lines, Stage};
use crate::suggest::nearest;

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

/// Names that are meant as stages, and are none: of stages that stand below, and slips. `contexts`: names that the command
/// line gives a meaning to.
pub(super) fn missing(file: &Dockerfile, contexts: &[&str], found: &mut Findings) {
    for (number, stage) in file.stages.iter().enumerate() {
        let mut words = vec![(stage.image.as_str(), stage.lines, true)];
        words.extend(taken(stage).into_iter().map(|(word, lines)| (word, lines, false)));
        for (word, lines, is_base) in words {
            let is_number = !is_base && word.parse::<usize>().is_ok();
            let is_other =
                word == "scratch" || contexts.contains(&word) || word.contains(['/', ':', '@', '$']);
            if is_other || stage_above(file, number, word).is_some() {
                continue;
            }
            let why = match near_stage(file, number, word) {
                _ if is_number => "no stage above has this number".to_owned(),
                Some((near, true)) => format!("did you mean '{near}'?"),
                Some((_, false)) if !is_base => "the stage of this name stands below".to_owned(),
                _ => continue,
            };
            found.add("StageNotFound", lines, format!("'{word}' is no stage above: {why}"));
        }
    }
}

/// A stage that `word` may mean, and whether it is above. An image that a stage so far is FROM is meant as an image.
fn near_stage<'f>(file: &'f Dockerfile, number: usize, word: &str) -> Option<(&'f str, bool)> {
    let (above, below) = file.stages.split_at(number);
    let names = |stages: &'f [Stage]| stages.iter().filter_map(|stage| stage.name.as_deref());
    if let Some(same) = names(below).find(|name| name.eq_ignore_ascii_case(word)) {
        return Some((same, false));
    }
    let is_image = above.iter().any(|stage| stage.image == word);
    // What is short is near to everything.
    let long = names(above).filter(|name| name.len() > 2);
    nearest(word, long).filter(|_| !is_image).map(|near| (near, true))
}

/// The stage that `word` means in the stage `number`: the last one above with this name, or the one with this number.
pub(super) fn stage_above(file: &Dockerfile, number: usize, word: &str) -> Option<usize> {
    let has = |stage: &Stage| stage.name.as_ref().is_some_and(|name| name.eq_ignore_ascii_case(word));
    let by_name = file.stages[..number].iter().rposition(has);
    by_name.or_else(|| word.parse().ok().filter(|other| *other < number))
}

/// What a stage is made from.
fn sources(stage: &Stage) -> Vec<&str> {
    let taken = taken(stage).into_iter().map(|(word, _)| word);
    std::iter::once(stage.image.as_str()).chain(taken).collect()
}

/// What its steps take from.
fn taken(stage: &Stage) -> Vec<(&str, Lines)> {
    let mut words = Vec::new();
    for step in &stage.steps {
        match &step.instruction {
            Instruction::Copy(Copying { from: Some(from), .. }) => words.push((from.as_str(), step.lines)),
            Instruction::Run(run) => {
                let froms = run.mounts.iter().filter_map(|mount| mount.from.as_deref());
                words.extend(froms.map(|from| (from, step.lines)));
            }
            _ => {}
        }
    }
    words
}
