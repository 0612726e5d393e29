//! `clone`: the same files under another name, also of a container that runs; and nothing half-made.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, MetadataExt, symlink};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fs::{CWD, Mode, OFlags, XattrFlags, mkdirat, open, openat};
use rustix::mount::{MountFlags, UnmountFlags, mount, mount_bind, unmount};

use crate::support::listing::{Numbers, change, listing};
use crate::support::prelude::*;

/// A container of one file, without a registry.
fn small(s: &Sandbox, name: &str) {
    let layout = s.path("small");
    let _ = fs::remove_dir_all(&layout);
    Image::of([Entry::file("hello", "x"), Entry::dir("d")]).write_layout(&layout, "latest");
    s.cd(["install", "-q", "-n", name, "/tmp/small"]).run().ok();
}

/// Something of everything that a guest may have made.
fn furnish(root: &Path) {
    let at = |path: &str| root.join(path);
    fs::create_dir_all(at("a/b/c")).unwrap();
    for (path, bytes) in [("a/one", 5), ("a/b/large", 300_000), ("a/b/c/empty", 0), ("a/.wh.name", 3)] {
        fs::write(at(path), vec![7; bytes]).unwrap();
    }
    fs::write(at("a/.wh..wh..opq"), "").unwrap();
    fs::write(root.join(OsStr::from_bytes(b"a/\xff\n\x1b name")), "odd").unwrap();
    fs::write(at(&"n".repeat(255)), "long").unwrap();
    fs::hard_link(at("a/one"), at("two")).unwrap();
    fs::hard_link(at("a/one"), at("a/b/c/three")).unwrap();
    symlink("/etc/../nowhere", at("a/dangling")).unwrap();
    fs::hard_link(at("a/dangling"), at("dangling-too")).unwrap();
    symlink("/tmp/canary", at("out")).unwrap();
    let sparse = fs::File::create(at("sparse")).unwrap();
    sparse.write_all_at(b"middle", 4 << 20).unwrap();
    sparse.set_len(64 << 20).unwrap();
    for (path, kind, mode) in [
        ("fifo", rustix::fs::FileType::Fifo, 0o640),
        ("char", rustix::fs::FileType::CharacterDevice, 0o600),
        ("block", rustix::fs::FileType::BlockDevice, 0o660),
    ] {
        rustix::fs::mknodat(CWD, at(path), kind, Mode::from_raw_mode(mode), rustix::fs::makedev(7, 300))
            .unwrap();
    }
    std::os::unix::fs::chown(at("a/one"), Some(70_000), Some(5)).unwrap();
    let mode = |path: &str, mode: u32| {
        fs::set_permissions(at(path), std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
    };
    mode("a/one", 0o6711);
    mode("a/b", 0o3000);
    mode("a/b/large", 0);
    let set = |path: &str, key: &str, value: &[u8]| {
        rustix::fs::lsetxattr(at(path), key, value, XattrFlags::empty()).unwrap();
    };
    // CAP_NET_RAW, as of ping.
    set("a/b/large", "security.capability", &[1, 0, 0, 2, 0, 32, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    set("", "trusted.root", b"of the root");
    set("a/b", "trusted.of-a-directory", b"\0\xff");
    set("a/dangling", "trusted.of-a-link", b"1");
    set("fifo", "trusted.of-a-fifo", b"");
}

#[track_caller]
fn assert_twins(s: &Sandbox, one: &str, other: &str) {
    let (one, other) = (listing(&s.rootfs(one), &[]), listing(&s.rootfs(other), &[]));
    assert!(one.len() > 2, "{one:?}");
    assert_eq!(one, other);
}

#[test]
fn a_twin_has_all_that_the_other_has() {
    need!(Root);
    on_both_kernels(|s| {
        small(s, "c");
        furnish(&s.rootfs("c"));
        let before = listing(&s.rootfs("c"), &[]);
        let ran = s.cd(["clone", "c", "twin"]).run().ok().prints("");
        assert!(ran.err().contains("Cloned 'c' to 'twin'") && !ran.err().contains("warning"), "{ran:?}");
        assert_twins(s, "c", "twin");
        assert_eq!(listing(&s.rootfs("c"), &[]), before, "the source has changed");
        let blocks = |name: &str| s.rootfs(name).join("sparse").metadata().unwrap().blocks();
        assert!(blocks("twin") <= blocks("c"), "holes were filled");
        // They share no file.
        fs::write(s.rootfs("twin").join("a/one"), "other").unwrap();
        assert_eq!(listing(&s.rootfs("c"), &[]), before);
        for file in ["manifest.json", ".index"] {
            let read = |name: &str| fs::read(s.data().join("containers").join(name).join(file)).unwrap();
            assert_eq!(read("c"), read("twin"), "{file}");
        }
        let told = |name: &str| s.cd(["diff", name]).run().ok().out();
        assert!(told("c").contains("A /a/b/large\n"));
        assert_eq!(told("c"), told("twin"));
        s.cd(["clone", "-q", "twin", "third"]).run().ok().prints("").says(&[]);
        assert_twins(s, "twin", "third");
        s.cd(["reset", "-q", "third"]).run().ok();
        assert!(!s.rootfs("third").join("a").exists());
    });
}

#[test]
fn trees_that_numbers_decide_have_twins() {
    need!(Root);
    sandbox(|s| {
        small(s, "c");
        let mut numbers = Numbers(20);
        for round in 0..20 {
            (0..30).for_each(|_| change(&s.rootfs("c"), &mut numbers));
            let twin = format!("twin{round}");
            s.cd(["clone", "-q", "c", &twin]).run().ok();
            assert_twins(s, "c", &twin);
            s.cd(["remove", "-q", &twin]).run().ok();
        }
    });
}

#[test]
fn a_container_of_the_python_tool_has_a_twin() {
    need!(Root);
    sandbox(|s| {
        fs::create_dir_all(s.rootfs("old").join("bin")).unwrap();
        fs::write(s.rootfs("old").join("bin/sh"), "sh").unwrap();
        s.cd(["clone", "-q", "old", "new"]).run().ok();
        assert_twins(s, "old", "new");
        let names = fs::read_dir(s.data().join("containers/new")).unwrap().flatten();
        let mut names: Vec<_> = names.map(|entry| entry.file_name()).collect();
        names.sort();
        assert_eq!(names, [".size", "rootfs"]);
    });
}

#[test]
fn what_cannot_be_cloned_is_refused_and_nothing_is_made() {
    need!(Root);
    sandbox(|s| {
        small(s, "c");
        small(s, "d");
        fs::write(s.rootfs("d").join("mine"), "x").unwrap();
        s.cd(["clone", "c", "d"]).run().fails(&["'d' already exists", "another name"]);
        s.cd(["clone", "c", "c"]).run().fails(&["'c' already exists"]);
        assert!(s.rootfs("d").join("mine").exists());
        s.cd(["clone", "x", "new"]).run().fails(&["no container 'x'"]);
        for bad in ["../new", "", ".new", "a/b", "c:new"] {
            s.cd(["clone", "c", bad]).run().code(2);
        }
        s.cd(["clone", "c"]).run().code(2);
        s.cd(["clone", "c", "e", "f"]).run().code(2);
        assert_eq!(s.names(), ["c", "d"]);
    });
}

#[test]
fn a_full_disk_is_told_before_and_on_the_way() {
    need!(Root);
    sandbox(|s| {
        fs::create_dir_all("/tmp/data").unwrap();
        mount("small", "/tmp/data", "tmpfs", MountFlags::empty(), Some(c"size=8m")).unwrap();
        small(s, "c");
        fs::write(s.rootfs("c").join("large"), vec![7; 5 << 20]).unwrap();
        fs::remove_file(s.data().join("containers/c/.size")).unwrap();
        s.cd(["clone", "c", "twin"]).run().fails(&["'c' takes", "MiB are free", "clear-cache"]);
        // The remembered size is too small, so it is the disk that refuses.
        fs::write(s.data().join("containers/c/.size"), "1").unwrap();
        s.cd(["clone", "c", "twin"]).run().fails(&["No space left"]);
        assert_eq!(s.names(), ["c"]);
        let staged = fs::read_dir(s.data().join("staging")).unwrap().count();
        assert_eq!(staged, 0);
        fs::write(s.rootfs("c").join("large"), vec![7; 1 << 20]).unwrap();
        s.cd(["clone", "-q", "c", "twin"]).run().ok();
        assert_twins(s, "c", "twin");
        s.cd(["remove", "-q", "c", "twin"]).run().ok();
        unmount("/tmp/data", UnmountFlags::DETACH).unwrap();
    });
}

#[test]
fn what_is_mounted_inside_is_left_out_and_told_once() {
    need!(Root);
    on_both_kernels(|s| {
        small(s, "c");
        let root = s.rootfs("c");
        fs::create_dir(root.join("other")).unwrap();
        fs::create_dir(s.path("outside")).unwrap();
        fs::write(s.path("outside/secret"), "x").unwrap();
        mount_bind(s.path("outside"), root.join("d")).unwrap();
        mount("t", root.join("other"), "tmpfs", MountFlags::empty(), None).unwrap();
        fs::write(root.join("other/secret"), "x").unwrap();
        let ran = s.cd(["clone", "c", "twin"]).run().ok();
        for point in ["d", "other"] {
            unmount(root.join(point), UnmountFlags::DETACH).unwrap();
        }
        let warnings = ran.err().lines().filter(|line| line.contains("mounted on")).count();
        assert!(warnings == 1 && ran.err().contains("and 1 more"), "{ran:?}");
        for point in ["d", "other"] {
            assert_eq!(fs::read_dir(s.rootfs("twin").join(point)).unwrap().count(), 0, "{point}");
        }
    });
}

#[test]
fn thousands_of_levels_are_no_hindrance() {
    need!(Root);
    on_both_kernels(|s| {
        const LEVELS: usize = 3000;
        small(s, "c");
        let go = |name: &str, make: bool| {
            let mut dir = open(s.rootfs(name), OFlags::DIRECTORY, Mode::empty()).unwrap();
            for _ in 0..LEVELS {
                if make {
                    mkdirat(&dir, "deeper", Mode::RWXU).unwrap();
                }
                dir = openat(&dir, "deeper", OFlags::DIRECTORY, Mode::empty()).unwrap();
            }
            dir
        };
        let deepest = go("c", true);
        let file = openat(&deepest, "f", OFlags::CREATE | OFlags::WRONLY, Mode::RWXU).unwrap();
        rustix::io::write(&file, b"down here").unwrap();
        s.cd(["clone", "-q", "c", "twin"]).run().ok();
        let file = fs::File::from(openat(go("twin", false), "f", OFlags::RDONLY, Mode::empty()).unwrap());
        let mut text = [0; 9];
        file.read_exact_at(&mut text, 0).unwrap();
        assert_eq!(&text, b"down here");
        s.cd(["remove", "-q", "c", "twin"]).run().ok();
    });
}

#[test]
fn a_container_that_runs_can_be_cloned() {
    need!(Root, Tool("busybox"));
    on_both_kernels(|s| {
        make_named(s, "c");
        let running = login(s, &[], "echo here > /root/mark; : > /root/in; exec sleep 1000").spawn();
        appears(&s.rootfs("c").join("root/in"));
        let ran = s.cd(["clone", "c", "twin"]).run().ok();
        assert!(!ran.err().contains("warning"), "{ran:?}");
        assert_eq!(fs::read_to_string(s.rootfs("twin").join("root/mark")).unwrap(), "here\n");
        s.cd(["login", "twin", "--", "/bin/sh", "-c", "cat /root/mark"]).run().ok().prints("here\n");
        s.cd(["kill", "c"]).run().ok();
        running.wait();
        assert!(s.settles());
    });
}

/// Files come and go, change places with links and directories, and become shorter, all the time.
fn churn(root: &Path, stop: &AtomicBool) {
    let at = |name: &str| root.join("busy").join(name);
    let mut round = 0_u32;
    while !stop.load(Ordering::Relaxed) {
        round += 1;
        let _ = fs::write(at("comes"), "x");
        let _ = fs::hard_link(at("comes"), at("again"));
        let _ = fs::write(at("log"), vec![7; 400_000]);
        let _ = fs::remove_file(at("swapped"));
        let _ = fs::remove_dir_all(at("swapped"));
        let _ = match round % 4 {
            0 => fs::write(at("swapped"), "a file"),
            1 => symlink("/tmp/canary", at("swapped")),
            2 => fs::create_dir(at("swapped")).and_then(|()| fs::write(at("swapped/x"), "x")),
            _ => rustix::fs::mknodat(CWD, at("swapped"), rustix::fs::FileType::Fifo, Mode::RUSR, 0)
                .map_err(Into::into),
        };
        let _ = fs::remove_file(at("comes"));
        let _ = fs::remove_file(at("again"));
        let _ = fs::File::create(at("log")).map(drop);
    }
}

#[test]
fn a_tree_that_changes_meanwhile_is_cloned_and_leads_nowhere() {
    need!(Root);
    on_both_kernels(|s| {
        small(s, "c");
        let root = s.rootfs("c");
        fs::create_dir(root.join("busy")).unwrap();
        (0..50).for_each(|n| fs::write(root.join(format!("busy/still{n}")), "still").unwrap());
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| churn(&root, &stop));
            let all = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                for round in 0..10 {
                    let twin = format!("twin{round}");
                    s.cd(["clone", "-q", "c", &twin]).run().ok();
                    for n in 0..50 {
                        let still = s.rootfs(&twin).join(format!("busy/still{n}"));
                        assert_eq!(fs::read_to_string(still).unwrap(), "still");
                    }
                    s.assert_canaries();
                    s.cd(["remove", "-q", &twin]).run().ok();
                }
            }));
            stop.store(true, Ordering::Relaxed);
            all
        })
        .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    });
}

#[test]
fn who_changes_a_container_keeps_others_from_cloning_it() {
    need!(Root);
    sandbox(|s| {
        small(s, "c");
        let lock = fs::File::create(s.data().join("locks/c.lock")).unwrap();
        rustix::fs::flock(&lock, rustix::fs::FlockOperation::LockExclusive).unwrap();
        s.cd(["clone", "c", "twin"]).run().fails(&["container 'c'", "another chroot-distro"]);
        drop(lock);
        let lock = fs::File::create(s.data().join("locks/twin.lock")).unwrap();
        rustix::fs::flock(&lock, rustix::fs::FlockOperation::LockExclusive).unwrap();
        s.cd(["clone", "c", "twin"]).run().fails(&["container 'twin'", "another chroot-distro"]);
        assert_eq!(s.names(), ["c"]);
    });
}
