//! What this kernel can do, asked by trying.
//!
//! Each question is put in a forked child, in a mount namespace of its own where it mounts: an app's seccomp filter may
//! answer an unknown system call with SIGSYS, and whatever was mounted or unshared is gone with the child.

use std::fmt;
use std::fs::{self, File};
use std::io;
use std::path::Path;

use rustix::fs::{
    AtFlags, CWD, FileType, MemfdFlags, Mode, OFlags, RenameFlags, ResolveFlags, StatxFlags, XattrFlags,
    ioctl_ficlone, mknodat, openat2, renameat_with, setxattr, statx,
};
use rustix::io::Errno;
use rustix::mount::{
    FsOpenFlags, MountFlags, MountPropagationFlags, UnmountFlags, fsopen, mount, mount_bind, mount_change,
    unmount,
};
use rustix::process::{PidfdFlags, chdir, getpid, pidfd_open, pivot_root};

use super::snapshot::Host;
use crate::cgroup::{self, Base, Mark};
use crate::rootfs::Rootfs;
use crate::sys::namespace::{NamespaceTypes, unshare};
use crate::sys::process::{Fork, close_range, fork, probe_clone3, wait};

/// One thing that a kernel may have.
pub struct Feature {
    /// As manuals call it.
    pub name: &'static str,
    /// What the user has by it, where that is not plain.
    with: &'static str,
    /// What the user loses without it.
    without: &'static str,
    probe: fn(&Path) -> io::Result<()>,
}

/// What came of trying.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// It works.
    Works,
    /// Refused with this errno.
    Refused(i32),
    /// The child was killed by this signal.
    Killed(i32),
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Answer::Works => f.write_str("yes"),
            Answer::Refused(errno) => write!(f, "no ({})", name(*errno)),
            Answer::Killed(signal) => write!(f, "no (signal {signal})"),
        }
    }
}

impl Feature {
    /// What an answer means for the user; nothing where that is plain.
    pub fn means(&self, answer: Answer) -> &'static str {
        if answer == Answer::Works { self.with } else { self.without }
    }

    /// Tries it, with `scratch`, an empty directory, to work in. Only while single-threaded.
    pub fn ask(&self, scratch: &Path) -> io::Result<Answer> {
        in_child(|| (self.probe)(scratch))
    }
}

/// Tries something in a forked child, which may also become another program. Only while single-threaded.
pub fn in_child(attempt: impl FnOnce() -> io::Result<()>) -> io::Result<Answer> {
    match fork()? {
        Fork::Child => std::process::exit(match attempt() {
            Ok(()) => 0,
            Err(error) => error.raw_os_error().unwrap_or(Errno::IO.raw_os_error()),
        }),
        Fork::Parent(child) => {
            let status = wait(child)?;
            Ok(match (status.exit_status(), status.terminating_signal()) {
                (Some(0), _) => Answer::Works,
                (Some(errno), _) => Answer::Refused(errno),
                (None, signal) => Answer::Killed(signal.unwrap_or_default()),
            })
        }
    }
}

const fn feature(name: &'static str, without: &'static str, probe: fn(&Path) -> io::Result<()>) -> Feature {
    Feature { name, with: "", without, probe }
}

/// Everything that is worth asking for.
pub static FEATURES: &[Feature] = &[
    feature("openat2", "nothing is lost: paths are walked name by name", |_| {
        openat2(CWD, "/", OFlags::PATH, Mode::empty(), ResolveFlags::IN_ROOT)?;
        Ok(())
    }),
    feature("statx mount id", "nothing is lost: /proc tells the same", |_| {
        let found = statx(CWD, "/", AtFlags::empty(), StatxFlags::MNT_ID)?;
        if found.stx_mask & StatxFlags::MNT_ID.bits() == 0 { Err(Errno::NOSYS.into()) } else { Ok(()) }
    }),
    feature("clone3", "nothing is lost: fork does", |_| probe_clone3()),
    feature("pidfd_open", "nothing is lost: process numbers and start times do", |_| {
        pidfd_open(getpid(), PidfdFlags::empty())?;
        Ok(())
    }),
    feature("close_range", "nothing is lost: descriptors are closed one by one", |_| {
        close_range(u32::MAX, u32::MAX)
    }),
    feature("renameat2", "nothing is lost: link and unlink do", |scratch| {
        let (from, to) = (scratch.join("from"), scratch.join("to"));
        File::create(&from)?;
        let renamed = renameat_with(CWD, &from, CWD, &to, RenameFlags::NOREPLACE);
        let _ = fs::remove_file(from).and(fs::remove_file(to));
        Ok(renamed?)
    }),
    feature("memfd_create", "nothing is lost: temporary files do", |_| {
        rustix::fs::memfd_create("probe", MemfdFlags::CLOEXEC)?;
        Ok(())
    }),
    feature("mount API (fsopen)", "a container that runs gets no further --bind", |_| {
        fsopen("tmpfs", FsOpenFlags::FSOPEN_CLOEXEC)?;
        Ok(())
    }),
    feature("mount namespace", "no session starts: it is required", |_| unshare(NamespaceTypes::NEWNS)),
    feature("PID namespace", "--isolated sees the host's processes", |_| unshare(NamespaceTypes::NEWPID)),
    feature("UTS namespace", "--isolated has the host's name", |_| unshare(NamespaceTypes::NEWUTS)),
    feature("IPC namespace", "--isolated shares System V IPC with the host", |_| {
        unshare(NamespaceTypes::NEWIPC)
    }),
    feature("network namespace", "there is no --network none", |_| unshare(NamespaceTypes::NEWNET)),
    feature("cgroup namespace", "--isolated sees the names of the host's cgroups", |_| {
        unshare(NamespaceTypes::NEWCGROUP)
    }),
    feature("writable cgroup", "a process that left its root by pivot_root is not found", |scratch| {
        let mark = Mark::of(&Rootfs::new(File::open(scratch)?.into()))?;
        if cgroup::enter(&mark, Base::Own) { Ok(()) } else { Err(Errno::NODEV.into()) }
    }),
    feature("user namespace", "nothing is lost: it is not used", |_| unshare(NamespaceTypes::NEWUSER)),
    feature(
        "pivot_root",
        "the host's root stays beside the guest's, which is entered by chroot",
        |scratch| {
            private()?;
            mount_bind(scratch, scratch)?;
            chdir(scratch)?;
            Ok(pivot_root(".", ".")?)
        },
    ),
    feature("tmpfs", "there is no --isolated", |scratch| fresh(scratch, "tmpfs", c"mode=755")),
    feature("private terminals", "--isolated sees the host's terminals", |scratch| {
        if !Host::detect().has_private_terminals() {
            return Err(Errno::OPNOTSUPP.into());
        }
        fresh(scratch, "devpts", c"newinstance,ptmxmode=0666,mode=620,gid=5")
    }),
    feature("sysfs", "there is no --isolated", |scratch| fresh(scratch, "sysfs", c"")),
    Feature {
        with: "a build shares the files of its base image",
        ..feature("overlayfs", "a build copies the files of its base image", overlay)
    },
    Feature {
        with: "clone and builds share the bytes of files",
        ..feature("reflink", "clone and builds copy the bytes of files", reflink)
    },
    feature("device nodes", "--isolated has the host's", |scratch| {
        private()?;
        mount("tmpfs", scratch, "tmpfs", MountFlags::empty(), c"")?;
        let node = scratch.join("null");
        mknodat(
            CWD,
            &node,
            FileType::CharacterDevice,
            Mode::from_raw_mode(0o666),
            rustix::fs::makedev(1, 3),
        )?;
        File::open(node).map(drop)
    }),
    feature("user xattrs", "a guest's files lose theirs, with a warning", |scratch| {
        xattr(scratch, "user.probe", b"1")
    }),
    feature(
        "file capabilities",
        "a guest's programs lose theirs, with a warning: ping may need root",
        |scratch| {
            // Version 2, nothing permitted (linux/capability.h).
            xattr(scratch, "security.capability", &[&[0, 0, 0, 2][..], &[0; 16]].concat())
        },
    ),
    feature("case-sensitive names", "an image with names that differ in case alone is refused", |scratch| {
        let path = scratch.join("Case");
        File::create(&path)?;
        let folded = scratch.join("case").exists();
        fs::remove_file(path)?;
        if folded { Err(Errno::EXIST.into()) } else { Ok(()) }
    }),
    feature("binfmt_misc", "programs of this machine's own kind only", |scratch| {
        fresh(scratch, "binfmt_misc", c"")
    }),
];

/// A mount namespace from which nothing gets out.
fn private() -> io::Result<()> {
    unshare(NamespaceTypes::NEWNS)?;
    Ok(mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC)?)
}

fn fresh(scratch: &Path, kind: &str, options: &std::ffi::CStr) -> io::Result<()> {
    private()?;
    Ok(mount(kind, scratch, kind, MountFlags::empty(), options)?)
}

/// On the filesystem that `scratch` is on: not every one serves as an upper directory.
fn overlay(scratch: &Path) -> io::Result<()> {
    private()?;
    let names = ["lower", "upper", "work", "merged"];
    let tried = names.iter().try_for_each(|name| fs::create_dir(scratch.join(name))).and_then(|()| {
        chdir(scratch)?;
        mount(
            "overlay",
            "merged",
            "overlay",
            MountFlags::empty(),
            c"lowerdir=lower,upperdir=upper,workdir=work",
        )?;
        let written = fs::write("merged/file", "");
        unmount("merged", UnmountFlags::empty())?;
        written
    });
    for name in names {
        let _ = fs::remove_dir_all(scratch.join(name));
    }
    tried
}

/// Whether two files can have the same blocks (FICLONE of ioctl_ficlone(2)).
fn reflink(scratch: &Path) -> io::Result<()> {
    let paths = [scratch.join("from"), scratch.join("to")];
    let shared = || {
        fs::write(&paths[0], [0; 4096])?;
        Ok(ioctl_ficlone(File::create(&paths[1])?, File::open(&paths[0])?)?)
    };
    let shared = shared();
    paths.iter().for_each(|path| drop(fs::remove_file(path)));
    shared
}

fn xattr(scratch: &Path, key: &str, value: &[u8]) -> io::Result<()> {
    let path = scratch.join("file");
    let set = File::create(&path).and_then(|_| Ok(setxattr(&path, key, value, XattrFlags::empty())?));
    let _ = fs::remove_file(path);
    set
}

/// The names that people search for.
fn name(errno: i32) -> String {
    let known = [
        (Errno::NOSYS, "ENOSYS"),
        (Errno::PERM, "EPERM"),
        (Errno::ACCESS, "EACCES"),
        (Errno::INVAL, "EINVAL"),
        (Errno::NODEV, "ENODEV"),
        (Errno::NOENT, "ENOENT"),
        (Errno::OPNOTSUPP, "EOPNOTSUPP"),
        (Errno::BUSY, "EBUSY"),
        (Errno::NOSPC, "ENOSPC"),
        (Errno::NOTTY, "ENOTTY"),
        (Errno::XDEV, "EXDEV"),
        (Errno::EXIST, "EEXIST"),
    ];
    let found = known.iter().find(|(known, _)| known.raw_os_error() == errno);
    found.map_or_else(|| format!("errno {errno}"), |(_, name)| (*name).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_and_a_kill_are_told_apart() {
        let refused = feature("", "", |_| Err(Errno::NOSYS.into()));
        assert_eq!(refused.ask(Path::new("/")).unwrap().to_string(), "no (ENOSYS)");
        let killed =
            feature("", "", |_| Ok(rustix::process::kill_process(getpid(), rustix::process::Signal::SYS)?));
        assert_eq!(killed.ask(Path::new("/")).unwrap(), Answer::Killed(libc::SIGSYS));
        assert_eq!(feature("", "", |_| Ok(())).ask(Path::new("/")).unwrap(), Answer::Works);
    }
}
