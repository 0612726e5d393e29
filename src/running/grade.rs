//! How far an isolated container is separated from this machine, in the words that all commands have for it.

use std::fs;
use std::path::Path;

use super::records::Session;
use crate::sys::seccomp;

/// What its kernel gave a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grade {
    /// Nothing that this program knows is missing: a user namespace too.
    Full,
    /// Root inside is root to the kernel, with few capabilities.
    NoUserNamespace,
    /// Every system call is there to be attacked.
    NoFilter,
    /// Root inside can signal processes of the host: no boundary.
    NoPidNamespace,
}

impl Grade {
    /// By what there is.
    pub fn of(pids: bool, filter: bool, users: bool) -> Grade {
        match (pids, filter, users) {
            (false, ..) => Grade::NoPidNamespace,
            (_, false, _) => Grade::NoFilter,
            (.., false) => Grade::NoUserNamespace,
            _ => Grade::Full,
        }
    }

    /// What a session has here.
    pub fn here() -> Grade {
        Grade::of(Path::new("/proc/self/ns/pid").exists(), seccomp::is_supported(), false)
    }

    /// What a session that is running has; none where it is not isolated.
    pub fn of_session(session: &Session) -> Option<Grade> {
        let status = || fs::read_to_string(format!("/proc/{}/status", session.pid)).unwrap_or_default();
        let filter = || status().lines().any(|line| line.starts_with("Seccomp:") && line.ends_with('2'));
        let map = |pid: &str| fs::read(format!("/proc/{pid}/uid_map")).ok();
        let users = || map(&session.pid.to_string()).is_some_and(|theirs| map("self") != Some(theirs));
        session.isolated.then(|| Grade::of(session.first_process.is_some(), filter(), users()))
    }

    /// In words.
    pub fn as_str(self) -> &'static str {
        match self {
            Grade::Full => "full",
            Grade::NoUserNamespace => "no user namespace",
            Grade::NoFilter => "no seccomp filter",
            Grade::NoPidNamespace => "no PID namespace",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_that_is_missing_gives_the_name() {
        let of = |pids, filter, users| Grade::of(pids, filter, users).as_str();
        assert_eq!(of(true, true, true), "full");
        assert_eq!(of(true, true, false), "no user namespace");
        assert_eq!(of(true, false, false), "no seccomp filter");
        assert_eq!(of(false, false, true), "no PID namespace");
    }
}
