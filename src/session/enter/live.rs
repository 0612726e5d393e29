//! A process inside the container, and how another one gets to where it is.
//!
//! The process is pinned by its directory in `/proc`: once that is open, a later process with the same number
//! cannot take its place.

use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{CWD, Mode, OFlags, fstat, openat, stat};
use rustix::io::Errno;
use rustix::process::{chdir, chroot, fchdir};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::error::{Attempt, Result};
use crate::rootfs::Rootfs;
use crate::session::users::{self, Users};
use crate::sys::identity::same_file;
use crate::sys::namespace::{NamespaceTypes, unshare};

/// Besides the mount namespace, which is entered last: from then on the host's `/proc` is out of reach.
const OTHERS: [(&str, LinkNameSpaceType); 4] = [
    ("ns/uts", LinkNameSpaceType::HostNameAndNISDomainName),
    ("ns/ipc", LinkNameSpaceType::InterProcessCommunication),
    ("ns/cgroup", LinkNameSpaceType::ControlGroup),
    ("ns/net", LinkNameSpaceType::Network),
];

/// Where a process of the container is.
#[derive(Debug)]
pub struct Live {
    pid: u32,
    process: OwnedFd,
    root: OwnedFd,
    mount: OwnedFd,
    pids: Option<OwnedFd>,
    users: Option<Users>,
    others: Vec<(OwnedFd, LinkNameSpaceType)>,
}

impl Live {
    /// Looks at process `pid`. `None` when it is gone, hidden from us, or not at the container's root in a mount
    /// namespace of its own: the number may be another's by now, or the guest has moved on to a root of its making, or
    /// into a user namespace. (Any user can do that, also one of the host's who may enter the container's directory.)
    ///
    /// One whose user 0 is `first` outside is in the container's own user namespace. Only root can make one like it; and what
    /// a guest makes is gone when the first process is, whose number is looked at.
    pub fn of(pid: u32, rootfs: &Rootfs, first: Option<u32>) -> Result<Option<Live>> {
        let attempt = format_args!("look at process {pid}");
        match Live::look(pid, rootfs, first) {
            Ok(live) => Ok(live),
            Err(Errno::NOENT | Errno::SRCH | Errno::ACCESS | Errno::PERM) => Ok(None),
            Err(error) => Err(error).attempt(attempt),
        }
    }

    fn look(pid: u32, rootfs: &Rootfs, first: Option<u32>) -> rustix::io::Result<Option<Live>> {
        let directory = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let process = openat(CWD, format!("/proc/{pid}"), directory, Mode::empty())?;
        let root = openat(&process, "root", directory, Mode::empty())?;
        if !same_file(&fstat(&root)?, &fstat(rootfs.as_fd())?) {
            return Ok(None);
        }
        let mut users = None;
        if let Some(namespace) = other_namespace(&process, "ns/user")? {
            let map = openat(&process, "uid_map", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
            match first {
                Some(first) if users::is_map_of(first, &map) => users = Some(Users::of(first, namespace)),
                // Whoever is root there has mounted what they like: it is no place for our root.
                _ => return Ok(None),
            }
        }
        let Some(mount) = other_namespace(&process, "ns/mnt")? else { return Ok(None) };
        let pids = other_namespace(&process, "ns/pid")?;
        let mut others = Vec::new();
        for (name, kind) in OTHERS {
            others.extend(other_namespace(&process, name)?.map(|namespace| (namespace, kind)));
        }
        Ok(Some(Live { pid, process, root, mount, pids, users, others }))
    }

    /// Whether it is in a PID namespace that is not ours.
    pub fn has_own_pids(&self) -> bool {
        self.pids.is_some()
    }

    /// Whether its network is not ours.
    pub fn has_own_network(&self) -> bool {
        self.others.iter().any(|(_, kind)| *kind == LinkNameSpaceType::Network)
    }

    /// The container's own users, if it has some.
    pub fn users(&self) -> Option<&Users> {
        self.users.as_ref()
    }

    /// Its number.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Its mount namespace, as an inode number of nsfs.
    pub fn mount_namespace(&self) -> Option<u64> {
        fstat(&self.mount).ok().map(|found| found.st_ino)
    }

    /// The container's root as it is there.
    pub fn rootfs(&self) -> Result<Rootfs> {
        self.root.try_clone().map(Rootfs::new).attempt("look into the running container")
    }

    /// Opens what it has open itself as descriptor `fd`.
    pub fn open(&self, fd: i32, flags: OFlags) -> rustix::io::Result<OwnedFd> {
        openat(&self.process, format!("fd/{fd}"), flags | OFlags::CLOEXEC, Mode::empty())
    }

    /// Moves the calling process there: its working directory and root are the container's root then. Only its children
    /// are in the PID namespace (setns(2)): none of its processes sees this one.
    ///
    /// The namespace's own root is that directory wherever pivot_root(2) worked; where it did not, the process's
    /// root still is.
    pub fn join(&self) -> Result<()> {
        let attempt = "join the running container";
        if let Some(pids) = &self.pids {
            move_into_link_name_space(pids.as_fd(), Some(LinkNameSpaceType::ProcessID)).attempt(attempt)?;
        }
        for (namespace, kind) in &self.others {
            move_into_link_name_space(namespace.as_fd(), Some(*kind)).attempt(attempt)?;
        }
        // Refused to who shares root and working directory with a thread, as one of QEMU's own does.
        unshare(NamespaceTypes::FS).attempt(attempt)?;
        move_into_link_name_space(self.mount.as_fd(), Some(LinkNameSpaceType::Mount)).attempt(attempt)?;
        fchdir(&self.root).attempt(attempt)?;
        chroot(c".").attempt(attempt)?;
        chdir(c"/").attempt(attempt)
    }
}

/// The namespace of a process, unless we are in it too, or the kernel was built without that type.
fn other_namespace(process: &OwnedFd, name: &str) -> rustix::io::Result<Option<OwnedFd>> {
    let ours = match stat(format!("/proc/self/{name}")) {
        Err(Errno::NOENT) => return Ok(None),
        ours => ours?,
    };
    let theirs = openat(process, name, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
    Ok(if same_file(&fstat(&theirs)?, &ours) { None } else { Some(theirs) })
}
