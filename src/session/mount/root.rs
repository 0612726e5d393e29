//! A container's directory becomes the root of a mount namespace.
//!
//! Whatever is mounted there lives and dies with the namespace: the kernel takes it away with the last process,
//! so nothing here has an undo. The host's mount table is never touched.

use std::ffi::CStr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{CWD, Mode, OFlags, StatVfsMountFlags, fstat, openat, stat, statvfs};
use rustix::io::Errno;
use rustix::mount::{
    MountFlags, MountPropagationFlags, MoveMountFlags, UnmountFlags, mount_bind, mount_bind_recursive,
    mount_change, mount_move, mount_remount, move_mount, unmount,
};
use rustix::path::Arg;
use rustix::process::{chdir, chroot, fchdir, getcwd, pivot_root};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use super::landmarks::Landmarks;
use crate::error::{Attempt, Error, Kind, Result};
use crate::rootfs::Rootfs;
use crate::sys::descriptor::through;
use crate::sys::identity::same_file;
use crate::sys::namespace::{NamespaceTypes, unshare};

/// Moves into new namespaces, a mount namespace always, and makes the container's directory a mount there. It is
/// also the working directory then. Returns it as that namespace has it.
///
/// The `nosuid`, `nodev` and `noexec` of the filesystem it stands on are lifted, so that the guest's `sudo` works:
/// those flags are per mount, and the host's mount keeps them. A `sealed` one has no devices, and nothing that others have
/// mounted below it. `mapped` is a mount of it that shows its owners otherwise, and is taken. The second value is which of the namespaces the kernel refuses.
pub fn unshare_root(
    rootfs: &Rootfs,
    namespaces: NamespaceTypes,
    sealed: bool,
    mapped: Option<&OwnedFd>,
) -> Result<(Rootfs, NamespaceTypes)> {
    // unshare(2) takes the working directory along; a descriptor would stay behind in the host's namespace.
    fchdir(rootfs.as_fd()).attempt("enter the container's directory")?;
    let refused = unshare_possible(namespaces)?;
    keep_from_the_host()?;
    let path = getcwd(Vec::new()).attempt("find the container's directory")?;
    let bind = match (mapped, sealed) {
        (Some(tree), _) => {
            move_mount(tree, c"", CWD, path.as_c_str(), MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH)
        }
        (None, true) => mount_bind(c".", path.as_c_str()),
        (None, false) => mount_bind_recursive(c".", path.as_c_str()),
    };
    bind.attempt("bind the container's directory on itself")?;
    chdir(path.as_c_str()).attempt("enter the container's directory")?;
    let root = open_directory(c".").attempt("open the container's directory")?;
    let (before, after) = (fstat(rootfs.as_fd()), fstat(&root));
    if !same_file(&before.attempt("stat the root")?, &after.attempt("stat the root")?) {
        return Err(Error::new(Kind::Busy, "the container's directory was replaced meanwhile"));
    }
    let flags = mount_flags(through(&root)).attempt("read the flags of the container's mount")?;
    let lifted = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    let keep = if sealed { MountFlags::NODEV } else { MountFlags::empty() };
    let wanted = flags.difference(lifted) | keep;
    if flags != wanted {
        mount_remount(c".", MountFlags::BIND | wanted, c"")
            .attempt("lift nosuid, nodev and noexec in the session (MS_REMOUNT|MS_BIND)")?;
    }
    Ok((Rootfs::new(root), refused))
}

/// What the host mounts later still arrives; nothing of ours ever goes back.
fn keep_from_the_host() -> Result<()> {
    mount_change("/", MountPropagationFlags::DOWNSTREAM | MountPropagationFlags::REC)
        .attempt("keep the session's mounts from the host (MS_SLAVE|MS_REC on '/')")
        .map_err(|error| error.hint("this cannot be done in a chroot whose root is not a mount point"))
}

/// Moves into those of `namespaces` that the kernel lets one have; returns the others, which are refused by name.
///
/// What it was built without is `EINVAL`, what an administrator has turned off `ENOSPC` (`user.max_*_namespaces`), what a
/// seccomp filter does not let through as a rule `EPERM`.
fn unshare_possible(namespaces: NamespaceTypes) -> Result<NamespaceTypes> {
    let mount = NamespaceTypes::NEWNS;
    if unshare(namespaces | mount).is_ok() {
        return Ok(NamespaceTypes::empty());
    }
    unshare(mount).attempt("make a mount namespace")?;
    Ok(namespaces.iter().filter(|namespace| unshare(*namespace).is_err()).collect())
}

/// Makes the working directory the root of everything, and lets go of the host's tree: of all of it, also where this
/// process is in a chroot. A `sealed` root has nothing above it, or it is an error: from there a guest could climb out. So is
/// one from which a landmark is not seen.
pub fn switch_root(sealed: bool, landmarks: &Landmarks) -> Result<()> {
    let attempt = "find the root of the session's mount namespace";
    let own = own_namespace();
    if let Ok(own) = &own {
        go_to_the_top(own.as_fd()).attempt(attempt)?;
        // In a chroot this is another one, and letting go of it is not for the host to see.
        keep_from_the_host()?;
    }
    pivot()?;
    if sealed {
        refuse_a_root_above(own)?;
    }
    let root = open_directory(c"/").attempt("open the container's root")?;
    landmarks.check(&Rootfs::new(root))
}

/// Goes to the top of the mount namespace `own`, which must be the root that this process is in.
fn refuse_a_root_above(own: rustix::io::Result<OwnedFd>) -> Result<()> {
    let attempt = "find the root of the session's mount namespace";
    let root = stat(c"/").attempt(attempt)?;
    go_to_the_top(own.attempt(attempt)?.as_fd()).attempt(attempt)?;
    let top = stat(c"/").attempt(attempt)?;
    if !same_file(&root, &top) {
        return Err(Error::new(
            Kind::Denied,
            "the host's root stays above the container's: a guest could climb to it",
        )
        .hint("start the program outside of the chroot that it is in"));
    }
    chdir(c"/").attempt("enter the container's root")
}

/// The calling thread's (Linux 3.17); before that the process's, which has one thread.
fn own_namespace() -> rustix::io::Result<OwnedFd> {
    let open = |path| openat(CWD, path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty());
    open(c"/proc/thread-self/ns/mnt").or_else(|_| open(c"/proc/self/ns/mnt"))
}

/// Makes the root of the mount namespace `own`, which this process is in, its root again (setns(2), Linux 3.8). The working
/// directory stays.
fn go_to_the_top(own: BorrowedFd<'_>) -> rustix::io::Result<()> {
    let here = open_directory(c".")?;
    // Refused to who shares root and working directory with a thread, as one of QEMU's own does.
    unshare(NamespaceTypes::FS).map_err(|_| Errno::INVAL)?;
    move_into_link_name_space(own, Some(LinkNameSpaceType::Mount))?;
    fchdir(here)
}

/// Makes the working directory the root.
///
/// pivot_root(2) refuses (`EINVAL`) where the old root is an initramfs, which cannot be put elsewhere, or itself a
/// chroot. The new root is moved over it then, as switch_root(8) does, and entered by chroot(2).
fn pivot() -> Result<()> {
    let host = open_directory(c"/").attempt("open the host's root")?;
    match pivot_root(c".", c".") {
        Ok(()) => let_go_of(&host).attempt("let go of the host's root")?,
        Err(Errno::INVAL) => chroot_to_working_dir()?,
        Err(error) => return Err(error).attempt("make the container's directory the root (pivot_root)"),
    }
    chdir(c"/").attempt("enter the container's root")
}

/// The old root lies on top of the new one. Before Linux 3.12 umount2(2) does not step from the new root's "." up to it,
/// and would take the new one away with all that is mounted there: so the old one is entered first.
fn let_go_of(host: &OwnedFd) -> rustix::io::Result<()> {
    fchdir(host)?;
    unmount(c".", UnmountFlags::DETACH)
}

fn open_directory(path: &CStr) -> rustix::io::Result<OwnedFd> {
    openat(CWD, path, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
}

/// Makes the working directory the root (chroot(2)), for kernels and places where it cannot be pivoted to.
pub fn chroot_to_working_dir() -> Result<()> {
    // Refused in a chroot; chroot(2) alone serves too, it only leaves the old root beside the new one.
    let _ = mount_move(c".", c"/");
    chroot(c".").attempt("make the container's directory the root (chroot)")
}

/// The flags of the mount that `path` is in, as mount(2) wants them back: what a remount does not repeat is cleared.
/// (Before Linux 3.12 fstatfs(2) refuses an `O_PATH` descriptor; a path [`through`] it serves.)
pub fn mount_flags(path: impl Arg) -> rustix::io::Result<MountFlags> {
    statvfs(path).map(|found| as_mount_flags(found.f_flag))
}

/// The same of flags that statvfs(3) has told.
pub fn as_mount_flags(found: StatVfsMountFlags) -> MountFlags {
    const SAME: [(StatVfsMountFlags, MountFlags); 8] = [
        (StatVfsMountFlags::RDONLY, MountFlags::RDONLY),
        (StatVfsMountFlags::NOSUID, MountFlags::NOSUID),
        (StatVfsMountFlags::NODEV, MountFlags::NODEV),
        (StatVfsMountFlags::NOEXEC, MountFlags::NOEXEC),
        (StatVfsMountFlags::SYNCHRONOUS, MountFlags::SYNCHRONOUS),
        (StatVfsMountFlags::NOATIME, MountFlags::NOATIME),
        (StatVfsMountFlags::NODIRATIME, MountFlags::NODIRATIME),
        (StatVfsMountFlags::RELATIME, MountFlags::RELATIME),
    ];
    let set = SAME.iter().filter(|(flag, _)| found.contains(*flag));
    set.fold(MountFlags::empty(), |flags, (_, flag)| flags | *flag)
}
