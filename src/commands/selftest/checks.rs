//! What the self-test looks at, from the outside and from the inside.

use std::collections::BTreeSet;
use std::fs;

use rustix::system::uname;
use serde_json::Value;

use super::bench::{Bench, NAME};
use super::image::{self, HELP, LINK, PROBE};
use crate::running::Grade;
use crate::sys::network::interfaces;

/// What came of one check: what there is to say, or why it failed.
pub type Outcome = Result<String, String>;

/// Runs them all; `tell` hears mode, check and outcome of each.
pub fn run(bench: &Bench, tell: &mut dyn FnMut(&str, &str, Outcome)) {
    let mounts = mount_table();
    let installed = install(bench);
    let usable = installed.is_ok();
    tell("install", "built-in image", installed);
    if usable {
        default_mode(bench, tell);
        tell("run", "image's command", call(bench, &["run", NAME], 0));
        tell("run", "another command", call(bench, &["run", NAME, "--", PROBE, "--exit", "7"], 7));
        isolated(bench, tell);
        minimal(bench, tell);
    }
    tell("remove", "container", if usable { removed(bench) } else { Err("there is none".to_owned()) });
    let unchanged = mounts == mount_table();
    tell("host", "mount table unchanged", require(unchanged, || "it changed".to_owned()));
}

fn install(bench: &Bench) -> Outcome {
    image::write(&bench.layout()).map_err(|error| error.to_string())?;
    let layout = bench.layout();
    call(bench, &["install", "--quiet", "--name", NAME, &layout.to_string_lossy()], 0)
}

fn default_mode(bench: &Bench, tell: &mut dyn FnMut(&str, &str, Outcome)) {
    let mut tell = |check: &str, outcome: Outcome| tell("login", check, outcome);
    let seen = match probe(bench, &[]) {
        Ok(seen) => seen,
        Err(why) => return tell("enter", Err(why)),
    };
    tell("enter", Ok(String::new()));
    tell("exit code", call(bench, &["login", NAME, "--", PROBE, "--exit", "7"], 7));
    tell("missing program", call(bench, &["login", NAME, "--", "/nonexistent"], 127));
    tell("hard link", call(bench, &["login", NAME, "--", HELP], 0));
    tell("symlink", call(bench, &["login", NAME, "--", LINK], 0));
    tell("root", same(&seen["uid"], 0).and_then(|_| same(&seen["directory"], "/root")));
    tell("mounts", has_mounts(&seen, &["/dev", "/proc", "/sys"]));
    tell("own mount namespace", differs(&seen, "mnt"));
    tell("host's processes", shares(&seen, "pid"));
    tell(
        "host's name",
        require(seen["hostname"] == uname().nodename().to_string_lossy().as_ref(), || {
            "it is another".to_owned()
        }),
    );
    tell("network", network(&seen));
    tell("devices", devices(&seen));
    tell("image's environment", has(&seen["environment"], "SELFTEST"));
    let user = probe(bench, &["--user", "tester"]);
    tell("user and groups", user.and_then(|seen| tester(&seen)));
}

fn isolated(bench: &Bench, tell: &mut dyn FnMut(&str, &str, Outcome)) {
    let mut tell = |check: &str, outcome: Outcome| tell("isolated", check, outcome);
    let seen = match probe(bench, &["--isolated", "--hostname", NAME]) {
        Ok(seen) => seen,
        Err(why) => return tell("enter", Err(why)),
    };
    tell("enter", Ok(String::new()));
    tell("grade", Ok(Grade::here().as_str().to_owned()));
    tell("exit code", call(bench, &["login", "--isolated", NAME, "--", PROBE, "--exit", "7"], 7));
    tell("own mount namespace", differs(&seen, "mnt"));
    tell(
        "own processes",
        where_possible("pid", || {
            let (pid, processes) = (&seen["pid"], &seen["processes"]);
            let few = |number: &Value| number.as_u64().is_some_and(|number| number <= 3);
            require(few(pid) && few(processes), || format!("pid {pid} of {processes}"))
        }),
    );
    tell("own hostname", where_possible("uts", || same(&seen["hostname"], NAME)));
    tell("own IPC", where_possible("ipc", || differs(&seen, "ipc")));
    tell("mounts", has_mounts(&seen, &["/dev", "/dev/pts", "/dev/shm", "/proc", "/sys"]));
    tell("no host path", no_host_path(&seen));
    tell("network", network(&seen));
    tell("devices", devices(&seen));
}

fn minimal(bench: &Bench, tell: &mut dyn FnMut(&str, &str, Outcome)) {
    let mut tell = |check: &str, outcome: Outcome| tell("minimal", check, outcome);
    let seen = match probe(bench, &["--minimal"]) {
        Ok(seen) => seen,
        Err(why) => return tell("enter", Err(why)),
    };
    tell("enter", Ok(String::new()));
    tell("mounts", has_mounts(&seen, &["/dev", "/proc", "/sys"]));
    tell("stripped environment", {
        let kept = strings(&seen["environment"]);
        require(kept.iter().all(|key| key == "TERM" || key == "COLORTERM"), || format!("{kept:?}"))
    });
    tell("devices", devices(&seen));
}

fn removed(bench: &Bench) -> Outcome {
    call(bench, &["remove", "--quiet", NAME], 0)?;
    let list = bench.call(&["list", "--quiet"]).map_err(|error| error.to_string())?;
    require(list.stdout.is_empty(), || "it is still listed".to_owned())
}

/// Calls this program; it must exit with `code`.
fn call(bench: &Bench, arguments: &[&str], code: i32) -> Outcome {
    let output = bench.call(arguments).map_err(|error| error.to_string())?;
    require(output.status.code() == Some(code), || {
        let said = String::from_utf8_lossy(&output.stderr);
        format!("{}; {}", output.status, said.trim().replace('\n', "; "))
    })
}

/// What the probe sees inside.
fn probe(bench: &Bench, options: &[&str]) -> Result<Value, String> {
    let line = [&["login"], options, &[NAME, "--", PROBE]].concat();
    let output = bench.call(&line).map_err(|error| error.to_string())?;
    serde_json::from_slice(&output.stdout).map_err(|_| {
        let said = String::from_utf8_lossy(&output.stderr);
        format!("{}; {}", output.status, said.trim().replace('\n', "; "))
    })
}

fn require(holds: bool, why: impl FnOnce() -> String) -> Outcome {
    if holds { Ok(String::new()) } else { Err(why()) }
}

fn same(seen: &Value, expected: impl Into<Value>) -> Outcome {
    let expected = expected.into();
    require(*seen == expected, || format!("{seen}, not {expected}"))
}

fn strings(seen: &Value) -> BTreeSet<String> {
    seen.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

fn has(seen: &Value, wanted: &str) -> Outcome {
    require(strings(seen).contains(wanted), || format!("'{wanted}' is missing"))
}

fn has_mounts(seen: &Value, points: &[&str]) -> Outcome {
    let missing: Vec<_> = points.iter().filter(|point| seen["mounts"][**point].is_null()).collect();
    require(missing.is_empty(), || format!("missing: {missing:?}"))
}

/// A namespace of the host's, as the kernel names it.
fn of_host(kind: &str) -> Option<String> {
    Some(fs::read_link(format!("/proc/self/ns/{kind}")).ok()?.to_string_lossy().into_owned())
}

fn differs(seen: &Value, kind: &str) -> Outcome {
    let inside = seen["namespaces"][kind].as_str().map(str::to_owned);
    require(inside.is_some() && inside != of_host(kind), || "it is the host's".to_owned())
}

fn shares(seen: &Value, kind: &str) -> Outcome {
    let inside = seen["namespaces"][kind].as_str().map(str::to_owned);
    require(inside == of_host(kind), || "it is not the host's".to_owned())
}

/// A check of what not every kernel has.
fn where_possible(kind: &str, check: impl FnOnce() -> Outcome) -> Outcome {
    if of_host(kind).is_some() { check() } else { Ok("shared: this kernel cannot separate it".to_owned()) }
}

fn devices(seen: &Value) -> Outcome {
    let refused: Vec<_> =
        seen["devices"].as_object().into_iter().flatten().filter(|(_, opens)| **opens != true).collect();
    require(refused.is_empty(), || format!("cannot open {refused:?}"))
}

/// The network is the host's: its interfaces, and a loopback that works.
fn network(seen: &Value) -> Outcome {
    let host = interfaces().map_err(|error| error.to_string())?;
    require(seen["loopback"] == true, || "no socket on 127.0.0.1".to_owned())?;
    require(seen["interfaces"] == Value::from(host), || "the interfaces are not the host's".to_owned())
}

fn tester(seen: &Value) -> Outcome {
    same(&seen["uid"], 1000)?;
    same(&seen["gid"], 1000)?;
    same(&seen["directory"], "/home/tester")?;
    let groups: Vec<_> = seen["groups"].as_array().into_iter().flatten().filter_map(Value::as_u64).collect();
    require(groups.contains(&1000) && groups.contains(&2000), || format!("groups {groups:?}"))
}

/// Besides the container's root, everything mounted is a pseudo-filesystem.
fn no_host_path(seen: &Value) -> Outcome {
    const PSEUDO: [&str; 5] = ["devpts", "mqueue", "proc", "sysfs", "tmpfs"];
    let mounts = seen["mounts"].as_object().into_iter().flatten();
    let host: Vec<_> = mounts
        .filter(|(point, kind)| *point != "/" && !PSEUDO.iter().any(|pseudo| *kind == pseudo))
        .collect();
    require(host.is_empty(), || format!("{host:?}"))
}

/// This process's mount table, as long as nobody else changes it.
fn mount_table() -> Vec<u8> {
    fs::read("/proc/self/mountinfo").unwrap_or_default()
}
