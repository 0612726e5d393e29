//! `rename`: another name for a container.

use argh::{ArgsInfo, FromArgs};

use super::command::{App, Run, name};
use crate::error::Result;
use crate::report::Report;

/// rename a container. Nothing must be running in it.
#[derive(FromArgs, ArgsInfo)]
#[argh(example = "chroot-distro rename ubuntu work")]
pub struct Rename {
    /// print only errors
    #[argh(switch, short = 'q')]
    pub quiet: bool,

    /// the container
    #[argh(positional, arg_name = "CONTAINER")]
    old: String,

    /// the new name
    #[argh(positional, arg_name = "NAME")]
    new: String,
}

impl Run for Rename {
    const NAME: &'static str = "rename";

    fn run(self, app: &App) -> Result<u8> {
        let (old, new) = (name(&self.old)?, name(&self.new)?);
        app.store.container(&old)?.rename(&new)?;
        app.ui.info(&format!("Renamed '{old}' to '{new}'"));
        Ok(0)
    }
}
