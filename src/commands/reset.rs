//! `reset`: a container as it was when it was installed.

use argh::{ArgsInfo, FromArgs};

use super::autostart;
use super::command::{App, Run};
use crate::error::Result;
use crate::install;
use crate::net::Settings;
use crate::report::Report;

/// reinstall a container from its image, and lose all data in it. The old container is replaced only when the new one is
/// complete; everything that runs in it is stopped then. This works only for containers that were made from an image.
#[derive(FromArgs, ArgsInfo)]
#[argh(example = "chroot-distro reset ubuntu")]
pub struct Reset {
    /// do not check TLS certificates, and use plain HTTP if the registry uses it
    #[argh(switch)]
    allow_insecure: bool,

    /// print only errors
    #[argh(switch, short = 'q')]
    pub quiet: bool,

    /// the container
    #[argh(positional)]
    container: String,
}

impl Run for Reset {
    const NAME: &'static str = "reset";
    const SUGGESTED: bool = false;

    fn run(self, app: &App) -> Result<u8> {
        let container = app.container(&self.container)?;
        let host = &app.host;
        let settings = Settings::of(host, self.allow_insecure);
        install::reset(&app.store, &container, settings, host, &app.ui)?;
        autostart::renew(app, container.name())?;
        app.ui.info(&format!("Reset '{}'", container.name()));
        Ok(0)
    }
}
