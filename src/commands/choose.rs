//! Which command a word means, and which commands a user sees.

use super::command::Command;
use super::elsewhere;
use crate::cli;
use crate::error::{Error, Result};
use crate::suggest::{nearest, nearest_by_one};

/// The commands that the help lists.
pub fn visible(commands: &'static [Command]) -> impl Iterator<Item = &'static Command> + Clone {
    commands.iter().filter(|command| !command.hidden)
}

/// The command that `word` names, by its name or an alias. An unknown one is an error of kind `Usage`.
pub fn find(commands: &'static [Command], word: &str) -> Result<&'static Command> {
    known(commands, word).ok_or_else(|| unknown(commands, &[], word))
}

/// The command that `word` names, if there is one.
pub(super) fn known(commands: &'static [Command], word: &str) -> Option<&'static Command> {
    commands.iter().find(|command| command.syntax.answers_to(word))
}

/// The error that `word` names no command, and none of `others` either.
pub(super) fn unknown(commands: &'static [Command], others: &[&'static str], word: &str) -> Error {
    let shown = cli::os_string(word);
    let error = Error::usage(format_args!("unknown command '{}'", shown.to_string_lossy()));
    let all = "'chroot-distro --help' lists the commands";
    error.hint(match (elsewhere::command(word), suggestion(commands, others, word)) {
        (Some(answer), _) => format!("{answer}; {all}"),
        (None, Some(near)) => format!("did you mean '{near}'? {all}"),
        (None, None) => all.to_owned(),
    })
}

/// The nearest word of a command, or of `others`. A command that deletes or ends things is told only by a long word of its own that is one
/// slip away: who reads no further than the suggestion must not lose anything.
fn suggestion(commands: &'static [Command], others: &[&'static str], word: &str) -> Option<&'static str> {
    let words = |command: &'static Command| {
        [command.syntax.name].into_iter().chain(command.syntax.aliases.iter().copied())
    };
    let harmless = visible(commands).filter(|command| command.suggested).flat_map(words);
    let harmful = visible(commands).filter(|command| !command.suggested).flat_map(words);
    let near = nearest(word, harmless.chain(others.iter().copied()));
    let long = |word: &str| word.chars().count() > SHORT;
    near.or_else(|| nearest_by_one(word, harmful.filter(|other| long(word) && long(other))))
}

/// Words up to this long, in letters, are too near to one another.
const SHORT: usize = 4;
