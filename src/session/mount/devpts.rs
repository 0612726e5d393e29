//! A devpts of the session's own, or none.

use std::os::fd::OwnedFd;

use rustix::fs::{fstat, stat};

use crate::error::{Attempt, Error, Result};

/// `Unsupported` where it is the host's: whatever the options said, a kernel that has one devpts mounts that.
pub fn refuse_the_hosts(devpts: &OwnedFd) -> Result<()> {
    let device = fstat(devpts).attempt(|| "look at the session's terminals")?.st_dev;
    match stat("/dev/pts") {
        Ok(host) if host.st_dev == device => {
            Err(Error::unsupported("this kernel gives the session the host's terminals (devpts)")
                .hint("start it without '--isolated'"))
        }
        _ => Ok(()),
    }
}
