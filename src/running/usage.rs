//! Who is inside a container: its sessions, the processes that no record speaks of, and how they are made to leave.

use std::cell::RefCell;
use std::ffi::OsString;
use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::time::Duration;

use rustix::process::Signal;

use super::ending::{self, Doomed};
use super::processes::{Process, Program, Snapshot};
use super::records::{self, Registration, Session, Variables};
use crate::error::{Attempt, Result};
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
        let snapshot = Snapshot::take()?;
        let live = self.sessions()?;
        let with_usage = |container: Container| {
            let usage = container.usage(&snapshot, &live)?;
            Ok((container, usage))
        };
        self.containers()?.into_iter().map(with_usage).collect()
    }

    /// The live sessions of all containers, oldest first.
    pub fn sessions(&self) -> Result<Vec<Session>> {
        records::live(&self.records())
    }
}

impl Container {
    /// Its live sessions, oldest first.
    pub fn sessions(&self) -> Result<Vec<Session>> {
        let mut live = records::live(&self.records())?;
        live.retain(|session| session.container == *self.name());
        Ok(live)
    }

    /// Records a session of this container, with the variables that it was given, and forgets the remembered size. The
    /// record goes when it is dropped; a process that executes the guest leaves it to stand for it.
    pub fn register_session(
        &self,
        session: &Session,
        variables: &[(OsString, OsString)],
    ) -> Result<Registration> {
        self.touch()?;
        records::register(&self.records(), session, variables)
    }

    /// The variables that its live sessions were given; those of later ones win.
    pub fn session_variables(&self) -> Result<Variables> {
        records::variables(&self.records(), self.name())
    }

    /// The processes inside, with or without a record. Without root, only the caller's own are seen.
    pub fn processes(&self) -> Result<Vec<Process>> {
        self.processes_of(&Snapshot::take()?, &self.sessions()?)
    }

    /// Those of the processes that are inside; `sessions` are this container's.
    fn processes_of(&self, snapshot: &Snapshot, sessions: &[Session]) -> Result<Vec<Process>> {
        let root = self.rootfs()?.as_fd().try_clone_to_owned().map(File::from);
        let root = root.and_then(|root| root.metadata()).attempt(|| "look at its root")?;
        let namespaces: Vec<(u32, u64)> = sessions
            .iter()
            .flat_map(|session| {
                let pids = [Some(session.pid), session.first_process].into_iter().flatten();
                pids.zip(session.mount_namespace.into_iter().cycle())
            })
            .collect();
        Ok(snapshot.inside((root.dev(), root.ino()), &namespaces))
    }

    /// Who uses it; `live` are the sessions of all containers, read after the snapshot was taken: so a process of a new
    /// session is not mistaken for a stray.
    fn usage(&self, snapshot: &Snapshot, live: &[Session]) -> Result<Usage> {
        let sessions: Vec<Session> =
            live.iter().filter(|session| session.container == *self.name()).cloned().collect();
        let processes = self.processes_of(snapshot, &sessions)?;
        Ok(Usage { strays: strays(&processes, &sessions), sessions, processes, holder: self.holder() })
    }

    /// Whether nobody is inside, as far as is seen.
    pub(super) fn is_quiet(&self) -> Result<bool> {
        Ok(self.sessions()?.is_empty() && self.processes()?.is_empty())
    }

    /// Bytes on disk. Walked once, then remembered until a session or a command changes the tree.
    pub fn size(&self) -> Result<u64> {
        self.measure(&|| self.is_quiet())
    }

    /// Ends every process inside: asks, waits for `grace`, kills. `Busy` names who survived.
    pub fn end(&self, grace: Duration) -> Result<()> {
        let find = || {
            let sessions = self.sessions()?;
            let mut processes = self.processes_of(&Snapshot::take()?, &sessions)?;
            processes.extend(arriving(&sessions, &processes));
            Ok(Doomed { processes, sessions })
        };
        ending::end(&find, self.stop_signal(), grace)
            .attempt(|| format!("end what runs in '{}'", self.name()))
    }

    /// Ends one process, as a rule a session's, with what it has started, as far as that is inside.
    pub fn end_one(&self, pid: u32, grace: Duration) -> Result<()> {
        let family = RefCell::new(vec![pid]);
        let find = || {
            let mut sessions = self.sessions()?;
            sessions.retain(|session| session.pid == pid);
            let mut processes = self.processes()?;
            processes.extend(arriving(&sessions, &processes));
            // Children whose parent is gone are known from before.
            let mut family = family.borrow_mut();
            processes.retain(|process| process.descends_from(&family));
            family.splice(1.., processes.iter().map(|process| process.pid));
            Ok(Doomed { processes, sessions })
        };
        ending::end(&find, self.stop_signal(), grace)
            .attempt(|| format!("end process {pid} in '{}'", self.name()))
    }

    /// What the image wants its program to be asked with.
    fn stop_signal(&self) -> Signal {
        let config = self.provenance().ok().flatten().map(|provenance| provenance.config());
        config.and_then(|config| signal::named(config.stop_signal()?)).unwrap_or(Signal::TERM)
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
