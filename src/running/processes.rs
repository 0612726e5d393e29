//! One process: which one it is, what is known of it, and how it gets a signal. Who is inside a container is the business of
//! [`super::positions`].

use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustix::io::Errno;
use rustix::param::clock_ticks_per_second;
use rustix::process::{
    Pid, PidfdFlags, Signal, geteuid, kill_process, pidfd_open, pidfd_send_signal, test_kill_process,
};
use rustix::time::{ClockId, clock_gettime};

use crate::error::{Attempt, Result};

/// The longest line of descent believed in: a number that passes to another process could make a ring.
pub(super) const GENERATIONS: usize = 4096;

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
        Some(Process { pid, started: stat(pid)?.started })
    }

    /// Whether it still runs. One that waits to be reaped does not.
    pub fn alive(&self) -> bool {
        Process::of(self.pid) == Some(*self)
    }

    /// For how long it has run.
    pub fn uptime(&self) -> Duration {
        let now = clock_gettime(ClockId::Boottime);
        let since_boot = Duration::new(now.tv_sec.unsigned_abs(), now.tv_nsec.unsigned_abs() as u32);
        let ticks = clock_ticks_per_second().max(1);
        let part = self.started % ticks * 1000 / ticks;
        since_boot.saturating_sub(Duration::from_millis(self.started / ticks * 1000 + part))
    }

    /// Its effective user.
    pub fn uid(&self) -> Option<u32> {
        Some(fs::metadata(format!("/proc/{}", self.pid)).ok()?.uid())
    }

    /// Its command line; its name where it has none.
    pub fn command(&self) -> Vec<String> {
        let read = |file: &str| fs::read(format!("/proc/{}/{file}", self.pid)).unwrap_or_default();
        let text = |word: &[u8]| String::from_utf8_lossy(word).trim_end_matches('\n').to_owned();
        let line = read("cmdline");
        match line.strip_suffix(b"\0").unwrap_or(&line) {
            [] => vec![text(&read("comm"))],
            words => words.split(|&byte| byte == 0).map(text).collect(),
        }
    }

    /// Whether it is, or comes from, one of these.
    pub(super) fn descends_from(&self, ancestors: &[u32]) -> bool {
        let mut pid = self.pid;
        for _ in 0..GENERATIONS {
            if ancestors.contains(&pid) {
                return true;
            }
            match stat(pid) {
                Some(found) if found.parent != 0 => pid = found.parent,
                _ => return false,
            }
        }
        false
    }

    /// What it runs.
    pub(super) fn program(&self) -> Program {
        let program =
            |pid: &str| fs::metadata(format!("/proc/{pid}/exe")).map(|found| (found.dev(), found.ino()));
        match program(&self.pid.to_string()) {
            Ok(found) if program("self").is_ok_and(|ours| ours == found) => Program::Ours,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Program::Gone,
            _ => Program::Another,
        }
    }

    /// Sends it a signal; that it has ended is no error.
    pub(super) fn signal(&self, signal: Signal) -> Result<()> {
        signal_if(self.pid, &|| self.alive(), signal)
    }
}

/// Sends a signal to the process that has this number and of which `is_it` holds; that there is none is no error.
pub(super) fn signal_if(pid: u32, is_it: &dyn Fn() -> bool, signal: Signal) -> Result<()> {
    let Some(number) = pid_of(pid) else { return Ok(()) };
    // Opened before it is looked at, so that the number cannot pass to another in between.
    let pidfd = handle(number);
    if !is_it() {
        return Ok(());
    }
    let sent = match &pidfd {
        Some(pidfd) => pidfd_send_signal(pidfd, signal),
        None => kill_process(number, signal),
    };
    match sent {
        Err(Errno::SRCH) => Ok(()),
        sent => sent.attempt(format_args!("signal process {pid}")),
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

fn pid_of(number: u32) -> Option<Pid> {
    i32::try_from(number).ok().and_then(Pid::from_raw)
}

/// Whether the process may run although `/proc` does not show it to us, as Android's `hidepid` has it. Root sees all.
pub(super) fn may_be_hidden(pid: u32) -> bool {
    !geteuid().is_root()
        && fs::read(format!("/proc/{pid}/stat")).is_err()
        && pid_of(pid).is_some_and(|pid| test_kill_process(pid) == Err(Errno::PERM))
}

/// What a process runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Program {
    /// This one: PID 1 of an isolated container, or a session that is not yet its guest's.
    Ours,
    /// The guest's, or one that we may not look at.
    Another,
    /// Nothing any more: it is about to end.
    Gone,
}

/// What is asked of proc_pid_stat(5).
struct Stat {
    parent: u32,
    started: u64,
}

/// The number of a process's parent.
pub(super) fn parent(pid: u32) -> Option<u32> {
    stat(pid).map(|stat| stat.parent)
}

fn stat(pid: u32) -> Option<Stat> {
    Stat::parse(&fs::read(format!("/proc/{pid}/stat")).ok()?)
}

impl Stat {
    /// Fields 4 and 22; the second is a name in parentheses with anything in it. `None` for a zombie.
    fn parse(stat: &[u8]) -> Option<Stat> {
        let after = stat.iter().rposition(|&byte| byte == b')')? + 1;
        let text = std::str::from_utf8(stat.get(after..)?).ok()?;
        let mut fields = text.split_ascii_whitespace();
        if matches!(fields.next()?, "Z" | "X") {
            return None;
        }
        Some(Stat { parent: fields.next()?.parse().ok()?, started: fields.nth(17)?.parse().ok()? })
    }
}

/// The mount namespace of a process, as an inode number of nsfs.
pub fn mount_namespace(pid: u32) -> Option<u64> {
    Some(fs::metadata(format!("/proc/{pid}/ns/mnt")).ok()?.ino())
}

#[cfg(test)]
mod tests {
    use std::process::{Child, Command};

    use super::*;

    #[test]
    fn a_name_cannot_forge_the_start_time() {
        let stat = b"7 (a) Z 1 (b)) S 1 7 7 0 -1 4 1 0 0 0 0 0 0 0 20 0 1 0 4242 1 1";
        let found = Stat::parse(stat).unwrap();
        assert_eq!((found.parent, found.started), (1, 4242));
        assert!(Stat::parse(b"7 (a) Z 1 7 7 0 -1 4 1 0 0 0 0 0 0 0 20 0 1 0 4242").is_none());
        assert!(Stat::parse(b"7 (a").is_none());
    }

    fn sleeper() -> Child {
        Command::new("sleep").arg("60").spawn().unwrap()
    }

    #[test]
    fn tells_of_a_process_what_ps_shows() {
        let mut child = sleeper();
        let process = Process::of(child.id()).unwrap();
        // Until it has become `sleep` it has our command line, or none.
        while process.program() != Program::Another || process.command().len() < 2 {
            std::thread::yield_now();
        }
        assert_eq!(process.command(), ["sleep", "60"]);
        assert_eq!(process.uid(), Some(geteuid().as_raw()));
        assert!(process.uptime() < Duration::from_secs(60));
        let own = std::process::id();
        assert!(process.descends_from(&[own]) && process.descends_from(&[child.id()]));
        assert!(!Process::of(own).unwrap().descends_from(&[child.id()]));
        assert_eq!(Process::of(own).unwrap().program(), Program::Ours);
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(!may_be_hidden(child.id()));
    }
}
