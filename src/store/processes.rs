//! The processes inside a container, and how to end them.
//!
//! No list of ours is believed for this: a process is inside when its root is the container's, or when it is in
//! the mount namespace of one of its sessions. That also finds what a session left running in the background.

use std::fs;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open, pidfd_send_signal};

use crate::error::{Attempt, Error, Kind, Result};

/// How long SIGTERM is given before SIGKILL: documented, two seconds.
const GRACE: Duration = Duration::from_secs(2);
/// How long SIGKILL is given: only a process stuck in the kernel outlives it.
const LAST_GRACE: Duration = Duration::from_secs(5);

/// One process, told apart from a later one with the same number by when it started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Process {
    /// As this process sees it.
    pub pid: u32,
    /// Clock ticks from boot to its start.
    pub started: u64,
}

impl Process {
    /// The process that has this number now.
    pub fn of(pid: u32) -> Option<Process> {
        let stat = fs::read(format!("/proc/{pid}/stat")).ok()?;
        Some(Process { pid, started: start_ticks(&stat)? })
    }

    /// Whether it still runs. One that waits to be reaped does not.
    pub fn alive(&self) -> bool {
        Process::of(self.pid) == Some(*self)
    }

    fn signal(&self, signal: Signal) -> Result<()> {
        let Some(pid) = i32::try_from(self.pid).ok().and_then(Pid::from_raw) else { return Ok(()) };
        // Opened before it is looked at, so that the number cannot pass to another in between.
        let pidfd = handle(pid);
        if !self.alive() {
            return Ok(());
        }
        let sent = match &pidfd {
            Some(pidfd) => pidfd_send_signal(pidfd, signal),
            None => kill_process(pid, signal),
        };
        match sent {
            Err(Errno::SRCH) => Ok(()),
            sent => sent.attempt(|| format!("signal process {}", self.pid)),
        }
    }
}

/// A pidfd; `None` before Linux 5.3 and where a seccomp filter of that age refuses it.
fn handle(pid: Pid) -> Option<OwnedFd> {
    static MISSING: AtomicBool = AtomicBool::new(false);
    if MISSING.load(Ordering::Relaxed) {
        return None;
    }
    let opened = pidfd_open(pid, PidfdFlags::empty());
    if matches!(opened, Err(Errno::NOSYS | Errno::PERM)) {
        MISSING.store(true, Ordering::Relaxed);
    }
    opened.ok()
}

/// Field 22 of proc_pid_stat(5); the second is a name in parentheses with anything in it. `None` for a zombie.
fn start_ticks(stat: &[u8]) -> Option<u64> {
    let after = stat.iter().rposition(|&byte| byte == b')')? + 1;
    let text = std::str::from_utf8(&stat[after..]).ok()?;
    let mut fields = text.split_ascii_whitespace();
    let state = fields.next()?;
    if matches!(state, "Z" | "X") {
        return None;
    }
    fields.nth(18)?.parse().ok()
}

/// The mount namespace of a process, as an inode number of nsfs.
pub fn mount_namespace(pid: u32) -> Option<u64> {
    Some(fs::metadata(format!("/proc/{pid}/ns/mnt")).ok()?.ino())
}

/// Every process number there is.
fn all() -> Result<Vec<u32>> {
    let entries = fs::read_dir("/proc").attempt(|| "list '/proc'")?;
    Ok(entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect())
}

/// Every process that we may look at, where it stands: one look at `/proc` for any number of questions.
pub(super) struct Snapshot(Vec<(u32, (u64, u64), Option<u64>)>);

impl Snapshot {
    /// Looks, leaving out ourselves.
    pub(super) fn take() -> Result<Snapshot> {
        let own = std::process::id();
        let look = |pid: u32| {
            let root = fs::metadata(format!("/proc/{pid}/root")).ok()?;
            Some((pid, (root.dev(), root.ino()), mount_namespace(pid)))
        };
        Ok(Snapshot(all()?.into_iter().filter(|&pid| pid != own).filter_map(look).collect()))
    }

    /// The processes whose root is the directory `root` (device, inode) or whose mount namespace is in
    /// `namespaces`, our own namespace excepted.
    pub(super) fn inside(&self, root: (u64, u64), namespaces: &[u64]) -> Vec<Process> {
        let own = mount_namespace(std::process::id());
        let is_inside = |at: (u64, u64), namespace: Option<u64>| {
            at == root || (namespace != own && namespace.is_some_and(|found| namespaces.contains(&found)))
        };
        let inside = self.0.iter().filter(|(_, at, namespace)| is_inside(*at, *namespace));
        inside.filter_map(|(pid, ..)| Process::of(*pid)).collect()
    }
}

/// Ends what `find` finds, again and again until it finds nothing: SIGTERM, two seconds, SIGKILL.
/// `Busy` names who survived.
pub(super) fn end(find: &dyn Fn() -> Result<Vec<Process>>) -> Result<()> {
    let begun = Instant::now();
    let mut asked: Vec<Process> = Vec::new();
    loop {
        let found = find()?;
        if found.is_empty() {
            return Ok(());
        }
        if begun.elapsed() > GRACE + LAST_GRACE {
            let pids: Vec<_> = found.iter().map(|process| process.pid.to_string()).collect();
            return Err(Error::new(Kind::Busy, format!("processes do not end: {}", pids.join(", ")))
                .hint("they wait for the kernel, perhaps for a disk or a network filesystem"));
        }
        let kill = begun.elapsed() > GRACE;
        for process in found {
            if kill {
                process.signal(Signal::KILL)?;
            } else if !asked.contains(&process) {
                process.signal(Signal::TERM)?;
                asked.push(process);
            }
        }
        thread::sleep(Duration::from_millis(20));
    }
}

#[cfg(test)]
mod tests {
    use std::process::{Child, Command, Stdio};

    use super::*;

    #[test]
    fn a_name_cannot_forge_the_start_time() {
        let stat = b"7 (a) Z 1 (b)) S 1 7 7 0 -1 4 1 0 0 0 0 0 0 0 20 0 1 0 4242 1 1";
        assert_eq!(start_ticks(stat), Some(4242));
        assert_eq!(start_ticks(b"7 (a) Z 1 7 7 0 -1 4 1 0 0 0 0 0 0 0 20 0 1 0 4242"), None);
        assert_eq!(start_ticks(b"7 (a"), None);
    }

    fn sleeper(script: &str) -> Child {
        Command::new("sh").args(["-c", script]).stdout(Stdio::piped()).spawn().unwrap()
    }

    #[test]
    fn ends_the_polite_and_the_stubborn() {
        for script in ["sleep 60", "trap '' TERM; echo; while :; do sleep 1; done"] {
            let mut child = sleeper(script);
            let process = Process::of(child.id()).unwrap();
            end(&|| Ok(Some(process).filter(Process::alive).into_iter().collect())).unwrap();
            assert!(!process.alive());
            child.wait().unwrap();
        }
    }

    #[test]
    fn sees_a_process_by_its_root_but_never_itself() {
        let root = fs::metadata("/").unwrap();
        let root = (root.dev(), root.ino());
        let mut child = sleeper("sleep 60");
        let snapshot = Snapshot::take().unwrap();
        let found = snapshot.inside(root, &[]);
        assert!(found.iter().any(|process| process.pid == child.id()));
        assert!(found.iter().all(|process| process.pid != std::process::id()));
        assert!(snapshot.inside((0, 0), &[]).is_empty());
        child.kill().unwrap();
        child.wait().unwrap();
    }
}
