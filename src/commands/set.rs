//! `set`: what is true of all sessions of a container.

use argh::{ArgsInfo, FromArgs};

use super::command::{App, Run};
use crate::error::{Error, Result};
use crate::report::Report;

/// change how a container is started. With 'isolated', every session of the container is isolated from this machine, as with
/// 'login --isolated'. 'not-isolated' undoes it.
#[derive(FromArgs, ArgsInfo)]
#[argh(
    example = "chroot-distro set web isolated",
    note = "To start one session of such a container without isolation, use 'login --no-isolated'. 'list -v' shows the setting."
)]
pub struct Set {
    /// print only errors
    #[argh(switch, short = 'q')]
    pub quiet: bool,

    /// the container
    #[argh(positional, arg_name = "CONTAINER")]
    container: String,

    /// isolated or not-isolated
    #[argh(positional, arg_name = "SETTING")]
    setting: String,
}

/// What can be set.
pub(super) const SETTINGS: [&str; 2] = ["isolated", "not-isolated"];

impl Run for Set {
    const NAME: &'static str = "set";

    fn run(self, app: &App) -> Result<u8> {
        let isolated = match SETTINGS.iter().position(|setting| *setting == self.setting) {
            Some(at) => at == 0,
            None => {
                return Err(Error::usage(format!("set: unknown setting '{}'", self.setting))
                    .hint(format!("the settings are {}", SETTINGS.join(", "))));
            }
        };
        let container = app.container(&self.container)?;
        container.set_isolated(isolated)?;
        let (name, now) = (container.name(), if isolated { "are" } else { "are not" });
        app.ui.info(&format!("Sessions of '{name}' {now} isolated from now on"));
        Ok(0)
    }
}
