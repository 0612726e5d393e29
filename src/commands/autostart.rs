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
use crate::store::{Entry, Name};

/// choose the containers that start with the machine. The actions are 'add', 'remove', 'list', and 'run', which starts
/// the chosen containers now if they are not running. Each one is started as by 'run --detach', in the order in which they
/// were added. Options of 'run' after '--' are used at each start.
#[derive(FromArgs, ArgsInfo)]
#[argh(
    example = "chroot-distro autostart add web",
    example = "chroot-distro autostart add web -- --isolated --memory 512M",
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
        // No name begins so: they stood behind '--'.
        let at = self.container.iter().position(|word| word.starts_with('-'));
        let (names, options) = self.container.split_at(at.unwrap_or(self.container.len()));
        let names: Vec<Name> = names.iter().map(|argument| name(argument)).collect::<Result<_>>()?;
        if self.action != "add" && !options.is_empty() {
            return Err(Error::usage(format_args!("autostart: '{}' takes no options of run", self.action)));
        }
        match (&self.action[..], names.is_empty()) {
            ("add", false) => add(app, &names, options).map(|()| 0),
            ("remove", false) => remove(app, &names).map(|()| 0),
            ("list", true) => {
                for entry in app.store.autostart()? {
                    let options = Start::of(&entry).map(|start| start.options).unwrap_or_default();
                    app.ui.print([&[entry.name.to_string()], &options[..]].concat().join(" "));
                }
                Ok(0)
            }
            ("run", true) => run(app),
            ("add" | "remove", true) => Err(Error::usage("autostart: CONTAINER is missing")),
            ("list" | "run", false) => {
                Err(Error::usage(format_args!("autostart: '{}' takes no container", self.action)))
            }
            _ => Err(Error::usage(format_args!("autostart: unknown action '{}'", self.action))
                .hint(format_args!("the actions are {}", ACTIONS.join(", ")))),
        }
    }
}

fn add(app: &App, names: &[Name], options: &[String]) -> Result<()> {
    let mut entries = Vec::new();
    for name in names {
        let container = app.store.container(name)?;
        check(name, options)?;
        let start = Start { identity: Some(container.identity()?), options: options.to_vec() };
        entries.push(Entry { name: name.clone(), rest: start.text() });
    }
    app.store.change_autostart(&|list| {
        for entry in &entries {
            match list.iter_mut().find(|there| there.name == entry.name) {
                Some(there) => *there = entry.clone(),
                None => list.push(entry.clone()),
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
    if let Some(other) = names.iter().find(|name| !before.iter().any(|entry| entry.name == **name)) {
        return Err(Error::not_found(format_args!("'{other}' does not start with the machine"))
            .hint("'chroot-distro autostart list' shows what does"));
    }
    let left = app.store.change_autostart(&|list| list.retain(|entry| !names.contains(&entry.name)))?;
    let host = &app.host;
    match Init::of(host) {
        Some(init) if left.is_empty() => init.disable(host),
        _ => Ok(()),
    }
}

/// Starts each; one that fails keeps none of the others from starting.
fn run(app: &App) -> Result<u8> {
    let mut failed: u32 = 0;
    for entry in app.store.autostart()? {
        if let Err(error) = start(app, &entry) {
            app.ui.error(&error);
            failed += 1;
        }
    }
    match failed {
        0 => Ok(0),
        _ => Err(Error::new(Kind::System, format_args!("{failed} of the containers did not start"))),
    }
}

/// Nobody watches: what is started must be what root has put on the list, and nobody else's.
fn start(app: &App, entry: &Entry) -> Result<()> {
    let name = &entry.name;
    let container = app.store.container(name)?;
    let chosen = Start::of(entry)?;
    let identity = container.identity()?;
    if chosen.identity.is_some_and(|chosen| chosen != identity) {
        return Err(Error::new(
            Kind::Denied,
            format_args!("'{name}' is another container than the one that was added"),
        )
        .hint(format_args!("if you made it yourself: chroot-distro autostart add {name}")));
    }
    let sessions = container.sessions()?;
    if sessions.iter().any(|session| session.kind == SessionKind::Run) {
        app.ui.info(&format!("'{name}' runs already"));
        return Ok(());
    }
    let mut command = this_program(&["run", "--detach"], &chosen.options, name);
    let status = command.status().attempt(format_args!("start '{name}'"))?;
    match status.success() {
        true => Ok(()),
        false => Err(Error::new(Kind::System, format_args!("'{name}' did not start ({status})"))),
    }
}

/// Refuses what `run` would refuse at every start.
fn check(name: &Name, options: &[String]) -> Result<()> {
    if options.is_empty() {
        return Ok(());
    }
    let mut command = this_program(&["run", "--get-chroot-cmd"], options, name);
    let output = command.output().attempt("try the options of 'run'")?;
    match output.status.success() {
        true => Ok(()),
        false => {
            let said = String::from_utf8_lossy(&output.stderr);
            Err(Error::usage(format_args!("autostart: 'run' does not take these options: {}", said.trim())))
        }
    }
}

fn this_program(words: &[&str], options: &[String], name: &Name) -> Command {
    let mut command = Command::new("/proc/self/exe");
    command.arg0("chroot-distro").args(words).args(options).arg(name.as_str()).stdin(Stdio::null());
    command
}

/// What stands behind a name in the list: `DEVICE:INODE ["OPTION",...]`. Lists of before have names alone.
struct Start {
    identity: Option<(u64, u64)>,
    options: Vec<String>,
}

impl Start {
    fn of(entry: &Entry) -> Result<Start> {
        if entry.rest.is_empty() {
            return Ok(Start { identity: None, options: Vec::new() });
        }
        let read = || {
            let (identity, options) = entry.rest.split_once(' ')?;
            let (device, inode) = identity.split_once(':')?;
            let identity = Some((device.parse().ok()?, inode.parse().ok()?));
            Some(Start { identity, options: serde_json::from_str(options).ok()? })
        };
        read().ok_or_else(|| {
            Error::invalid(format_args!("the entry of '{}' in the list cannot be read", entry.name))
                .hint(format_args!("write it anew: chroot-distro autostart add {}", entry.name))
        })
    }

    fn text(&self) -> String {
        let (device, inode) = self.identity.unwrap_or_default();
        format!("{device}:{inode} {}", serde_json::json!(self.options))
    }
}

/// After root has replaced a container, the list is to mean the new one.
pub(super) fn renew(app: &App, name: &Name) -> Result<()> {
    let identity = app.store.container(name)?.identity()?;
    let renew = |entry: &Entry| match Start::of(entry) {
        Ok(start) if entry.name == *name && start.identity.is_some() => {
            Entry { rest: Start { identity: Some(identity), ..start }.text(), ..entry.clone() }
        }
        _ => entry.clone(),
    };
    if app.store.autostart()?.iter().any(|entry| renew(entry) != *entry) {
        app.store.change_autostart(&|list| list.iter_mut().for_each(|entry| *entry = renew(entry)))?;
    }
    Ok(())
}
