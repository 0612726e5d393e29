//! Who is inside a container: its sessions, the processes that no record speaks of, and how they are made to leave.

use std::cell::RefCell;
use std::ffi::OsString;
use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::time::Duration;

use rustix::process::Signal;

use super::ending::{self, Silence};
use super::hunt::{Doomed, Hunt};
use super::lasting::Lasting;
use super::positions::{self, Evidence, Snapshot};
use super::processes::{Process, Program};
use super::records::{self, Registration, Session, Variables};
use crate::cgroup::{self, Mark};
use crate::error::{Attempt, Result};
use crate::report::Report;
use crate::store::{Container, Store};
use crate::sys::signal;

/// Who uses a container.
#[derive(Debug)]
pub struct Usage {
    /// Its live sessions, oldest first.
    pub sessions: Vec<Session>,
    /// The processes inside, those of the sessions too. Without root, only the caller's own.
    pub processes: Vec<Process>,
    /// Those of the processes that come from no session, oldest first: what sessions left running, or another
    /// program's. Their children are not listed.
    pub strays: Vec<Process>,
    /// `PID command` of whoever holds it for itself.
    pub holder: Option<String>,
}

impl Store {
    /// Every container with who uses it, from one look at the processes.
    pub fn usages(&self) -> Result<Vec<(Container, Usage)>> {
        cgroup::sweep();
        let snapshot = Snapshot::take()?;
        let live = self.sessions()?;
        let with_usage = |container: Container| {
            let usage = container.usage(&snapshot, &live)?;
            Ok((container, usage))
        };
        let mut usages: Vec<_> = self.containers()?.into_iter().map(with_usage).collect::<Result<_>>()?;
        if usages.iter().any(|(_, usage)| !usage.strays.is_empty()) {
            // A session is inside before it is recorded, and recorded before it is the guest's: a second look at the
            // records knows who was about to begin.
            let later = self.sessions()?;
            usages.iter_mut().for_each(|(container, usage)| usage.forget_sessions(&of(&later, container)));
        }
        Ok(usages)
    }

    /// The live sessions of all containers, oldest first.
    pub fn sessions(&self) -> Result<Vec<Session>> {
        records::live(&self.records())
    }
}

impl Usage {
    /// Takes from the strays those that are no strays beside these sessions.
    fn forget_sessions(&mut self, sessions: &[Session]) {
        let strays = strays(&self.processes, sessions);
        self.strays.retain(|stray| strays.contains(stray));
    }
}

/// Those of a container.
fn of(sessions: &[Session], container: &Container) -> Vec<Session> {
    sessions.iter().filter(|session| session.container == *container.name()).cloned().collect()
}

impl Container {
    /// Its live sessions, oldest first.
    pub fn sessions(&self) -> Result<Vec<Session>> {
        let mut live = records::live(&self.records())?;
        live.retain(|session| session.container == *self.name());
        Ok(live)
    }

    /// Records a session of this container, with the variables that it was given, and forgets the remembered size. The
    /// record goes when it is dropped; a process that executes the guest leaves it to stand for it. A full disk has no room for
    /// one: `report` is told, for who cannot enter cannot delete anything. `None`: it has ended already.
    pub fn register_session(
        &self,
        session: &Session,
        variables: &[(OsString, OsString)],
        report: &dyn Report,
    ) -> Result<Option<Registration>> {
        self.touch()?;
        let in_group = positions::is_in_cgroup(session.pid, &self.mark()?);
        // Who joins is not there yet: the first session has recorded it.
        let is_there = |lasting: &Lasting| Some(lasting.inode) == session.mount_namespace;
        let lasting = if in_group { None } else { Lasting::of(session.pid).filter(is_there) };
        records::register(&self.records(), session, variables, lasting, report)
    }

    /// The variables that this user's live sessions in it were given; those of later ones win. What one user was told, a token
    /// perhaps, is not for another.
    pub fn session_variables(&self, user: &str) -> Result<Variables> {
        records::variables(&self.records(), self.name(), user)
    }

    /// The processes inside, with or without a record.
    pub fn processes(&self) -> Result<Vec<Process>> {
        Ok(Snapshot::take()?.inside(&self.evidence(&self.sessions()?)?))
    }

    /// The processes whose root is the container's own, and no other: those that a session can join.
    pub fn at_home(&self) -> Result<Vec<Process>> {
        positions::at_root(self.root_id()?)
    }

    fn mark(&self) -> Result<Mark> {
        Mark::of(&self.rootfs()?).attempt("look at its root")
    }

    /// Device and inode of its root.
    fn root_id(&self) -> Result<(u64, u64)> {
        let root = self.rootfs()?.as_fd().try_clone_to_owned().map(File::from);
        let root = root.and_then(|root| root.metadata()).attempt("look at its root")?;
        Ok((root.dev(), root.ino()))
    }

    /// By what its processes are known; `sessions` are this container's.
    fn evidence(&self, sessions: &[Session]) -> Result<Evidence> {
        let sessions = sessions
            .iter()
            .flat_map(|session| {
                let pids = [Some(session.pid), session.first_process].into_iter().flatten();
                pids.zip(session.mount_namespace.into_iter().cycle())
            })
            .collect();
        let lasting = records::lasting(&self.records(), self.name())?;
        Ok(Evidence { root: self.root_id()?, mark: self.mark()?, sessions, lasting })
    }

    /// Who uses it; `live` are the sessions of all containers, read after the snapshot was taken: so a process of a new
    /// session is not mistaken for a stray.
    fn usage(&self, snapshot: &Snapshot, live: &[Session]) -> Result<Usage> {
        let sessions = of(live, self);
        let processes = snapshot.inside(&self.evidence(&sessions)?);
        Ok(Usage { strays: strays(&processes, &sessions), sessions, processes, holder: self.holder() })
    }

    /// Whether nobody is inside, as far as is seen.
    pub fn is_quiet(&self) -> Result<bool> {
        let mut silence = Silence::default();
        loop {
            let doomed = All(self).find()?;
            if !doomed.sessions.is_empty() || !doomed.is_empty {
                return Ok(false);
            }
            if silence.is_enough(doomed.is_whole) {
                return Ok(true);
            }
        }
    }

    /// Bytes on disk. Walked once, then remembered until a session or a command changes the tree.
    pub fn size(&self) -> Result<u64> {
        self.measure(&|| self.is_quiet())
    }

    /// Whether somebody is inside, but in none of its cgroups, as where this machine has none that can be written. Then who
    /// has left its root by pivot_root(2) may be inside too, and is not seen.
    pub fn may_hide(&self) -> Result<bool> {
        let sessions = self.sessions()?;
        let evidence = self.evidence(&sessions)?;
        let snapshot = Snapshot::take()?;
        let in_group = |process: &Process| positions::is_in_cgroup(process.pid, &evidence.mark);
        let ends_with_first = sessions.iter().any(|session| session.first_process.is_some());
        let processes = snapshot.inside(&evidence);
        Ok(!ends_with_first && !processes.is_empty() && !processes.iter().any(in_group))
    }

    /// Ends every process inside: asks, waits for `grace`, kills. `Busy` names who survived.
    pub fn end(&self, grace: Duration) -> Result<()> {
        ending::end(&All(self), self.stop_signal(), grace)
            .attempt(format_args!("end what runs in '{}'", self.name()))?;
        cgroup::sweep();
        Ok(())
    }

    /// Ends one process, as a rule a session's, with what it has started, as far as that is inside.
    pub fn end_one(&self, pid: u32, grace: Duration) -> Result<()> {
        let family = Family { container: self, pid, pids: RefCell::new(vec![pid]) };
        ending::end(&family, self.stop_signal(), grace)
            .attempt(format_args!("end process {pid} in '{}'", self.name()))
    }

    /// What the image wants its program to be asked with.
    fn stop_signal(&self) -> Signal {
        let config = self.provenance().ok().flatten().map(|provenance| provenance.config());
        config.and_then(|config| signal::named(config.stop_signal()?)).unwrap_or(Signal::TERM)
    }
}

/// Everybody inside.
struct All<'a>(&'a Container);

impl Hunt for All<'_> {
    fn find(&self) -> Result<Doomed> {
        let sessions = self.0.sessions()?;
        let evidence = self.0.evidence(&sessions)?;
        let snapshot = Snapshot::take()?;
        let numbers = snapshot.numbers(&evidence);
        let mut processes: Vec<Process> = numbers.iter().copied().filter_map(Process::of).collect();
        processes.extend(arriving(&sessions, &processes));
        let mut groups = snapshot.groups(&evidence.mark);
        // One that we are in ourselves is not ended as a whole.
        let ours = positions::is_in_cgroup(std::process::id(), &evidence.mark);
        groups.retain(|group| !ours && group.is_populated());
        let is_empty = processes.is_empty() && numbers.is_empty() && groups.is_empty();
        Ok(Doomed { processes, sessions, groups, is_empty, is_whole: snapshot.is_whole })
    }

    fn signal_on_sight(&self, signal: Signal) -> Result<()> {
        positions::signal_on_sight(&self.0.evidence(&[])?, signal)
    }

    fn is_in_group(&self, pid: u32) -> bool {
        self.0.mark().is_ok_and(|mark| positions::is_in_cgroup(pid, &mark))
    }
}

/// One process and what it has started.
struct Family<'a> {
    container: &'a Container,
    pid: u32,
    /// The first one, and those that were found by the last look: children whose parent is gone are known from then.
    pids: RefCell<Vec<u32>>,
}

impl Hunt for Family<'_> {
    fn find(&self) -> Result<Doomed> {
        let mut sessions = self.container.sessions()?;
        sessions.retain(|session| session.pid == self.pid);
        let mut processes = self.container.processes()?;
        processes.extend(arriving(&sessions, &processes));
        let mut family = self.pids.borrow_mut();
        processes.retain(|process| process.descends_from(&family));
        family.splice(1.., processes.iter().map(|process| process.pid));
        Ok(Doomed {
            is_empty: processes.is_empty(),
            processes,
            sessions,
            is_whole: true,
            ..Doomed::default()
        })
    }
}

/// Sessions of ours that are recorded but not inside yet.
fn arriving(sessions: &[Session], inside: &[Process]) -> Vec<Process> {
    let outside = |pid: &u32| inside.iter().all(|process| process.pid != *pid);
    let pids = sessions.iter().map(|session| session.pid).filter(outside);
    pids.filter_map(Process::of).filter(|process| process.program() == Program::Ours).collect()
}

/// The processes that come neither from a session nor from one another. PID 1 of an isolated container is ours, and
/// the parent of whom others left behind.
fn strays(processes: &[Process], sessions: &[Session]) -> Vec<Process> {
    let is_first = |pid: u32| sessions.iter().any(|session| session.first_process == Some(pid));
    let mut others = processes.to_vec();
    others.retain(|process| !is_first(process.pid) && process.program() == Program::Another);
    others.sort_by_key(|process| (process.started, process.pid));
    let pids: Vec<u32> =
        sessions.iter().map(|session| session.pid).chain(others.iter().map(|other| other.pid)).collect();
    let is_stray = |process: &&Process| {
        let ancestors: Vec<u32> = pids.iter().copied().filter(|&pid| pid != process.pid).collect();
        let is_session = sessions.iter().any(|session| session.pid == process.pid);
        !is_session && !process.descends_from(&ancestors) && process.alive()
    };
    others.iter().filter(is_stray).copied().collect()
}
