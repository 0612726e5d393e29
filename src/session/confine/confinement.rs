//! What an isolated guest may do, root or not: Docker's capabilities but for making device nodes, and the system
//! calls that its [`Filter`] knows. Applied in the last process before the guest's program; there is no way back.

use rustix::io::Errno;
use rustix::thread::{
    CapabilitySet as Cap, CapabilitySets, capabilities, capability_is_in_bounding_set,
    clear_ambient_capability_set, remove_capability_from_bounding_set, set_capabilities,
};

use super::filter::Filter;
use crate::error::{Attempt, Error, Result};
use crate::sys::seccomp;

/// What a package manager, `su`, `sudo`, `ping` and a server on port 80 need, and nothing that reaches out of the
/// container. (Docker keeps `MKNOD` too, and takes the use of what it makes away by a cgroup of devices.)
pub const KEPT: Cap = Cap::CHOWN
    .union(Cap::DAC_OVERRIDE)
    .union(Cap::FOWNER)
    .union(Cap::FSETID)
    .union(Cap::KILL)
    .union(Cap::SETGID)
    .union(Cap::SETUID)
    .union(Cap::SETPCAP)
    .union(Cap::NET_BIND_SERVICE)
    .union(Cap::NET_RAW)
    .union(Cap::SYS_CHROOT)
    .union(Cap::AUDIT_WRITE)
    .union(Cap::SETFCAP);

/// The limits of one session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Confinement {
    /// Capabilities that processes inside can have.
    pub capabilities: Cap,
    /// System calls that they can make, where the kernel can tell.
    pub filter: Option<Filter>,
}

/// Reads a capability's name, with or without `CAP_`, in any case; `ALL` is all of them.
/// Errors are of kind `Usage`.
pub fn capability(name: &str) -> Result<Cap> {
    let upper = name.to_ascii_uppercase();
    let short = upper.strip_prefix("CAP_").unwrap_or(&upper);
    let found = if short == "ALL" { Some(Cap::all()) } else { Cap::from_name(short) };
    found.ok_or_else(|| {
        Error::usage(format_args!("--cap-add '{name}' is no capability"))
            .hint("they are named in capabilities(7), for example NET_ADMIN; ALL is all of them")
    })
}

impl Confinement {
    /// Confines the calling thread and all that it starts, `CAP_SETUID` and `CAP_SETGID` staying where they are kept.
    pub fn apply(&self) -> Result<()> {
        if let Some(filter) = self.filter {
            // Before CAP_SYS_ADMIN goes, which allows it.
            seccomp::install(&filter.program(self.capabilities)).attempt("install the seccomp filter")?;
        }
        self.limit().attempt("drop capabilities")
    }

    fn limit(&self) -> rustix::io::Result<()> {
        // Those that the kernel knows, which may be more than are named today: it refuses the first beyond.
        for capability in (0..u64::BITS).map(|bit| Cap::from_bits_retain(1 << bit)) {
            match capability_is_in_bounding_set(capability) {
                Ok(true) if !self.capabilities.contains(capability) => {
                    remove_capability_from_bounding_set(capability)?;
                }
                Ok(_) => {}
                Err(Errno::INVAL) => break,
                Err(error) => return Err(error),
            }
        }
        match clear_ambient_capability_set() {
            // Before Linux 4.3 there is no such set.
            Ok(()) | Err(Errno::INVAL) => {}
            Err(error) => return Err(error),
        }
        let now = capabilities(None)?;
        let sets = CapabilitySets {
            effective: now.effective & self.capabilities,
            permitted: now.permitted & self.capabilities,
            inheritable: Cap::empty(),
        };
        set_capabilities(None, sets)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_docker_s_names() {
        assert_eq!(capability("NET_ADMIN").unwrap(), Cap::NET_ADMIN);
        assert_eq!(capability("cap_sys_admin").unwrap(), Cap::SYS_ADMIN);
        assert_eq!(capability("all").unwrap().bits(), u64::MAX);
        for wrong in ["", "CAP_", "NET", "ALL,NET_ADMIN"] {
            assert_eq!(capability(wrong).unwrap_err().exit_code(), 2, "{wrong}");
        }
    }

    #[test]
    fn nothing_kept_reaches_a_device_a_mount_or_a_process_outside() {
        let host = [Cap::SYS_ADMIN, Cap::MKNOD, Cap::SYS_PTRACE, Cap::SYS_RAWIO, Cap::DAC_READ_SEARCH];
        assert!(host.iter().all(|capability| !KEPT.intersects(*capability)));
    }
}
