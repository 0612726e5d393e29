//! The user namespace of an isolated container: its users 0 to 65535 are a range of the host's, which nobody else has. So its root is
//! no root outside, and owns nothing there. The files on the disk keep their owners: the container sees them through a mount
//! that maps those (mount_setattr(2), Linux 5.12).
//!
//! All else is set up from outside, with the host's rights: the mount namespace is the host's root's, and the guest has no power
//! over it. Only a network of the container's own belongs to its users.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::mount::{OpenTreeFlags, open_tree};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{DumpableBehavior, Gid, Pid, Uid, set_dumpable_behavior};
use rustix::thread::{
    LinkNameSpaceType, move_into_link_name_space, set_thread_groups, set_thread_res_gid, set_thread_res_uid,
};

use crate::error::{Attempt, Result};
use crate::rootfs::Rootfs;
use crate::sys::mount::map_owners;
use crate::sys::namespace::{NamespaceTypes, unshare};
use crate::sys::process::{Fork, fork, wait};

/// How many users a container has: those that a system of its own has, `nobody` among them.
pub const SIZE: u32 = 65536;

/// Groups of Android's kernels: who may open sockets, and who has two capabilities without having them.
const INET: u32 = 3003;
const RIGHTS: [u32; 2] = [3004, 3005];

/// A container's users.
#[derive(Debug)]
pub struct Users {
    /// Who user 0 and group 0 are outside.
    pub first: u32,
    /// The container's root with its owners mapped, in no tree yet; for the first session.
    pub root: Option<OwnedFd>,
    namespace: OwnedFd,
    network: Option<OwnedFd>,
}

impl Users {
    /// Those that a container has which runs already.
    pub fn of(first: u32, namespace: OwnedFd) -> Users {
        Users { first, namespace, root: None, network: None }
    }

    /// Makes the namespace, and with `network` one of these that belongs to it. Fails where the kernel, its administrator or
    /// the filesystem of `root` has no such thing. Only while single-threaded.
    pub fn make(first: u32, root: &Rootfs, network: bool, android: bool) -> io::Result<Users> {
        let copy =
            OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC | OpenTreeFlags::AT_EMPTY_PATH;
        // Where this is not to be had, the rest need not be tried.
        let tree = open_tree(root.as_fd(), c"", copy)?;
        let types = NamespaceTypes::NEWUSER;
        let keeper = Keeper::start(if network { types | NamespaceTypes::NEWNET } else { types })?;
        fs::write(keeper.path("uid_map"), format!("0 {first} {SIZE}"))?;
        fs::write(keeper.path("gid_map"), groups(first, android))?;
        let namespace = keeper.open("ns/user")?;
        map_owners(tree.as_fd(), namespace.as_fd(), false)?;
        let network = if network { Some(keeper.open("ns/net")?) } else { None };
        Ok(Users { first, root: Some(tree), namespace, network })
    }

    /// Goes to the network that belongs to them; whether there is one.
    pub fn join_network(&self) -> Result<bool> {
        let Some(network) = &self.network else { return Ok(false) };
        move_into_link_name_space(network.as_fd(), Some(LinkNameSpaceType::Network))
            .attempt("enter the container's network namespace")?;
        Ok(true)
    }

    /// Becomes their root, with all of its rights inside and none outside. There is no way back.
    pub fn enter(&self) -> Result<()> {
        let attempt = "enter the container's user namespace";
        move_into_link_name_space(self.namespace.as_fd(), Some(LinkNameSpaceType::User)).attempt(attempt)?;
        let (uid, gid) = (Uid::ROOT, Gid::ROOT);
        set_thread_groups(&[]).attempt(attempt)?;
        set_thread_res_gid(gid, gid, gid).attempt(attempt)?;
        set_thread_res_uid(uid, uid, uid).attempt(attempt)?;
        // Changing them may have made this program's memory readable (fs.suid_dumpable).
        set_dumpable_behavior(DumpableBehavior::NotDumpable).attempt(attempt)
    }

    /// `tree`, in no tree yet, with its owners mapped, and those of what is mounted below; as it is where a filesystem of
    /// these cannot do that.
    pub fn map(&self, tree: OwnedFd, recursive: bool) -> OwnedFd {
        // What cannot be mapped is seen as nobody's: less than was asked for, and safe.
        let _ = map_owners(tree.as_fd(), self.namespace.as_fd(), recursive);
        tree
    }
}

/// Whether an open `uid_map` of proc(5) is that of the users from `first` on.
pub fn is_map_of(first: u32, map: &OwnedFd) -> bool {
    let mut text = String::new();
    let read = map.try_clone().and_then(|map| File::from(map).read_to_string(&mut text));
    let words = text.split_ascii_whitespace().map(|word| word.parse().ok());
    read.is_ok() && words.eq([Some(0), Some(first), Some(SIZE)])
}

/// The lines of `gid_map`. An Android kernel asks for one group by its number outside; those by which it gives rights are
/// nobody's inside.
fn groups(first: u32, android: bool) -> String {
    if !android {
        return format!("0 {first} {SIZE}");
    }
    let after = RIGHTS[1] + 1;
    format!("0 {first} {INET}\n{INET} {INET} 1\n{after} {} {}", first + after, SIZE - after)
}

/// A process that is in new namespaces, and ends with this value.
struct Keeper {
    pid: Pid,
    leave: Option<OwnedFd>,
}

impl Keeper {
    fn start(types: NamespaceTypes) -> io::Result<Keeper> {
        let (wait, leave) = pipe_with(PipeFlags::CLOEXEC)?;
        let (told, tell) = pipe_with(PipeFlags::CLOEXEC)?;
        match fork()? {
            Fork::Child => {
                drop((leave, told));
                if unshare(types).is_ok() && File::from(tell).write_all(b"1").is_ok() {
                    let _ = File::from(wait).read(&mut [0]);
                }
                std::process::exit(0)
            }
            Fork::Parent(pid) => {
                drop((wait, tell));
                let keeper = Keeper { pid, leave: Some(leave) };
                let told = File::from(told).read_exact(&mut [0]);
                told.map_err(|_| io::Error::other("the kernel refuses to make one"))?;
                Ok(keeper)
            }
        }
    }

    fn path(&self, name: &str) -> String {
        format!("/proc/{}/{name}", self.pid.as_raw_pid())
    }

    fn open(&self, name: &str) -> rustix::io::Result<OwnedFd> {
        openat(CWD, self.path(name), OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        drop(self.leave.take());
        let _ = wait(self.pid);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn android_s_group_for_sockets_is_itself_and_those_with_rights_are_nobody_s() {
        assert_eq!(groups(100_000, false), "0 100000 65536");
        assert_eq!(groups(100_000, true), "0 100000 3003\n3003 3003 1\n3006 103006 62530");
    }
}
