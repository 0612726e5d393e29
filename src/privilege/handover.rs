//! What the elevated process inherits, through a pipe that the waiting one holds open: the working directory, and
//! the variables that mean something to us. Who the caller is goes with them, as `SUDO_UID`, `SUDO_GID` and `SUDO_HOME`.
//!
//! sudo, doas and pkexec close inherited descriptors, so the ticket names the pipe in `/proc`: `PID:FD`.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::Read;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

use rustix::io::{ioctl_fionread, write};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{DumpableBehavior, getgid, getpid, getuid, set_dumpable_behavior};

use crate::error::{Attempt, Error, Kind, Result};
use crate::host::Host;
use crate::sys::environment;

const PREFIXES: [&str; 7] = ["CD_", "CHROOT_DISTRO_", "TERMUX", "ANDROID_", "XDG_", "LC_", "PULSE_"];

/// Registries, Android, the terminal, the caller's desktop.
const NAMES: &str = "
    PD_DOCKER_AUTH DOCKER_CONFIG REGISTRY_AUTH_FILE SSL_CERT_FILE SSL_CERT_DIR
    http_proxy https_proxy all_proxy no_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY NO_PROXY
    PREFIX TMPDIR EXTERNAL_STORAGE BOOTCLASSPATH DEX2OATBOOTCLASSPATH SYSTEMSERVERCLASSPATH
    TERM COLORTERM NO_COLOR COLUMNS LANG LANGUAGE TZ
    DISPLAY WAYLAND_DISPLAY XAUTHORITY DESKTOP_SESSION DBUS_SESSION_BUS_ADDRESS PIPEWIRE_REMOTE";

/// Who the caller is.
const CALLER: [&str; 3] = ["SUDO_UID", "SUDO_GID", "SUDO_HOME"];

/// An inheritance on offer, as long as this lives.
pub struct Handover {
    pipe: OwnedFd,
}

impl Handover {
    /// Offers ours, and the variables of these `names`, which are for somebody else.
    pub fn offer(host: &Host, names: &[OsString]) -> Result<Handover> {
        // The user's other processes could else open the pipe in /proc, and add to it.
        set_dumpable_behavior(DumpableBehavior::NotDumpable)
            .attempt(|| "hide the pipe from other processes")?;
        let will = will(host, names);
        let flags = PipeFlags::CLOEXEC | PipeFlags::NONBLOCK;
        let (pipe, end) = pipe_with(flags).attempt("make a pipe")?;
        // The kernel keeps 64 KiB of it; nobody reads yet.
        match write(&end, &will) {
            Ok(written) if written == will.len() => Ok(Handover { pipe }),
            _ => Err(Error::new(
                Kind::Unsupported,
                "the environment is too large to pass to a process with root",
            )),
        }
    }

    /// What the elevated process finds it by.
    pub fn ticket(&self) -> String {
        format!("{}:{}", getpid().as_raw_pid(), self.pipe.as_raw_fd())
    }

    /// Whether an elevated process came and took it.
    pub fn was_taken(&self) -> bool {
        matches!(ioctl_fionread(&self.pipe), Ok(0))
    }
}

/// The working directory, then `NAME=VALUE`s, each with a NUL behind it; those that the elevated process shall not have
/// itself begin with another `=`.
fn will(host: &Host, names: &[OsString]) -> Vec<u8> {
    let mut will = Vec::new();
    let mut bequeath = |parts: &[&OsStr]| {
        parts.iter().for_each(|part| will.extend_from_slice(part.as_bytes()));
        will.push(0);
    };
    bequeath(&[std::env::current_dir().unwrap_or_default().as_os_str()]);
    let equals = OsStr::new("=");
    for (name, value) in host.vars().filter(|(name, _)| is_passed_on(name)) {
        bequeath(&[name, equals, value]);
    }
    for name in names {
        if let Some(value) = host.caller_var(name) {
            bequeath(&[equals, name, equals, value]);
        }
    }
    if host.var("DOCKER_CONFIG").is_none() {
        let home = host.var("HOME").map(|home| Path::new(home).join(".docker"));
        if let Some(directory) = home.filter(|directory| host.file(directory.join("config.json")).is_file()) {
            bequeath(&[OsStr::new("DOCKER_CONFIG"), equals, directory.as_os_str()]);
        }
    }
    if let Some(home) = host.var("HOME") {
        bequeath(&[OsStr::new("SUDO_HOME="), home]);
    }
    bequeath(&[format!("SUDO_UID={}", getuid().as_raw()).as_ref()]);
    bequeath(&[format!("SUDO_GID={}", getgid().as_raw()).as_ref()]);
    will
}

fn is_passed_on(name: &OsStr) -> bool {
    let name = name.to_str().unwrap_or_default();
    NAMES.split_whitespace().any(|passed| passed == name)
        || PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

/// Reads the will and makes it true: working directory and variables, and none but those that are passed on, whoever wrote
/// it. Returns the variables that are for somebody else.
/// Single-threaded.
pub fn take(ticket: &str) -> Result<Vec<(OsString, OsString)>> {
    let (pid, fd) = ticket
        .split_once(':')
        .and_then(|(pid, fd)| Some((pid.parse::<u32>().ok()?, fd.parse::<u32>().ok()?)))
        .ok_or_else(|| Error::usage(format_args!("'{ticket}' is not PID:FD")))?;
    let what = "take over the caller's environment";
    let mut will = Vec::new();
    File::open(format!("/proc/{pid}/fd/{fd}"))
        .and_then(|mut pipe| pipe.read_to_end(&mut will))
        .attempt(what)?;
    let mut entries = will.split(|&byte| byte == 0).filter(|entry| !entry.is_empty());
    let directory = entries.next().map(|entry| OsString::from_vec(entry.to_vec())).unwrap_or_default();
    // Some tools change to root's home. A directory that is gone is told of when a relative path is used.
    let _ = std::env::set_current_dir(&directory);
    let mut for_others = Vec::new();
    for entry in entries {
        match entry.strip_prefix(b"=") {
            Some(other) => for_others.extend(pair(other).map(|(name, value)| (name.into(), value.into()))),
            None => {
                let ours = pair(entry)
                    .filter(|(name, _)| is_passed_on(name) || CALLER.iter().any(|own| name == own));
                ours.into_iter().for_each(|(name, value)| environment::set(name, value));
            }
        }
    }
    Ok(for_others)
}

/// `NAME=VALUE`
fn pair(entry: &[u8]) -> Option<(&OsStr, &OsStr)> {
    let at = entry.iter().position(|&byte| byte == b'=').filter(|&at| at > 0)?;
    Some((OsStr::from_bytes(&entry[..at]), OsStr::from_bytes(&entry[at + 1..])))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passes_on_what_matters_and_nothing_else() {
        let host = Host::at(
            "/nonexistent",
            [
                ("CD_DOCKER_AUTH", "u:p=="),
                ("HOME", "/home/u"),
                ("LD_PRELOAD", "/evil.so"),
                ("TERMUX__PREFIX", "/p"),
                ("PATH", "/b"),
            ],
        );
        let will = will(&host, &["PATH".into(), "NONE".into()]);
        let entries: Vec<&str> =
            will.split(|&byte| byte == 0).map(|entry| std::str::from_utf8(entry).unwrap()).collect();
        let caller = format!("SUDO_UID={}", getuid().as_raw());
        let home = "SUDO_HOME=/home/u";
        let passed = ["CD_DOCKER_AUTH=u:p==", "TERMUX__PREFIX=/p", "=PATH=/b", home, caller.as_str()];
        assert_eq!(entries[1..6], passed);
    }
}
