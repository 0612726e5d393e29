//! What a command is, and what every command works with.
//!
//! Whether a command is right to run is known before it runs: [`Command::prepare`] reads the line, [`Run::run`] acts.

use std::ffi::OsString;

use crate::cli::{self, Line, Syntax};
use crate::error::{Error, Kind, Result, WRONG_USAGE};
use crate::host::Host;
use crate::oci::{Platform, Reference};
use crate::store::{Container, Name, Store};
use crate::ui::Ui;

/// What every command works with.
pub struct App {
    /// Output.
    pub ui: Ui,
    /// Containers and cache.
    pub store: Store,
    /// The host as this process found it, once.
    pub host: Host,
    /// Every command: what `help`, `man` and the completions tell of.
    pub commands: &'static [Command],
}

impl App {
    /// The container that an argument names.
    pub(super) fn container(&self, argument: &str) -> Result<Container> {
        let found = existing(argument).and_then(|name| self.store.container(&name));
        found.map_err(|error| or_a_registry(error, argument))
    }

    /// Does `act` for each name, also when one before failed. Of several failures each is told as it comes, and their
    /// number is the error. A word that can name nothing is refused before anything is done.
    pub(super) fn each(&self, names: &[&String], act: &mut dyn FnMut(&Name) -> Result<()>) -> Result<()> {
        let names: Vec<Name> = names.iter().map(|text| existing(text)).collect::<Result<_>>()?;
        self.all(&names, act)
    }

    /// Does `act` for each, with failures as [`App::each`] tells them.
    pub(super) fn all<T>(&self, items: &[T], act: &mut dyn FnMut(&T) -> Result<()>) -> Result<()> {
        if let [only] = items {
            return act(only);
        }
        let failed =
            items.iter().filter_map(|item| act(item).err()).inspect(|error| self.ui.error(error)).count();
        match failed {
            0 => Ok(()),
            failed => Err(Error::new(Kind::System, format_args!("{failed} of {} failed", items.len()))),
        }
    }
}

/// A container's name as an argument has it. (Whatever is no UTF-8 is no name; the message shows it as other arguments.)
pub(super) fn name(argument: &str) -> Result<Name> {
    Name::parse(&cli::os_string(argument).to_string_lossy())
}

/// `docker login` is for registries.
fn or_a_registry(error: Error, argument: &str) -> Error {
    match Reference::names_registry(argument) {
        true => error.hint_instead(format_args!(
            "'{argument}' looks like a registry; to log in to one: chroot-distro auth add {argument}"
        )),
        false => error,
    }
}

/// An image's name as an argument has it.
pub(super) fn reference(argument: &str) -> Result<Reference> {
    Reference::parse(argument).map_err(|error| error.exits(WRONG_USAGE))
}

/// The platform that `--architecture` names; none without it.
pub(super) fn platform(asked: Option<&str>) -> Result<Option<Platform>> {
    asked.map(Platform::parse).transpose().map_err(|error| error.exits(WRONG_USAGE))
}

/// The name of a container that is there. An image's name shows how its container is called, and a slash at the end is what
/// a shell makes of a directory of that name.
fn existing(argument: &str) -> Result<Name> {
    name(argument).map_err(|error| {
        if let Ok(name) = name(argument.trim_end_matches('/')) {
            return error.hint_instead(format_args!("did you mean '{name}'?"));
        }
        let image = Reference::parse(&cli::os_string(argument).to_string_lossy()).ok();
        match image.and_then(|image| Name::parse(image.short_name()).ok()) {
            Some(name) => error.hint_instead(format_args!(
                "that is an image; did you mean the container '{name}'? 'chroot-distro list' shows all containers"
            )),
            None => error,
        }
    })
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
    /// Words that choose it too, but are shown nowhere: what other tools call exactly this.
    const SILENT: &'static [&'static str] = &[];
    /// Options of other tools that are often typed here, with what to type instead. The empty word stands for an argument
    /// too many, which `{}` in the answer repeats.
    const ELSEWHERE: &'static [(&'static str, &'static str)] = &[];
    /// Whether edits of a mistyped word may lead to it: not where a slip would cost data.
    const SUGGESTED: bool = true;
    /// Whether it elevates when not root.
    const ROOT: bool = true;
    /// Whether this line needs no root, though the command elevates: the caller may read what it is about.
    fn spares_root(_line: &Line, _host: &Host) -> bool {
        false
    }
    /// Whether the list of commands leaves it out: what the program says to itself.
    const HIDDEN: bool = false;
    /// The exit code when it fails, other than for a wrong command line.
    const FAILURE: u8 = 1;
    /// Acts; the exit code on success (a guest's, for `login`).
    fn run(self, app: &App) -> Result<u8>;
}

/// A parsed command line, ready to act.
pub type Action = Box<dyn FnOnce(&App) -> Result<u8>>;

/// Finds the names of the caller's variables that a line asks for.
type Names = fn(&Line, &Host) -> Result<Vec<OsString>>;

/// A row of the table.
pub struct Command {
    /// Names, options, help.
    pub syntax: Syntax,
    /// Whether it elevates when not root.
    pub root: bool,
    spares_root: fn(&Line, &Host) -> bool,
    /// Whether the list of commands leaves it out.
    pub hidden: bool,
    /// Whether edits of a mistyped word may lead to it.
    pub suggested: bool,
    failure: u8,
    prepare: fn(&Line) -> Result<Action>,
    variables: Option<Names>,
}

impl Command {
    pub(super) const fn of<C: Run>() -> Command {
        Command {
            syntax: Syntax {
                name: C::NAME,
                aliases: C::ALIASES,
                long_aliases: C::LONG_ALIASES,
                conflicts: C::CONFLICTS,
                silent: C::SILENT,
                elsewhere: C::ELSEWHERE,
                command_follows: false,
                info: C::get_args_info,
                common: None,
            },
            root: C::ROOT,
            spares_root: C::spares_root,
            hidden: C::HIDDEN,
            suggested: C::SUGGESTED,
            failure: C::FAILURE,
            prepare: |line| {
                let command: C = line.parse()?;
                Ok(Box::new(move |app| command.run(app)))
            },
            variables: None,
        }
    }

    /// A command whose lines `prepare` reads; `variables` finds those of the caller's that it asks for. It elevates, and is
    /// listed.
    pub(super) const fn reading(
        syntax: Syntax,
        failure: u8,
        prepare: fn(&Line) -> Result<Action>,
        variables: Names,
    ) -> Command {
        let variables = Some(variables);
        let spares_root = |_: &Line, _: &Host| false;
        Command {
            syntax,
            root: true,
            spares_root,
            hidden: false,
            suggested: true,
            failure,
            prepare,
            variables,
        }
    }

    /// The same, but for lines that need no root.
    pub(super) const fn sparing_root(mut self, spares_root: fn(&Line, &Host) -> bool) -> Command {
        self.spares_root = spares_root;
        self
    }

    /// The same command by another word, which shows nowhere; what follows its first argument is a command line.
    pub(super) const fn followed_by_command(mut self, word: &'static str) -> Command {
        self.syntax.name = word;
        self.syntax.aliases = &[];
        self.syntax.silent = &[];
        self.syntax.command_follows = true;
        self.hidden = true;
        self
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

    /// Whether the line is to be run by a process with root.
    pub fn needs_root(&self, line: &Line, host: &Host) -> bool {
        self.root && !(self.spares_root)(line, host)
    }

    /// The names of the caller's variables that the line asks for: their values are not those of a process with root.
    pub fn variables(&self, line: &Line, host: &Host) -> Result<Vec<OsString>> {
        self.variables.map_or(Ok(Vec::new()), |variables| variables(line, host))
    }
}
