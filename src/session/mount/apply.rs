//! Executes a plan's steps, deciding nothing.
//!
//! Shares are host paths, targets are the guest's and hostile: each target is resolved inside the root to a
//! descriptor, and the mount lands on that descriptor, so no link swapped meanwhile leads it out.

use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{
    AtFlags, CWD, FileType as Kind, Mode, OFlags, fstat, fstatfs, fstatvfs, openat, stat, statat,
};
use rustix::io::Errno;
use rustix::mount::{
    MountFlags, MountPropagationFlags, mount, mount_bind, mount_bind_recursive, mount_change, mount_remount,
    move_mount,
};
use rustix::process::fchdir;

use super::devpts;
use super::nodes::{self, Node};
use super::root::{as_mount_flags, mount_flags};
use super::source::{BindSource, MOVE, point, restriction};
use crate::error::{Attempt, Error, Kind as ErrorKind, Result};
use crate::report::Report;
use crate::rootfs::{Follow, Rootfs};
use crate::session::bind::Restrict;
use crate::session::plan::steps::Step;
use crate::session::users::Users;
use crate::sys::descriptor::through;
use crate::sys::identity::{is_mount_root, same_file};
use crate::sys::namespace::{NamespaceTypes, unshare};

/// Makes the missing mount points, while nothing of the host stands below the root: so nothing can be made on the
/// host. Below another target nothing is made: that filesystem has the mount point or refuses.
pub fn make_mount_points<'a>(root: &Rootfs, steps: impl IntoIterator<Item = &'a Step>) -> Result<()> {
    for (target, directory, required) in mount_points(steps) {
        match make_mount_point(root, target, directory) {
            Err(error) if required => return Err(error),
            // Whoever mounts there will say so.
            _ => {}
        }
    }
    Ok(())
}

/// What the steps mount on in the guest's own tree: where, whether it is a directory, and whether there is no session
/// without it.
fn mount_points<'a>(steps: impl IntoIterator<Item = &'a Step>) -> Vec<(&'a Path, bool, bool)> {
    let mut covered: Vec<&Path> = Vec::new();
    let mut points = Vec::new();
    for step in steps {
        let (target, directory) = match step {
            Step::Bind { target, directory, .. } => (target, *directory),
            Step::Mount { target, .. } => (target, true),
            _ => continue,
        };
        if !covered.iter().any(|above| target.starts_with(above)) {
            points.push((target.as_path(), directory, step.is_required()));
        }
        covered.push(target);
    }
    points
}

/// The mount points that will have to be made, each with what is missing above it, the innermost first.
pub fn missing_mount_points<'a>(root: &Rootfs, steps: impl IntoIterator<Item = &'a Step>) -> Vec<PathBuf> {
    let is_missing = |path: &Path| root.open_path(path, Follow::Yes).is_err();
    let points = mount_points(steps).into_iter();
    let mut missing: Vec<PathBuf> = points
        .flat_map(|(target, ..)| target.ancestors().take_while(|path| is_missing(path)))
        .map(Path::to_owned)
        .collect();
    missing.sort();
    missing.dedup();
    missing.reverse();
    missing
}

/// Removes mount points that were made, as far as nobody has changed them.
pub fn remove_mount_points(root: &Rootfs, made: &[PathBuf]) -> Result<()> {
    for path in made {
        match root.remove_mount_point(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            removed => {
                removed.attempt(format_args!("remove the mount point '{}'", path.display()))?;
            }
        }
    }
    Ok(())
}

fn make_mount_point(root: &Rootfs, target: &Path, directory: bool) -> Result<()> {
    match root.open_path(target, Follow::Yes) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => root
            .create_mount_point(target, directory)
            .attempt(format_args!("make the mount point '{}' in the container", target.display())),
        Err(error) => Err(Error::io(format_args!("find '{}' in the container", target.display()), error)),
    }
}

/// Runs the steps in order. All or nothing, but for those that the plan calls optional.
pub fn run<'a>(
    root: &Rootfs,
    steps: impl IntoIterator<Item = &'a Step>,
    users: Option<&Users>,
    report: &dyn Report,
) -> Result<()> {
    let mut view = View { users, ..View::new(root) };
    let mut failed: Vec<(Error, &Path)> = Vec::new();
    for step in steps {
        match (view.take(step), step) {
            (
                Err(error),
                Step::Bind { required: false, target, .. } | Step::Mount { required: false, target, .. },
            ) => {
                failed.push((error, target));
            }
            (taken, _) => taken?,
        }
    }
    // Where one fails, as a rule all of its kind do: that is one thing to know.
    if let Some(((error, _), others)) = failed.split_first() {
        let more: Vec<_> = others.iter().map(|(_, target)| format!(", '{}'", target.display())).collect();
        let more = more.concat();
        report.warn(&format!("{error}; the session goes without it{more}"));
    }
    Ok(())
}

/// The guest's root, and the fresh filesystems in it, each held by its own root: what belongs into one of them is made
/// there, wherever a path leads by then.
pub(super) struct View<'a> {
    root: &'a Rootfs,
    fresh: Vec<(PathBuf, Rootfs)>,
    /// What masks a file, and what masks a directory.
    null: Option<OwnedFd>,
    empty: Option<OwnedFd>,
    /// Whose files the host's are to be inside.
    users: Option<&'a Users>,
}

impl<'a> View<'a> {
    pub(super) fn new(root: &'a Rootfs) -> View<'a> {
        View { root, fresh: Vec::new(), null: None, empty: None, users: None }
    }

    /// Holds a fresh filesystem that an earlier session mounted.
    pub(super) fn hold(&mut self, target: &Path) -> Result<()> {
        let (root, below) = self.place(target);
        let mounted = root
            .open_path(below, Follow::Yes)
            .attempt(format_args!("find '{}' in the running container", target.display()))?;
        self.fresh.push((target.to_owned(), Rootfs::new(mounted)));
        Ok(())
    }

    /// The filesystem of ours that `path` is in, else the guest's root, and where in it.
    pub(super) fn place<'p>(&self, path: &'p Path) -> (&Rootfs, &'p Path) {
        let mut innermost_first = self.fresh.iter().rev();
        let inside = innermost_first.find_map(|(target, fresh)| {
            let below = path.strip_prefix(target).ok().filter(|below| !below.as_os_str().is_empty())?;
            Some((fresh, below))
        });
        inside.unwrap_or((self.root, path))
    }

    pub(super) fn take(&mut self, step: &Step) -> Result<()> {
        let made = |path: &Path, result: io::Result<()>| {
            result.attempt(format_args!("make '{}' in the session", path.display()))
        };
        match step {
            Step::Directory { path } => {
                let (root, below) = self.place(path);
                made(path, make_directory(root, below))
            }
            Step::File { path } => {
                let (root, below) = self.place(path);
                // A device of ours, or what another bind brought: this one covers it.
                let there = |error: &io::Error| error.kind() == io::ErrorKind::AlreadyExists;
                made(
                    path,
                    make_file(root, below).or_else(|error| if there(&error) { Ok(()) } else { Err(error) }),
                )
            }
            Step::Symlink { path, to } => {
                let (root, below) = self.place(path);
                made(path, root.parent(below).and_then(|(dir, name)| dir.symlink(&name, to.as_ref())))
            }
            Step::Devices { nodes } => self.devices(nodes),
            Step::Bind { source, target, directory, restrict, .. } => {
                let source = BindSource::open(source)?;
                let (root, below) = self.place(target);
                source.bind((root, below, target), *directory, *restrict, self.users)
            }
            Step::Mount { kind, target, restrict, options, .. } => {
                self.mount(kind, target, *restrict, options)
            }
            Step::Mask { path } => self.mask(path),
            Step::ReadOnly { path } => self.make_read_only(path),
        }
    }

    /// Where nodes cannot be made they are the host's own, whose owners and modes the guest then cannot change.
    fn devices(&self, nodes: &[Node]) -> Result<()> {
        let attempt = "make the devices of the session";
        let dev = self.place(Path::new("/dev/null")).0;
        match nodes::make(dev, nodes) {
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {}
            made => return made.attempt(attempt),
        }
        for (name, ..) in nodes {
            nodes::place(dev, name).attempt(attempt)?;
            let path = Path::new("/dev").join(name);
            let restrict = Restrict { no_dev: false, ..SEALED };
            BindSource::open(&path)?.bind((dev, Path::new(name), &path), false, restrict, None)?;
        }
        Ok(())
    }

    fn mount(&mut self, kind: &str, target: &Path, restrict: Restrict, options: &[String]) -> Result<()> {
        let attempt = format_args!("mount a {kind} on '{}' in the session", target.display());
        let (root, below) = self.place(target);
        let point = point(root, below, target, true)?;
        let mut refused = Errno::INVAL;
        let mut options = options.iter();
        loop {
            let Some(options) = options.next() else { return Err(refused).attempt(attempt) };
            let data =
                CString::new(options.as_str()).map_err(|_| Error::invalid("a NUL in mount options"))?;
            match mount_there(&point, kind, restriction(restrict), &data) {
                Ok(()) => break,
                Err(error) => refused = error,
            }
        }
        let mounted = root.open_path(below, Follow::Yes).attempt(attempt)?;
        if !self.is_new(kind, &mounted).attempt(attempt)? {
            return Err(replaced(target));
        }
        if kind == "devpts" {
            devpts::refuse_the_hosts(&mounted)?;
        }
        self.fresh.push((target.to_owned(), Rootfs::new(mounted)));
        Ok(())
    }

    /// Whether it is the root of a filesystem of that kind that was not there before.
    fn is_new(&self, kind: &str, mounted: &OwnedFd) -> rustix::io::Result<bool> {
        let device = fstat(mounted)?.st_dev;
        let above = statat(mounted, "..", AtFlags::empty())?.st_dev;
        for (_, fresh) in &self.fresh {
            if fstat(fresh.as_fd())?.st_dev == device {
                return Ok(false);
            }
        }
        // By a descriptor for reading: before Linux 3.12 fstatfs(2) refuses others.
        let found = fstatfs(openat(mounted, c".", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?)?.f_type;
        Ok(device != above && MAGIC.iter().any(|(name, magic)| *name == kind && *magic == found as u64))
    }

    fn mask(&mut self, path: &Path) -> Result<()> {
        let attempt = format_args!("mask '{}' in the session", path.display());
        let (root, below) = self.place(path);
        let Some(point) = there(root.open_path(below, Follow::No)).attempt(attempt)? else { return Ok(()) };
        let directory = Kind::from_raw_mode(fstat(&point).attempt(attempt)?.st_mode) == Kind::Directory;
        let known = if directory { &self.empty } else { &self.null };
        if let Some(mask) = known {
            return mount_bind(through(mask), through(&point)).attempt(attempt);
        }
        if !directory {
            let (dev, null) = self.place(Path::new("/dev/null"));
            let null = dev.open_path(null, Follow::No).attempt(attempt)?;
            mount_bind(through(&null), through(&point)).attempt(attempt)?;
            self.null = Some(null);
            return Ok(());
        }
        let flags = restriction(SEALED);
        mount("tmpfs", through(&point), "tmpfs", flags, c"mode=555,size=0,nr_inodes=1").attempt(attempt)?;
        self.empty = Some(root.open_path(below, Follow::No).attempt(attempt)?);
        Ok(())
    }

    fn make_read_only(&self, path: &Path) -> Result<()> {
        let attempt = format_args!("make '{}' read-only in the session", path.display());
        let (root, below) = self.place(path);
        let Some(point) = there(root.open_path(below, Follow::No)).attempt(attempt)? else { return Ok(()) };
        let flags = mount_flags(through(&point)).attempt(attempt)?;
        mount_bind_recursive(through(&point), through(&point)).attempt(attempt)?;
        let mounted = root.open_path(below, Follow::No).attempt(attempt)?;
        mount_remount(through(&mounted), flags | MountFlags::RDONLY | MountFlags::BIND, c"").attempt(attempt)
    }
}

/// Mounts by the working directory, which is put back: /proc may be that of a PID namespace that this process is not in, and
/// then no path leads to its descriptors.
fn mount_there(point: &OwnedFd, kind: &str, flags: MountFlags, data: &CStr) -> rustix::io::Result<()> {
    let before = openat(CWD, c".", OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    fchdir(point)?;
    let mounted = mount(kind, c".", kind, flags, data);
    fchdir(before)?;
    mounted
}

/// Nothing can be done there but to read.
const SEALED: Restrict =
    Restrict { read_only: true, no_suid: true, no_dev: true, no_exec: true, ..Restrict::NONE };

/// What statfs(2) calls the filesystems that are made for a session (linux/magic.h, ipc/mqueue.c).
const MAGIC: [(&str, u64); 5] = [
    ("proc", 0x9fa0),
    ("sysfs", 0x6265_6572),
    ("tmpfs", 0x0102_1994),
    ("devpts", 0x1cd1),
    ("mqueue", 0x1980_0202),
];

/// Nothing, when nothing is there.
fn there(opened: io::Result<OwnedFd>) -> io::Result<Option<OwnedFd>> {
    match opened {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        opened => opened.map(Some),
    }
}

fn replaced(target: &Path) -> Error {
    Error::new(ErrorKind::Busy, format!("'{}' in the container was replaced meanwhile", target.display()))
}

fn make_directory(root: &Rootfs, path: &Path) -> io::Result<()> {
    root.create_dir_all(path, 0o755).map(drop)
}

fn make_file(root: &Rootfs, path: &Path) -> io::Result<()> {
    let parent = path.parent().unwrap_or(Path::new("/"));
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
    root.create_dir_all(parent, 0o755)?.create_file(name, 0o644).map(drop)
}

/// A bind on its way into a namespace that was there before.
pub struct Detached<'a> {
    tree: OwnedFd,
    step: &'a Step,
}

/// Copies the sources of `binds` while the host's tree is still in view: inside, no path leads there. The kernel
/// can since Linux 5.2. Those that `running`, the container's root over there, has already need no copy.
pub fn detach<'a>(binds: &'a [Step], running: &Rootfs, users: Option<&Users>) -> Result<Vec<Detached<'a>>> {
    let (mut detached, mut private) = (Vec::new(), false);
    for step in binds {
        let Step::Bind { source, target, restrict, .. } = step else { continue };
        if restrict.is_none() && is_there(running, source, target) {
            continue;
        }
        let attempt = format_args!("bind '{}'", source.display());
        if !restrict.is_none() && !private {
            leave_the_hosts_tree().attempt(attempt)?;
            private = true;
        }
        let tree = match BindSource::open(source)?.copy(*restrict) {
            Err(error) if cannot(&error) && !step.is_required() => continue,
            Err(error) if cannot(&error) => {
                return Err(Error::unsupported("this kernel cannot bring a bind into a running container")
                    .hint("end the container's other sessions first, then start this one"));
            }
            tree => tree.attempt(attempt)?,
        };
        let tree = match users.filter(|_| !restrict.no_idmap) {
            Some(users) => users.map(tree, restrict.is_none()),
            None => tree,
        };
        detached.push(Detached { tree, step });
    }
    Ok(detached)
}

fn cannot(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::ENOSYS | libc::EPERM))
}

/// Into a mount namespace of this process's own, until it joins the container's.
fn leave_the_hosts_tree() -> io::Result<()> {
    unshare(NamespaceTypes::NEWNS)?;
    Ok(mount_change("/", MountPropagationFlags::DOWNSTREAM | MountPropagationFlags::REC)?)
}

fn is_there(running: &Rootfs, source: &Path, target: &Path) -> bool {
    let seen = running.open_path(target, Follow::Yes).ok().and_then(|seen| fstat(seen).ok());
    seen.zip(stat(source).ok()).is_some_and(|(seen, source)| same_file(&seen, &source))
}

/// Puts them in place, in the namespace that one is in now. What the container mounted there before is left alone,
/// with a warning where it is something else.
pub fn attach(root: &Rootfs, detached: &[Detached<'_>], report: &dyn Report) -> Result<()> {
    for Detached { tree, step } in detached {
        let Step::Bind { source, target, directory, restrict, .. } = step else { continue };
        let attempt = format_args!("bind on '{}' in the running container", target.display());
        let point = match point(root, target, target, *directory) {
            Err(_) if !step.is_required() => continue,
            point => point?,
        };
        let ignored = |why: &str| {
            let (source, target) = (source.display(), target.display());
            report.warn(&format!("'{source}' is not bound on '{target}': the running container {why}"));
        };
        if same_file(&fstat(&point).attempt(attempt)?, &fstat(tree).attempt(attempt)?) {
            // No path leads there by /proc: see `mount_there`.
            let found = fstatvfs(&point).attempt(attempt)?.f_flag;
            if !as_mount_flags(found).contains(restriction(*restrict)) {
                ignored("has it there already, with fewer restrictions");
            }
            continue;
        }
        if is_mount_root(point.as_fd()).attempt(attempt)? {
            ignored("has something else there");
            continue;
        }
        move_mount(tree, c"", &point, c"", MOVE).attempt(attempt)?;
    }
    Ok(())
}
