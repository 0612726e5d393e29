//! The guest's ldconfig(8), so that its loader, and programs that ask for its list, know the libraries that the host
//! brought. The list is the guest's own file and stays; an entry whose file is gone is passed over by the loader.

use std::ffi::CString;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::process::{chdir, chroot, fchdir};
use rustix::stdio::{dup2_stderr, dup2_stdin, dup2_stdout};

use crate::error::{Attempt, Error, Kind, Result};
use crate::rootfs::{Follow, Rootfs};
use crate::sys::process::{Fork, execve, fork, wait};

/// The guest's own program that lists its libraries for the loader.
pub fn find(rootfs: &Rootfs) -> Option<PathBuf> {
    let is_program =
        |path: &PathBuf| rootfs.metadata(path, Follow::Yes).is_ok_and(|found| found.is_program());
    ["/sbin/ldconfig", "/usr/sbin/ldconfig", "/usr/bin/ldconfig"]
        .into_iter()
        .map(PathBuf::from)
        .find(is_program)
}

/// Runs `program` in `root`. Links in the library directories stay as they are. Only while single-threaded.
pub fn run(program: &Path, root: &Rootfs) -> Result<()> {
    let attempt = format_args!("run the container's '{}'", program.display());
    match fork().attempt(attempt)? {
        Fork::Child => {
            let _: rustix::io::Result<()> = become_it(program, root);
            std::process::exit(127);
        }
        Fork::Parent(pid) => match wait(pid) {
            // Where children are ignored nobody knows how it went.
            Err(rustix::io::Errno::CHILD) => Ok(()),
            Err(error) => Err(error).attempt(attempt),
            Ok(status) if status.exit_status() == Some(0) => Ok(()),
            Ok(_) => Err(Error::new(Kind::System, format_args!("cannot {}: it failed", attempt))),
        },
    }
}

fn become_it(program: &Path, root: &Rootfs) -> rustix::io::Result<()> {
    let null = openat(CWD, "/dev/null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())?;
    dup2_stdin(&null)?;
    dup2_stdout(&null)?;
    dup2_stderr(&null)?;
    fchdir(root.as_fd())?;
    chroot(c".")?;
    chdir(c"/")?;
    let path = CString::new(program.as_os_str().as_bytes()).map_err(|_| rustix::io::Errno::INVAL)?;
    let environment = [c"PATH=/usr/sbin:/usr/bin:/sbin:/bin".to_owned()];
    execve(&path, &[path.clone(), c"-X".to_owned()], &environment);
    Ok(())
}
