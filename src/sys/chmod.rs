//! chmod of a name that never follows a link there: fchmodat2(2) of Linux 6.6, else through an `O_PATH`
//! descriptor. Plain fchmodat(2) would follow, and a live guest may put a link in place between any two calls.
#![allow(unsafe_code)]

use std::ffi::{CString, OsStr};
use std::os::fd::{AsRawFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;

use rustix::fs::{FileType, Mode, OFlags};
use rustix::io::{Errno, Result};

use super::descriptor::through;
use super::modern::Modern;

static FCHMODAT2: Modern = Modern::new();

/// The same on every architecture; libc names it on few.
const SYS_FCHMODAT2: libc::c_long = 452;

/// Sets the permission bits of `name`. A link has none of its own: nothing to do.
pub fn at(dir: BorrowedFd<'_>, name: &OsStr, mode: Mode) -> Result<()> {
    FCHMODAT2.or(|| fchmodat2(dir, name, mode), || by_descriptor(dir, name, mode))
}

fn fchmodat2(dir: BorrowedFd<'_>, name: &OsStr, mode: Mode) -> Result<()> {
    let name = CString::new(name.as_bytes()).map_err(|_| Errno::INVAL)?;
    // SAFETY: `name` is a NUL-terminated string that outlives the call, which writes no memory of ours.
    let answer = unsafe {
        libc::syscall(
            SYS_FCHMODAT2,
            dir.as_raw_fd(),
            name.as_ptr(),
            mode.as_raw_mode(),
            libc::AT_SYMLINK_NOFOLLOW,
        )
    };
    match answer {
        0 => Ok(()),
        _ => match Errno::from_io_error(&std::io::Error::last_os_error()) {
            Some(Errno::OPNOTSUPP) => Ok(()),
            errno => Err(errno.unwrap_or(Errno::IO)),
        },
    }
}

/// fchmod(2) refuses an `O_PATH` descriptor; its name under /proc is the way round. Where there is no /proc, a
/// file or directory that opens for reading is still reached.
fn by_descriptor(dir: BorrowedFd<'_>, name: &OsStr, mode: Mode) -> Result<()> {
    let flags = OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let fd = rustix::fs::openat(dir, name, OFlags::PATH | flags, Mode::empty())?;
    let file_type = FileType::from_raw_mode(rustix::fs::fstat(&fd)?.st_mode);
    if file_type == FileType::Symlink {
        return Ok(());
    }
    match rustix::fs::chmod(through(&fd), mode) {
        Err(Errno::NOENT) if matches!(file_type, FileType::RegularFile | FileType::Directory) => {
            let fd = rustix::fs::openat(dir, name, OFlags::RDONLY | OFlags::NONBLOCK | flags, Mode::empty())?;
            rustix::fs::fchmod(fd, mode)
        }
        answer => answer,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::TempDir;
    use std::os::fd::AsFd;
    use std::os::unix::fs::{PermissionsExt, symlink};

    #[test]
    fn changes_the_file_and_never_what_a_link_points_to() {
        for chmod in [at, by_descriptor] {
            let temp = TempDir::new();
            std::fs::write(temp.path().join("file"), "").unwrap();
            std::fs::set_permissions(temp.path().join("file"), PermissionsExt::from_mode(0o600)).unwrap();
            symlink("file", temp.path().join("link")).unwrap();
            let mode = || temp.path().join("file").metadata().unwrap().permissions().mode() & 0o7777;
            let dir = temp.open();
            chmod(dir.as_fd(), "link".as_ref(), Mode::from_raw_mode(0o777)).unwrap();
            assert_eq!(mode(), 0o600);
            chmod(dir.as_fd(), "file".as_ref(), Mode::from_raw_mode(0o4711)).unwrap();
            assert_eq!(mode(), 0o4711);
            assert_eq!(chmod(dir.as_fd(), "none".as_ref(), Mode::RWXU), Err(Errno::NOENT));
        }
    }
}
