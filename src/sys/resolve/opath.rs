//! Resolution by hand, for kernels before openat2: one component at a time, each opened with `O_NOFOLLOW`.
//!
//! Every directory entered stays open on a stack and `..` pops it, so the kernel is never asked for a parent:
//! whatever is renamed meanwhile, the walk stands in a directory that it reached from the root.

use std::ffi::{CString, OsStr};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;

use rustix::fs::{FileType, Mode, OFlags};
use rustix::io::{Errno, Result};

/// As many as the kernel follows (path_resolution(7)).
const MAX_LINKS: u32 = 40;
/// With the terminating NUL, as the kernel counts.
const PATH_MAX: usize = 4096;

/// See [`super::resolver::Resolver::open`].
pub fn open(root: BorrowedFd<'_>, path: &OsStr, flags: OFlags) -> Result<OwnedFd> {
    Walk::new(root, path)?.run(flags, None)
}

/// Opens the directory `path` for reading, making what is missing with `mode`, whatever the umask. A dangling
/// link has its target made, inside the root.
pub fn create(root: BorrowedFd<'_>, path: &OsStr, mode: Mode) -> Result<OwnedFd> {
    Walk::new(root, path)?.run(OFlags::RDONLY | OFlags::DIRECTORY, Some(mode))
}

struct Walk<'root> {
    root: BorrowedFd<'root>,
    /// The directories entered, innermost last.
    entered: Vec<OwnedFd>,
    /// The components still to go, nearest last.
    ahead: Vec<Vec<u8>>,
    /// The path ends in `/` or `/.`: its last component must be, or lead to, a directory.
    directory: bool,
    links: u32,
}

impl<'root> Walk<'root> {
    fn new(root: BorrowedFd<'root>, path: &OsStr) -> Result<Walk<'root>> {
        if path.len() >= PATH_MAX {
            return Err(Errno::NAMETOOLONG);
        }
        let mut walk = Walk { root, entered: Vec::new(), ahead: Vec::new(), directory: false, links: 0 };
        walk.push(path.as_bytes());
        Ok(walk)
    }

    /// Puts `path` before what is still to go.
    fn push(&mut self, path: &[u8]) {
        if path.first() == Some(&b'/') {
            self.entered.clear();
        }
        if self.ahead.is_empty() {
            self.directory |= path.ends_with(b"/") || path.ends_with(b"/.");
        }
        let names = path.split(|&byte| byte == b'/').filter(|name| !matches!(*name, b"" | b"."));
        self.ahead.extend(names.rev().map(<[u8]>::to_vec));
    }

    fn here(&self) -> BorrowedFd<'_> {
        self.entered.last().map_or(self.root, |fd| fd.as_fd())
    }

    fn run(mut self, flags: OFlags, create: Option<Mode>) -> Result<OwnedFd> {
        while let Some(name) = self.ahead.pop() {
            if name == b".." {
                self.entered.pop();
                continue;
            }
            let last = self.ahead.is_empty();
            let want = if !last {
                OFlags::PATH | OFlags::DIRECTORY
            } else if self.directory {
                flags.difference(OFlags::NOFOLLOW) | OFlags::DIRECTORY
            } else {
                flags
            };
            let follow = !want.contains(OFlags::NOFOLLOW);
            let opened = match open_one(self.here(), &name, want) {
                Err(Errno::NOENT) if let Some(mode) = create => {
                    make_one(self.here(), &name, mode)?;
                    open_one(self.here(), &name, want)
                }
                answer => answer,
            };
            match opened {
                // Without O_DIRECTORY, O_PATH opens a link as readily as anything else.
                Ok(fd) if last && follow && want.contains(OFlags::PATH) && is_link(&fd)? => {
                    self.follow(rustix::fs::readlinkat(fd, c"", Vec::new())?)?;
                }
                Ok(fd) if last => return Ok(fd),
                Ok(fd) => self.entered.push(fd),
                Err(refused @ (Errno::LOOP | Errno::NOTDIR)) if follow => {
                    match rustix::fs::readlinkat(self.here(), &name[..], Vec::new()) {
                        Err(Errno::INVAL) => return Err(refused),
                        target => self.follow(target?)?,
                    }
                }
                Err(errno) => return Err(errno),
            }
        }
        rustix::fs::openat(
            self.here(),
            c".",
            flags.difference(OFlags::NOFOLLOW) | OFlags::CLOEXEC,
            Mode::empty(),
        )
    }

    fn follow(&mut self, target: CString) -> Result<()> {
        self.links += 1;
        if self.links > MAX_LINKS {
            return Err(Errno::LOOP);
        }
        self.push(target.as_bytes());
        Ok(())
    }
}

fn open_one(dir: BorrowedFd<'_>, name: &[u8], flags: OFlags) -> Result<OwnedFd> {
    rustix::fs::openat(dir, name, flags | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())
}

fn make_one(dir: BorrowedFd<'_>, name: &[u8], mode: Mode) -> Result<()> {
    match rustix::fs::mkdirat(dir, name, mode) {
        Err(Errno::EXIST) => Ok(()),
        Ok(()) => crate::sys::chmod::at(dir, OsStr::from_bytes(name), mode),
        refused => refused,
    }
}

fn is_link(fd: &OwnedFd) -> Result<bool> {
    Ok(FileType::from_raw_mode(rustix::fs::fstat(fd)?.st_mode) == FileType::Symlink)
}
