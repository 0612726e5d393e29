//! overlayfs: a tree that is shared and stays as it is, below one that takes the changes.
//!
//! Hard links must stay hard links when a file is copied up (`index=on`, Linux 4.13), and no directory may be renamed or
//! file copied up in part in ways that only overlayfs understands. Where the kernel or the filesystem cannot do that, there
//! is no overlay, and the caller copies the tree.

use std::ffi::CString;
use std::fs::File;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::path::{Path, PathBuf};

use rustix::io::Errno;
use rustix::mount::{MountFlags, MountPropagationFlags, UnmountFlags, mount, mount_change, unmount};

use crate::error::{Attempt, Error, Result};
use crate::rootfs::{Dir, Rootfs};
use crate::store::Work;
use crate::sys::namespace::{NamespaceTypes, unshare};

/// What is asked for, most first: an old kernel refuses options that it does not know, and does what the rest says then.
/// `volatile` (5.10) leaves out what only guards against power cuts: the upper directory does not outlive the build.
const OPTIONS: [&str; 3] = [
    "index=on,redirect_dir=off,metacopy=off,xino=off,nfs_export=off,volatile",
    "index=on,redirect_dir=off,metacopy=off,xino=off,nfs_export=off",
    "index=on,redirect_dir=off",
];

/// A mounted overlay; the mount goes when it is dropped, and with the process's mount namespace.
#[derive(Debug)]
pub struct Overlay {
    at: PathBuf,
    upper: File,
}

impl Overlay {
    /// Mounts one over `lower`, the uppermost first, in the private directory `work`. None where that cannot be. The calling
    /// process must be in a mount namespace of its own ([`own_namespace`]).
    pub fn mount(lower: &[BorrowedFd<'_>], work: &Work) -> Result<Option<Overlay>> {
        let (upper, scratch) = (work.directory("upper")?, work.directory("work")?);
        work.directory("merged")?;
        let at = work.path().join("merged");
        // By descriptors: a path may have commas, colons, or be longer than one page of options takes.
        let path = |fd: &dyn AsRawFd| format!("/proc/self/fd/{}", fd.as_raw_fd());
        let lower: Vec<String> = lower.iter().map(|lower| path(lower)).collect();
        let (lower, upper_path, scratch) = (lower.join(":"), path(&upper), path(&scratch));
        let directories = format!("lowerdir={lower},upperdir={upper_path},workdir={scratch}");
        if !OPTIONS.iter().any(|options| mounts(&at, &format!("{directories},{options}"))) {
            return Ok(None);
        }
        let overlay = Overlay { at, upper };
        // A filesystem without file handles has the kernel go on without an index, and say so in its log alone.
        let is_indexed = work.path().join("work/index").is_dir();
        Ok(is_indexed.then_some(overlay))
    }

    /// What was changed, as overlayfs keeps it.
    pub fn upper(&self) -> Result<Dir> {
        Rootfs::new(self.upper.try_clone().attempt("open the upper directory")?.into())
            .dir("")
            .attempt("open the upper directory")
    }
}

impl Drop for Overlay {
    fn drop(&mut self) {
        // What cannot be unmounted goes with the namespace.
        let _ = unmount(&self.at, UnmountFlags::DETACH | UnmountFlags::NOFOLLOW);
    }
}

fn mounts(at: &Path, options: &str) -> bool {
    let Ok(options) = CString::new(options) else { return false };
    mount("chroot-distro", at, "overlay", MountFlags::empty(), &*options).is_ok()
}

/// Moves the process into a mount namespace of its own, so that nothing that is mounted for a build outlives it, however
/// it ends. What the host mounts later still arrives. Only while single-threaded.
pub fn own_namespace() -> Result<()> {
    let attempt = "make a mount namespace for the build";
    match unshare(NamespaceTypes::NEWNS) {
        Err(error) if error.raw_os_error() == Some(Errno::PERM.raw_os_error()) => {
            return Err(Error::io(attempt, error).hint("a build with RUN needs root"));
        }
        done => done.attempt(attempt)?,
    }
    mount_change("/", MountPropagationFlags::DOWNSTREAM | MountPropagationFlags::REC)
        .attempt("keep the build's mounts from the host (MS_SLAVE|MS_REC on '/')")
}
