//! Executes a plan's steps, deciding nothing.
//!
//! Sources are host paths, targets are the guest's and hostile: each target is resolved inside the root to a
//! descriptor, and the mount lands on that descriptor, so no link swapped meanwhile leads it out.

use std::ffi::CString;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, FileType as Kind, Mode, OFlags, fstat, openat};
use rustix::io::Errno;
use rustix::mount::{
    MountFlags, MoveMountFlags, OpenTreeFlags, mount, mount_bind, mount_bind_recursive, mount_remount,
    move_mount, open_tree,
};

use super::bind::Restrict;
use super::root::{mount_flags, same_file, through};
use super::steps::Step;
use crate::error::{Attempt, Error, Result};
use crate::report::Report;
use crate::rootfs::{FileType, Follow, Rootfs};

/// Makes the missing mount points, while nothing of the host stands below the root: so nothing can be made on the
/// host. Below another target nothing is made: that filesystem has the mount point or refuses.
pub fn make_mount_points<'a>(root: &Rootfs, steps: impl IntoIterator<Item = &'a Step>) -> Result<()> {
    let mut covered: Vec<&Path> = Vec::new();
    for step in steps {
        let (target, directory) = match step {
            Step::Bind { target, directory, .. } => (target, *directory),
            Step::Mount { target, .. } => (target, true),
            _ => continue,
        };
        if !covered.iter().any(|above| target.starts_with(above)) {
            match make_mount_point(root, target, directory) {
                Err(error) if step.is_required() => return Err(error),
                // Whoever mounts there will say so.
                _ => {}
            }
        }
        covered.push(target);
    }
    Ok(())
}

fn make_mount_point(root: &Rootfs, target: &Path, directory: bool) -> Result<()> {
    match root.open_path(target, Follow::Yes) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let made = if directory { make_directory(root, target) } else { make_file(root, target) };
            made.attempt(|| format!("make the mount point '{}' in the container", target.display()))
        }
        Err(error) => Err(Error::io(format!("find '{}' in the container", target.display()), error)),
    }
}

/// Runs the steps in order. All or nothing, but for those that the plan calls optional.
pub fn run<'a>(root: &Rootfs, steps: impl IntoIterator<Item = &'a Step>, report: &dyn Report) -> Result<()> {
    for step in steps {
        match one(root, step) {
            Err(error) if step.is_required() => return Err(error),
            Err(error) => report.warn(&format!("{error}; the session goes without it")),
            Ok(()) => {}
        }
    }
    Ok(())
}

fn one(root: &Rootfs, step: &Step) -> Result<()> {
    let made = |path: &Path, result: io::Result<()>| {
        result.attempt(|| format!("make '{}' in the session", path.display()))
    };
    match step {
        Step::Directory { path } => made(path, make_directory(root, path)),
        Step::File { path } => made(path, make_file(root, path)),
        Step::Symlink { path, to } => {
            made(path, root.parent(path).and_then(|(dir, name)| dir.symlink(&name, to.as_ref())))
        }
        Step::Device { path, major, minor } => device(root, path, (*major, *minor)),
        Step::Bind { source, target, directory, restrict, .. } => {
            let source = Source::open(source)?;
            source.bind(root, target, *directory, *restrict)
        }
        Step::Mount { kind, target, restrict, options, .. } => fresh(root, kind, target, *restrict, options),
    }
}

fn make_directory(root: &Rootfs, path: &Path) -> io::Result<()> {
    root.create_dir_all(path, 0o755).map(drop)
}

fn make_file(root: &Rootfs, path: &Path) -> io::Result<()> {
    let parent = path.parent().unwrap_or(Path::new("/"));
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
    root.create_dir_all(parent, 0o755)?.create_file(name, 0o644).map(drop)
}

/// The node itself, or where mknod is refused (a user namespace, SELinux) the host's own.
fn device(root: &Rootfs, path: &Path, rdev: (u32, u32)) -> Result<()> {
    let attempt = || format!("make the device '{}' in the session", path.display());
    let (dir, name) = root.parent(path).attempt(attempt)?;
    match dir.mknod(&name, FileType::Character, 0o666, rdev) {
        Ok(()) => dir.chmod(&name, 0o666).attempt(attempt),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            drop(dir.create_file(&name, 0o666).attempt(attempt)?);
            Source::open(path)?.bind(root, path, false, Restrict::NONE)
        }
        Err(error) => Err(Error::io(attempt(), error)),
    }
}

/// What is to be seen in the guest: opened, so that it stays what was looked at.
struct Source {
    fd: OwnedFd,
    path: PathBuf,
}

impl Source {
    fn open(path: &Path) -> Result<Source> {
        let fd = openat(CWD, path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())
            .attempt(|| format!("open '{}' to bind it", path.display()))?;
        Ok(Source { fd, path: path.to_owned() })
    }

    fn bind(&self, root: &Rootfs, target: &Path, directory: bool, restrict: Restrict) -> Result<()> {
        let point = point(root, target, directory)?;
        let attempt = |flags: &str| {
            format!("bind '{}' on '{}' in the session ({flags})", self.path.display(), target.display())
        };
        if restrict == Restrict::NONE {
            return mount_bind_recursive(through(&self.fd), through(&point))
                .attempt(|| attempt("MS_BIND|MS_REC"));
        }
        // The flags are of one mount: what is mounted below the source would come in without them.
        mount_bind(through(&self.fd), through(&point)).attempt(|| attempt("MS_BIND"))?;
        restrict_mount(root, target, &self.fd, restrict)
    }
}

/// Adds flags to the mount of `source` that was just put on `target`. Refuses when something else is seen there.
fn restrict_mount(root: &Rootfs, target: &Path, source: &OwnedFd, restrict: Restrict) -> Result<()> {
    let attempt = || format!("restrict '{}' in the session (MS_REMOUNT|MS_BIND)", target.display());
    let mounted = root.open_path(target, Follow::Yes).attempt(attempt)?;
    if !same_file(&fstat(&mounted).attempt(attempt)?, &fstat(source).attempt(attempt)?) {
        return Err(Error::invalid(format!(
            "'{}' in the container was replaced meanwhile",
            target.display()
        )));
    }
    let flags = mount_flags(&mounted)? | restriction(restrict) | MountFlags::BIND;
    mount_remount(through(&mounted), flags, c"").attempt(attempt)
}

fn restriction(restrict: Restrict) -> MountFlags {
    let mut flags = MountFlags::empty();
    flags.set(MountFlags::RDONLY, restrict.read_only);
    flags.set(MountFlags::NOSUID, restrict.no_suid);
    flags.set(MountFlags::NODEV, restrict.no_dev);
    flags.set(MountFlags::NOEXEC, restrict.no_exec);
    flags
}

fn fresh(root: &Rootfs, kind: &str, target: &Path, restrict: Restrict, options: &[String]) -> Result<()> {
    let point = point(root, target, true)?;
    let mut refused = Errno::INVAL;
    for options in options {
        let data = CString::new(options.as_str()).map_err(|_| Error::invalid("a NUL in mount options"))?;
        match mount(kind, through(&point), kind, restriction(restrict), data.as_c_str()) {
            Ok(()) => return Ok(()),
            Err(error) => refused = error,
        }
    }
    Err(refused).attempt(|| format!("mount a {kind} on '{}' in the session", target.display()))
}

/// The mount point, resolved inside the root, of the type that is to be mounted on it.
fn point(root: &Rootfs, target: &Path, directory: bool) -> Result<OwnedFd> {
    let shown = target.display();
    let attempt = || format!("find '{shown}' in the session");
    let point = root.open_path(target, Follow::Yes).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => Error::io(attempt(), error)
            .hint("it lies in a directory that the host shares: make it on the host first"),
        _ => Error::io(attempt(), error),
    })?;
    match (Kind::from_raw_mode(fstat(&point).attempt(attempt)?.st_mode), directory) {
        (Kind::Directory, true) => Ok(point),
        (Kind::Directory | Kind::Symlink | Kind::Fifo, false) => {
            Err(Error::invalid(format!("'{shown}' in the container is not a file, to bind one on it")))
        }
        (_, false) => Ok(point),
        (_, true) => Err(Error::invalid(format!("'{shown}' in the container is not a directory"))),
    }
}

/// A bind on its way into a namespace that was there before.
pub struct Detached<'a> {
    tree: OwnedFd,
    step: &'a Step,
}

/// Copies the sources of `binds` while the host's tree is still in view: inside, no path leads there. The kernel
/// can since Linux 5.2.
pub fn detach(binds: &[Step]) -> Result<Vec<Detached<'_>>> {
    let mut detached = Vec::new();
    for step in binds {
        let Step::Bind { source, restrict, .. } = step else { continue };
        let mut flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
        flags.set(OpenTreeFlags::AT_RECURSIVE, *restrict == Restrict::NONE);
        let tree = match open_tree(CWD, source, flags) {
            Err(Errno::NOSYS | Errno::PERM) => {
                return Err(Error::unsupported("this kernel cannot bring a bind into a running container")
                    .hint("end the container's other sessions first, then start this one"));
            }
            tree => tree.attempt(|| format!("bind '{}'", source.display()))?,
        };
        detached.push(Detached { tree, step });
    }
    Ok(detached)
}

/// Puts them in place, in the namespace that one is in now. What is there already is left alone.
pub fn attach(root: &Rootfs, detached: &[Detached<'_>]) -> Result<()> {
    for Detached { tree, step } in detached {
        let Step::Bind { target, directory, restrict, .. } = step else { continue };
        let attempt = || format!("bind on '{}' in the running container", target.display());
        let point = point(root, target, *directory)?;
        if same_file(&fstat(&point).attempt(attempt)?, &fstat(tree).attempt(attempt)?) {
            continue;
        }
        let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH;
        move_mount(tree, c"", &point, c"", flags).attempt(attempt)?;
        if *restrict != Restrict::NONE {
            restrict_mount(root, target, tree, *restrict)?;
        }
    }
    Ok(())
}
