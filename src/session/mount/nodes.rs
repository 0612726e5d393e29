//! The device nodes of a private `/dev`. They stand in a filesystem of their own, which is gone when each is bound to its
//! place: so `/dev` itself needs no devices, and a node that a guest makes there opens nothing.

use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::mount::{MountFlags, UnmountFlags, mount, mount_bind, unmount};

use crate::rootfs::{FileType, Follow, Rootfs};
use crate::sys::descriptor::through;

/// Where they are made meanwhile: a directory of the fresh `/dev`, which gets a filesystem of its own later.
const WORKSHOP: &str = "shm";

/// A node's name in `/dev`, and its number.
pub type Node = (&'static str, u32, u32);

/// Makes `nodes` in `dev`. `PermissionDenied` where mknod(2) is refused (a user namespace, SELinux).
pub fn make(dev: &Rootfs, nodes: &[Node]) -> io::Result<()> {
    dev.create_dir_all(WORKSHOP, 0o755)?;
    let point = dev.open_path(WORKSHOP, Follow::Yes)?;
    let flags = MountFlags::NOSUID | MountFlags::NOEXEC;
    mount("tmpfs", through(&point), "tmpfs", flags, c"mode=755,size=4k")?;
    let workshop = Rootfs::new(dev.open_path(WORKSHOP, Follow::Yes)?);
    let made = nodes.iter().try_for_each(|node| make_one(&workshop, dev, *node));
    unmount(through(workshop.as_fd()), UnmountFlags::DETACH)?;
    made
}

fn make_one(workshop: &Rootfs, dev: &Rootfs, (name, major, minor): Node) -> io::Result<()> {
    let (dir, leaf) = workshop.parent(name)?;
    dir.mknod(&leaf, FileType::Character, 0o666, (major, minor))?;
    dir.chmod(&leaf, 0o666)?;
    let (node, point) = (workshop.open_path(name, Follow::No)?, place(dev, name)?);
    Ok(mount_bind(through(&node), through(&point))?)
}

/// An empty file to bind the node on.
pub fn place(dev: &Rootfs, name: impl AsRef<Path>) -> io::Result<OwnedFd> {
    let (dir, leaf) = dev.parent(name.as_ref())?;
    match dir.create_file(&leaf, 0o666) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    dev.open_path(name.as_ref(), Follow::No)
}
