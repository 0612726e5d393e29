//! `unmount`: ends a container's sessions and takes its mounts away.

use std::time::Duration;

use argh::{ArgsInfo, FromArgs};

use super::command::{App, Run};
use crate::error::Result;
use crate::report::Report;
use crate::running::GRACE;
use crate::store::Container;

/// stop everything in a container and remove its mounts. This also removes mounts that the Python tool left on the host.
/// Processes get a signal to stop; after two seconds they are killed.
#[derive(FromArgs, ArgsInfo)]
#[argh(
    example = "chroot-distro unmount ubuntu",
    note = "It is not an error if nothing runs and nothing is mounted. 'chroot-distro kill' fails in that case."
)]
pub struct Unmount {
    /// seconds to wait before killing processes (default: 2)
    #[argh(option, short = 't', arg_name = "SECONDS")]
    time: Option<u32>,

    /// print only errors
    #[argh(switch, short = 'q')]
    pub quiet: bool,

    /// the container
    #[argh(positional)]
    container: String,
}

impl Run for Unmount {
    const NAME: &'static str = "unmount";
    const ALIASES: &'static [&'static str] = &["umount", "um"];
    const SUGGESTED: bool = false;

    fn run(self, app: &App) -> Result<u8> {
        let container = app.container(&self.container)?;
        warn_of_hidden(app, &container)?;
        container.end(grace(self.time))?;
        container.unmount()?;
        app.ui.info(&format!("Nothing runs in '{}' now, and nothing is mounted there", container.name()));
        Ok(0)
    }
}

/// Says what is not seen of a container that is to be ended.
pub(super) fn warn_of_hidden(app: &App, container: &Container) -> Result<()> {
    if container.may_hide()? {
        app.ui.warn(&format!(
            "'{}' runs without a cgroup: a process that left its root by pivot_root is not seen, and not ended",
            container.name()
        ));
    }
    Ok(())
}

/// What `--time` says.
pub(super) fn grace(seconds: Option<u32>) -> Duration {
    seconds.map_or(GRACE, |seconds| Duration::from_secs(seconds.into()))
}
