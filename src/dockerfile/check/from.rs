//! Checks of FROM: names of stages, and platforms.

use super::findings::Findings;
use crate::dockerfile::instruction::{Dockerfile, Stage};
use crate::oci::Platform;

pub(super) fn stages(file: &Dockerfile, found: &mut Findings) {
    for (number, stage) in file.stages.iter().enumerate() {
        casing(stage, found);
        if let Some(name) = &stage.name {
            if matches!(name.as_str(), "context" | "scratch") {
                found.add(
                    "ReservedStageName",
                    stage.lines,
                    format!("the name '{name}' means something else"),
                );
            }
            if file.stages[..number].iter().any(|other| other.name.as_ref() == Some(name)) {
                found.add(
                    "DuplicateStageName",
                    stage.lines,
                    format!("a stage above has the name '{name}' too"),
                );
            }
        }
        platform(stage, found);
    }
}

fn casing(stage: &Stage, found: &mut Findings) {
    let words: Vec<&str> = stage.text.split_whitespace().collect();
    let (Some(name), [from, .., keyword, written]) = (&stage.name, &words[..]) else { return };
    if written != name {
        found.add(
            "StageNameCasing",
            stage.lines,
            format!("the stage '{written}' should be written '{name}'"),
        );
    }
    if is_lower(from) != is_lower(keyword) {
        found.add("FromAsCasing", stage.lines, format!("'{from}' and '{keyword}' differ in case"));
    }
}

fn is_lower(word: &str) -> bool {
    word.to_lowercase() == word
}

fn platform(stage: &Stage, found: &mut Findings) {
    let Some(word) = &stage.platform else { return };
    if matches!(word.as_str(), "$TARGETPLATFORM" | "${TARGETPLATFORM}") {
        let message = format!("--platform={word} is the default");
        found.add("RedundantTargetPlatform", stage.lines, message);
    }
    if word.contains('$') {
        return;
    }
    let Ok(platform) = Platform::parse(word) else { return };
    let name = stage.name.as_deref().unwrap_or_default();
    if !name.contains("linux") && !name.contains(platform.arch.oci()) {
        let message = format!("--platform={word} builds for this platform alone");
        found.add("FromPlatformFlagConstDisallowed", stage.lines, message);
    }
}
