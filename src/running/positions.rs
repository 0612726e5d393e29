//! Who is inside a container: every process by where it stands.
//!
//! No list of ours is believed for this. A process is inside when
//!
//! - it is in a cgroup of the container's (a session enters one; no change of root leads out of it),
//! - its root is the container's, or below that: seen by climbing,
//! - it is in the mount namespace of a session, or in one whose uppermost directory is the container's root, or
//! - it comes from such a process.
//!
//! Without a cgroup one escapes notice: who has gone to a root of its own by pivot_root(2), when neither its parent
//! nor anybody else of its namespace is there any more.

use std::cell::OnceCell;
use std::collections::{HashMap, HashSet};
use std::os::unix::fs::MetadataExt;
use std::{fs, io};

use rustix::process::Signal;

use super::climb::{self, Id};
use super::lasting;
use super::processes::{GENERATIONS, Process, mount_namespace, parent, signal_if};
use crate::cgroup::{self, Group, Mark};
use crate::error::{Attempt, Error, Result};

/// By what the processes of one container are known.
#[derive(Debug)]
pub(super) struct Evidence {
    /// Its root.
    pub(super) root: Id,
    /// The name of its cgroups.
    pub(super) mark: Mark,
    /// The process of each live session and the mount namespace that it began in.
    pub(super) sessions: Vec<(u32, u64)>,
    /// Mount namespaces of sessions that have ended.
    pub(super) lasting: Vec<u64>,
}

/// How often a look begins anew for those who came meanwhile, and how often one that is to catch them.
const ROUNDS: usize = 8;
const CHASE: usize = 100;

/// Calls `look` for every process but this one, the newest first: who is just being born is looked at before it has gone.
/// Then for those that are new since, `rounds` times or until there are none: whoever forks and ends meanwhile is found by
/// one of its children.
fn each(rounds: usize, look: &mut dyn FnMut(u32) -> Result<()>) -> Result<()> {
    let mut seen = HashSet::from([std::process::id()]);
    for _ in 0..rounds {
        let new: Vec<u32> = all()?.into_iter().filter(|&pid| seen.insert(pid)).collect();
        if new.is_empty() {
            break;
        }
        new.into_iter().try_for_each(&mut *look)?;
    }
    Ok(())
}

fn all() -> Result<Vec<u32>> {
    let entries = fs::read_dir("/proc").attempt("list '/proc'")?;
    let mut all: Vec<u32> =
        entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    if all.is_empty() {
        // Where it is mounted, this process itself is there.
        return Err(Error::io("find a process in '/proc'", rustix::io::Errno::NOENT.into()));
    }
    // The last field is the number that was given last (proc_loadavg(5)); those above it are older: numbers begin anew.
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let last = text.split_ascii_whitespace().last().and_then(|field| field.parse().ok()).unwrap_or(u32::MAX);
    all.sort_unstable_by_key(|&pid| last.wrapping_sub(pid));
    Ok(all)
}

/// Every process that we may look at, where it stands: one look at `/proc` for any number of questions.
pub(super) struct Snapshot {
    positions: Vec<Position>,
    host: Host,
    /// Whether nobody was gone before it was looked at: who forks and ends may have been among those.
    pub(super) is_whole: bool,
}

/// What is nobody's, whatever a record says.
struct Host {
    namespaces: [Option<u64>; 2],
    root: Option<Id>,
}

/// Where a process stands.
struct Position {
    pid: u32,
    /// None where we may not look.
    root: Option<Id>,
    namespace: Option<u64>,
    /// `/proc/PID/cgroup`, which everybody may read.
    cgroup: Vec<u8>,
    /// Its root and all above, once somebody has asked.
    above: OnceCell<Vec<Id>>,
}

impl Host {
    fn here() -> Host {
        Host { namespaces: lasting::hosts(), root: root("self").ok() }
    }
}

fn root(process: &str) -> io::Result<Id> {
    let found = fs::metadata(format!("/proc/{process}/root"))?;
    Ok((found.dev(), found.ino()))
}

impl Position {
    /// None when it is gone, waits to be reaped, or is hidden from us.
    fn of(pid: u32) -> Option<Position> {
        let root = match root(&pid.to_string()) {
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => None,
            root => Some(root.ok()?),
        };
        let cgroup = fs::read(format!("/proc/{pid}/cgroup")).unwrap_or_default();
        Some(Position { pid, root, namespace: mount_namespace(pid), cgroup, above: OnceCell::new() })
    }

    fn above(&self) -> &[Id] {
        self.above.get_or_init(|| climb::above(self.pid))
    }

    /// Whether its root is this directory, or below it.
    fn is_below(&self, root: Id, host: &Host) -> bool {
        self.root == Some(root)
            || (self.root.is_some() && self.root != host.root && self.above().contains(&root))
    }

    /// Whether it is inside by itself, whoever its parents are.
    fn is_inside(&self, evidence: &Evidence, namespaces: &[u64], host: &Host) -> bool {
        evidence.mark.is_in(&self.cgroup)
            || self.namespace.is_some_and(|namespace| namespaces.contains(&namespace))
            || self.is_below(evidence.root, host)
    }
}

impl Snapshot {
    /// Looks, leaving out ourselves.
    pub(super) fn take() -> Result<Snapshot> {
        let mut snapshot = Snapshot { positions: Vec::new(), host: Host::here(), is_whole: true };
        each(ROUNDS, &mut |pid| {
            let position = Position::of(pid);
            snapshot.is_whole &= position.is_some();
            snapshot.positions.extend(position);
            Ok(())
        })?;
        Ok(snapshot)
    }

    /// The processes that are inside, but for those that have ended since.
    pub(super) fn inside(&self, evidence: &Evidence) -> Vec<Process> {
        self.numbers(evidence).into_iter().filter_map(Process::of).collect()
    }

    /// Their numbers, also of those that have ended since.
    pub(super) fn numbers(&self, evidence: &Evidence) -> Vec<u32> {
        let namespaces = self.namespaces(evidence);
        let is_inside = |position: &&Position| position.is_inside(evidence, &namespaces, &self.host);
        let mut inside: HashSet<u32> =
            self.positions.iter().filter(is_inside).map(|position| position.pid).collect();
        if !inside.is_empty() {
            self.add_descendants(&mut inside);
        }
        let mut inside: Vec<u32> = inside.into_iter().collect();
        inside.sort_unstable();
        inside
    }

    /// The cgroups of the container, as far as they are known: those that a process is in, and those that an own session
    /// would enter.
    pub(super) fn groups(&self, mark: &Mark) -> Vec<Group> {
        cgroup::groups(mark, self.positions.iter().map(|position| position.cgroup.as_slice()))
    }

    /// The mount namespaces that are the container's: those of its sessions, and those that have no directory above
    /// its root. (A namespace of the host's that somebody has only changed root in has.)
    ///
    /// A session's counts only while its process still is in it: its number may pass to another one. That of the host
    /// and our own never count.
    fn namespaces(&self, evidence: &Evidence) -> Vec<u64> {
        let is_in = |pid: u32, namespace: u64| {
            self.positions.iter().any(|position| position.pid == pid && position.namespace == Some(namespace))
        };
        let began = evidence.sessions.iter().filter(|(pid, began)| is_in(*pid, *began));
        let mut all: Vec<u64> =
            began.map(|(_, began)| *began).chain(evidence.lasting.iter().copied()).collect();
        for position in self.positions.iter().filter(|position| position.is_below(evidence.root, &self.host))
        {
            let known = position.namespace.is_none_or(|namespace| all.contains(&namespace));
            if !known && position.above().last() == Some(&evidence.root) {
                all.extend(position.namespace);
            }
        }
        all.retain(|namespace| !self.host.namespaces.contains(&Some(*namespace)));
        all
    }

    /// Adds those that come from one of `inside`.
    fn add_descendants(&self, inside: &mut HashSet<u32>) {
        let others = self.positions.iter().map(|position| position.pid).filter(|pid| !inside.contains(pid));
        let parents: HashMap<u32, u32> = others.filter_map(|pid| Some((pid, parent(pid)?))).collect();
        let comes_from_inside = |pid: &u32| {
            let line = std::iter::successors(Some(*pid), |pid| parents.get(pid).copied());
            line.take(GENERATIONS).any(|pid| inside.contains(&pid))
        };
        let found: Vec<u32> = parents.keys().copied().filter(comes_from_inside).collect();
        inside.extend(found);
    }
}

/// Sends `signal` to each process that is inside by itself, at once when it is seen: for those that do not live until a
/// [`Snapshot`] is done.
pub(super) fn signal_on_sight(evidence: &Evidence, signal: Signal) -> Result<()> {
    let host = Host::here();
    each(CHASE, &mut |pid| {
        let is_it = || {
            Position::of(pid).is_some_and(|position| position.is_inside(evidence, &evidence.lasting, &host))
        };
        if is_it() { signal_if(pid, &is_it, signal) } else { Ok(()) }
    })
}

/// The processes whose root is this directory.
pub(super) fn at_root(id: Id) -> Result<Vec<Process>> {
    let own = std::process::id();
    let is_there = |pid: &u32| *pid != own && root(&pid.to_string()).ok() == Some(id);
    Ok(all()?.into_iter().filter(is_there).filter_map(Process::of).collect())
}

/// Whether a process is in a cgroup of this name.
pub(super) fn is_in_cgroup(pid: u32, mark: &Mark) -> bool {
    fs::read(format!("/proc/{pid}/cgroup")).is_ok_and(|text| mark.is_in(&text))
}

#[cfg(test)]
mod tests {
    use std::process::{Child, Command};

    use super::*;
    use crate::rootfs::Rootfs;
    use crate::testing::TempDir;

    fn sleeper() -> Child {
        Command::new("sleep").arg("60").spawn().unwrap()
    }

    fn evidence(root: Id, sessions: &[(u32, u64)]) -> Evidence {
        let nobody = Mark::of(&Rootfs::new(TempDir::new().open())).unwrap();
        Evidence { root, mark: nobody, sessions: sessions.to_vec(), lasting: Vec::new() }
    }

    #[test]
    fn sees_a_process_by_its_root_but_never_itself() {
        let root = root("self").unwrap();
        let mut child = sleeper();
        let snapshot = Snapshot::take().unwrap();
        let found = snapshot.inside(&evidence(root, &[]));
        assert!(found.iter().any(|process| process.pid == child.id()));
        assert!(found.iter().all(|process| process.pid != std::process::id()));
        assert!(snapshot.inside(&evidence((0, 0), &[])).is_empty());
        // The host's mount namespace is nobody's session, whatever a record says.
        let host = mount_namespace(child.id()).unwrap();
        assert!(snapshot.inside(&evidence((0, 0), &[(child.id(), host)])).is_empty());
        child.kill().unwrap();
        child.wait().unwrap();
    }
}
