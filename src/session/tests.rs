//! Roots and mounts on the real kernel. A thread stands for the login process: unshare(2) moves a thread alone, and
//! what it mounts is gone with it.

use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fs::{StatVfsMountFlags, statvfs};
use rustix::mount::{MountFlags, MountPropagationFlags, mount, mount_change};

use super::bind::Restrict;
use super::mount::apply;
use super::mount::landmarks::Landmarks;
use super::mount::root::{chroot_to_working_dir, switch_root, unshare_root};
use super::plan::steps::Step;
use crate::error::Result;
use crate::report::Silent;
use crate::rootfs::Rootfs;
use crate::sys::namespace::{NamespaceTypes, unshare};
use crate::testing::{TempDir, needs_root};

/// A container's directory, a host directory with one file in it, and what the host's mount table says.
struct Scene {
    root: TempDir,
    host: TempDir,
}

impl Scene {
    fn new() -> Scene {
        let scene = Scene { root: TempDir::new(), host: TempDir::new() };
        fs::write(scene.host.path().join("canary"), "alive").unwrap();
        scene
    }

    fn bind(&self, target: &str, restrict: Restrict) -> Step {
        let (source, target) = (self.host.path().to_owned(), target.into());
        Step::Bind { source, target, directory: true, restrict, required: true }
    }

    /// What the login process does up to the mounts, and then `inside`, in a thread of its own.
    fn enter<T: Send>(&self, steps: &[Step], inside: impl FnOnce() -> T + Send) -> Result<T> {
        let login = || {
            // A login process has its working directory to itself; threads share one until then.
            unshare(NamespaceTypes::NEWNS).unwrap();
            let rootfs = Rootfs::new(self.root.open());
            apply::make_mount_points(&rootfs, steps)?;
            let (root, _) = unshare_root(&rootfs, NamespaceTypes::empty(), false, None)?;
            apply::run(&root, steps, None, &Silent)?;
            Ok(inside())
        };
        std::thread::scope(|scope| scope.spawn(login).join().unwrap())
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let names: Vec<_> =
                fs::read_dir(self.host.path()).unwrap().flatten().map(|e| e.file_name()).collect();
            assert_eq!(names, ["canary"], "the host's directory is as it was");
            let table = fs::read_to_string("/proc/self/mountinfo").unwrap();
            assert!(!table.contains(self.root.path().to_str().unwrap()), "{table}");
        }
    }
}

fn mounts() -> String {
    fs::read_to_string("/proc/thread-self/mountinfo").unwrap()
}

#[test]
fn both_ways_make_the_container_the_root() {
    needs_root!();
    for enter in
        [(|| switch_root(true, &Landmarks::default())) as fn() -> Result<()>, || chroot_to_working_dir()]
    {
        let scene = Scene::new();
        let inode = fs::metadata(scene.root.path()).unwrap().ino();
        let steps = [scene.bind("/a/b", Restrict::NONE)];
        let seen = scene.enter(&steps, || {
            enter().unwrap();
            (
                fs::metadata("/").unwrap().ino(),
                fs::read_to_string("/a/b/canary").unwrap(),
                Path::new("/../etc").exists(),
            )
        });
        assert_eq!(seen.unwrap(), (inode, "alive".to_owned(), false));
    }
}

#[test]
fn setuid_works_on_a_nosuid_filesystem_whose_mount_keeps_it() {
    needs_root!();
    let scene = Scene::new();
    let host = || {
        unshare(NamespaceTypes::NEWNS).unwrap();
        mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC).unwrap();
        let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC | MountFlags::NOATIME;
        mount("tmpfs", scene.root.path(), "tmpfs", flags, c"").unwrap();
        let before = mounts();
        let inside = scene.enter(&[], || statvfs(".").unwrap().f_flag).unwrap();
        assert_eq!(mounts(), before);
        inside
    };
    let inside = std::thread::scope(|scope| scope.spawn(host).join().unwrap());
    let lifted = StatVfsMountFlags::NOSUID | StatVfsMountFlags::NODEV | StatVfsMountFlags::NOEXEC;
    assert!(!inside.intersects(lifted) && inside.contains(StatVfsMountFlags::NOATIME));
}

#[test]
fn a_restricted_bind_is_restricted() {
    needs_root!();
    let scene = Scene::new();
    let restrict = Restrict { read_only: true, no_suid: true, no_dev: true, no_exec: true, ..Restrict::NONE };
    let seen = scene.enter(&[scene.bind("/m", restrict)], || {
        switch_root(false, &Landmarks::default()).unwrap();
        (fs::write("/m/new", "").is_err(), statvfs("/m").unwrap().f_flag)
    });
    let (refused, flags) = seen.unwrap();
    assert!(
        refused
            && flags
                .contains(StatVfsMountFlags::NOSUID | StatVfsMountFlags::NODEV | StatVfsMountFlags::NOEXEC)
    );
}

#[test]
fn a_link_leads_nowhere_but_into_the_root() {
    needs_root!();
    for link in ["/elsewhere", "../../../../elsewhere", "loop/../elsewhere", "/m/../elsewhere"] {
        let scene = Scene::new();
        symlink(link, scene.root.path().join("m")).unwrap();
        let seen = scene.enter(&[scene.bind("/m", Restrict::NONE)], || {
            switch_root(false, &Landmarks::default()).unwrap();
            fs::read_to_string("/elsewhere/canary").ok()
        });
        // A link that cannot be resolved is refused by name; one that can ends in the root.
        match seen {
            Ok(seen) => assert_eq!(seen.as_deref(), Some("alive"), "{link}"),
            Err(error) => assert!(error.to_string().contains("'/m'"), "{error}"),
        }
    }
}

#[test]
fn what_is_no_directory_is_refused_by_name() {
    needs_root!();
    let make: [fn(PathBuf); 3] = [
        |path| fs::write(path, "").unwrap(),
        |path| assert!(Command::new("mkfifo").arg(path).status().unwrap().success()),
        |path| symlink("m", path).unwrap(),
    ];
    for make in make {
        let scene = Scene::new();
        make(scene.root.path().join("m"));
        let error = scene.enter(&[scene.bind("/m", Restrict::NONE)], || ()).unwrap_err();
        assert!(error.to_string().contains("'/m'"), "{error}");
    }
}

#[test]
fn nothing_is_made_in_a_directory_of_the_hosts() {
    needs_root!();
    let scene = Scene::new();
    symlink("/shared", scene.root.path().join("link")).unwrap();
    for target in ["/shared/new", "/link/new"] {
        let steps = [scene.bind("/shared", Restrict::NONE), scene.bind(target, Restrict::NONE)];
        let error = scene.enter(&steps, || ()).unwrap_err();
        assert!(error.hint_text().unwrap().contains("host"), "{error}");
    }
}

#[test]
fn links_swapped_meanwhile_lead_nowhere() {
    needs_root!();
    let scene = Scene::new();
    let (root, done) = (scene.root.path(), AtomicBool::new(false));
    symlink(scene.host.path(), root.join("link")).unwrap();
    fs::create_dir(root.join("m")).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                let _ = fs::rename(root.join("m"), root.join("spare"))
                    .and(fs::rename(root.join("link"), root.join("m")));
                let _ = fs::rename(root.join("m"), root.join("link"))
                    .and(fs::rename(root.join("spare"), root.join("m")));
            }
        });
        for _ in 0..100 {
            let steps = [scene.bind("/m/below", Restrict::NONE)];
            let outside = scene.enter(&steps, || {
                let mine =
                    |line: &&str| line.split(' ').nth(4).is_some_and(|point| point.ends_with("/below"));
                mounts().lines().filter(mine).any(|line| !line.contains(root.to_str().unwrap()))
            });
            assert!(!outside.unwrap_or(false));
        }
        done.store(true, Ordering::Relaxed);
    });
}
