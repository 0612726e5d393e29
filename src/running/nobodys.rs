//! Who is left in a root that no store knows: what a step of a build started, where the kernel has no PID namespaces that
//! would end it.

use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::time::Duration;

use rustix::process::Signal;

use super::ending;
use super::hunt::{Doomed, Hunt};
use super::positions::{self, Evidence, Snapshot};
use super::processes::Process;
use crate::cgroup::{self, Group, Mark};
use crate::error::{Attempt, Result};
use crate::rootfs::Rootfs;

/// Ends every process in `root` at once. `Busy` names who survived.
pub fn end_in(root: &Rootfs) -> Result<()> {
    let attempt = "end what the step started";
    let file = root.as_fd().try_clone_to_owned().map(File::from);
    let found = file.and_then(|file| file.metadata()).attempt(attempt)?;
    let mark = Mark::of(root).attempt(attempt)?;
    let evidence =
        Evidence { root: (found.dev(), found.ino()), mark, sessions: Vec::new(), lasting: Vec::new() };
    ending::end(&Inside(evidence), Signal::KILL, Duration::ZERO).attempt(attempt)?;
    cgroup::sweep();
    Ok(())
}

struct Inside(Evidence);

impl Hunt for Inside {
    fn find(&self) -> Result<Doomed> {
        let snapshot = Snapshot::take()?;
        let numbers = snapshot.numbers(&self.0);
        let processes: Vec<Process> = numbers.iter().copied().filter_map(Process::of).collect();
        let mut groups = snapshot.groups(&self.0.mark);
        groups.retain(Group::is_populated);
        let is_empty = processes.is_empty() && numbers.is_empty() && groups.is_empty();
        Ok(Doomed { processes, sessions: Vec::new(), groups, is_empty, is_whole: snapshot.is_whole })
    }

    fn signal_on_sight(&self, signal: Signal) -> Result<()> {
        positions::signal_on_sight(&self.0, signal)
    }

    fn is_in_group(&self, pid: u32) -> bool {
        positions::is_in_cgroup(pid, &self.0.mark)
    }
}
