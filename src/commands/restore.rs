//! `restore`: a container from a backup.

use std::fs::File;
use std::io::{Read, stdin};
use std::sync::Arc;

use argh::{ArgsInfo, FromArgs};
use rustix::fs::{Access, access};

use super::command::{App, Run, name};
use crate::cli::{Line, os_string};
use crate::error::{Attempt, Error, Result};
use crate::host::Host;
use crate::report::{Report, Silent, Task};
use crate::store::Name;
use crate::transfer::backup;
use crate::ui::human;

/// make a container from a backup. The container gets the name that it had when it was saved, or the name that '--name'
/// gives. A container of this name must not exist yet.
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
    const ELSEWHERE: &'static [(&'static str, &'static str)] = &[
        ("", "the name goes after '--name': chroot-distro restore --name {} FILE"),
        ("-o", "type '--name NAME'"),
        ("-f", "leave it out: chroot-distro restore FILE"),
    ];

    fn spares_root(line: &Line, _: &Host) -> bool {
        // Not opened, for it may be a pipe.
        let is_readable = || match line.arguments() {
            [] => true,
            [file, ..] => file == "-" || access(os_string(file), Access::READ_OK).is_ok(),
        };
        (line.has("--list") || line.has("--verify")) && is_readable()
    }

    fn run(self, app: &App) -> Result<u8> {
        let wanted = self.name.as_deref().map(name).transpose()?;
        let shown = match self.file.as_deref() {
            None | Some("-") => "standard input".to_owned(),
            Some(file) => format!("'{}'", os_string(file).display()),
        };
        let doing = if self.list || self.verify { "read" } else { "from" };
        let (input, task) = self.input(app)?;
        let done = self.act(app, input, wanted.as_ref()).attempt(format_args!("{doing} {shown}"));
        // Else a file that was cut short would look as if it was read to its end.
        task.state(if done.is_ok() { "done" } else { "stopped" });
        drop(task);
        app.ui.info(&done?);
        Ok(0)
    }
}

impl Restore {
    /// Does it; what to tell in the end.
    fn act(&self, app: &App, input: Box<dyn Read + Send>, wanted: Option<&Name>) -> Result<String> {
        if !self.list && !self.verify {
            let container = backup::restore(&app.store, input, wanted, &app.ui)?;
            return Ok(format!("Start shell: chroot-distro login {}", container.name()));
        }
        let read = match self.list {
            true => backup::list(input, &mut |entry| app.ui.print(entry))?,
            false => backup::verify(input)?,
        };
        let backup::Verified { name, entries, bytes } = read;
        Ok(format!("The backup of '{name}' is whole: {entries} entries, {} of files", human::size(bytes)))
    }

    fn input(&self, app: &App) -> Result<(Box<dyn Read + Send>, Arc<dyn Task>)> {
        match self.file.as_deref() {
            None | Some("-") => {
                if std::io::IsTerminal::is_terminal(&stdin()) {
                    return Err(Error::usage("no backup is named, and standard input is a terminal")
                        .hint("name a file: chroot-distro restore FILE"));
                }
                Ok((Box::new(stdin()), Arc::new(Silent)))
            }
            Some(file) => {
                let path = os_string(file);
                let attempt = format_args!("open '{}'", path.display());
                let file = File::open(&path).attempt(attempt)?;
                let size = file.metadata().attempt(attempt)?.len();
                self.refuse_full(app, size)?;
                let task: Arc<dyn Task> = match self.list {
                    true => Arc::new(Silent),
                    false => Arc::from(app.ui.task("reading", Some(size))),
                };
                Ok((Box::new(Counted { file, task: task.clone() }), task))
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
        Err(Error::unsupported(format_args!("the backup takes {size}, and only {free} are free"))
            .hint("free some space, 'chroot-distro clear-cache' perhaps, and try again"))
    }
}

/// A file that is being read, with its progress.
struct Counted {
    file: File,
    task: Arc<dyn Task>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.file.read(buffer)?;
        self.task.advance(count as u64);
        Ok(count)
    }
}
