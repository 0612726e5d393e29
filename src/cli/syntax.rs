//! What a command accepts: argh's table, and what argh has no place for.

use argh::{CommandInfoWithArgs, FlagInfo, Optionality, PositionalInfo};

/// argh gives it to whatever it parses.
pub(super) const HELP: &str = "--help";

/// What a command accepts.
pub struct Syntax {
    /// The word that chooses it.
    pub name: &'static str,
    /// Other words that do.
    pub aliases: &'static [&'static str],
    /// Other long names of options: `("--shared-x11", "--shared-display")`.
    pub long_aliases: &'static [(&'static str, &'static str)],
    /// Options that exclude each other, by long name.
    pub conflicts: &'static [(&'static str, &'static str)],
    /// Words that choose it too, but are shown nowhere: other tools call it so.
    pub silent: &'static [&'static str],
    /// Options of other tools that are often typed here, dashes and all, with what to type instead. The empty word stands
    /// for an argument too many, which `{}` in the answer repeats.
    pub elsewhere: &'static [(&'static str, &'static str)],
    /// The first argument ends the options, as if `--` stood behind it: `exec NAME COMMAND --ITS-OPTION`.
    pub command_follows: bool,
    /// Options, positional arguments and help.
    pub info: fn() -> CommandInfoWithArgs,
    /// Options that several commands have: they come first.
    pub common: Option<fn() -> CommandInfoWithArgs>,
}

impl Syntax {
    /// Whether `word` chooses this command.
    pub fn answers_to(&self, word: &str) -> bool {
        self.name == word || self.aliases.contains(&word) || self.silent.contains(&word)
    }

    pub(super) fn flags(&self) -> impl Iterator<Item = &'static FlagInfo<'static>> + use<> {
        let common = self.common.map_or(&[][..], |info| info().flags);
        common.iter().filter(|flag| flag.long != HELP).chain((self.info)().flags)
    }

    pub(super) fn positionals(&self) -> &'static [PositionalInfo<'static>] {
        (self.info)().positionals
    }

    /// The command that `--` introduces, where there is one: a greedy positional argument.
    pub(super) fn trailing(&self) -> Option<&'static PositionalInfo<'static>> {
        self.positionals().last().filter(|last| last.optionality == Optionality::Greedy)
    }
}
