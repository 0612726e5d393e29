//! Both resolvers, on the same hostile tree, must find the same things and never the canary outside.

use std::ffi::OsStr;
use std::fs;
use std::os::fd::AsFd;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::fs::symlink;
use std::path::Path;

use rustix::fs::OFlags;
use rustix::io::{Errno, Result};

use super::*;
use crate::testing::TempDir;
use rustix::fs::{FileType, Mode};

type Open = fn(BorrowedFd<'_>, &OsStr, OFlags) -> Result<OwnedFd>;

/// The kernel's resolver where it has one (Linux 5.6), and ours.
fn resolvers() -> Vec<Open> {
    match openat2::open(rustix::fs::CWD, ".".as_ref(), OFlags::PATH) {
        Err(Errno::NOSYS | Errno::PERM) => {
            eprintln!("skipped: this kernel has no openat2");
            vec![opath::open]
        }
        _ => vec![openat2::open, opath::open],
    }
}

/// `out/canary` beside `root/`, which holds directories, a file and links of every kind.
fn tree() -> TempDir {
    let temp = TempDir::new();
    let at = |path: &str| temp.path().join(path);
    fs::create_dir_all(at("root/a/b/c")).unwrap();
    fs::create_dir(at("root/out")).unwrap();
    fs::create_dir(at("out")).unwrap();
    fs::write(at("out/canary"), "").unwrap();
    fs::write(at("root/a/file"), "").unwrap();
    let outside = at("out");
    let long = format!("{}a/file", "a/b/../../".repeat(300));
    for (link, target) in [
        ("absolute", Path::new("/a/file")),
        ("relative", Path::new("a/../a/file")),
        ("a/b/up", Path::new("../../a/b")),
        ("a/b/over", Path::new("../../../../../../../../a")),
        ("dir", Path::new("/a/b/")),
        ("dotted", Path::new("a/b/.")),
        ("outside", &outside),
        ("sideways", Path::new("../out")),
        ("host", Path::new("/proc/self/root")),
        ("top", Path::new("/")),
        ("loop", Path::new("loop")),
        ("ping", Path::new("pong")),
        ("pong", Path::new("/ping")),
        ("dangling", Path::new("none/none")),
        ("file-as-dir", Path::new("a/file/")),
        ("long", Path::new(&long)),
    ] {
        symlink(target, at("root").join(link)).unwrap();
    }
    temp
}

/// What stands at `path`, as a word; of a directory its inode too.
fn found(root: &OwnedFd, path: &str, flags: OFlags, open: Open) -> String {
    match open(root.as_fd(), path.as_ref(), flags) {
        Err(errno) => format!("{errno:?}"),
        Ok(fd) => {
            let stat = rustix::fs::fstat(fd).unwrap();
            format!("{:?} {}", FileType::from_raw_mode(stat.st_mode), stat.st_ino)
        }
    }
}

#[test]
fn both_find_the_same_and_stay_inside() {
    let temp = tree();
    let root = OwnedFd::from(fs::File::open(temp.path().join("root")).unwrap());
    let plain = |path: &str| {
        let stat = rustix::fs::statat(&root, path, rustix::fs::AtFlags::empty()).unwrap();
        format!("{:?} {}", FileType::from_raw_mode(stat.st_mode), stat.st_ino)
    };
    let followed = [
        (".", Ok(".")),
        ("/", Ok(".")),
        ("..", Ok(".")),
        ("/../../a/./b//c", Ok("a/b/c")),
        ("a/b/c/../../../../..", Ok(".")),
        ("../out", Ok("out")),
        ("absolute", Ok("a/file")),
        ("relative", Ok("a/file")),
        ("a/b/up/up/up/c", Ok("a/b/c")),
        ("a/b/over/b", Ok("a/b")),
        ("dir/..", Ok("a")),
        ("dotted", Ok("a/b")),
        ("sideways", Ok("out")),
        ("top/top/../a", Ok("a")),
        ("long", Ok("a/file")),
        ("sideways/canary", Err(Errno::NOENT)),
        ("outside/canary", Err(Errno::NOENT)),
        ("host", Err(Errno::NOENT)),
        ("host/etc", Err(Errno::NOENT)),
        ("loop", Err(Errno::LOOP)),
        ("ping/x", Err(Errno::LOOP)),
        ("dangling", Err(Errno::NOENT)),
        ("a/file/", Err(Errno::NOTDIR)),
        ("a/file/..", Err(Errno::NOTDIR)),
        ("a/file/x", Err(Errno::NOTDIR)),
        ("file-as-dir", Err(Errno::NOTDIR)),
        ("none/..", Err(Errno::NOENT)),
        ("a\0b", Err(Errno::INVAL)),
    ];
    for open in resolvers() {
        for (path, expected) in followed {
            let expected = expected.map_or_else(|errno| format!("{errno:?}"), plain);
            for flags in [OFlags::PATH, OFlags::RDONLY] {
                assert_eq!(found(&root, path, flags, open), expected, "{path} {flags:?}");
            }
        }
        for (path, expected) in [("x".repeat(300), "NAMETOOLONG"), ("a/".repeat(2048), "NAMETOOLONG")] {
            let expected = format!("{:?}", Errno::NAMETOOLONG).replace("NAMETOOLONG", expected);
            assert_eq!(found(&root, &path, OFlags::PATH, open), expected);
        }
    }
    for path in
        ["absolute", "dir", "loop", "host", "dir/", "dangling", "a/file", "dir/up", "dir/up/", "host/"]
    {
        for flags in [OFlags::PATH, OFlags::RDONLY, OFlags::RDONLY | OFlags::DIRECTORY] {
            let flags = flags | OFlags::NOFOLLOW;
            let answers: Vec<_> = resolvers().iter().map(|open| found(&root, path, flags, *open)).collect();
            assert_eq!(answers.first(), answers.last(), "{path} {flags:?}");
        }
    }
}

#[test]
fn forty_links_and_no_more() {
    let temp = TempDir::new();
    fs::write(temp.path().join("0"), "").unwrap();
    for number in 1..=41 {
        symlink((number - 1).to_string(), temp.path().join(number.to_string())).unwrap();
    }
    let root = temp.open();
    for open in resolvers() {
        assert!(open(root.as_fd(), "40".as_ref(), OFlags::PATH).is_ok());
        assert_eq!(open(root.as_fd(), "41".as_ref(), OFlags::PATH).err(), Some(Errno::LOOP));
    }
}

#[test]
fn makes_missing_directories_inside_only() {
    let temp = tree();
    let root = OwnedFd::from(fs::File::open(temp.path().join("root")).unwrap());
    let create =
        |path: &str| opath::create(root.as_fd(), path.as_ref(), Mode::from_raw_mode(0o2770)).map(drop);
    let is_dir = |path: &str| temp.path().join(path).symlink_metadata().is_ok_and(|found| found.is_dir());
    create("new/er/../est").unwrap();
    assert!(is_dir("root/new/er") && is_dir("root/new/est"));
    create("dangling/deep").unwrap();
    assert!(is_dir("root/none/none/deep"), "a dangling link's target is made");
    create("outside/deep").unwrap();
    assert!(!temp.path().join("out/deep").exists());
    assert!(
        is_dir(&format!("root{}/deep", temp.path().join("out").display())),
        "an absolute link stays inside"
    );
    assert_eq!(create("a/file/x"), Err(Errno::NOTDIR));
    assert_eq!(create("a/file"), Err(Errno::NOTDIR));
    assert_eq!(create("loop/x"), Err(Errno::LOOP));
    use std::os::unix::fs::MetadataExt;
    assert_eq!(temp.path().join("root/new/est").metadata().unwrap().mode() & 0o7777, 0o2770);
}

/// A guest turns a directory into a link to the outside, and moves one up, while paths through them resolve.
#[test]
fn no_race_leads_outside() {
    let temp = tree();
    let at = |path: &str| temp.path().join(path);
    fs::create_dir_all(at("root/flip/sub/deep")).unwrap();
    symlink(at("out"), at("root/flap")).unwrap();
    symlink("../../../../out", at("root/flop")).unwrap();
    let root = OwnedFd::from(fs::File::open(at("root")).unwrap());
    let resolvers = resolvers();
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let swap = |one: &str, two: &str| {
                let flags = rustix::fs::RenameFlags::EXCHANGE;
                rustix::fs::renameat_with(&root, one, &root, two, flags).unwrap();
            };
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                swap("flip", "flap");
                swap("flip", "flop");
                let _ = rustix::fs::renameat(&root, "flop/sub/deep", &root, "deep");
                let _ = rustix::fs::renameat(&root, "deep", &root, "flop/sub/deep");
                swap("flip", "flop");
                swap("flip", "flap");
            }
        });
        let mut wrong = Vec::new();
        for _ in 0..2000 {
            for path in [
                "flip/canary",
                "flip/sub/deep/../../../../../out/canary",
                "flap/canary",
                "flop/sub/../canary",
            ] {
                for open in &resolvers {
                    match open(root.as_fd(), path.as_ref(), OFlags::PATH) {
                        // Seen as a link and then as none, a component may be refused as neither.
                        Err(Errno::NOENT | Errno::AGAIN | Errno::NOTDIR) => {}
                        answer => wrong.push((path, answer)),
                    }
                }
            }
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        assert!(wrong.is_empty(), "{:?}", wrong[0]);
    });
}
