//! A session's own terminal: a pair of the guest's devpts, so that `tty` names a file that the guest has.
//!
//! The guest is hostile and chooses what stands at `/dev/ptmx`: what is opened there is a terminal multiplexer or is
//! refused, and the slave is asked from the kernel where it has a way (Linux 4.13).

use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{CWD, FileType, Mode, OFlags, Uid, fchmod, fchown, fstat, makedev, openat};
use rustix::io::Errno;
use rustix::process::{ioctl_tiocsctty, setsid};
use rustix::pty::{OpenptFlags, ioctl_tiocgptpeer, ptsname, unlockpt};
use rustix::stdio::{dup2_stderr, dup2_stdin, dup2_stdout, stderr, stdin};
use rustix::termios::{OptionalActions, isatty, tcgetattr, tcsetattr, tcsetwinsize};

use super::outer;
use crate::error::{Attempt, Result};

/// Where the guest has its multiplexer. That of its own devpts first: before Linux 4.7 the other one leads to the
/// host's instance.
const MULTIPLEXERS: [&str; 2] = ["/dev/pts/ptmx", "/dev/ptmx"];

/// A multiplexer's device number, and the first of its slaves' majors (devices.txt of the kernel's documentation).
const MULTIPLEXER: (u32, u32) = (5, 2);
const FIRST_SLAVE_MAJOR: u32 = 136;

/// Both ends.
#[derive(Debug)]
pub struct Pair {
    /// What the login process reads and writes.
    pub master: OwnedFd,
    slave: OwnedFd,
}

impl Pair {
    /// A new terminal of the root that this process is in, owned by `uid`, that looks like the one the login was
    /// started from.
    pub fn open(uid: u32) -> Result<Pair> {
        let attempt = "open a terminal in the container";
        let master = multiplexer().attempt(attempt)?;
        unlockpt(&master).attempt(attempt)?;
        let slave = peer(&master).attempt(attempt)?;
        // The group is the mount's to choose: that of `tty`, by its option gid=. Where a policy (SELinux) refuses a new
        // owner, the open descriptors serve all the same.
        let _ = fchown(&slave, Some(Uid::from_raw(uid)), None);
        let _ = fchmod(&slave, Mode::from_raw_mode(0o620));
        if let Ok(like) = tcgetattr(stdin()) {
            tcsetattr(&slave, OptionalActions::Now, &like).attempt(attempt)?;
        }
        if let Some(size) = outer::size() {
            tcsetwinsize(&master, size).attempt(attempt)?;
        }
        Ok(Pair { master, slave })
    }

    /// Makes it the standard streams. A standard error that goes elsewhere than to a terminal goes on doing so.
    pub fn put_in_place(self) -> Result<()> {
        let attempt = "enter the session's terminal";
        let errors = isatty(stderr());
        dup2_stdin(&self.slave).attempt(attempt)?;
        dup2_stdout(&self.slave).attempt(attempt)?;
        if errors {
            dup2_stderr(&self.slave).attempt(attempt)?;
        }
        Ok(())
    }
}

/// Leads a session of its own, out of every other terminal's reach; standard input is its controlling terminal, if it
/// is one of the session's own.
pub fn lead(has_terminal: bool) -> Result<()> {
    let attempt = "begin a session of its own";
    setsid().attempt(attempt)?;
    if has_terminal {
        ioctl_tiocsctty(stdin()).attempt("enter the session's terminal")?;
    }
    Ok(())
}

/// A FIFO does not block, a terminal does not become ours.
fn open(path: &[u8]) -> rustix::io::Result<OwnedFd> {
    openat(CWD, path, OFlags::RDWR | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty())
}

fn multiplexer() -> rustix::io::Result<OwnedFd> {
    let mut refused = Errno::NOENT;
    for path in MULTIPLEXERS {
        match open(path.as_bytes()) {
            Ok(found) if is_device(&found, MULTIPLEXER) => return Ok(found),
            Ok(_) => refused = Errno::NOTTY,
            Err(error) => refused = error,
        }
    }
    Err(refused)
}

fn peer(master: &OwnedFd) -> rustix::io::Result<OwnedFd> {
    match ioctl_tiocgptpeer(master, OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC) {
        Ok(slave) => Ok(slave),
        Err(_) => peer_by_name(master),
    }
}

/// Before Linux 4.13. What has the name must have the number too.
fn peer_by_name(master: &OwnedFd) -> rustix::io::Result<OwnedFd> {
    let name = ptsname(master, Vec::new())?;
    let number = name.to_bytes().rsplit(|&byte| byte == b'/').next().unwrap_or_default();
    let number: u32 =
        std::str::from_utf8(number).ok().and_then(|text| text.parse().ok()).ok_or(Errno::NOTTY)?;
    let slave = open(name.to_bytes())?;
    match is_device(&slave, (FIRST_SLAVE_MAJOR + (number >> 8), number & 0xff)) {
        true => {
            // It is for programs to read and write.
            let flags = rustix::fs::fcntl_getfl(&slave)?;
            rustix::fs::fcntl_setfl(&slave, flags.difference(OFlags::NONBLOCK))?;
            Ok(slave)
        }
        false => Err(Errno::NOTTY),
    }
}

fn is_device(fd: impl AsFd, (wanted_major, wanted_minor): (u32, u32)) -> bool {
    fstat(fd).is_ok_and(|found| {
        FileType::from_raw_mode(found.st_mode) == FileType::CharacterDevice
            && found.st_rdev == makedev(wanted_major, wanted_minor)
    })
}

#[cfg(test)]
mod tests {
    use rustix::fs::{major, minor};

    use super::*;

    #[test]
    fn both_ways_lead_to_the_same_slave() {
        let master = multiplexer().unwrap();
        unlockpt(&master).unwrap();
        let found =
            [peer(&master).unwrap(), peer_by_name(&master).unwrap()].map(|fd| fstat(fd).unwrap().st_rdev);
        assert_eq!(found[0], found[1]);
        assert!((136..144).contains(&major(found[0])), "{}:{}", major(found[0]), minor(found[0]));
    }
}
