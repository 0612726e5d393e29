//! The names of a file's extended attributes, by directory and name: listxattrat(2) of Linux 6.13. The older calls take
//! paths only, and a path through /proc costs four times as much.
#![allow(unsafe_code)]

use std::ffi::{CString, OsStr};
use std::os::fd::{AsRawFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;

use rustix::io::{Errno, Result};

use super::modern::Modern;

static LISTXATTRAT: Modern = Modern::new();

/// The same on every architecture; libc does not name it yet.
const SYS_LISTXATTRAT: libc::c_long = 465;

/// The list (listxattr(2)) of what stands at `name`, of a link itself, and its length in bytes. `ENOSYS` where the kernel,
/// or a filter, does not have the call.
pub fn list_at(dir: BorrowedFd<'_>, name: &OsStr, list: &mut [u8]) -> Result<usize> {
    LISTXATTRAT.or(|| listxattrat(dir, name, list), || Err(Errno::NOSYS))
}

fn listxattrat(dir: BorrowedFd<'_>, name: &OsStr, list: &mut [u8]) -> Result<usize> {
    let name = CString::new(name.as_bytes()).map_err(|_| Errno::INVAL)?;
    // SAFETY: `name` is a NUL-terminated string that outlives the call, which writes at most `list.len()` bytes to `list`.
    let answer = unsafe {
        libc::syscall(
            SYS_LISTXATTRAT,
            dir.as_raw_fd(),
            name.as_ptr(),
            libc::AT_SYMLINK_NOFOLLOW,
            list.as_mut_ptr(),
            list.len(),
        )
    };
    let failed = || Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::IO);
    usize::try_from(answer).map_err(|_| failed())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::TempDir;
    use std::os::fd::AsFd;

    #[test]
    fn tells_what_the_older_call_tells() {
        let temp = TempDir::new();
        let path = temp.path().join("file");
        std::fs::write(&path, "").unwrap();
        std::os::unix::fs::symlink("file", temp.path().join("link")).unwrap();
        rustix::fs::setxattr(&path, "user.some", b"x", rustix::fs::XattrFlags::empty()).unwrap();
        let dir = temp.open();
        let mut list = [0; 256];
        let length = match list_at(dir.as_fd(), "file".as_ref(), &mut list) {
            Err(Errno::NOSYS) => return,
            length => length.unwrap(),
        };
        let mut old = [0; 256];
        assert_eq!(rustix::fs::llistxattr(&path, &mut old), Ok(length));
        assert_eq!(list, old);
        assert!(list_at(dir.as_fd(), "link".as_ref(), &mut list).unwrap() < length, "a link has its own");
        assert_eq!(list_at(dir.as_fd(), "file".as_ref(), &mut [0; 3]), Err(Errno::RANGE));
        assert_eq!(list_at(dir.as_fd(), "none".as_ref(), &mut list), Err(Errno::NOENT));
    }
}
