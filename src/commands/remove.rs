//! `remove`: deletes a container with everything in it.

use std::time::{Duration, Instant};

use argh::{ArgsInfo, FromArgs};

use super::command::{App, Run};
use super::unmount::warn_of_hidden;
use crate::error::{Kind, Result};
use crate::report::{Report, Task};
use crate::store::Name;

/// delete a container and all its data. It does not ask, and the data cannot be restored. Everything that runs in the
/// container is stopped first. Files of the host that are mounted into it are not deleted.
#[derive(FromArgs, ArgsInfo)]
#[argh(example = "chroot-distro remove ubuntu")]
pub struct Remove {
    /// do not fail when a container does not exist
    #[argh(switch, short = 'f')]
    force: bool,

    /// print the name of each deleted file
    #[argh(switch, short = 'v')]
    pub verbose: bool,

    /// print only errors
    #[argh(switch, short = 'q')]
    pub quiet: bool,

    /// the container
    #[argh(positional)]
    container: String,

    /// more containers
    #[argh(positional, arg_name = "CONTAINER")]
    more: Vec<String>,
}

impl Run for Remove {
    const NAME: &'static str = "remove";
    const ALIASES: &'static [&'static str] = &["rm"];
    const SILENT: &'static [&'static str] = &["delete"];
    const SUGGESTED: bool = false;
    const CONFLICTS: &'static [(&'static str, &'static str)] = &[("--quiet", "--verbose")];

    fn run(self, app: &App) -> Result<u8> {
        app.store.sweep()?;
        let names: Vec<&String> = [&self.container].into_iter().chain(&self.more).collect();
        app.each(&names, &mut |name| {
            let container = match app.store.container(name) {
                Err(error) if self.force && error.kind() == Kind::NotFound => return Ok(()),
                found => found?,
            };
            warn_of_hidden(app, &container)?;
            if !container.is_quiet()? {
                app.ui.info(&format!("Stopping what runs in '{name}'"));
            }
            let mut work = Work::new(app, name);
            container.remove(&mut |path| {
                work.deleted();
                app.ui.detail(&format!("deleted {}", path.display()));
            })?;
            drop(work);
            app.ui.info(&format!("Removed '{name}'"));
            Ok(())
        })?;
        Ok(0)
    }
}

/// Shows that a removal works, once it has taken a second.
struct Work<'a> {
    app: &'a App,
    label: String,
    begun: Instant,
    files: u64,
    task: Option<Box<dyn Task>>,
}

impl<'a> Work<'a> {
    fn new(app: &'a App, name: &Name) -> Work<'a> {
        Work { app, label: format!("removing '{name}'"), begun: Instant::now(), files: 0, task: None }
    }

    fn deleted(&mut self) {
        self.files += 1;
        if self.task.is_none() && self.begun.elapsed() > Duration::from_secs(1) {
            self.task = Some(self.app.ui.task(&self.label, None));
        }
        if let Some(task) = self.task.as_ref().filter(|_| self.files.is_multiple_of(100)) {
            task.state(&format!("{} files deleted", self.files));
        }
    }
}

impl Drop for Work<'_> {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.state(&format!("{} files deleted", self.files));
        }
    }
}
