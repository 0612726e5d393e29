//! `autostart`: which containers start with the machine or device.

use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use argh::{ArgsInfo, FromArgs};

use super::command::{App, Run, name};
use crate::error::{Attempt, Error, Kind, Result};
use crate::host::boot::Init;
use crate::host::program;
use crate::report::Report;
use crate::running::SessionKind;
use crate::store::Name;

/// choose the containers that start with the machine. The actions are 'add', 'remove', 'list', and 'run', which starts
/// the chosen containers now if they are not running. Each one is started as by 'run --detach', in the order in which they
/// were added.
#[derive(FromArgs, ArgsInfo)]
#[argh(
    example = "chroot-distro autostart add web",
    note = "On Android, the module for Magisk, KernelSU or APatch starts the containers after the device is unlocked. With systemd or OpenRC, 'add' enables a service. With another init system, run this command at boot: chroot-distro autostart run"
)]
pub struct Autostart {
    /// print only errors
    #[argh(switch, short = 'q')]
    pub quiet: bool,

    /// add, remove, list or run
    #[argh(positional)]
    action: String,

    /// the containers to add or remove
    #[argh(positional)]
    container: Vec<String>,
}

/// What can be done.
pub(super) const ACTIONS: [&str; 4] = ["add", "remove", "list", "run"];

impl Run for Autostart {
    const NAME: &'static str = "autostart";

    fn run(self, app: &App) -> Result<u8> {
        let names: Vec<Name> = self.container.iter().map(|argument| name(argument)).collect::<Result<_>>()?;
        match (&self.action[..], names.is_empty()) {
            ("add", false) => add(app, names).map(|()| 0),
            ("remove", false) => remove(app, &names).map(|()| 0),
            ("list", true) => {
                app.store.autostart()?.iter().for_each(|name| app.ui.print(name));
                Ok(0)
            }
            ("run", true) => run(app),
            ("add" | "remove", true) => Err(Error::usage("autostart: CONTAINER is missing")),
            ("list" | "run", false) => {
                Err(Error::usage(format!("autostart: '{}' takes no container", self.action)))
            }
            _ => Err(Error::usage(format!("autostart: unknown action '{}'", self.action))
                .hint(format!("the actions are {}", ACTIONS.join(", ")))),
        }
    }
}

fn add(app: &App, names: Vec<Name>) -> Result<()> {
    for name in &names {
        app.store.container(name)?;
    }
    app.store.change_autostart(&|list| {
        for name in &names {
            if !list.contains(name) {
                list.push(name.clone());
            }
        }
    })?;
    let host = &app.host;
    match Init::of(host) {
        Some(init) => {
            let enabled =
                program::installed().and_then(|program| init.enable(host, &program, app.store.data_home()));
            match enabled {
                Ok(()) => app.ui.info(&format!("{} starts them with the machine", init.name())),
                Err(error) => {
                    app.ui.warn(&format!("listed, but {} will not start them: {error}", init.name()));
                    error.hint_text().into_iter().for_each(|hint| app.ui.info(hint));
                }
            }
        }
        None if host.is_android() => {
            app.ui.info("The module for Magisk, KernelSU or APatch starts them with the device")
        }
        None => app.ui.info("Have your init run this as root: chroot-distro autostart run"),
    }
    Ok(())
}

fn remove(app: &App, names: &[Name]) -> Result<()> {
    let before = app.store.autostart()?;
    if let Some(other) = names.iter().find(|name| !before.contains(name)) {
        return Err(Error::not_found(format!("'{other}' does not start with the machine"))
            .hint("'chroot-distro autostart list' shows what does"));
    }
    let left = app.store.change_autostart(&|list| list.retain(|name| !names.contains(name)))?;
    let host = &app.host;
    match Init::of(host) {
        Some(init) if left.is_empty() => init.disable(host),
        _ => Ok(()),
    }
}

/// Starts each; one that fails keeps none of the others from starting.
fn run(app: &App) -> Result<u8> {
    let mut failed: u32 = 0;
    for name in app.store.autostart()? {
        if let Err(error) = start(app, &name) {
            app.ui.error(&error);
            failed += 1;
        }
    }
    match failed {
        0 => Ok(0),
        _ => Err(Error::new(Kind::System, format!("{failed} of the containers did not start"))),
    }
}

fn start(app: &App, name: &Name) -> Result<()> {
    let sessions = app.store.container(name)?.sessions()?;
    if sessions.iter().any(|session| session.kind == SessionKind::Run) {
        app.ui.info(&format!("'{name}' runs already"));
        return Ok(());
    }
    let mut command = Command::new("/proc/self/exe");
    command.arg0("chroot-distro").args(["run", "--detach", name.as_str()]).stdin(Stdio::null());
    let status = command.status().attempt(|| format!("start '{name}'"))?;
    match status.success() {
        true => Ok(()),
        false => Err(Error::new(Kind::System, format!("'{name}' did not start ({status})"))),
    }
}
