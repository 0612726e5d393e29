//! The sweep that kills. Who forks faster than a look at all processes takes would outlive one that only kills who it
//! sees: so a cgroup is ended as a whole, and who is in none is stopped before anybody is killed.

use rustix::process::Signal;

use super::hunt::{Doomed, Hunt};
use super::processes::{Process, signal_if};
use crate::cgroup::Group;
use crate::error::Result;

/// Looks at one cgroup, or at all processes, while new ones appear.
const LOOKS: usize = 200;

/// What was done so far.
#[derive(Debug, Default)]
pub(super) struct Sweep {
    killed: Vec<Process>,
}

impl Sweep {
    /// Kills those who were found, and whoever they start meanwhile. It is called again while there is somebody.
    pub(super) fn kill(&mut self, hunt: &dyn Hunt, doomed: &Doomed) -> Result<()> {
        doomed.groups.iter().try_for_each(|group| kill_group(group, hunt))?;
        let is_new = |process: &&Process| !self.killed.contains(process);
        let again = !self.killed.is_empty() && doomed.processes.iter().any(|process| is_new(&process));
        let found = if again { stop(hunt)? } else { doomed.processes.clone() };
        found.iter().try_for_each(|process| process.signal(Signal::KILL))?;
        self.killed.extend(found);
        Ok(())
    }
}

/// Kills everybody in a cgroup.
fn kill_group(group: &Group, hunt: &dyn Hunt) -> Result<()> {
    if group.kill() {
        return Ok(());
    }
    let thaw = Thaw(group);
    let frozen = group.freeze();
    for _ in 0..LOOKS {
        let pids = group.processes();
        for pid in &pids {
            signal_if(*pid, &|| hunt.is_in_group(*pid), Signal::KILL)?;
        }
        // Who is frozen starts nobody: one look shows all.
        if frozen || pids.is_empty() {
            break;
        }
    }
    drop(thaw);
    Ok(())
}

/// A cgroup that goes on when this is dropped.
struct Thaw<'a>(&'a Group);

impl Drop for Thaw<'_> {
    fn drop(&mut self) {
        self.0.thaw();
    }
}

/// Stops everybody, until a look shows nobody new; those who were stopped.
fn stop(hunt: &dyn Hunt) -> Result<Vec<Process>> {
    let mut stopped: Vec<Process> = Vec::new();
    for _ in 0..LOOKS {
        hunt.signal_on_sight(Signal::STOP)?;
        let found = hunt.find()?.processes;
        let before = stopped.len();
        for process in found {
            if !stopped.contains(&process) {
                process.signal(Signal::STOP)?;
                stopped.push(process);
            }
        }
        if stopped.len() == before {
            break;
        }
    }
    Ok(stopped)
}
