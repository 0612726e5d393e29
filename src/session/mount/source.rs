//! One bind: its source, held by a descriptor, and the place in the guest that it is seen at.

use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, FileType as Kind, Mode, OFlags, fstat, openat, stat};
use rustix::mount::{
    MountFlags, MoveMountFlags, OpenTreeFlags, UnmountFlags, mount_bind, mount_bind_recursive, mount_move,
    mount_remount, move_mount, open_tree, unmount,
};

use super::root::mount_flags;
use crate::error::{Attempt, Error, Kind as ErrorKind, Result};
use crate::rootfs::{Follow, Rootfs};
use crate::session::bind::Restrict;
use crate::session::users::Users;
use crate::sys::descriptor::through;
use crate::sys::identity::same_file;

/// For a mount that is in no tree yet, and a place that only a descriptor leads to.
pub const MOVE: MoveMountFlags =
    MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH.union(MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH);

/// What is to be seen in the guest: opened, so that it stays what was looked at.
pub struct BindSource {
    fd: OwnedFd,
    path: PathBuf,
}

impl BindSource {
    /// Opens the host's `path`.
    pub fn open(path: &Path) -> Result<BindSource> {
        let fd = openat(CWD, path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())
            .attempt(format_args!("open '{}' to bind it", path.display()))?;
        Ok(BindSource { fd, path: path.to_owned() })
    }

    /// Binds it. `path` is where `target`, as the user knows it, is in `root`.
    pub fn bind(
        &self,
        (root, path, target): (&Rootfs, &Path, &Path),
        directory: bool,
        restrict: Restrict,
        users: Option<&Users>,
    ) -> Result<()> {
        let point = point(root, path, target, directory)?;
        let attempt = |flags: &str| {
            format!("bind '{}' on '{}' in the session ({flags})", self.path.display(), target.display())
        };
        if let Some(users) = users.filter(|_| !restrict.no_idmap) {
            let tree = users.map(self.copy(restrict).attempt(|| attempt("open_tree"))?, restrict.is_none());
            return move_mount(&tree, c"", &point, c"", MOVE).attempt(|| attempt("move_mount"));
        }
        if restrict.is_none() {
            return mount_bind_recursive(through(&self.fd), through(&point))
                .attempt(|| attempt("MS_BIND|MS_REC"));
        }
        mount_move(through(&self.restricted(restrict)?), through(&point)).attempt(|| attempt("MS_MOVE"))
    }

    /// A mount of it with these flags that is in no tree: with what is mounted below, unless it is restricted. Linux 5.2. In
    /// a mount namespace of one's own, where it is restricted: no guest gets it before it has its flags.
    pub fn copy(&self, restrict: Restrict) -> io::Result<OwnedFd> {
        let copy =
            OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC | OpenTreeFlags::AT_EMPTY_PATH;
        if restrict.is_none() {
            return Ok(open_tree(&self.fd, c"", copy | OpenTreeFlags::AT_RECURSIVE)?);
        }
        let mounted = self.restricted(restrict).map_err(io::Error::other)?;
        let copied = open_tree(&mounted, c"", copy);
        unmount(through(&mounted), UnmountFlags::DETACH)?;
        Ok(copied?)
    }

    /// A mount of it with these flags, on the source itself, in this namespace alone: there no guest can put another in
    /// its place, or use it before it has them. The flags are of one mount: what is mounted below the source would come
    /// in without them, and does not.
    fn restricted(&self, restrict: Restrict) -> Result<OwnedFd> {
        let attempt = format_args!("restrict a mount of '{}' (MS_BIND, MS_REMOUNT)", self.path.display());
        mount_bind(through(&self.fd), through(&self.fd)).attempt(attempt)?;
        let found = fstat(&self.fd).attempt(attempt)?;
        // A path that begins at the root does not see what covers that; one that comes back to it does.
        let is_root = same_file(&found, &stat("/").attempt(attempt)?);
        let mounted = BindSource::open(if is_root { Path::new("/..") } else { &self.path })?.fd;
        if !same_file(&fstat(&mounted).attempt(attempt)?, &found) {
            return Err(Error::new(
                ErrorKind::Busy,
                format!("'{}' was replaced meanwhile", self.path.display()),
            ));
        }
        let flags = mount_flags(through(&mounted)).attempt(attempt)? | restriction(restrict);
        mount_remount(through(&mounted), flags | MountFlags::BIND, c"").attempt(attempt)?;
        Ok(mounted)
    }
}

/// As mount(2) wants it.
pub fn restriction(restrict: Restrict) -> MountFlags {
    let mut flags = MountFlags::empty();
    flags.set(MountFlags::RDONLY, restrict.read_only);
    flags.set(MountFlags::NOSUID, restrict.no_suid);
    flags.set(MountFlags::NODEV, restrict.no_dev);
    flags.set(MountFlags::NOEXEC, restrict.no_exec);
    flags
}

/// The mount point, `path` resolved inside `root`, of the type that is to be mounted on it. Messages call it `target`.
pub fn point(root: &Rootfs, path: &Path, target: &Path, directory: bool) -> Result<OwnedFd> {
    let shown = target.display();
    let attempt = format_args!("find '{shown}' in the session");
    let point = root.open_path(path, Follow::Yes).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => Error::io(attempt, error)
            .hint("it lies in a directory that the host shares: make it on the host first"),
        _ => Error::io(attempt, error),
    })?;
    match (Kind::from_raw_mode(fstat(&point).attempt(attempt)?.st_mode), directory) {
        (Kind::Directory, true) => Ok(point),
        (Kind::Directory | Kind::Symlink | Kind::Fifo, false) => {
            Err(Error::invalid(format_args!("'{shown}' in the container is not a file, to bind one on it")))
        }
        (_, false) => Ok(point),
        (_, true) => Err(Error::invalid(format_args!("'{shown}' in the container is not a directory"))),
    }
}
