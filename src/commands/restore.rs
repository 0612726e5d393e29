//! `restore`: a container from a backup.

use std::fs::File;
use std::io::{Read, stdin};

use argh::{ArgsInfo, FromArgs};

use super::command::{App, Run, name};
use crate::cli::os_string;
use crate::error::{Attempt, Error, Result};
use crate::report::{Report, Task};
use crate::transfer::backup;
use crate::ui::human;

/// make a container of a backup. It is called as when it was saved, and must not exist.
#[derive(FromArgs, ArgsInfo)]
#[argh(
    example = "chroot-distro restore ubuntu.tar.xz",
    example = "chroot-distro restore --name work ubuntu.tar.gz",
    note = "Backups of the Python tool are restored too. The compression is detected from the content."
)]
pub struct Restore {
    /// name of the container
    #[argh(option, short = 'n')]
    name: Option<String>,

    /// print what is in the backup, and restore nothing
    #[argh(switch)]
    list: bool,

    /// read the backup to its end and say whether it is whole, and restore nothing
    #[argh(switch)]
    verify: bool,

    /// print every file
    #[argh(switch, short = 'v')]
    pub verbose: bool,

    /// print errors only
    #[argh(switch, short = 'q')]
    pub quiet: bool,

    /// the backup; standard input by default
    #[argh(positional)]
    file: Option<String>,
}

impl Run for Restore {
    const NAME: &'static str = "restore";
    const CONFLICTS: &'static [(&'static str, &'static str)] =
        &[("--quiet", "--verbose"), ("--list", "--verify"), ("--list", "--name"), ("--verify", "--name")];

    fn run(self, app: &App) -> Result<u8> {
        let wanted = self.name.as_deref().map(name).transpose()?;
        let shown = match self.file.as_deref() {
            None | Some("-") => "standard input".to_owned(),
            Some(file) => format!("'{}'", os_string(file).display()),
        };
        let input = self.input(app)?;
        if self.list {
            backup::list(input, &mut |entry| app.ui.print(entry)).attempt(|| format!("read {shown}"))?;
        } else if self.verify {
            let read = backup::verify(input).attempt(|| format!("read {shown}"))?;
            let backup::Verified { name, entries, bytes } = read;
            app.ui.info(&format!(
                "The backup of '{name}' is whole: {entries} entries, {} of files",
                human::size(bytes)
            ));
        } else {
            let container = backup::restore(&app.store, input, wanted.as_ref(), &app.ui)?;
            app.ui.info(&format!("Start shell: chroot-distro login {}", container.name()));
        }
        Ok(0)
    }
}

impl Restore {
    fn input(&self, app: &App) -> Result<Box<dyn Read + Send>> {
        match self.file.as_deref() {
            None | Some("-") => {
                if std::io::IsTerminal::is_terminal(&stdin()) {
                    return Err(Error::usage("no backup is named, and standard input is a terminal")
                        .hint("name a file: chroot-distro restore FILE"));
                }
                Ok(Box::new(stdin()))
            }
            Some(file) => {
                let path = os_string(file);
                let attempt = || format!("open '{}'", path.display());
                let file = File::open(&path).attempt(attempt)?;
                let size = file.metadata().attempt(attempt)?.len();
                self.refuse_full(app, size)?;
                Ok(Box::new(Counted { file, task: app.ui.task("reading", Some(size)) }))
            }
        }
    }

    /// What is packed is no larger than what it becomes.
    fn refuse_full(&self, app: &App, size: u64) -> Result<()> {
        let place = app.store.place()?;
        if self.list || self.verify || place.free >= size {
            return Ok(());
        }
        let (size, free) = (human::size(size), human::size(place.free));
        Err(Error::unsupported(format!("the backup takes {size}, and only {free} are free"))
            .hint("free some space, 'chroot-distro clear-cache' perhaps, and try again"))
    }
}

/// A file that is being read, with its progress.
struct Counted {
    file: File,
    task: Box<dyn Task>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.file.read(buffer)?;
        self.task.advance(count as u64);
        Ok(count)
    }
}
