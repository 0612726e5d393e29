//! `sync` where somebody or something gets in the way: full disks, mounts, trees that change meanwhile, kills.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use rustix::mount::{MountFlags, UnmountFlags, mount, mount_bind, unmount};

use crate::support::listing::listing;
use crate::support::prelude::*;

/// Names in a directory, sorted.
fn names(dir: &Path) -> Vec<String> {
    let name = |entry: fs::DirEntry| entry.file_name().into_string().unwrap();
    let mut names: Vec<String> = fs::read_dir(dir).unwrap().flatten().map(name).collect();
    names.sort();
    names
}

#[test]
fn a_full_disk_leaves_the_old_file_whole_and_nothing_half_made() {
    need!(Root);
    on_both_kernels(|s| {
        let (from, to) = (s.path("from"), s.path("to"));
        fs::create_dir(&from).unwrap();
        fs::write(from.join("a"), vec![1; 100_000]).unwrap();
        fs::write(from.join("b"), vec![2; 8 << 20]).unwrap();
        fs::create_dir(&to).unwrap();
        mount("small", &to, "tmpfs", MountFlags::empty(), Some(c"size=2m")).unwrap();
        fs::write(to.join("b"), "old").unwrap();
        let ran = s.cd(["sync", "/tmp/from", "/tmp/to"]).run();
        ran.fails(&["'/tmp/from/b'", "No space left", "free some space"]);
        assert_eq!(names(&to), ["a", "b"]);
        assert_eq!(fs::read(to.join("b")).unwrap(), b"old");
        unmount(&to, UnmountFlags::DETACH).unwrap();
        mount("small", &to, "tmpfs", MountFlags::RDONLY, None).unwrap();
        s.cd(["sync", "/tmp/from", "/tmp/to"]).run().fails(&["Read-only file system"]);
        unmount(&to, UnmountFlags::DETACH).unwrap();
    });
}

#[test]
fn no_mount_is_crossed_into_or_deleted() {
    need!(Root);
    on_both_kernels(|s| {
        for path in ["from/usb", "from/d", "to/usb", "to/d/own", "to/theirs/bound"] {
            fs::create_dir_all(s.path(path)).unwrap();
        }
        for path in ["from/file", "to/file"] {
            fs::write(s.path(path), "").unwrap();
        }
        let mounts = [
            ("canary", "from/usb"),
            ("/proc/version", "from/file"),
            ("canary", "to/d/own"),
            ("canary", "to/theirs/bound"),
        ];
        for (source, target) in mounts {
            mount_bind(s.path(source), s.path(target)).unwrap();
        }
        fs::create_dir(s.path("from/d/own")).unwrap();
        fs::write(s.path("from/d/own/x"), "").unwrap();
        let ran = s.cd(["sync", "-d", "/tmp/from", "/tmp/to"]).run().code(1);
        // One of each side, and what is mounted in a directory that should go.
        let text = ran.err();
        assert!(text.contains("mounted at") && text.contains("theirs"), "{text}");
        assert_eq!(names(&s.path("to/usb")), [""; 0]);
        for (_, target) in mounts {
            unmount(s.path(target), UnmountFlags::DETACH).unwrap();
        }
        assert_eq!(fs::read(s.path("to/file")).unwrap(), b"");
        assert_eq!(names(&s.path("to/d/own")), [""; 0]);
    });
}

#[test]
fn trees_as_deep_as_they_like() {
    need!(Root);
    sandbox(|s| {
        use rustix::fs::{Mode, OFlags, mkdirat, open, openat};
        fs::create_dir(s.path("from")).unwrap();
        let mut dir = open("/tmp/from", OFlags::DIRECTORY, Mode::empty()).unwrap();
        for _ in 0..5000 {
            mkdirat(&dir, "d", Mode::RWXU).unwrap();
            dir = openat(&dir, "d", OFlags::DIRECTORY, Mode::empty()).unwrap();
        }
        openat(&dir, "f", OFlags::CREATE | OFlags::WRONLY, Mode::RWXU).unwrap();
        rustix::fs::linkat(&dir, "f", &dir, "g", rustix::fs::AtFlags::empty()).unwrap();
        s.cd(["sync", "-qa", "/tmp/from", "/tmp/to"]).run().ok();
        s.cd(["sync", "-nad", "/tmp/from", "/tmp/to"]).run().ok().prints("");
        fs::create_dir(s.path("empty")).unwrap();
        let text = s.cd(["sync", "-nad", "/tmp/empty", "/tmp/to"]).run().ok().out();
        assert_eq!(text.lines().filter(|line| line.starts_with("D ")).count(), 5002);
        s.cd(["sync", "-qd", "--exclude", "nothing", "/tmp/empty", "/tmp/to"]).run().ok();
        assert_eq!(names(&s.path("to")), [""; 0]);
    });
}

#[test]
fn one_file_that_fails_keeps_no_other() {
    need!(Root);
    sandbox(|s| {
        fs::create_dir_all(s.path("from/closed")).unwrap();
        for name in ["a", "b", "closed/x", "z"] {
            fs::write(s.path("from").join(name), name).unwrap();
        }
        for path in ["from/b", "from/closed"] {
            fs::set_permissions(s.path(path), fs::Permissions::from_mode(0o0)).unwrap();
        }
        fs::create_dir_all(s.path("to/closed")).unwrap();
        fs::write(s.path("to/closed/kept"), "").unwrap();
        fs::write(s.path("to/gone"), "").unwrap();
        let ran = s.cd(["sync", "-d", "/tmp/from", "/tmp/to"]).without_dac_override().run();
        ran.fails(&["2 files", "Permission denied"]);
        assert_eq!(names(&s.path("to")), ["a", "closed", "z"]);
        assert_eq!(names(&s.path("to/closed")), ["kept"], "what could not be read may be there");
    });
}

#[test]
fn a_name_that_is_left_from_a_killed_run_is_litter_on_both_sides() {
    need!(Root);
    sandbox(|s| {
        for dir in ["from/d", "to/d"] {
            fs::create_dir_all(s.path(dir)).unwrap();
            fs::write(s.path(dir).join(".~cd_sync"), "half").unwrap();
        }
        symlink("/tmp/canary/secret", s.path("to/.~cd_sync")).unwrap();
        fs::write(s.path("from/f"), "f").unwrap();
        s.cd(["sync", "-q", "/tmp/from", "/tmp/to"]).run().ok();
        assert_eq!((names(&s.path("to")), names(&s.path("to/d"))), (vec!["d".into(), "f".into()], vec![]));
    });
}

/// Somebody swaps a directory for a link out of the tree, on either side, as fast as they can.
#[test]
fn swapped_directories_lead_nowhere_else() {
    need!(Root, Tool("busybox"));
    on_both_kernels(|s| {
        make(s);
        let root = s.rootfs("c");
        for dir in ["opt/d", "opt/e", "mnt/d"] {
            fs::create_dir_all(root.join(dir)).unwrap();
        }
        fs::create_dir_all(s.path("host/d")).unwrap();
        for number in 0..50 {
            fs::write(s.path("host/d").join(format!("f{number}")), "x").unwrap();
            fs::write(root.join("opt/d").join(format!("f{number}")), "y").unwrap();
        }
        let script = "cd /opt && ln -s /../../../../../../../../tmp/canary l; touch /root/ready
            while :; do mv d x; mv l d; mv d l; mv x d; done";
        let session = login(s, &["--isolated"], script).spawn();
        appears(&root.join("root/ready"));
        for round in 0..40 {
            let into = s.cd(["sync", "-qd", "/tmp/host", "c:/opt"]).run();
            let out = s.cd(["sync", "-qd", "c:/opt", "/tmp/out"]).run();
            for ran in [into, out] {
                assert!(matches!(ran.code, Some(0 | 1)), "{round}: {ran:?}");
            }
            let got = listing(&s.path("out"), &[]);
            assert!(!got.keys().any(|path| path.ends_with("secret")), "{round}: {got:?}");
            s.assert_canaries();
        }
        end(session);
    });
}

/// A writer makes the source's file anew all the time; each copy is one that was whole.
#[test]
fn files_that_change_meanwhile_are_copied_whole_or_told() {
    need!(Root, Tool("busybox"));
    sandbox(|s| {
        make(s);
        let root = s.rootfs("c");
        let script = "mkdir -p /opt; touch /root/ready; while :; do
            seq 1 3000 > /opt/x; mv /opt/x /opt/f; mkdir -p /opt/d/e; touch /opt/d/e/g; rm -r /opt/d; done";
        let session = login(s, &[], script).spawn();
        appears(&root.join("opt/f"));
        let whole = (1..=3000).map(|n| format!("{n}\n")).collect::<String>();
        for round in 0..40 {
            let ran = s.cd(["sync", "-qdc", "--exclude", "/x", "c:/opt", "/tmp/out"]).run();
            assert_eq!(ran.code, Some(0), "{round}: {ran:?}");
            assert!(fs::read_to_string(s.path("out/f")).unwrap() == whole, "{round}");
        }
        end(session);
    });
}

/// A filesystem such as vfat, or FUSE of an Android's shared storage.
#[test]
fn a_filesystem_that_keeps_little_is_told_of_once() {
    need!(Root);
    sandbox(|s| {
        fs::create_dir(s.path("from")).unwrap();
        for name in ["f", "g"] {
            fs::write(s.path("from").join(name), "x").unwrap();
            std::os::unix::fs::chown(s.path("from").join(name), Some(1000), Some(1000)).unwrap();
        }
        symlink("f", s.path("from/link")).unwrap();
        let calls = [libc::SYS_fchown, libc::SYS_fchownat, libc::SYS_symlinkat];
        let ran = s.cd(["sync", "/tmp/from", "/tmp/to"]).refusing(&calls, libc::EPERM).run().ok();
        let ran = ran.says(&["'/tmp/to' did not take all", "links", "owners"]);
        assert_eq!(ran.err().matches("warning").count(), 1, "{}", ran.err());
        assert_eq!(names(&s.path("to")), ["f", "g"]);
    });
}
