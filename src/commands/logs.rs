//! `logs`: what a detached run printed.

use std::time::Duration;

use argh::{ArgsInfo, FromArgs};

use super::command::{App, Run};
use crate::error::{Error, Result};

/// How often a log that is followed is looked at.
const PAUSE: Duration = Duration::from_millis(100);

/// print the output of the last 'run --detach' of a container.
#[derive(FromArgs, ArgsInfo)]
#[argh(
    example = "chroot-distro logs nextcloud",
    example = "chroot-distro logs -f -n 20 nextcloud",
    note = "A program may print secrets, so only root can read a log.\n\
        A log has at most two files of 10 MiB each. If the first is full, its name gets '.1' at the end and a new file \
        begins; 'logs' prints both. Before that, the '.1' file is the log of the previous run."
)]
pub struct Logs {
    /// keep printing new output until the program ends
    #[argh(switch, short = 'f')]
    follow: bool,

    /// print only the last N lines
    #[argh(option, short = 'n', arg_name = "N")]
    lines: Option<u64>,

    /// the container
    #[argh(positional)]
    container: String,
}

impl Run for Logs {
    const NAME: &'static str = "logs";
    const LONG_ALIASES: &'static [(&'static str, &'static str)] = &[("--tail", "--lines")];
    const CONFLICTS: &'static [(&'static str, &'static str)] = &[("--lines", "--tail")];

    fn run(self, app: &App) -> Result<u8> {
        let container = app.container(&self.container)?;
        let Some(mut log) = container.log()? else {
            return Err(Error::not_found(format_args!("container '{}' has no log", container.name())).hint(
                format_args!("a detached run writes one: chroot-distro run --detach {}", container.name()),
            ));
        };
        if let Some(lines) = self.lines {
            log.seek_to_last(lines)?;
        }
        loop {
            // Asked first: what came last is read after that.
            let replaced = self.follow && log.is_replaced();
            let ended = !self.follow || !log.is_written();
            let read = log.read(&mut |lines| app.ui.raw(lines))?;
            if read && replaced {
                log.go_on()?;
            } else if !read || ended || !app.ui.pause(PAUSE) {
                app.ui.raw(log.unfinished());
                return Ok(0);
            }
        }
    }
}
