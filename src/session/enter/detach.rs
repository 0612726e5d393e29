//! A session in the background: nobody's child, no terminal's, and not in the app's cgroup where Android would look for
//! it (since version 12 it kills what apps have started and left, by their cgroup).

use std::fs;
use std::os::fd::OwnedFd;

use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::setsid;

use super::channel::{Speaker, pair};
use super::pump;
use super::streams::{Stdio, Streams};
use crate::error::{Attempt, Result};
use crate::host::Host;
use crate::store::LogWriter;
use crate::sys::process::{Fork, close_given, fork, wait};

/// Roots of the cgroup hierarchies in which Android counts an app's processes.
const ROOTS: [&str; 3] = ["/sys/fs/cgroup", "/acct", "/dev/cg2_bpf"];

/// Has a background process call `session` with the streams that it is to use; returns when the guest's program runs,
/// or with the reason why it does not. A process beside it writes the log. Only while single-threaded.
///
/// `session` returns after the guest's program, or never.
pub fn in_background(
    mut log: LogWriter,
    host: &Host,
    session: impl FnOnce(Streams, Speaker) -> u8,
) -> Result<()> {
    let attempt = "start the session in the background";
    let (listener, speaker) = pair()?;
    match fork().attempt(attempt)? {
        Fork::Parent(first) => {
            drop((speaker, log));
            // How it ended does not matter: the other one tells.
            let _ = wait(first);
            listener.started()
        }
        Fork::Child => {
            drop(listener);
            std::process::exit(match beside(&mut log, host) {
                Ok(None) => 0,
                Ok(Some(output)) => {
                    drop(log);
                    match Stdio::to(output) {
                        Ok(stdio) => session(Streams::Given(stdio), speaker).into(),
                        Err(error) => speaker.failed(&error).into(),
                    }
                }
                Err(error) => speaker.failed(&error).into(),
            });
        }
    }
}

/// Forks the process that writes the log and the one that the session begins in, which alone gets what it writes to.
/// Both are init's children at once.
fn beside(log: &mut LogWriter, host: &Host) -> Result<Option<OwnedFd>> {
    let attempt = "start the session in the background";
    setsid().attempt(attempt)?;
    leave_cgroups(host);
    let (input, output) = pipe_with(PipeFlags::CLOEXEC).attempt(attempt)?;
    if fork().attempt(attempt)? == Fork::Child {
        drop(output);
        pump::copy(&input, log);
        std::process::exit(0);
    }
    drop(input);
    if fork().attempt(attempt)? != Fork::Child {
        return Ok(None);
    }
    // Somebody may wait for a lock or the end of a pipe there.
    close_given();
    Ok(Some(output))
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
