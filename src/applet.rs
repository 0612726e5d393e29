//! From `argv` to an exit code: choose the command, read its line, elevate, run, and say what went wrong.
//!
//! The name that the program was started by may choose the command: `cd-login x` is `chroot-distro login x`. Nothing
//! is opened or elevated before the line is known to be right.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use crate::cli::{self, Line, help as page};
use crate::commands::choose::find;
use crate::commands::global::{GLOBAL, Global, version};
use crate::commands::{App, COMMANDS, Command, applets, help};
use crate::error::{Attempt, Error, Result};
use crate::host::Host;
use crate::privilege::{self, Wishes};
use crate::store::Store;
use crate::sys;
use crate::ui::{self, Ui, Verbosity};

/// Runs the program with these arguments, the first of them its name; its exit code.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> u8 {
    ui::report_panics();
    // Not even a kernel without seccomp(2) refuses it; if one does, there is no filter to be saved from.
    let _ = sys::trap::answer_enosys();
    // Nor is a bug's report worth more than the work without one.
    let _ = sys::fault::report_faults();
    let mut arguments = arguments.into_iter();
    let program = arguments.next().unwrap_or_default();
    let words: Vec<String> = arguments.map(|argument| cli::text(&argument)).collect();
    dispatch(&program, &words).map_err(explain).unwrap_or_else(|error| {
        Ui::new(Verbosity::Quiet).error(&error);
        error.exit_code()
    })
}

/// What fails without `/proc` names a file in it at best.
fn explain(error: Error) -> Error {
    match error.errno().is_none() || Path::new("/proc/self/stat").exists() {
        true => error,
        false => error.hint("'/proc' is not mounted here: try again after 'mount -t proc proc /proc'"),
    }
}

fn dispatch(program: &OsStr, words: &[String]) -> Result<u8> {
    if let Some(name) = applet(program) {
        let command = find(COMMANDS, &name).attempt(format_args!("'cd-{name}'"))?;
        return run(command, &format!("cd-{name}"), Global::default(), words);
    }
    if let [option, words @ ..] = words
        && let Some(command) = applets::options(COMMANDS).find(|command| command.syntax.answers_to(option))
    {
        return run(command, &command.call(), Global::default(), words);
    }
    let first = words.iter().position(|word| word == "--" || word == "-" || !word.starts_with('-'));
    let (options, rest) = words.split_at(first.unwrap_or(words.len()));
    let line = Line::read(&GLOBAL, &GLOBAL, "chroot-distro", options)?;
    let global: Global = line.parse()?;
    let rest = rest.strip_prefix(&["--".to_owned()]).unwrap_or(rest);
    match rest {
        _ if line.has("--help") => Ok(show(&overview)),
        _ if global.version => Ok(show(&|_| version())),
        [] => Ok(show(&overview)),
        [name, words @ ..] => {
            let command = find(COMMANDS, name)?;
            run(command, &command.call(), global, words)
        }
    }
}

fn run(command: &Command, call: &str, global: Global, words: &[String]) -> Result<u8> {
    let line = Line::read(&command.syntax, &GLOBAL, call, words)?;
    if line.has("--help") {
        return Ok(show(&|width| page::page(&command.syntax, call, width)));
    }
    if line.has("--version") {
        return Ok(show(&|_| version()));
    }
    let action = command.prepare(&line)?;
    let mut caller = None;
    match global.elevated {
        Some(ticket) => {
            caller = Some(privilege::inherit(&ticket).map_err(|error| command.failed(error))?);
        }
        None if command.root => {
            let host = Host::detect();
            let wishes = wishes(&line, &global).or_environment(&host)?;
            if !privilege::is_root() && command.needs_root(&line, &host) {
                let names = command.variables(&line, &host).map_err(|error| command.failed(error))?;
                return elevate(command, &host, &wishes, words, &names, &Ui::new(verbosity(&line)))
                    .map_err(|error| command.failed(error));
            }
        }
        None => {}
    }
    let ui = Ui::new(verbosity(&line));
    // After what elevation handed over has become our environment.
    let host = match caller {
        Some(variables) => Host::detect().called_with(variables),
        None => Host::detect(),
    };
    let app = App { ui, store: Store::open(host.paths()), host, commands: COMMANDS };
    let code = action(&app).map_err(|error| command.failed(error))?;
    app.ui.finish()?;
    Ok(code)
}

fn verbosity(line: &Line) -> Verbosity {
    match () {
        _ if line.has("--quiet") => Verbosity::Quiet,
        _ if line.has("--verbose") => Verbosity::Verbose,
        _ => Verbosity::Normal,
    }
}

/// What the options before and behind the command say about elevation.
fn wishes(line: &Line, global: &Global) -> Wishes {
    Wishes {
        no_elevate: global.no_elevate || line.has("--no-elevate"),
        use_sudo: global.use_sudo || line.has("--use-sudo"),
    }
}

/// Runs the command by a process with root, which shall know the variables of these `names`.
fn elevate(
    command: &Command,
    host: &Host,
    wishes: &Wishes,
    words: &[String],
    names: &[OsString],
    ui: &Ui,
) -> Result<u8> {
    let name = command.syntax.name.into();
    let arguments: Vec<OsString> =
        [name].into_iter().chain(words.iter().map(|word| cli::os_string(word))).collect();
    privilege::elevate(host, wishes, "--elevated", &arguments, names, ui)
}

/// The page of the program.
fn overview(width: usize) -> String {
    help::overview(COMMANDS, width)
}

/// Prints a page of the program about itself.
fn show(page: &dyn Fn(usize) -> String) -> u8 {
    let ui = Ui::new(Verbosity::Normal);
    ui.print(page(ui.width()).trim_end());
    0
}

/// The command that the program's own name chooses: `cd-NAME`.
fn applet(program: &OsStr) -> Option<String> {
    let name = Path::new(program).file_name()?;
    cli::text(name).strip_prefix("cd-").map(str::to_owned)
}
