//! Which command a word means, and which commands a user sees.

use super::command::Command;
use crate::cli;
use crate::error::{Error, Result};
use crate::suggest::nearest;

/// The commands that the help lists.
pub fn visible(commands: &'static [Command]) -> impl Iterator<Item = &'static Command> + Clone {
    commands.iter().filter(|command| !command.hidden)
}

/// The command that `word` names, by its name or an alias. An unknown one is an error of kind `Usage`.
pub fn find(commands: &'static [Command], word: &str) -> Result<&'static Command> {
    commands.iter().find(|command| command.syntax.answers_to(word)).ok_or_else(|| {
        let words = visible(commands).flat_map(|command| {
            [command.syntax.name].into_iter().chain(command.syntax.aliases.iter().copied())
        });
        let shown = cli::os_string(word);
        Error::usage(format!("unknown command '{}'", shown.to_string_lossy())).hint(
            match nearest(word, words) {
                Some(near) => format!("did you mean '{near}'? 'chroot-distro --help' lists the commands"),
                None => "'chroot-distro --help' lists the commands".to_owned(),
            },
        )
    })
}
