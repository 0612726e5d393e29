//! `remove`: deletes a container with everything in it.

use argh::{ArgsInfo, FromArgs};

use super::command::{App, Run};
use super::unmount::warn_of_hidden;
use crate::error::{Kind, Result};
use crate::report::Report;

/// delete a container and all its data, at once and for good. What runs inside is ended first; nothing that is
/// mounted into it is touched.
#[derive(FromArgs, ArgsInfo)]
#[argh(example = "chroot-distro remove ubuntu")]
pub struct Remove {
    /// do not fail when a container does not exist
    #[argh(switch, short = 'f')]
    force: bool,

    /// print every deleted file
    #[argh(switch, short = 'v')]
    pub verbose: bool,

    /// print errors only
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
            container.remove(&mut |path| app.ui.detail(&format!("deleted {}", path.display())))?;
            app.ui.info(&format!("Removed '{name}'"));
            Ok(())
        })?;
        Ok(0)
    }
}
