//! Who is to end, each time they are looked for.

use rustix::process::Signal;

use super::processes::Process;
use super::records::Session;
use crate::cgroup::Group;
use crate::error::Result;

/// Who is to end.
#[derive(Debug, Default)]
pub(super) struct Doomed {
    pub(super) processes: Vec<Process>,
    /// Those that some of the processes belong to.
    pub(super) sessions: Vec<Session>,
    /// The cgroups that hold some of the processes, and nobody else: not us either.
    pub(super) groups: Vec<Group>,
    /// Whether nobody was seen, not even one that has ended by now.
    pub(super) is_empty: bool,
    /// Whether nobody can have been missed, but who was born meanwhile.
    pub(super) is_whole: bool,
}

/// Those who are to end, each time they are looked for.
pub(super) trait Hunt {
    /// Looks.
    fn find(&self) -> Result<Doomed>;

    /// Sends a signal to whoever is found at once when found, for those who do not live until a look is over.
    fn signal_on_sight(&self, _signal: Signal) -> Result<()> {
        Ok(())
    }

    /// Whether the process with this number still is one of them by its cgroup.
    fn is_in_group(&self, _pid: u32) -> bool {
        false
    }
}
