//! A container whose own tree means harm to who enters it: links out, loops, files and FIFOs where a session mounts or
//! writes. Each is entered or refused by name; nothing of the host's changes, and nothing hangs.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use crate::support::prelude::*;

const MODES: [&[&str]; 4] =
    [&[], &["--isolated"], &["--minimal"], &["--shared-home", "--shared-tmp", "--bind", "/tmp/bound:/mnt"]];

/// Where sessions mount, look or write.
const PLACES: [&str; 14] = [
    "dev",
    "proc",
    "sys",
    "run",
    "tmp",
    "etc",
    "root",
    "mnt",
    "etc/passwd",
    "etc/group",
    "etc/resolv.conf",
    "etc/hosts",
    "etc/hostname",
    "etc/profile.d",
];

type Shape = (&'static str, fn(&Path));

const SHAPES: [Shape; 9] = [
    ("a link out", |path| symlink("/tmp/canary", path).unwrap()),
    ("a link to a file outside", |path| symlink("/tmp/canary/secret", path).unwrap()),
    ("a link up and out", |path| symlink("../../../../../../../../../tmp/canary", path).unwrap()),
    ("a link to nowhere", |path| symlink("/tmp/canary/new", path).unwrap()),
    ("a link to itself", |path| symlink(path.file_name().unwrap(), path).unwrap()),
    ("a link to the root", |path| symlink("/", path).unwrap()),
    ("a file", |path| fs::write(path, "").unwrap()),
    ("a FIFO", |path| drop(tool("mkfifo", [path]))),
    ("missing", |_| ()),
];

fn make_target(s: &Sandbox) -> PathBuf {
    make(s);
    let root = s.rootfs("c");
    fs::create_dir_all(root.join("etc/profile.d")).unwrap();
    fs::create_dir(root.join("mnt")).unwrap();
    fs::create_dir(s.path("bound")).unwrap();
    fs::write(s.path("bound/on-host"), "host\n").unwrap();
    root
}

/// Whether a session in this mode is refused where `place` has this shape: what it must mount has to be there, as a
/// directory inside the root.
fn is_refused(place: &str, shape: &str, mode: &[&str]) -> bool {
    match place {
        "dev" | "proc" | "sys" => match shape {
            "a FIFO" | "a file" | "a link to itself" => true,
            "a link to the root" => mode == ["--isolated"],
            _ => false,
        },
        // Only that mode has something to show there.
        "mnt" | "root" if mode == MODES[3] => matches!(
            shape,
            "a FIFO" | "a file" | "a link to itself" | "a link to nowhere" | "a link to a file outside"
        ),
        _ => false,
    }
}

/// Enters, whatever comes of it, and looks at what could have come to harm. The exit code.
fn enter(s: &Sandbox, what: &str, mode: &[&str]) -> Option<i32> {
    let words = ["login"].iter().chain(mode).chain(&["c", "--", "/bin/true"]);
    let ran = s.cd(words).deadline(30).run();
    assert!(matches!(ran.code, Some(0 | 125 | 126 | 127)), "{what}, {mode:?}: {ran:?}");
    assert!(ran.code == Some(0) || !ran.err().is_empty(), "{what}, {mode:?}: {ran:?}");
    assert!(!ran.err().contains("panicked"), "{what}, {mode:?}: {ran:?}");
    s.assert_canaries();
    let bound: Vec<_> = fs::read_dir(s.path("bound")).unwrap().flatten().map(|e| e.file_name()).collect();
    assert_eq!(bound, ["on-host"], "{what}, {mode:?}");
    assert_eq!(fs::read_to_string(s.path("bound/on-host")).unwrap(), "host\n", "{what}, {mode:?}");
    assert_eq!(fs::read_dir("/tmp/home").unwrap().count(), 0, "{what}, {mode:?}: the home of the host's");
    ran.code
}

fn every_shape(places: &[&str]) {
    on_both_kernels(|s| {
        let root = make_target(s);
        for place in places {
            let (path, kept) = (root.join(place), root.join("kept"));
            for (shape, make) in SHAPES {
                fs::rename(&path, &kept).or_else(|_| fs::create_dir(&kept)).unwrap();
                make(&path);
                for mode in MODES {
                    let code = enter(s, &format!("'{place}' is {shape}"), mode);
                    let expected = if is_refused(place, shape, mode) { 125 } else { 0 };
                    assert_eq!(code, Some(expected), "'{place}' is {shape}, {mode:?}");
                }
                // What stands there now, perhaps a mount point that was made.
                let _ = fs::remove_file(&path).or_else(|_| fs::remove_dir_all(&path));
                fs::rename(&kept, &path).unwrap();
            }
        }
    });
}

#[test]
fn mount_points_of_any_shape_take_no_mount_out() {
    need!(Root, Tool("busybox"));
    every_shape(&PLACES[..8]);
}

#[test]
fn files_of_any_shape_take_no_write_out() {
    need!(Root, Tool("busybox"));
    every_shape(&PLACES[8..]);
}

#[test]
fn links_swapped_while_a_session_is_set_up_lead_nowhere() {
    need!(Root, Tool("busybox"));
    on_both_kernels(|s| {
        let root = make_target(s);
        let nodes =
            |dir: &str| fs::read_dir(dir).unwrap().flatten().map(|e| e.file_name()).collect::<Vec<_>>();
        let before = ["/dev", "/tmp/canary", "/"].map(nodes);
        let done = AtomicBool::new(false);
        for place in PLACES[..8].iter().copied().chain(["etc/resolv.conf"]) {
            let link = root.join(place).with_extension("link");
            symlink("/tmp/canary", link).unwrap();
        }
        std::thread::scope(|scope| {
            let swapper = scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    for place in PLACES[..8].iter().copied().chain(["etc/resolv.conf"]) {
                        let path = root.join(place);
                        let (link, spare) = (path.with_extension("link"), path.with_extension("spare"));
                        let _ = fs::rename(&path, &spare).and(fs::rename(&link, &path));
                        let _ = fs::rename(&path, &link).and(fs::rename(&spare, &path));
                    }
                }
            });
            for round in 0..25 {
                for mode in MODES {
                    enter(s, &format!("round {round}"), mode);
                }
            }
            done.store(true, Ordering::Relaxed);
            swapper.join().unwrap();
        });
        assert_eq!(["/dev", "/tmp/canary", "/"].map(nodes), before);
    });
}

#[test]
fn what_the_guest_made_of_its_tree_between_two_sessions_harms_nobody() {
    need!(Root, Tool("busybox"));
    on_both_kernels(|s| {
        let root = make_target(s);
        let script =
            "cd /; rm -rf mnt root etc/resolv.conf; ln -s /tmp/canary mnt; ln -s /proc/1/root/tmp/canary root
            mkfifo etc/resolv.conf; rm -f dev/* 2> /dev/null; true";
        s.cd(["login", "--isolated", "c", "--", "/bin/sh", "-c", script]).run().ok();
        assert!(root.join("mnt").is_symlink());
        for mode in MODES {
            enter(s, "after the guest", mode);
        }
    });
}
