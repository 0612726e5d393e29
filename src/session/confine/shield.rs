//! The program's own file, out of an isolated guest's reach.
//!
//! A guest can have this program executed inside (its shell a script with `#!/proc/self/exe`) and then finds the host's
//! file as `/proc/PID/exe`, open to be written by root: the way of CVE-2019-5736. So the program goes on from a
//! read-only mount of itself. And what a process on its way in still has open is hidden: it is not "dumpable".

use std::convert::Infallible;
use std::ffi::{CString, OsStr};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::fs::{CWD, Mode, OFlags, StatVfsMountFlags, fstat, fstatvfs, open};
use rustix::io::Errno;
use rustix::mount::{
    MountFlags, MountPropagationFlags, OpenTreeFlags, mount_bind, mount_change, mount_remount, open_tree,
};
use rustix::process::{DumpableBehavior, set_dumpable_behavior};
use rustix::thread::set_name;

use crate::error::{Attempt, Error, Kind, Result};
use crate::privilege;
use crate::session::mount::root::{mount_flags, same_file};
use crate::sys::Modern;
use crate::sys::descriptor::through;
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

/// Executes this program from a read-only mount of its file.
fn again(own: &OwnedFd) -> Result<Infallible> {
    let attempt = "run this program from a read-only mount of itself";
    let tree = TREE.or(|| detached().map(Some), || Ok(None)).attempt(attempt)?;
    let path = match &tree {
        Some(tree) => through(tree).into(),
        None => in_a_namespace().attempt(attempt)?,
    };
    // Else it would go on for ever.
    let found = file(&path).attempt(attempt)?;
    let same = same_file(&fstat(own).attempt(attempt)?, &fstat(&found).attempt(attempt)?);
    if !same || !is_read_only(&found).attempt(attempt)? {
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
fn detached() -> rustix::io::Result<OwnedFd> {
    let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
    let tree = open_tree(CWD, SELF, flags).map_err(|error| match error {
        // Started in another mount namespace than it is in now.
        Errno::INVAL => Errno::NOSYS,
        error => error,
    })?;
    make_read_only(tree.as_fd())?;
    Ok(tree)
}

/// One in a mount namespace of this process's own; where it is.
fn in_a_namespace() -> std::io::Result<std::path::PathBuf> {
    let path = std::fs::read_link(SELF)?;
    unshare(NamespaceTypes::NEWNS)?;
    mount_change("/", MountPropagationFlags::DOWNSTREAM | MountPropagationFlags::REC)?;
    mount_bind(&path, &path)?;
    mount_remount(&path, mount_flags(&path)? | MountFlags::BIND | MountFlags::RDONLY, c"")?;
    Ok(path)
}
