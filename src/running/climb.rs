//! From a process's root upwards: a guest that changed its root once more, to a directory or a mount inside the
//! container's, still stands below that.

use std::os::fd::AsFd;

use rustix::fs::{CWD, Mode, OFlags, fstat, openat};

/// More directories above one another than a path has room for: a guest can make a root that is deeper, and costs us
/// this much.
const STEPS: usize = 4096;

/// A directory: device and inode.
pub(super) type Id = (u64, u64);

/// The root of process `pid` and every directory above it, up to where its mount namespace begins. Empty where we may not
/// look.
///
/// The link in `/proc` leads into the process's own mount namespace, and `..` goes on there: out of each mount to the
/// directory that it hides, and past every chroot(2), for our own root is not on the way.
pub(super) fn above(pid: u32) -> Vec<Id> {
    let mut all = Vec::new();
    let directory = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let open = |from: &dyn AsFd, path: &str| {
        let fd = openat(from.as_fd(), path, directory, Mode::empty()).ok()?;
        let found = fstat(&fd).ok()?;
        Some((fd, id(&found)))
    };
    let mut next = open(&CWD, &format!("/proc/{pid}/root"));
    while let Some((fd, id)) = next.take().filter(|(_, id)| all.last() != Some(id)) {
        all.push(id);
        next = if all.len() < STEPS { open(&fd, "..") } else { None };
    }
    all
}

#[allow(clippy::unnecessary_cast, reason = "the width differs between architectures")]
fn id(stat: &rustix::fs::Stat) -> Id {
    (stat.st_dev as u64, stat.st_ino as u64)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::MetadataExt;
    use std::process::{Command, Stdio};

    use super::*;
    use crate::testing::{TempDir, in_mount_namespace};

    fn id_of(path: &std::path::Path) -> Id {
        let found = fs::metadata(path).unwrap();
        (found.dev(), found.ino())
    }

    #[test]
    fn sees_past_a_chroot_and_a_mount() {
        in_mount_namespace(|| {
            let temp = TempDir::new();
            let (outer, inner) = (temp.path().join("a"), temp.path().join("a/b/c"));
            fs::create_dir_all(&inner).unwrap();
            rustix::mount::mount("x", &inner, "tmpfs", rustix::mount::MountFlags::empty(), None).unwrap();
            for name in ["bin", "lib", "lib64", "usr"] {
                let (host, here) = (std::path::Path::new("/").join(name), inner.join(name));
                if host.exists() {
                    fs::create_dir(&here).unwrap();
                    rustix::mount::mount_bind(&host, &here).unwrap();
                }
            }
            let mut child = Command::new("chroot")
                .args([inner.to_str().unwrap(), "/bin/sh", "-c", "echo; read x"])
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()
                .unwrap();
            std::io::Read::read(child.stdout.as_mut().unwrap(), &mut [0]).unwrap();
            let found = above(child.id());
            assert_eq!(found.first(), Some(&id_of(&inner)));
            assert!(found.contains(&id_of(&outer)));
            assert_eq!(found.last(), Some(&id_of(std::path::Path::new("/"))));
            drop(child.stdin.take());
            child.wait().unwrap();
            rustix::mount::unmount(&inner, rustix::mount::UnmountFlags::DETACH).unwrap();
            assert_eq!(above(child.id()), []);
        });
    }
}
