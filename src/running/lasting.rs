//! Mount namespaces that outlast their session: whoever is still in one is inside, wherever their root is by now. Needed
//! where there is no cgroup to tell.
//!
//! The record of a session that has ended is kept while somebody is in its mount namespace. The number of a namespace
//! passes to another one, so it is remembered only where the kernel has one that does not (Linux 6.11).

use std::fs::{self, File};
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;

use serde_json::Value;

use super::processes::mount_namespace;
use crate::sys::namespace;

/// A mount namespace, and no later one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Lasting {
    pub(super) inode: u64,
    id: u64,
}

impl Lasting {
    /// That of a process, where the kernel tells.
    pub(super) fn of(pid: u32) -> Option<Lasting> {
        let file = File::open(format!("/proc/{pid}/ns/mnt")).ok()?;
        let id = namespace::mount_namespace_id(file.as_fd()).ok()?;
        Some(Lasting { inode: file.metadata().ok()?.ino(), id })
    }

    /// What a session's record holds of it.
    pub(super) fn to_json(self) -> Value {
        serde_json::json!([self.inode, self.id])
    }

    /// What such a record says.
    pub(super) fn parse(value: &Value) -> Option<Lasting> {
        Some(Lasting { inode: value[0].as_u64()?, id: value[1].as_u64()? })
    }

    /// Its number in `/proc`, if somebody is in it. Never that of the host or our own, whatever a record says.
    pub(super) fn inhabited(self) -> Option<u64> {
        if hosts().contains(&Some(self.inode)) {
            return None;
        }
        let entries = fs::read_dir("/proc").ok()?.flatten();
        let mut pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        let is_in = |pid| mount_namespace(pid) == Some(self.inode);
        pids.any(|pid: u32| is_in(pid) && Lasting::of(pid) == Some(self)).then_some(self.inode)
    }
}

/// The mount namespaces that are no container's: our own and that of the host's first process.
pub(super) fn hosts() -> [Option<u64>; 2] {
    [mount_namespace(std::process::id()), mount_namespace(1)]
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;
    use crate::testing::needs_root;

    #[test]
    fn it_is_inhabited_while_somebody_is_in_it_and_never_the_hosts() {
        needs_root!();
        let mut child = Command::new("unshare").args(["-m", "sleep", "60"]).spawn().unwrap();
        while hosts().contains(&mount_namespace(child.id())) {
            std::thread::yield_now();
        }
        // Before Linux 6.11 there is nothing to remember.
        if let Some(lasting) = Lasting::of(child.id()) {
            assert_eq!(Lasting::parse(&lasting.to_json()), Some(lasting));
            assert_eq!(lasting.inhabited(), Some(lasting.inode));
            assert_eq!(Lasting { id: lasting.id + 1, ..lasting }.inhabited(), None);
            let own = Lasting::of(std::process::id()).unwrap();
            assert_eq!(own.inhabited(), None);
        }
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(Lasting::parse(&Value::Null), None);
    }
}
