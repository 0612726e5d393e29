//! What may stand in the way of a container on this machine.

use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::commands::command::App;
use crate::error::Result;
use crate::host::{Host, binfmt};
use crate::oci::Arch;
use crate::privilege;
use crate::running::Grade;
use crate::session::emulator;
use crate::ui::human;

/// How it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Ok,
    /// Worth knowing.
    Note,
    /// Something will not work.
    Problem,
}

/// One thing looked at.
#[derive(Debug)]
pub struct Check {
    name: &'static str,
    state: State,
    detail: String,
}

impl Check {
    pub fn json(&self) -> Value {
        let state = match self.state {
            State::Ok => "ok",
            State::Note => "note",
            State::Problem => "PROBLEM",
        };
        json!({"check": self.name, "state": state, "detail": self.detail})
    }
}

/// Everything that is looked at.
pub fn checks(app: &App, host: &Host) -> Vec<Check> {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let found = [
        ("capabilities", capabilities(&status)),
        ("root by", root_by(host)),
        ("seccomp", seccomp(&status)),
        ("mount namespace", mount_namespace(host)),
        // The error would tell where it is.
        ("data directory", data(app).unwrap_or((State::Problem, "it cannot be looked at".to_owned()))),
        ("isolation", isolation()),
        ("clock", clock()),
        ("name servers", name_servers(host)),
        ("other CPUs", other_cpus(host)),
    ];
    found.into_iter().map(|(name, (state, detail))| Check { name, state, detail }).collect()
}

/// All of it in one line.
pub fn verdict(checks: &[Check]) -> String {
    let problems: Vec<&str> =
        checks.iter().filter(|check| check.state == State::Problem).map(|check| check.name).collect();
    match problems.len() {
        0 => "Result: no problem found".to_owned(),
        1 => format!("Result: 1 problem: {}", problems[0]),
        count => format!("Result: {count} problems: {}", problems.join(", ")),
    }
}

type Found = (State, String);

fn field<'a>(status: &'a str, name: &str) -> &'a str {
    status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).unwrap_or_default().trim()
}

/// Of capabilities(7), what sessions and installations stand on.
fn capabilities(status: &str) -> Found {
    const NEEDED: [(u32, &str); 6] =
        [(0, "CHOWN"), (6, "SETGID"), (7, "SETUID"), (18, "SYS_CHROOT"), (21, "SYS_ADMIN"), (27, "MKNOD")];
    if status.is_empty() {
        return (State::Problem, "nothing is known, for '/proc' is not mounted here".to_owned());
    }
    let held = u64::from_str_radix(field(status, "CapEff"), 16).unwrap_or_default();
    let lacking: Vec<&str> =
        NEEDED.iter().filter(|(bit, _)| held & (1 << bit) == 0).map(|(_, name)| *name).collect();
    match lacking.is_empty() {
        true => (State::Ok, String::new()),
        false => {
            (State::Problem, format!("root here lacks CAP_{}: is this a container?", lacking.join(", CAP_")))
        }
    }
}

fn root_by(host: &Host) -> Found {
    match privilege::tools(host) {
        none if none.is_empty() => (State::Note, "no tool gives root: be root to begin with".to_owned()),
        tools => (State::Ok, tools.join(", ")),
    }
}

fn seccomp(status: &str) -> Found {
    match field(status, "Seccomp") {
        "2" => (State::Note, "a filter is in force: it may refuse system calls".to_owned()),
        _ => (State::Ok, "no filter".to_owned()),
    }
}

/// Android's su may give an app's own: then others do not see what it has mounted, nor it what they have.
fn mount_namespace(host: &Host) -> Found {
    let of = |process: &str| fs::read_link(host.file(format!("/proc/{process}/ns/mnt"))).ok();
    match of("1") == of("self") {
        true => (State::Ok, "that of init".to_owned()),
        false => (State::Note, "not that of init".to_owned()),
    }
}

fn data(app: &App) -> Result<Found> {
    const LITTLE: u64 = 1 << 30;
    let place = app.store.place()?;
    let flags =
        if place.flags.is_empty() { String::new() } else { format!(", mounted {}", place.flags.join(",")) };
    let detail = format!("{}, {} free{flags}", place.filesystem, human::size(place.free));
    let state = match place.free {
        _ if !place.fit || place.flags.contains(&"ro") => State::Problem,
        ..LITTLE => State::Note,
        _ => State::Ok,
    };
    Ok((state, detail))
}

/// What `--isolated` is worth on this kernel.
fn isolation() -> Found {
    match Grade::here() {
        grade @ Grade::NoPidNamespace => (State::Note, format!("{}: it is not a boundary", grade.as_str())),
        grade => (State::Ok, grade.as_str().to_owned()),
    }
}

/// Certificates are not valid yet where the clock has not been set.
fn clock() -> Found {
    let year = env!("CHROOT_DISTRO_DATE")
        .split('-')
        .next()
        .and_then(|year| year.parse::<u64>().ok())
        .unwrap_or(2024);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    // Of 365.2425 days.
    match 1970 + now / 31_556_952 >= year {
        true => (State::Ok, String::new()),
        false => {
            (State::Problem, format!("it is set to before {year}: servers' certificates will be refused"))
        }
    }
}

/// How many, not which.
fn name_servers(host: &Host) -> Found {
    let servers = host.resolv_conf().servers;
    let local = servers.iter().filter(|server| server.address.is_loopback()).count();
    match servers.len() {
        0 => (State::Note, "none is configured: public ones are asked".to_owned()),
        all => (State::Ok, format!("{all}, of them {local} on this machine")),
    }
}

fn other_cpus(host: &Host) -> Found {
    let how = Arch::ALL.iter().filter(|arch| **arch != Arch::HOST).map(|&arch| {
        let how = match emulator::available(arch, host) {
            Ok(()) if binfmt::is_native(arch) => "natively",
            Ok(()) => "emulated",
            Err(_) => "no",
        };
        format!("{arch} {how}")
    });
    (State::Ok, how.collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_root_that_is_none_is_a_problem() {
        let full = "Name:\tx\nCapEff:\t000001ffffffffff\nSeccomp:\t0\n";
        assert_eq!(capabilities(full).0, State::Ok);
        let docker = capabilities("CapEff:\t00000000a80425fb\n");
        assert_eq!(docker.0, State::Problem);
        assert!(docker.1.contains("lacks CAP_SYS_ADMIN:"), "{docker:?}");
        assert_eq!(seccomp(full).0, State::Ok);
        assert_eq!(seccomp("Seccomp:\t2\nSeccomp_filters:\t1\n").0, State::Note);
        assert_eq!(clock().0, State::Ok);
    }
}
