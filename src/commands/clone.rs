//! `clone`: a container's twin under another name.

use argh::{ArgsInfo, FromArgs};

use super::command::{App, Run, name};
use crate::error::Result;
use crate::report::Report;
use crate::transfer::clone;

/// make a copy of a container under another name. It may be running: files that change meanwhile are copied as they are
/// at that moment. The log and the place in 'autostart' are not copied.
#[derive(FromArgs, ArgsInfo)]
#[argh(example = "chroot-distro clone ubuntu work")]
pub struct Clone {
    /// print errors only
    #[argh(switch, short = 'q')]
    pub quiet: bool,

    /// the container
    #[argh(positional, arg_name = "CONTAINER")]
    container: String,

    /// the name of the copy
    #[argh(positional, arg_name = "NAME")]
    copy: String,
}

impl Run for Clone {
    const NAME: &'static str = "clone";

    fn run(self, app: &App) -> Result<u8> {
        let copy = name(&self.copy)?;
        let container = app.container(&self.container)?;
        clone::run(&app.store, &container, &copy, &app.ui)?;
        app.ui.info(&format!("Cloned '{}' to '{copy}'", container.name()));
        Ok(0)
    }
}
