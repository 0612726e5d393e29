//! A session in the background: nobody's child, no terminal's, and not in the app's cgroup where Android would look for
//! it (since version 12 it kills what apps have started and left, by their cgroup).

use std::fs::{self, File};
use std::os::fd::OwnedFd;

use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::process::{chdir, setsid};
use rustix::stdio::{dup2_stderr, dup2_stdin, dup2_stdout};

use super::channel::pair;
use super::streams::{Stdio, Streams};
use crate::error::{Attempt, Result};
use crate::host::Host;
use crate::sys::process::{Fork, close_given, fork, wait};

/// Roots of the cgroup hierarchies in which Android counts an app's processes.
const ROOTS: [&str; 3] = ["/sys/fs/cgroup", "/acct", "/dev/cg2_bpf"];

/// Has a background process call `session` with the streams that it is to use; returns when the guest's program runs,
/// or with the reason why it does not. Only while single-threaded.
///
/// `session` returns after the guest's program, or never.
pub fn in_background(log: File, host: &Host, session: impl FnOnce(Streams) -> u8) -> Result<()> {
    let attempt = || "start the session in the background";
    let (input, output) = (null().attempt(attempt)?, OwnedFd::from(log));
    let error = output.try_clone().attempt(attempt)?;
    let (listener, speaker) = pair()?;
    match fork().attempt(attempt)? {
        Fork::Parent(first) => {
            drop(speaker);
            // How it ended does not matter: the other one tells.
            let _ = wait(first);
            listener.started()
        }
        Fork::Child => {
            drop(listener);
            let streams = Streams::Given { stdio: Stdio { input, output, error }, speaker };
            let second = setsid().map_err(Into::into).and_then(|_| fork());
            std::process::exit(match second {
                // The other one is init's child at once.
                Ok(Fork::Parent(_)) => 0,
                Ok(Fork::Child) => {
                    leave_cgroups(host);
                    // Somebody may wait for a lock or the end of a pipe there.
                    close_given();
                    session(streams).into()
                }
                Err(error) => {
                    let error = Err::<(), _>(error).attempt(attempt);
                    error.err().and_then(|error| streams.fail(error).ok()).unwrap_or_default().into()
                }
            });
        }
    }
}

/// For a process that only waits: lets go of the terminal and the directory that the session was started from.
pub fn let_go() -> Result<()> {
    let attempt = || "let go of the terminal";
    chdir("/").attempt(attempt)?;
    let null = null().attempt(attempt)?;
    dup2_stdin(&null).attempt(attempt)?;
    dup2_stdout(&null).attempt(attempt)?;
    dup2_stderr(&null).attempt(attempt)
}

fn null() -> rustix::io::Result<OwnedFd> {
    openat(CWD, "/dev/null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())
}

/// As far as it is permitted. Elsewhere than on Android a cgroup is the user's or the service manager's choice.
fn leave_cgroups(host: &Host) {
    if !host.is_android() {
        return;
    }
    for root in ROOTS {
        // 0 is who writes it (cgroups(7)).
        let _ = fs::OpenOptions::new()
            .write(true)
            .open(host.file(root).join("cgroup.procs"))
            .and_then(|mut file| std::io::Write::write_all(&mut file, b"0"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::TempDir;

    #[test]
    fn only_a_phone_has_cgroups_to_leave() {
        let temp = TempDir::new();
        for root in ROOTS {
            fs::create_dir_all(temp.path().join(&root[1..])).unwrap();
            fs::write(temp.path().join(&root[1..]).join("cgroup.procs"), "").unwrap();
        }
        let read = || fs::read_to_string(temp.path().join("acct/cgroup.procs")).unwrap();
        leave_cgroups(&Host::at(temp.path(), [("A", "b")]));
        assert_eq!(read(), "");
        leave_cgroups(&Host::at(temp.path(), [("ANDROID_ROOT", "/system")]));
        assert_eq!(read(), "0");
    }
}
