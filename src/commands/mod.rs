//! The commands: one file each, with its flags, help, aliases, need for root, and action.
//!
//! A command is an argh struct that implements [`Run`]; [`COMMANDS`] lists them all. How they read on the command
//! line and in the help is [`crate::cli`]'s business, how they are chosen and run [`crate::applet`]'s.

pub mod applets;
pub mod autostart;
pub mod clear_cache;
pub mod complete;
pub mod completions;
pub mod global;
pub mod help;
pub mod info;
pub mod install;
pub mod kill;
pub mod list;
pub mod login;
pub mod logs;
pub mod man;
pub mod probe;
pub mod ps;
pub mod remove;
pub mod rename;
pub mod reset;
pub mod run;
pub mod search;
pub mod selftest;
mod session;
pub mod setup;
pub mod unmount;

use crate::cli::{self, Line, Syntax};
use crate::error::{Error, Kind, Result};
use crate::store::{Container, Name, Store};
use crate::suggest::nearest;
use crate::ui::Ui;

/// What every command works with.
pub struct App {
    /// Output.
    pub ui: Ui,
    /// Containers and cache.
    pub store: Store,
}

impl App {
    /// The container that an argument names.
    fn container(&self, argument: &str) -> Result<Container> {
        self.store.container(&name(argument)?)
    }
}

/// A container's name as an argument has it. (Whatever is no UTF-8 is no name; the message shows it as other arguments.)
fn name(argument: &str) -> Result<Name> {
    Name::parse(&cli::os_string(argument).to_string_lossy())
}

/// A command: its argh struct implements this. (Its doc comment is the help's description, the first sentence of
/// it the summary; `#[argh(example = "...")]` and `#[argh(note = "...")]` follow in the help.)
///
/// A greedy positional argument (`#[argh(positional, greedy)]`) is a command line that `--` introduces. Whatever
/// may name a file goes through [`crate::cli::os_string`].
pub trait Run: argh::FromArgs + argh::ArgsInfo + 'static {
    /// The word that chooses it.
    const NAME: &'static str;
    /// Other names, as documented.
    const ALIASES: &'static [&'static str] = &[];
    /// Other long names of options: `("--override-alias", "--name")`.
    const LONG_ALIASES: &'static [(&'static str, &'static str)] = &[];
    /// Options that exclude each other: `("--quiet", "--verbose")`.
    const CONFLICTS: &'static [(&'static str, &'static str)] = &[];
    /// Whether it elevates when not root.
    const ROOT: bool = true;
    /// Whether the list of commands leaves it out: what the program says to itself.
    const HIDDEN: bool = false;
    /// The exit code when it fails, other than for a wrong command line.
    const FAILURE: u8 = 1;
    /// Acts; the exit code on success (a guest's, for `login`).
    fn run(self, app: &App) -> Result<u8>;
}

/// A parsed command line, ready to act.
pub type Action = Box<dyn FnOnce(&App) -> Result<u8>>;

/// A row of the table.
pub struct Command {
    /// Names, options, help.
    pub syntax: Syntax,
    /// Whether it elevates when not root.
    pub root: bool,
    /// Whether the list of commands leaves it out.
    pub hidden: bool,
    failure: u8,
    prepare: fn(&Line) -> Result<Action>,
}

impl Command {
    const fn of<C: Run>() -> Command {
        Command {
            syntax: Syntax {
                name: C::NAME,
                aliases: C::ALIASES,
                long_aliases: C::LONG_ALIASES,
                conflicts: C::CONFLICTS,
                info: C::get_args_info,
            },
            root: C::ROOT,
            hidden: C::HIDDEN,
            failure: C::FAILURE,
            prepare: |line| {
                let command: C = line.parse()?;
                Ok(Box::new(move |app| command.run(app)))
            },
        }
    }

    /// How a user calls it.
    pub fn call(&self) -> String {
        format!("chroot-distro {}", self.syntax.name)
    }

    /// Its failure, with its exit code.
    pub fn failed(&self, error: Error) -> Error {
        if error.kind() == Kind::Usage { error } else { error.exits(self.failure) }
    }

    /// Reads the values on the line; nothing is done yet. Errors are of kind `Usage`.
    pub fn prepare(&self, line: &Line) -> Result<Action> {
        (self.prepare)(line)
    }
}

/// Every command, in the order of the help.
pub static COMMANDS: &[Command] = &[
    Command::of::<install::Install>(),
    Command::of::<login::Login>(),
    Command::of::<run::RunImage>(),
    Command::of::<list::List>(),
    Command::of::<ps::Ps>(),
    Command::of::<logs::Logs>(),
    Command::of::<unmount::Unmount>(),
    Command::of::<kill::Kill>(),
    Command::of::<rename::Rename>(),
    Command::of::<reset::Reset>(),
    Command::of::<remove::Remove>(),
    Command::of::<search::Search>(),
    Command::of::<clear_cache::ClearCache>(),
    Command::of::<autostart::Autostart>(),
    Command::of::<setup::Setup>(),
    Command::of::<info::Info>(),
    Command::of::<selftest::SelfTest>(),
    Command::of::<completions::Completions>(),
    Command::of::<man::Man>(),
    Command::of::<probe::Probe>(),
    Command::of::<complete::Complete>(),
    Command::of::<applets::Install>(),
    Command::of::<applets::List>(),
    Command::of::<help::Help>(),
];

/// Those that a user sees.
pub fn visible() -> impl Iterator<Item = &'static Command> + Clone {
    COMMANDS.iter().filter(|command| !command.hidden)
}

/// The command that `word` names, by its name or an alias. An unknown one is an error of kind `Usage`.
pub fn find(word: &str) -> Result<&'static Command> {
    COMMANDS.iter().find(|command| command.syntax.answers_to(word)).ok_or_else(|| {
        let words = visible().flat_map(|command| {
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
