//! Which mounts make a guest's view of the world, per mode: pure lists. [`super::apply`] executes them.

use std::path::{Path, PathBuf};

use crate::host::Termux;
use crate::session::bind::Restrict;
use crate::session::facts::dev::{DevEntry, DevKind};
use crate::session::facts::share::Share;
use crate::session::namespaces::Namespaces;
use crate::session::request::Mode;

/// One thing to do in the guest's root, in order. Paths are the guest's, except for sources.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Step {
    /// In a fresh tmpfs of ours; so are the next three.
    Directory {
        path: PathBuf,
    },
    /// An empty one, to bind something on.
    File {
        path: PathBuf,
    },
    Symlink {
        path: PathBuf,
        to: PathBuf,
    },
    /// Character devices in `/dev`, mode 0666, each with its name and number: nodes of a filesystem of theirs, which no other is
    /// made in; bound read-only from the host's same path where mknod is refused.
    Devices {
        nodes: &'static [(&'static str, u32, u32)],
    },
    /// A host path, with what is mounted below it, unless it is restricted.
    Bind {
        source: PathBuf,
        target: PathBuf,
        directory: bool,
        restrict: Restrict,
        required: bool,
    },
    /// A fresh filesystem. `options` are tried in order until the kernel takes one.
    Mount {
        kind: &'static str,
        target: PathBuf,
        restrict: Restrict,
        options: Vec<String>,
        required: bool,
    },
    /// What is there, if anything, reads as empty: a file as the guest's `/dev/null`, a directory as an empty one.
    Mask {
        path: PathBuf,
    },
    /// What is there, if anything, cannot be written.
    ReadOnly {
        path: PathBuf,
    },
}

impl Step {
    /// Whether there is no session without it.
    pub fn is_required(&self) -> bool {
        !matches!(self, Step::Bind { required: false, .. } | Step::Mount { required: false, .. })
    }
}

/// What no guest of a shared world can do without (`/run` and `/tmp` come with it where the mode has them).
pub const CORE: [&str; 3] = ["/dev", "/proc", "/sys"];

/// Android's own programs and storage, documented.
const ANDROID: [&str; 15] = [
    "/apex",
    "/data/app",
    "/data/dalvik-cache",
    "/data/misc/apexdata/com.android.art/dalvik-cache",
    "/linkerconfig/com.android.art/ld.config.txt",
    "/linkerconfig/ld.config.txt",
    "/odm",
    "/plat_property_contexts",
    "/product",
    "/property_contexts",
    "/storage/emulated/0",
    "/storage/self/primary",
    "/system",
    "/system_ext",
    "/vendor",
];

/// The host paths that `mode` shares, at their own places, where the host has them. `prefixed`: the guest is a Termux
/// itself, whose own prefix stands where the host's would.
pub fn shares(mode: Mode, termux: Option<&Termux>, prefixed: bool) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = Vec::new();
    if mode.is_private() {
        return paths;
    }
    if let (Mode::Default, Some(termux)) = (mode, termux) {
        if !prefixed {
            // First: the container itself lies there as a rule, and what is mounted in it by then comes along.
            let data = Path::new("/data/data").join(&termux.package);
            let covered = termux.prefix.starts_with(&data);
            paths.push(data);
            paths.extend((!covered).then(|| termux.prefix.clone()));
        }
        paths.extend(ANDROID.iter().map(PathBuf::from));
        paths.push("/sdcard".into());
    }
    paths.extend(CORE.iter().map(PathBuf::from));
    paths.push("/run".into());
    if mode == Mode::Default && termux.is_none() {
        paths.push("/tmp".into());
    }
    paths
}

/// What makes a mode's view. `shared` are those of [`shares`] that the host has, `dev` what is put together to a /dev
/// instead of sharing that. `terminals`: the kernel has some that the host does not see.
pub fn view(
    mode: Mode,
    namespaces: Namespaces,
    shared: &[Share],
    dev: Option<&[DevEntry]>,
    terminals: bool,
) -> Vec<Step> {
    if mode.is_private() {
        return private(namespaces, terminals);
    }
    let mut steps = Vec::new();
    for share in shared {
        match dev.filter(|_| share.target == Path::new("/dev")) {
            Some(entries) => steps.extend(put_together(entries)),
            // The host's would show its processes, under numbers that mean nothing inside.
            None if namespaces.pid && share.target == Path::new("/proc") => {
                steps.push(mount("proc", "/proc", DATA_ONLY, &[""]));
            }
            None => steps.push(bind(share)),
        }
    }
    steps
}

/// A /dev with the host's nodes and a /dev/shm.
fn put_together(entries: &[DevEntry]) -> Vec<Step> {
    let mut steps = vec![tmpfs("/dev".into(), NO_SUID, &["mode=755,size=65536k", "mode=755"])];
    for DevEntry { source, path, kind } in entries {
        let (path, directory) = (path.clone(), *kind == DevKind::Directory);
        steps.push(match kind {
            DevKind::Directory => Step::Directory { path: path.clone() },
            DevKind::Node => Step::File { path: path.clone() },
            DevKind::Link { to } => Step::Symlink { path: path.clone(), to: to.clone() },
        });
        if !matches!(kind, DevKind::Link { .. }) {
            let (source, restrict) = (source.clone(), Restrict::NONE);
            steps.push(Step::Bind { source, target: path, directory, restrict, required: false });
        }
    }
    steps.push(Step::Directory { path: "/dev/shm".into() });
    steps.push(tmpfs("/dev/shm".into(), DATA_ONLY, &["mode=1777"]));
    steps
}

const NO_SUID: Restrict = Restrict { no_suid: true, ..Restrict::NONE };
const DATA_ONLY: Restrict = Restrict { no_suid: true, no_dev: true, no_exec: true, ..Restrict::NONE };

fn tmpfs(target: PathBuf, restrict: Restrict, options: &[&str]) -> Step {
    let options = options.iter().map(ToString::to_string).collect();
    Step::Mount { kind: "tmpfs", target, restrict, options, required: true }
}

/// A directory of the user's own, for the sockets of a desktop, where the host's is not seen.
pub fn runtime_dir(view: &[Step], path: &Path, uid: u32, gid: u32) -> Vec<Step> {
    let mut steps = Vec::new();
    if in_fresh_tmpfs(view, path) {
        steps.push(Step::Directory { path: path.to_owned() });
    }
    steps.push(tmpfs(path.to_owned(), DATA_ONLY, &[&format!("mode=700,uid={uid},gid={gid}")]));
    steps
}

/// Has fresh filesystems belong to the users of a user namespace, whose user 0 is `first` on the host: they are mounted from
/// outside of it.
pub fn own(steps: &mut [Step], first: u32) {
    for step in steps {
        let Step::Mount { kind, options, .. } = step else { continue };
        for options in options {
            match *kind {
                "tmpfs" if !options.contains("uid=") => *options += &format!(",uid={first},gid={first}"),
                "devpts" => *options = options.replace("gid=5", &format!("gid={}", first + 5)),
                _ => {}
            }
        }
    }
}

/// What the user asked for on top of `view`.
pub fn extra(view: &[Step], binds: &[Share]) -> Vec<Step> {
    let mut steps = Vec::new();
    // A mount point in a tmpfs of ours is made there, before any host path stands below it.
    for bind in binds.iter().filter(|bind| in_fresh_tmpfs(view, &bind.target)) {
        let path = bind.target.clone();
        if bind.directory {
            steps.push(Step::Directory { path });
            continue;
        }
        if let Some(parent) = path.parent() {
            steps.push(Step::Directory { path: parent.to_owned() });
        }
        steps.push(Step::File { path });
    }
    steps.extend(binds.iter().map(bind));
    steps
}

fn bind(source: &Share) -> Step {
    Step::Bind {
        source: source.path.clone(),
        target: source.target.clone(),
        directory: source.directory,
        restrict: source.restrict,
        required: source.required,
    }
}

fn in_fresh_tmpfs(steps: &[Step], path: &Path) -> bool {
    steps.iter().any(|step| {
        matches!(step, Step::Mount { kind: "tmpfs", target, .. } if path != target && path.starts_with(target))
    })
}

/// The nodes every program expects (devices.txt of the kernel's documentation).
const DEVICES: [(&str, u32, u32); 6] =
    [("null", 1, 3), ("zero", 1, 5), ("full", 1, 7), ("random", 1, 8), ("urandom", 1, 9), ("tty", 5, 0)];

const LINKS: [(&str, &str); 4] = [
    ("/dev/fd", "/proc/self/fd"),
    ("/dev/stdin", "/proc/self/fd/0"),
    ("/dev/stdout", "/proc/self/fd/1"),
    ("/dev/stderr", "/proc/self/fd/2"),
];

/// Docker's defaults and a few more: what tells of the host's hardware, memory, keys and timing, or works on it.
const MASKED: [&str; 15] = [
    "/proc/acpi",
    "/proc/asound",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/kpagecgroup",
    "/proc/kpagecount",
    "/proc/kpageflags",
    "/proc/latency_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/sys/devices/virtual/powercap",
    "/sys/firmware",
];
const READ_ONLY: [&str; 6] =
    ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/pressure", "/proc/sys", "/proc/sysrq-trigger"];

fn mount(kind: &'static str, target: &str, restrict: Restrict, options: &[&str]) -> Step {
    let options = options.iter().map(ToString::to_string).collect();
    Step::Mount { kind, target: target.into(), restrict, options, required: true }
}

/// Pseudo-filesystems of the container's own.
fn private(namespaces: Namespaces, terminals: bool) -> Vec<Step> {
    let directory = |path: &str| Step::Directory { path: path.into() };
    let mut steps = vec![
        mount("proc", "/proc", DATA_ONLY, &[""]),
        mount("sysfs", "/sys", Restrict { read_only: true, ..DATA_ONLY }, &[""]),
        // A node that a guest makes there opens nothing.
        mount("tmpfs", "/dev", Restrict { no_dev: true, ..NO_SUID }, &["mode=755,size=65536k", "mode=755"]),
        Step::Devices { nodes: &DEVICES },
    ];
    steps.extend(LINKS.map(|(path, to)| Step::Symlink { path: path.into(), to: to.into() }));
    steps.push(directory("/dev/pts"));
    steps.extend(if terminals { own_terminals() } else { the_hosts_terminals() });
    steps.extend([directory("/dev/shm"), mount("tmpfs", "/dev/shm", DATA_ONLY, &["mode=1777"])]);
    if namespaces.ipc {
        steps.push(directory("/dev/mqueue"));
        steps.push(Step::Mount {
            kind: "mqueue",
            target: "/dev/mqueue".into(),
            restrict: DATA_ONLY,
            options: vec![String::new()],
            required: false,
        });
    }
    steps.extend(MASKED.map(|path| Step::Mask { path: path.into() }));
    steps.extend(READ_ONLY.map(|path| Step::ReadOnly { path: path.into() }));
    steps
}

/// Before Linux 4.7 an instance is private only when asked for; some kernels know no group there.
fn own_terminals() -> [Step; 2] {
    let options =
        ["newinstance,ptmxmode=0666,mode=620,gid=5", "newinstance,ptmxmode=0666,mode=620", "mode=620"];
    [
        Step::Symlink { path: "/dev/ptmx".into(), to: "pts/ptmx".into() },
        mount("devpts", "/dev/pts", Restrict { no_dev: false, ..DATA_ONLY }, &options),
    ]
}

/// Where there is one devpts for all: another mount of it would set its options anew, for the host too.
fn the_hosts_terminals() -> [Step; 2] {
    let (path, restrict) = (PathBuf::from("/dev/pts"), Restrict::NONE);
    [
        Step::Devices { nodes: &[("ptmx", 5, 2)] },
        Step::Bind { source: path.clone(), target: path, directory: true, restrict, required: true },
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn termux(prefix: &str) -> Termux {
        Termux { prefix: prefix.into(), home: "/h".into(), package: "com.termux".to_owned() }
    }

    #[test]
    fn each_mode_shares_what_is_documented() {
        let linux = |mode| shares(mode, None, false);
        assert_eq!(linux(Mode::Default), ["/dev", "/proc", "/sys", "/run", "/tmp"].map(PathBuf::from));
        assert_eq!(linux(Mode::Minimal), ["/dev", "/proc", "/sys", "/run"].map(PathBuf::from));
        assert!(linux(Mode::Isolated).is_empty());
        let phone = termux("/data/data/com.termux/files/usr");
        let android = shares(Mode::Default, Some(&phone), false);
        assert!(android.contains(&"/system".into()) && android.contains(&"/data/data/com.termux".into()));
        assert!(!android.contains(&"/tmp".into()) && !android.contains(&phone.prefix));
        assert!(shares(Mode::Default, Some(&termux("/elsewhere")), false).contains(&"/elsewhere".into()));
        assert_eq!(shares(Mode::Minimal, Some(&phone), false), linux(Mode::Minimal));
        assert!(shares(Mode::Isolated, Some(&phone), false).is_empty());
        let prefixed = shares(Mode::Default, Some(&phone), true);
        assert!(prefixed.contains(&"/system".into()));
        assert!(!prefixed.contains(&"/data/data/com.termux".into()));
    }
}
