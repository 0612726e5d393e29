//! The program's own file, out of an isolated guest's reach.
//!
//! A guest can have this program executed inside (its shell a script with `#!/proc/self/exe`) and then finds the host's
//! file as `/proc/PID/exe`, open to be written by root: the way of CVE-2019-5736. So the program goes on from a
//! read-only mount of itself. And what a process on its way in still has open is hidden: it is not "dumpable".

use std::convert::Infallible;
use std::ffi::{CString, OsStr};
use std::fs::{File, OpenOptions};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, Mode, OFlags, StatVfsMountFlags, fstat, fstatvfs, open, readlink};
use rustix::io::Errno;
use rustix::mount::{
    MountFlags, MountPropagationFlags, OpenTreeFlags, UnmountFlags, mount, mount_bind, mount_change,
    mount_remount, open_tree, unmount,
};
use rustix::process::{DumpableBehavior, set_dumpable_behavior};
use rustix::thread::set_name;

use crate::error::{Attempt, Error, Kind, Result};
use crate::privilege;
use crate::session::mount::root::mount_flags;
use crate::sys::Modern;
use crate::sys::descriptor::through;
use crate::sys::identity::same_file;
use crate::sys::mount::make_read_only;
use crate::sys::namespace::{NamespaceTypes, unshare};
use crate::sys::process::execve;

static TREE: Modern = Modern::new();

const SELF: &str = "/proc/self/exe";

/// Returns in a process that runs from a read-only mount, which may be this one executed again. Only while
/// single-threaded, and before anything is done that cannot be done twice.
pub fn shield() -> Result<()> {
    let attempt = "protect this program's own file from the guest";
    let own = file(SELF.as_ref()).attempt(attempt)?;
    if !is_read_only(&own).attempt(attempt)? {
        match again(&own)? {}
    }
    // Executed by a descriptor's number, it is named after that.
    let _ = set_name(c"chroot-distro");
    set_dumpable_behavior(DumpableBehavior::NotDumpable).attempt(attempt)
}

/// Whether [`shield`] was called.
pub fn is_shielded() -> Result<bool> {
    file(SELF.as_ref()).and_then(|own| is_read_only(&own)).attempt("look at this program's own file")
}

/// This program's file on a read-only mount, and the name to execute it by. QEMU opens that name once more when the
/// descriptor is closed, so it is the file's own wherever there is one.
struct ReadOnly {
    file: OwnedFd,
    path: PathBuf,
}

impl ReadOnly {
    fn by_descriptor(file: OwnedFd) -> ReadOnly {
        ReadOnly { path: through(&file).into(), file }
    }
}

/// Executes this program from a read-only mount of its file.
fn again(own: &OwnedFd) -> Result<Infallible> {
    let attempt = "run this program from a read-only mount of itself";
    let ReadOnly { file: _open, path } = TREE.or(detached, || in_a_namespace(own)).attempt(attempt)?;
    // Else it would go on for ever.
    if !is_read_only(&file(&path).attempt(attempt)?).attempt(attempt)? {
        return Err(
            Error::new(Kind::Busy, "this program's own file was replaced meanwhile").hint("start it again")
        );
    }
    let string = |word: &OsStr| CString::new(word.as_bytes()).unwrap_or_default();
    let words: Vec<CString> = privilege::arguments().iter().map(|word| string(word)).collect();
    let variable = |(key, value): (_, _)| string(&[key, value].join(OsStr::new("=")));
    let environment: Vec<CString> = std::env::vars_os().map(variable).collect();
    Err(execve(&string(path.as_os_str()), &words, &environment)).attempt(attempt)
}

/// Opened, for under QEMU the name alone tells of QEMU.
fn file(path: &Path) -> rustix::io::Result<OwnedFd> {
    open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())
}

fn is_read_only(file: &OwnedFd) -> rustix::io::Result<bool> {
    Ok(fstatvfs(file)?.f_flag.contains(StatVfsMountFlags::RDONLY))
}

/// A mount that is in no tree; since Linux 5.12.
fn detached() -> rustix::io::Result<ReadOnly> {
    let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
    let tree = open_tree(CWD, SELF, flags).map_err(|error| match error {
        // Started in another mount namespace than it is in now.
        Errno::INVAL => Errno::NOSYS,
        error => error,
    })?;
    make_read_only(tree.as_fd())?;
    Ok(ReadOnly::by_descriptor(tree))
}

/// One in a mount namespace of this process's own.
fn in_a_namespace(own: &OwnedFd) -> rustix::io::Result<ReadOnly> {
    let path = readlink(SELF, Vec::new())?;
    unshare(NamespaceTypes::NEWNS).map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))?;
    mount_change("/", MountPropagationFlags::DOWNSTREAM | MountPropagationFlags::REC)?;
    match mount_bind(&path, &path) {
        // Before Linux 3.12 nothing of an initramfs can be bound.
        Err(Errno::INVAL) => return copied(own).map(ReadOnly::by_descriptor),
        bound => bound?,
    }
    mount_remount(&path, mount_flags(&path)? | MountFlags::BIND | MountFlags::RDONLY, c"")?;
    let path = PathBuf::from(OsStr::from_bytes(path.as_bytes()));
    let file = file(&path)?;
    // By its name something else may have come there meanwhile.
    if same_file(&fstat(own)?, &fstat(&file)?) { Ok(ReadOnly { file, path }) } else { Err(Errno::STALE) }
}

/// A copy in memory. The filesystem covers `/dev`, which every system has, while it is made; then no path leads there.
fn copied(own: &OwnedFd) -> rustix::io::Result<OwnedFd> {
    const COPY: &str = "/dev/chroot-distro";
    mount("tmpfs", "/dev", "tmpfs", MountFlags::NOSUID | MountFlags::NODEV, c"mode=700")?;
    let filled = fill(own, COPY).and_then(|()| {
        mount_remount("/dev", MountFlags::NOSUID | MountFlags::NODEV | MountFlags::RDONLY, c"")?;
        file(Path::new(COPY))
    });
    unmount("/dev", UnmountFlags::DETACH)?;
    filled
}

fn fill(own: &OwnedFd, path: &str) -> rustix::io::Result<()> {
    let copy = || {
        let mut from = File::from(own.try_clone()?);
        let mut to = OpenOptions::new().write(true).create_new(true).mode(0o700).open(path)?;
        std::io::copy(&mut from, &mut to)
    };
    copy().map(drop).map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))
}
