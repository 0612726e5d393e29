//! Becoming root by the tool that is there, and what goes with it.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::ExitStatus;

use rustix::process::{Signal, getpid};

use super::handover::{self, Handover};
use super::tool;
use crate::error::{Attempt, Error, Kind, Result};
use crate::host::Host;
use crate::report::Report;
use crate::sys::process::{Disposition, on_signal};

/// What the user said about elevation, on the command line or by the switches `CHROOT_DISTRO_NO_ELEVATE` and
/// `CHROOT_DISTRO_USE_SUDO`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wishes {
    /// Rather fail.
    pub no_elevate: bool,
    /// On Termux, sudo before su.
    pub use_sudo: bool,
}

impl Wishes {
    /// These, or what the environment says. An error: a switch there is neither on nor off.
    pub fn or_environment(self, host: &Host) -> Result<Wishes> {
        let (no_elevate, use_sudo) =
            (host.switch("CHROOT_DISTRO_NO_ELEVATE")?, host.switch("CHROOT_DISTRO_USE_SUDO")?);
        Ok(Wishes { no_elevate: self.no_elevate || no_elevate, use_sudo: self.use_sudo || use_sudo })
    }
}

/// Whether this process is root.
pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// The tools that give root here, the first to be asked first.
pub fn tools(host: &Host) -> Vec<String> {
    tool::in_order(host, false).map(|tool| tool.name().to_owned()).collect()
}

/// What an ordinary user types to run `line` as root by the tool that is there.
pub fn line_as_root(host: &Host, line: &str) -> Option<String> {
    tool::in_order(host, false).next().map(|tool| tool.line(line))
}

/// Runs this program as root with `arguments`, and waits for it: its exit code.
///
/// `option` is how the arguments tell the elevated process where its inheritance is: `{option}={ticket}`, first. `names`
/// are variables of ours that it does not become, but shall know. `report` hears whose password a tool will ask for, where
/// the tool itself does not say that.
pub fn elevate(
    host: &Host,
    wishes: &Wishes,
    option: &str,
    arguments: &[OsString],
    names: &[OsString],
    report: &dyn Report,
) -> Result<u8> {
    if wishes.no_elevate {
        return Err(denied("root is needed, but elevation is turned off")
            .hint("run it as root, or leave out '--no-elevate' and CHROOT_DISTRO_NO_ELEVATE"));
    }
    let handover = Handover::offer(host, names)?;
    let words: Vec<OsString> = [format!("{option}={}", handover.ticket()).into()]
        .into_iter()
        .chain(arguments.iter().cloned())
        .collect();
    for tool in tool::in_order(host, wishes.use_sudo) {
        let mut command = tool.command(&executable(), &words);
        if tool.asks_for_roots_password() {
            report.info("chroot-distro needs root: 'su' asks for root's password");
        }
        let Ok(mut child) = command.spawn() else { continue };
        // They are for the elevated process, which is in our process group; we only report how it ended.
        for signal in [Signal::INT, Signal::QUIT] {
            on_signal(signal, Disposition::Ignore).attempt("ignore interrupts")?;
        }
        let status = child.wait().attempt(format_args!("wait for '{}'", tool.name()))?;
        if handover.was_taken() || status.success() {
            return Ok(exit_code(status));
        }
        return Err(
            denied(format!("'{}' failed ({status})", tool.name())).hint("run this command in a root shell")
        );
    }
    Err(denied("root is needed, but there is no sudo, doas, pkexec or su").hint("run it as root"))
}

/// Takes over what the unprivileged process handed down; returns what it only shall know. The first thing that the elevated
/// process does.
pub fn inherit(ticket: &str) -> Result<Vec<(OsString, OsString)>> {
    if !is_root() {
        // Without this a tool that does not elevate would call us for ever.
        return Err(denied("the elevated process is not root").hint("run this command in a root shell"));
    }
    handover::take(ticket)
}

/// The command line of this process, to be executed once more: without the ticket, which is used up.
pub fn arguments() -> Vec<OsString> {
    let mut arguments: Vec<OsString> = std::env::args_os().collect();
    if arguments.get(1).is_some_and(|word| word.as_bytes().starts_with(b"--elevated=")) {
        arguments.remove(1);
    }
    arguments
}

fn denied(message: impl std::fmt::Display) -> Error {
    Error::new(Kind::Denied, message)
}

/// This program by a name that root can execute: its own path, because rules of sudo and doas go by it. Of its hard
/// links that is the one with the program's own name.
fn executable() -> OsString {
    let Ok(path) = std::env::current_exe() else { return of_process() };
    let file = |path: &Path| std::fs::metadata(path).map(|file| (file.dev(), file.ino())).ok();
    let main = path.with_file_name("chroot-distro");
    match file(&path) {
        Some(this) if file(&main) == Some(this) => main.into(),
        Some(_) => path.into(),
        None => of_process(),
    }
}

fn of_process() -> OsString {
    format!("/proc/{}/exe", getpid().as_raw_pid()).into()
}

fn exit_code(status: ExitStatus) -> u8 {
    let code = status.code().or(status.signal().map(|signal| 128 + signal));
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1)
}
