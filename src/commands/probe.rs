//! `probe`: what the process that runs it sees, as JSON. The self-test's eyes inside a container; of the built-in
//! image it is the only program. It also hands that image out, for who wants to show the program without a network.

use std::fs;
use std::hint::black_box;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::net::UnixStream;
use std::path::Path;

use argh::{ArgsInfo, FromArgs};
use rustix::process::{getegid, geteuid, getgroups, getpid};
use rustix::system::uname;
use serde_json::{Value, json};

use super::command::{App, Run};
use super::selftest::write_image;
use crate::cli::os_string;
use crate::error::{Attempt, Result};
use crate::sys::network::interfaces;

/// print what this process sees: identity, namespaces, mounts, devices, network, environment.
#[derive(FromArgs, ArgsInfo)]
pub struct Probe {
    /// the code to exit with
    #[argh(option, default = "0")]
    exit: u8,

    /// show what a bug of this program looks like
    #[argh(switch)]
    bug: bool,

    /// also tell whether a server listens on this Unix socket
    #[argh(option)]
    socket: Vec<String>,

    /// write the built-in image into this directory, which must be empty, and print nothing
    #[argh(option)]
    image: Option<String>,
}

impl Run for Probe {
    const NAME: &'static str = "probe";
    const ROOT: bool = false;
    const HIDDEN: bool = true;

    fn run(self, app: &App) -> Result<u8> {
        if self.bug {
            let nothing: [u8; 0] = [];
            return Ok(nothing[black_box(0)]);
        }
        if let Some(directory) = &self.image {
            write_image(Path::new(&os_string(directory)))?;
            return Ok(0);
        }
        app.ui.json(&seen(&self.socket)?);
        Ok(self.exit)
    }
}

const DEVICES: [&str; 5] = ["null", "zero", "full", "random", "urandom"];

fn seen(sockets: &[String]) -> Result<Value> {
    let groups = getgroups().attempt("read the supplementary groups")?;
    let env: Vec<_> = std::env::vars_os().map(|(key, _)| key.to_string_lossy().into_owned()).collect();
    Ok(json!({
        "pid": getpid().as_raw_pid(),
        "uid": geteuid().as_raw(),
        "gid": getegid().as_raw(),
        "groups": groups.iter().map(|group| group.as_raw()).collect::<Vec<_>>(),
        "hostname": uname().nodename().to_string_lossy(),
        "directory": std::env::current_dir().map(|path| path.display().to_string()).unwrap_or_default(),
        "environment": env,
        "namespaces": namespaces(),
        "mounts": mounts(),
        "devices": DEVICES.iter().map(|name| ((*name).to_owned(), device(name))).collect::<Value>(),
        "processes": names("/proc").iter().filter(|name| name.parse::<u32>().is_ok()).count(),
        "root": names("/"),
        "dev": names("/dev"),
        "interfaces": interfaces().unwrap_or_default(),
        "sockets": sockets.iter().map(|path| (path.clone(), json!(UnixStream::connect(path).is_ok()))).collect::<Value>(),
        "loopback": TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).is_ok(),
    }))
}

/// Namespace type to its inode number, where the kernel has the type and `/proc` is there.
fn namespaces() -> Value {
    let link = |name: &String| {
        let target = fs::read_link(Path::new("/proc/self/ns").join(name)).ok()?;
        Some((name.clone(), json!(target.to_string_lossy())))
    };
    names("/proc/self/ns").iter().filter_map(link).collect()
}

/// Mount point to filesystem type.
fn mounts() -> Value {
    let mountinfo = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let mount = |line: &str| {
        let (mount, filesystem) = line.split_once(" - ")?;
        let point = mount.split(' ').nth(4)?;
        Some((point.to_owned(), json!(filesystem.split(' ').next()?)))
    };
    mountinfo.lines().filter_map(mount).collect()
}

/// Whether a device of `/dev` can be opened.
fn device(name: &str) -> Value {
    json!(fs::File::open(Path::new("/dev").join(name)).is_ok())
}

/// What is in a directory, sorted; nothing when it cannot be read.
fn names(directory: &str) -> Vec<String> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let mut names: Vec<_> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}
