//! `kill`: ends what runs in a container, or one session.

use argh::{ArgsInfo, FromArgs};

use super::command::{App, Run};
use super::unmount::{grace, warn_of_hidden};
use crate::error::{Error, Result};
use crate::report::Report;
use crate::running::Usage;
use crate::store::Container;

/// stop a running container, or one session by its PID. All processes get a signal to stop (a program that 'run' started
/// gets the StopSignal of its image); after two seconds they are killed. The container's data is kept.
#[derive(FromArgs, ArgsInfo)]
#[argh(
    example = "chroot-distro kill ubuntu",
    example = "chroot-distro kill 4711",
    example = "chroot-distro stop --time 30 postgres",
    note = "'chroot-distro ps' shows the PIDs. If a container has a number as its name, the number means the container, not a PID."
)]
pub struct Kill {
    /// seconds to wait before killing processes (default: 2)
    #[argh(option, short = 't', arg_name = "SECONDS")]
    time: Option<u32>,

    /// print only errors
    #[argh(switch, short = 'q')]
    pub quiet: bool,

    /// the container, or the PID of a session
    #[argh(positional, arg_name = "CONTAINER|PID")]
    target: String,

    /// more containers or PIDs
    #[argh(positional, arg_name = "CONTAINER|PID")]
    more: Vec<String>,
}

const AT_ONCE: &str = "type '--time 0' to kill all processes at once";

impl Run for Kill {
    const NAME: &'static str = "kill";
    const ALIASES: &'static [&'static str] = &["k", "stop"];
    const SUGGESTED: bool = false;
    const ELSEWHERE: &'static [(&'static str, &'static str)] =
        &[("-KILL", AT_ONCE), ("-SIGKILL", AT_ONCE), ("-s", AT_ONCE), ("--signal", AT_ONCE), ("-f", AT_ONCE)];

    fn run(self, app: &App) -> Result<u8> {
        // A number with a dash is no option, for other commands take negative ones.
        if let Some(signal) = [&self.target].into_iter().chain(&self.more).find(|word| word.starts_with('-'))
        {
            return Err(Error::usage(format_args!(
                "'{signal}' is no option here, and signals cannot be chosen"
            ))
            .hint(AT_ONCE));
        }
        let names: Vec<&String> = [&self.target].into_iter().chain(&self.more).collect();
        app.each(&names, &mut |name| match (app.store.container(name), name.as_str().parse()) {
            (Ok(container), _) => self.end(app, &container),
            (Err(_), Ok(pid)) => self.end_one(app, pid),
            (Err(error), Err(_)) => Err(error),
        })?;
        Ok(0)
    }
}

impl Kill {
    fn end(&self, app: &App, container: &Container) -> Result<()> {
        let name = container.name();
        if container.is_quiet()? {
            return Err(Error::not_found(format_args!("container '{name}' is not running"))
                .hint("'chroot-distro ps' shows what is"));
        }
        warn_of_hidden(app, container)?;
        container.end(grace(self.time))?;
        container.unmount()?;
        app.ui.info(&format!("Stopped '{name}'"));
        Ok(())
    }

    fn end_one(&self, app: &App, pid: u32) -> Result<()> {
        let is_in = |usage: &Usage| {
            usage.sessions.iter().any(|session| session.pid == pid)
                || usage.strays.iter().any(|stray| stray.pid == pid)
        };
        let Some((container, _)) = app.store.usages()?.into_iter().find(|(_, usage)| is_in(usage)) else {
            return Err(Error::not_found(format_args!(
                "there is no container '{pid}', and no session with that PID"
            ))
            .hint("'chroot-distro ps' shows the sessions"));
        };
        container.end_one(pid, grace(self.time))?;
        app.ui.info(&format!("Stopped process {pid} in '{}'", container.name()));
        Ok(())
    }
}
