//! `clone`: a container's twin under another name.

use argh::{ArgsInfo, FromArgs};

use super::command::{App, Run, name};
use crate::error::Result;
use crate::report::Report;
use crate::transfer::clone;

/// make a copy of a container under another name. The container may be running. A file that is changed during the copy may be
/// copied in its old or new form. The log is not copied, and 'autostart' does not start the copy.
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
    const ELSEWHERE: &'static [(&'static str, &'static str)] = &[
        ("--name", "the name of the copy comes second: chroot-distro clone CONTAINER NAME"),
        ("-n", "the name of the copy comes second: chroot-distro clone CONTAINER NAME"),
    ];

    fn run(self, app: &App) -> Result<u8> {
        let copy = name(&self.copy)?;
        let container = app.container(&self.container)?;
        let isolated = container.is_isolated()?;
        clone::run(&app.store, &container, &copy, &app.ui)?.set_isolated(isolated)?;
        app.ui.info(&format!("Cloned '{}' to '{copy}'", container.name()));
        Ok(0)
    }
}
