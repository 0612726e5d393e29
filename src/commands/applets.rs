//! The program's other names: a link called `cd-login` is `chroot-distro login`. `--install` makes the links, `--list`
//! names them: commands that read as options, as busybox has them.
//!
//! No file of anybody else's is replaced: what already has such a name stays, unless it is a link to this very program.

use std::ffi::OsStr;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::{Path, PathBuf};

use argh::{ArgsInfo, FromArgs};

use super::choose::visible;
use super::command::{App, Command, Run};
use crate::cli::os_string;
use crate::error::{Attempt, Error, Kind, Result};

/// create a link for each command (cd-login and so on) in a directory.
#[derive(FromArgs, ArgsInfo)]
#[argh(example = "chroot-distro --install -s /usr/local/bin")]
pub struct Install {
    /// create symbolic links: they also work across filesystems, and after an update
    #[argh(switch, short = 's')]
    symbolic: bool,

    /// the directory
    #[argh(positional)]
    dir: String,
}

impl Run for Install {
    const NAME: &'static str = "--install";
    const ROOT: bool = false;
    const HIDDEN: bool = true;

    fn run(self, app: &App) -> Result<u8> {
        let program = std::env::current_exe().attempt("find this program's file")?;
        let directory = PathBuf::from(os_string(&self.dir));
        let directory = directory.canonicalize().attempt(format_args!("open '{}'", directory.display()))?;
        let links: Vec<PathBuf> = names(app.commands).map(|name| directory.join(name)).collect();
        // All or none: first a look at what is in the way.
        let missing: Vec<&PathBuf> = links
            .iter()
            .filter_map(|link| match is_ours(link, &program) {
                Ok(true) => None,
                Ok(false) => Some(Ok(link)),
                Err(error) => Some(Err(error)),
            })
            .collect::<Result<_>>()?;
        for link in missing {
            let made = match self.symbolic {
                true => symlink(target(&program, &directory), link),
                false => fs::hard_link(&program, link),
            };
            made.map_err(|error| refused(link, error))?;
        }
        Ok(0)
    }
}

/// print the names of these links.
#[derive(FromArgs, ArgsInfo)]
pub struct List {}

impl Run for List {
    const NAME: &'static str = "--list";
    const ROOT: bool = false;
    const HIDDEN: bool = true;

    fn run(self, app: &App) -> Result<u8> {
        names(app.commands).for_each(|name| app.ui.print(name));
        Ok(0)
    }
}

/// The commands that read as options. They stand first on a line.
pub fn options(commands: &'static [Command]) -> impl Iterator<Item = &'static Command> + Clone {
    commands.iter().filter(|command| command.syntax.name.starts_with("--"))
}

/// The names that links to the program can have.
pub fn names(commands: &'static [Command]) -> impl Iterator<Item = String> {
    visible(commands).map(|command| format!("cd-{}", command.syntax.name))
}

/// Whether the link is there already. Anything else of its name is an error.
fn is_ours(link: &Path, program: &Path) -> Result<bool> {
    let there = match fs::symlink_metadata(link) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
        metadata => metadata.attempt(format_args!("look at '{}'", link.display()))?,
    };
    let file = |path: &Path| fs::metadata(path).map(|file| (file.dev(), file.ino())).ok();
    if file(link).is_some() && file(link) == file(program) {
        return Ok(true);
    }
    let what = if there.is_symlink() { "a link to something else" } else { "another file" };
    Err(Error::new(Kind::Exists, format_args!("'{}' is {what}", link.display()))
        .hint("remove it, or choose another directory; nothing was changed"))
}

/// What a symbolic link says: a plain name inside the program's own directory, so that the two move together.
fn target<'a>(program: &'a Path, directory: &Path) -> &'a OsStr {
    match program.file_name() {
        Some(name) if program.parent() == Some(directory) => name,
        _ => program.as_os_str(),
    }
}

fn refused(link: &Path, error: std::io::Error) -> Error {
    let kind = error.kind();
    let error = Error::io(format_args!("make the link '{}'", link.display()), error);
    match kind {
        ErrorKind::CrossesDevices => error.hint("hard links stay on one filesystem: use '-s'"),
        ErrorKind::PermissionDenied => error.hint("run it as root, or choose a directory of your own"),
        _ => error,
    }
}
