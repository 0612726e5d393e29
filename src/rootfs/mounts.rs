//! What is mounted below a directory, in any mount namespace: asked before a guest's root is deleted.
//!
//! Paths cannot be compared across namespaces and chroots, so a mount is placed by what it stands on: the
//! filesystem and the path inside that. Processes that may not be looked into are skipped.

use std::collections::HashSet;
use std::io;
use std::os::fd::BorrowedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::Stat;

use super::mountinfo::{self, MountLine};
use crate::sys::descriptor::through;
use crate::sys::identity::FileId;

/// A mount below the directory asked about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    /// Where, relative to that directory; empty for one on the directory itself.
    pub path: PathBuf,
    /// Where, from the root of a process that sees it: another place when the directory is bound there.
    pub point: PathBuf,
    /// A process in whose namespace it is; 0 for this one's.
    pub pid: u32,
}

/// The mounts on and below `directory`, in this namespace and in every other one that a process of /proc lives
/// in. A directory that is itself the root of a mount in this namespace is not listed for that.
pub fn below(directory: BorrowedFd<'_>) -> io::Result<Vec<Mount>> {
    // A thread may have a namespace of its own; before Linux 3.17 there is no asking for it.
    let text =
        std::fs::read("/proc/thread-self/mountinfo").or_else(|_| std::fs::read("/proc/self/mountinfo"))?;
    let own = mountinfo::parse(&text);
    let below = FilesystemPath::of(directory, &own)?;
    let mut found = below.mounts(&own, 0);
    let mut seen = HashSet::new();
    seen.extend(view(Path::new("/proc/thread-self")).or_else(|| view(Path::new("/proc/self"))));
    for process in std::fs::read_dir("/proc")? {
        let process = process?;
        let Some(pid) = process.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        let path = process.path();
        let Some(view) = view(&path).filter(|view| seen.insert(view.clone())) else { continue };
        // Gone meanwhile, or a zombie, which has no mounts.
        let Ok(text) = std::fs::read(path.join("mountinfo")) else { continue };
        let mounts = mountinfo::parse(&text);
        if view.root == below.file {
            // Its root is the directory: all that it sees but the root itself is below, also where the mount
            // that the root lies on is out of its sight.
            let inside = mounts.into_iter().map(|mount| mount.mount_point).filter(|point| point != "/");
            found.extend(inside.filter_map(|point| {
                Some(Mount { path: point.strip_prefix("/").ok()?.to_owned(), point, pid })
            }));
        } else {
            found.extend(below.mounts(&mounts, pid));
        }
    }
    Ok(found)
}

/// A mount namespace as a process sees it: two processes of one view list the same mounts.
#[derive(Clone, PartialEq, Eq, Hash)]
struct View {
    namespace: PathBuf,
    /// Device and inode of its root directory.
    root: (u64, u64),
}

fn view(process: &Path) -> Option<View> {
    let namespace = std::fs::read_link(process.join("ns/mnt")).ok()?;
    let root = rustix::fs::stat(process.join("root")).ok()?;
    Some(View { namespace, root: file(&root) })
}

#[allow(clippy::unnecessary_cast, reason = "the width differs between architectures")]
fn file(stat: &Stat) -> (u64, u64) {
    (stat.st_dev as u64, stat.st_ino as u64)
}

/// A directory by what every namespace agrees on.
struct FilesystemPath {
    /// Device and inode.
    file: (u64, u64),
    /// The mount in this namespace that shows it.
    mount: u64,
    dev: (u32, u32),
    /// From the filesystem's own root.
    path: PathBuf,
}

impl FilesystemPath {
    fn of(directory: BorrowedFd<'_>, own: &[MountLine]) -> io::Result<FilesystemPath> {
        let path = std::fs::read_link(through(directory))?;
        let identity = FileId::of(directory)?;
        let mount = match identity.mount {
            Some(id) => own.iter().find(|mount| mount.id == id),
            // Before Linux 3.15: the innermost that the path runs through, the last mounted of several.
            None => own
                .iter()
                .filter(|mount| path.starts_with(&mount.mount_point))
                .max_by_key(|mount| mount.mount_point.as_os_str().len()),
        };
        let Some(mount) = mount else {
            return Err(io::Error::other("the directory lies on no mount of this process"));
        };
        let relative = path.strip_prefix(&mount.mount_point).map_err(io::Error::other)?;
        Ok(FilesystemPath {
            file: file(&rustix::fs::fstat(directory)?),
            mount: mount.id,
            dev: mount.dev,
            path: join(&mount.root, relative),
        })
    }

    fn mounts(&self, mounts: &[MountLine], pid: u32) -> Vec<Mount> {
        let by_id = |id| mounts.iter().find(|mount| mount.id == id);
        // Stands on the directory's own filesystem.
        let placed = |mount: &MountLine| {
            let parent = by_id(mount.parent).filter(|parent| parent.dev == self.dev)?;
            let relative = mount.mount_point.strip_prefix(&parent.mount_point).ok()?;
            Some(join(&parent.root, relative).strip_prefix(&self.path).ok()?.to_owned())
        };
        // Stands on it, or on what does.
        let below = |mount: &MountLine| {
            let mut base = mount;
            for _ in 0..=mounts.len() {
                if base.id == self.mount {
                    return None;
                }
                if let Some(path) = placed(base) {
                    return Some(join(&path, mount.mount_point.strip_prefix(&base.mount_point).ok()?));
                }
                base = by_id(base.parent)?;
            }
            None
        };
        let mount =
            |mount: &MountLine| Some(Mount { path: below(mount)?, point: mount.mount_point.clone(), pid });
        mounts.iter().filter_map(mount).collect()
    }
}

/// Without the trailing slash that joining an empty path leaves.
fn join(root: &Path, relative: &Path) -> PathBuf {
    if relative.as_os_str().as_bytes().is_empty() { root.to_owned() } else { root.join(relative) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rootfs::Rootfs;
    use crate::testing::{TempDir, in_mount_namespace, needs_root};
    use std::io::{Read, Write};
    use std::process::{Command, Stdio};

    #[test]
    fn finds_what_is_mounted_here() {
        in_mount_namespace(|| {
            let temp = TempDir::new();
            let guest = temp.path().join("a guest");
            std::fs::create_dir_all(guest.join("deep/in side")).unwrap();
            std::fs::create_dir(temp.path().join("a guest 2")).unwrap();
            let rootfs = Rootfs::new(std::fs::File::open(&guest).unwrap().into());
            assert_eq!(rootfs.mounts_below().unwrap(), []);
            let bind = |to: &str| rustix::mount::mount_bind("/proc", temp.path().join(to)).unwrap();
            let undo = |at: &str| {
                rustix::mount::unmount(temp.path().join(at), rustix::mount::UnmountFlags::DETACH).unwrap();
            };
            bind("a guest 2");
            bind("a guest/deep/in side");
            let point = guest.join("deep/in side");
            let found = [Mount { path: "deep/in side".into(), point, pid: 0 }];
            assert_eq!(rootfs.mounts_below().unwrap(), found);
            undo("a guest 2");
            undo("a guest/deep/in side");
        });
    }

    /// A process in a mount namespace of its own, which tells when its mounts stand and ends with its stdin.
    fn elsewhere(script: &str, dir: &Path) -> std::process::Child {
        let mut child = Command::new("unshare")
            .args(["--mount", "--propagation", "private", "sh", "-ec", script])
            .current_dir(dir)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdout.as_mut().unwrap().read_exact(&mut [0]).unwrap();
        child
    }

    #[test]
    fn finds_what_is_mounted_in_another_namespace() {
        needs_root!();
        let temp = TempDir::new();
        let guest = temp.path().join("guest");
        std::fs::create_dir_all(guest.join("proc")).unwrap();
        let other = temp.path().join("other");
        std::fs::create_dir(&other).unwrap();
        let rootfs = Rootfs::new(std::fs::File::open(&guest).unwrap().into());
        let wait = "echo; read line";
        // The guest's root bound on another directory shows the same files.
        for (script, point) in [
            (format!("mount --bind /dev guest/proc; {wait}"), guest.join("proc")),
            (format!("mount --bind guest other; mount --bind /dev other/proc; {wait}"), other.join("proc")),
        ] {
            let mut child = elsewhere(&script, temp.path());
            let found = rootfs.mounts_below().unwrap();
            let expected = Mount { path: "proc".into(), point, pid: child.id() };
            assert!(found.contains(&expected), "{script}: {found:?}");
            child.stdin.take().unwrap().write_all(b"\n").unwrap();
            child.wait().unwrap();
            assert_eq!(rootfs.mounts_below().unwrap(), [], "{script}");
        }
    }
}
