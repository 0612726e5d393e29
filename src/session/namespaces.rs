//! Namespaces of a session, by name.

use super::request::{Network, Request};
use crate::sys::namespace::NamespaceTypes as Types;

/// Namespaces of the container's own, besides the mount namespace that it always has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Namespaces {
    pub pid: bool,
    pub uts: bool,
    pub ipc: bool,
    pub cgroup: bool,
    pub net: bool,
}

impl Namespaces {
    /// What a request needs, whatever the kernel has.
    pub fn wanted(request: &Request) -> Namespaces {
        let all = request.mode.is_private() || request.namespaces;
        Namespaces {
            pid: all,
            uts: all || request.hostname.is_some(),
            ipc: all,
            cgroup: all,
            net: request.network == Some(Network::None),
        }
    }

    /// The types, and whether each is there.
    pub fn each(self) -> [(&'static str, Types, bool); 5] {
        [
            ("PID namespaces", Types::NEWPID, self.pid),
            ("UTS namespaces", Types::NEWUTS, self.uts),
            ("IPC namespaces", Types::NEWIPC, self.ipc),
            ("cgroup namespaces", Types::NEWCGROUP, self.cgroup),
            ("network namespaces", Types::NEWNET, self.net),
        ]
    }

    /// As unshare(2) wants them.
    pub fn types(self) -> Types {
        self.each().into_iter().filter(|(.., there)| *there).map(|(_, kind, _)| kind).collect()
    }

    /// These without `types`.
    #[must_use]
    pub fn without(self, types: Types) -> Namespaces {
        let left = self.types().difference(types);
        Namespaces {
            pid: left.contains(Types::NEWPID),
            uts: left.contains(Types::NEWUTS),
            ipc: left.contains(Types::NEWIPC),
            cgroup: left.contains(Types::NEWCGROUP),
            net: left.contains(Types::NEWNET),
        }
    }
}
