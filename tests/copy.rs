//! `copy`: what is kept and what is left out, what is refused, moves, streams, and harm that comes to nothing.

use std::ffi::OsStr;
use std::fs;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fs::{CWD, Mode, OFlags, RenameFlags};
use rustix::mount::{MountFlags, UnmountFlags, mount, mount_bind, unmount};

use crate::support::prelude::*;

/// A container `c`, and a directory `w` in the scratch: the working directory of what is run.
fn scene(s: &Sandbox) {
    make(s);
    fs::create_dir_all(s.path("w")).unwrap();
    fs::create_dir_all(s.rootfs("c").join("in")).unwrap();
}

fn copy(s: &Sandbox, args: &[&str]) -> Cd {
    s.cd([&["copy"], args].concat()).current_dir(s.path("w"))
}

fn file(s: &Sandbox, path: &str, contents: &str) {
    fs::create_dir_all(s.path(path).parent().unwrap()).unwrap();
    fs::write(s.path(path), contents).unwrap();
}

#[test]
fn files_go_in_and_out_and_from_one_container_to_another() {
    need!(Root, Tool("busybox"));
    on_both_kernels(|s| {
        scene(s);
        make_named(s, "d");
        file(s, "w/f", "hello");
        let inside = |path: &str| fs::read_to_string(s.rootfs("c").join(path)).unwrap();
        copy(s, &["f", "c:/in/"]).run().ok().prints("");
        copy(s, &["f", "c:in/g"]).run().ok();
        assert_eq!((inside("in/f"), inside("in/g")), ("hello".into(), "hello".into()));
        s.cd(["cp", "c:/in/f", "d:/"]).run().ok();
        copy(s, &["d:f", "./again"]).run().ok();
        assert_eq!(fs::read_to_string(s.path("w/again")).unwrap(), "hello");
        fs::write(s.path("w/a:b"), "colon").unwrap();
        copy(s, &["./a:b", "c:/in/a:b"]).run().ok();
        assert_eq!(inside("in/a:b"), "colon");
        copy(s, &["a:b", "c:/in"]).run().fails(&["no container 'a'", "'./a:b'"]);
        copy(s, &["c:/in/f", "c:/in/g", "./again"]).run().fails(&["several sources"]);
        copy(s, &["f", "c:/none/x"]).run().fails(&["make the directory first"]);
        copy(s, &["f"]).run().code(2);
        copy(s, &["", "c:/in"]).run().code(2);
        copy(s, &["f", "c:/in", "-qv"]).run().code(2);
    });
}

#[test]
fn what_is_done_is_told_as_asked() {
    need!(Root, Tool("busybox"));
    sandbox(|s| {
        scene(s);
        file(s, "w/d/sub/f", "x");
        tool("mkfifo", ["/tmp/w/d/fifo"]);
        let left_out = "warning: left out 'd/fifo': '-a' copies devices, FIFOs and sockets\n";
        assert_eq!(copy(s, &["-r", "d", "c:/in"]).run().ok().err(), left_out);
        let verbose = copy(s, &["-rv", "d", "c:/in/new"]).run().ok().err();
        let lines = "'d' -> 'c:/in/new'\n'd/sub' -> 'c:/in/new/sub'\n'd/sub/f' -> 'c:/in/new/sub/f'\n";
        assert_eq!(verbose, format!("{lines}{left_out}"));
        assert_eq!(copy(s, &["-rq", "d", "c:/in"]).run().ok().err(), "");
        copy(s, &["d", "c:/in"]).run().fails(&["it is a directory", "'-r'"]);
        // One that fails spares the others.
        copy(s, &["-q", "d", "none", "d/sub/f", "c:/in"]).run().fails(&["2 files could not be copied"]);
        assert!(s.rootfs("c").join("in/f").exists());
    });
}

#[test]
fn plain_and_archive_keep_what_the_guide_says() {
    need!(Root, Tool("busybox"), Tool("setfattr"));
    sandbox(|s| {
        scene(s);
        file(s, "w/d/f", "x");
        fs::hard_link(s.path("w/d/f"), s.path("w/d/h")).unwrap();
        tool("mkfifo", ["/tmp/w/d/fifo"]);
        let attributes = ["user.mine", "trusted.mine", "trusted.overlay.opaque"];
        for name in attributes {
            tool("setfattr", ["-n", name, "-v", "x", "/tmp/w/d/f"]);
        }
        fs::set_permissions(s.path("w/d/f"), fs::Permissions::from_mode(0o4711)).unwrap();
        tool("chown", ["12:34", "/tmp/w/d"]);
        tool("touch", ["-d", "@123456789.123456789", "/tmp/w/d/f", "/tmp/w/d"]);
        let list = |path: &Path| {
            let text = String::from_utf8(tool("getfattr", ["-h".as_ref(), path.as_os_str()])).unwrap();
            attributes.map(|name| text.lines().any(|line| line == name)).to_vec()
        };
        let all = |path: &Path| {
            let text = tool("getfattr", ["-m".as_ref(), "-".as_ref(), path.as_os_str()]);
            let text = String::from_utf8(text).unwrap();
            attributes.map(|name| text.lines().any(|line| line == name)).to_vec()
        };
        for (option, links, fifo, kept) in
            [("-r", 1, false, [true, false, false]), ("-a", 2, true, [true, true, false])]
        {
            let at = s.rootfs("c").join(format!("in/{option}"));
            copy(s, &[option, "d", &format!("c:/in/./{option}")]).run().ok();
            let found = fs::metadata(at.join("f")).unwrap();
            assert_eq!((found.nlink(), found.mode() & 0o7777), (links, 0o4711), "{option}");
            assert_eq!((found.mtime(), found.mtime_nsec()), (123_456_789, 123_456_789));
            assert_eq!(at.join("fifo").exists(), fifo);
            assert_eq!(all(&at.join("f")), kept, "{option}");
            let dir = fs::metadata(&at).unwrap();
            assert_eq!((dir.uid(), dir.gid(), dir.mtime()), (12, 34, 123_456_789));
        }
        assert_eq!(list(&s.path("w/d/f")), [true, false, false], "getfattr lists user.* only");
        // A directory that is there keeps its owner, unless all is to be as in the source.
        let owner = || fs::metadata(s.rootfs("c").join("in")).unwrap().uid();
        copy(s, &["-r", "d/.", "c:/in"]).run().ok();
        assert_eq!(owner(), 0);
        copy(s, &["-a", "d/.", "c:/in"]).run().ok();
        assert_eq!(owner(), 12);
    });
}

#[test]
fn owners_are_named_by_the_destination() {
    need!(Root, Tool("busybox"));
    sandbox(|s| {
        scene(s);
        fs::write(s.rootfs("c").join("etc/passwd"), "me:x:77:78::/:/bin/sh\n").unwrap();
        fs::write(s.rootfs("c").join("etc/group"), "us:x:99:\n").unwrap();
        file(s, "w/d/f", "x");
        tool("chown", ["-R", "5:6", "/tmp/w/d"]);
        for (owner, expected) in
            [("me", (77, 6)), ("me:us", (77, 99)), (":us", (5, 99)), ("me:", (77, 78)), ("1:2", (1, 2))]
        {
            copy(s, &["-r", "d", "c:/in/d", "--chown", owner]).run().ok();
            for path in ["in/d", "in/d/f"] {
                let found = fs::metadata(s.rootfs("c").join(path)).unwrap();
                assert_eq!((found.uid(), found.gid()), expected, "{owner} {path}");
            }
            fs::remove_dir_all(s.rootfs("c").join("in/d")).unwrap();
        }
        copy(s, &["d/f", "c:/in", "--chown", "nobody-of-that-name"]).run().fails(&["nobody-of-that-name"]);
        copy(s, &["d/f", "c:/in", "--chown", ":"]).run().code(2);
        // On the host 'root' is known, and 'me' is not.
        copy(s, &["c:/etc/passwd", ".", "--chown", "me-of-the-container"]).run().fails(&[]);
        copy(s, &["c:/etc/passwd", ".", "--chown", "root"]).run().ok();
    });
}

#[test]
fn links_stay_links_unless_they_are_followed() {
    need!(Root, Tool("busybox"));
    on_both_kernels(|s| {
        scene(s);
        let root = s.rootfs("c");
        fs::create_dir_all(root.join("run/app")).unwrap();
        fs::create_dir_all(root.join("var")).unwrap();
        fs::write(root.join("run/app/pid"), "1").unwrap();
        let _ = fs::remove_dir_all(root.join("var/run"));
        symlink("/run", root.join("var/run")).unwrap();
        symlink("/run/app/pid", root.join("pid")).unwrap();
        // A link on the way is followed inside the container, and so is one at the end by '-L' or a slash.
        copy(s, &["c:/var/run/app/pid", "."]).run().ok();
        copy(s, &["c:/pid", "link"]).run().ok();
        copy(s, &["-L", "c:/pid", "followed"]).run().ok();
        copy(s, &["-r", "c:/var/run/", "run"]).run().ok();
        copy(s, &["-r", "c:/var/run", "run-link"]).run().ok();
        let read = |path: &str| fs::read_to_string(s.path("w").join(path)).unwrap();
        assert_eq!(
            (read("pid"), read("followed"), read("run/app/pid")),
            ("1".into(), "1".into(), "1".into())
        );
        let target = |path: &str| fs::read_link(s.path("w").join(path)).unwrap();
        assert_eq!(target("link"), Path::new("/run/app/pid"));
        assert_eq!(target("run-link"), Path::new("/run"));
    });
}

#[test]
fn links_never_lead_out_nor_through() {
    need!(Root, Tool("busybox"));
    on_both_kernels(|s| {
        scene(s);
        let root = s.rootfs("c");
        symlink("/tmp/canary", root.join("out")).unwrap();
        symlink("../../../../../../../../tmp/canary/secret", root.join("up")).unwrap();
        symlink("loop", root.join("loop")).unwrap();
        for source in ["c:/out/secret", "c:/up/", "c:../../../../../../tmp/canary/secret", "c:/loop/x"] {
            copy(s, &["-r", source, "got"]).run().fails(&[]);
        }
        copy(s, &["-L", "c:/up", "got"]).run().fails(&[]);
        copy(s, &["-L", "c:/loop", "got"]).run().fails(&["ymbolic link"]);
        file(s, "w/new", "new");
        for destination in ["c:/out/secret", "c:/out/", "c:/up", "c:/loop"] {
            copy(s, &["new", destination]).run().fails(&[]);
        }
        // A link that is in the way is replaced; on the host, too.
        let theirs = root.join("in/new");
        symlink("/tmp/canary/secret", &theirs).unwrap();
        copy(s, &["new", "c:/in"]).run().ok();
        assert!(theirs.symlink_metadata().unwrap().is_file());
        file(s, "w/tree/secret", "theirs");
        fs::create_dir(s.path("w/tree/dir")).unwrap();
        fs::create_dir(s.path("w/here")).unwrap();
        symlink("/tmp/canary/secret", s.path("w/here/secret")).unwrap();
        symlink("/tmp/canary/dir", s.path("w/here/dir")).unwrap();
        // A device is no file to be replaced, and neither is a FIFO.
        tool("mknod", ["/tmp/w/null", "c", "1", "3"]);
        tool("mkfifo", ["/tmp/w/fifo"]);
        for (source, destination) in [("new", "null"), ("new", "fifo"), ("c:/loop", "null")] {
            copy(s, &["-a", source, destination]).run().fails(&["never replaces one", "delete it first"]);
        }
        copy(s, &["-a", "fifo", "null"]).run().ok();
        copy(s, &["-r", "tree/.", "here"]).run().fails(&["file or link of this name"]);
        assert!(s.path("w/here/secret").symlink_metadata().unwrap().is_file());
    });
}

#[test]
fn moves_delete_what_was_copied_whole() {
    need!(Root, Tool("busybox"), Tool("setfattr"));
    sandbox(|s| {
        scene(s);
        file(s, "w/one", "1");
        file(s, "w/d/f", "2");
        let inside = |path: &str| s.rootfs("c").join(path);
        let inode = fs::metadata(s.path("w/one")).unwrap().ino();
        copy(s, &["-m", "one", "c:/in"]).run().ok();
        assert!(!s.path("w/one").exists());
        assert_eq!(fs::metadata(inside("in/one")).unwrap().ino(), inode, "renamed");
        copy(s, &["-m", "d", "c:/in"]).run().fails(&["'-r'"]);
        // Onto a directory it cannot be renamed.
        fs::create_dir_all(inside("in/d/old")).unwrap();
        copy(s, &["-ma", "d", "c:/in"]).run().ok();
        assert!(!s.path("w/d").exists() && inside("in/d/f").exists() && inside("in/d/old").exists());
        // To another filesystem, with all that it has.
        fs::create_dir(s.path("other")).unwrap();
        mount("other", "/tmp/other", "tmpfs", MountFlags::empty(), Some(c"size=4m")).unwrap();
        fs::hard_link(inside("in/d/f"), inside("in/d/g")).unwrap();
        tool("mkfifo", [inside("in/d/fifo")]);
        copy(s, &["-mr", "c:/in/d", "/tmp/other"]).run().ok();
        assert!(!inside("in/d").exists());
        assert_eq!(fs::metadata("/tmp/other/d/f").unwrap().nlink(), 2);
        assert!(Path::new("/tmp/other/d/fifo").exists());
        // What cannot be whole at the other end stays.
        file(s, "w/big/large", &"x".repeat(8 << 20));
        copy(s, &["-mr", "big", "/tmp/other"]).run().fails(&["space"]);
        assert!(s.path("w/big/large").exists());
        unmount("/tmp/other", UnmountFlags::empty()).unwrap();
        // Neither does what has no name, nor what is itself.
        for (source, destination) in [("c:", "x"), ("big/.", "x"), ("big", "big"), ("big", "big/sub")] {
            copy(s, &["-mr", source, destination]).run().fails(&[]);
        }
        fs::hard_link(s.path("w/big/large"), s.path("w/same")).unwrap();
        copy(s, &["-m", "big/large", "same"]).run().fails(&["same file"]);
        assert!(s.path("w/big/large").exists() && s.path("w/same").exists());
    });
}

#[test]
fn a_directory_is_not_copied_into_itself() {
    need!(Root, Tool("busybox"));
    sandbox(|s| {
        scene(s);
        fs::create_dir_all(s.path("w/d/sub")).unwrap();
        for (source, destination) in
            [("d", "d"), ("d", "d/sub/new"), ("d/.", "d/sub"), (".", "d"), ("/", "c:/in")]
        {
            copy(s, &["-r", source, destination]).run().fails(&["itself"]);
        }
        copy(s, &["-r", "d", "."]).run().fails(&["same file"]);
        let entries: Vec<_> = fs::read_dir(s.path("w/d/sub")).unwrap().collect();
        assert!(entries.is_empty());
        file(s, "w/other/x", "1");
        file(s, "w/x", "2");
        copy(s, &["x", "other/x", "c:/in"]).run().fails(&["another source became 'x'"]);
        assert_eq!(fs::read_to_string(s.rootfs("c").join("in/x")).unwrap(), "2");
    });
}

#[test]
fn a_stream_is_tar() {
    need!(Root, Tool("busybox"), Tool("tar"));
    on_both_kernels(|s| {
        scene(s);
        file(s, "w/d/f", "x");
        fs::set_permissions(s.path("w/d"), fs::Permissions::from_mode(0o700)).unwrap();
        let names = |args: &[&str]| {
            let archive = copy(s, args).run().ok().stdout;
            String::from_utf8(crate::support::command::filter("tar", ["-t"], &archive)).unwrap()
        };
        assert_eq!(names(&["d", "-"]), "d/\nd/f\n");
        assert_eq!(
            names(&["d/.", "-"]),
            "./\n./f\n".replace("./\n", &names(&["d/.", "-"]).replace("f\n", "")).replace("./f", "f")
        );
        assert_eq!(names(&["d/f", "-"]), "f\n");
        let archive = tool("tar", ["-C", "/tmp/w", "-czf", "-", "--owner=5", "--group=6", "d", "."]);
        let root_mode = || fs::metadata(s.rootfs("c").join("in")).unwrap().mode() & 0o777;
        let before = root_mode();
        copy(s, &["-", "c:/in"]).stdin(archive.clone()).run().ok();
        let found = || fs::metadata(s.rootfs("c").join("in/d/f")).unwrap();
        assert_eq!((found().uid(), found().gid(), root_mode()), (5, 6, before));
        copy(s, &["-", "c:/in", "--chown", "8"]).stdin(archive).run().ok();
        assert_eq!((found().uid(), found().gid()), (8, 6));
        copy(s, &["-", "c:/none"]).stdin("").run().fails(&["c:/none"]);
        copy(s, &["-", "c:/in"]).stdin("this is no archive").run().fails(&["standard input"]);
        for args in [&["-", "-"][..], &["-m", "d", "-"], &["d", "d", "-"]] {
            copy(s, args).run().code(2);
        }
        let climbing = tar([Entry::file("../../../tmp/canary/new", "x")]);
        copy(s, &["-", "c:/in"]).stdin(climbing).run().fails(&["climbs"]);
        let through = tar([Entry::symlink("l", "/tmp/canary"), Entry::file("l/secret", "x")]);
        copy(s, &["-", "."]).stdin(through).run().ok();
    });
}

/// The directory `name` in a directory, made if asked for.
fn below(dir: &impl AsFd, name: &str, make: bool) -> OwnedFd {
    if make {
        rustix::fs::mkdirat(dir, name, 0o755.into()).unwrap();
    }
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW;
    rustix::fs::openat(dir, name, flags, Mode::empty()).unwrap()
}

#[test]
fn odd_names_and_depths_are_copied() {
    need!(Root, Tool("busybox"));
    on_both_kernels(|s| {
        scene(s);
        let names: [&[u8]; 5] = [&[b'n'; 255], b"\xff\xfe", b"new\nline", b".wh.f", b".wh..wh..opq"];
        fs::create_dir(s.path("w/d")).unwrap();
        for name in names {
            fs::write(s.path("w/d").join(OsStr::from_bytes(name)), "x").unwrap();
        }
        copy(s, &["-r", "d", "c:/in"]).run().ok();
        let found = fs::read_dir(s.rootfs("c").join("in/d")).unwrap().count();
        assert_eq!(found, names.len());
        // Five thousand levels, which no path reaches.
        let mut dir = below(&fs::File::open(s.path("w")).unwrap(), "deep", true);
        for _ in 0..5000 {
            dir = below(&dir, "d", true);
        }
        rustix::fs::symlinkat("end", &dir, "f").unwrap();
        rustix::fs::linkat(&dir, "f", &dir, "g", rustix::fs::AtFlags::empty()).unwrap();
        copy(s, &["-a", "deep", "c:/in"]).run().ok();
        copy(s, &["-mr", "c:/in/deep", "back"]).run().ok();
        let mut dir = below(&fs::File::open(s.path("w")).unwrap(), "back", false);
        for _ in 0..5000 {
            dir = below(&dir, "d", false);
        }
        assert_eq!(rustix::fs::readlinkat(&dir, "g", Vec::new()).unwrap().to_bytes(), b"end");
        let found = rustix::fs::statat(&dir, "g", rustix::fs::AtFlags::SYMLINK_NOFOLLOW).unwrap();
        assert_eq!(found.st_nlink, 2);
        // The scratch goes with its mount, but not while it is in the way of others.
        for dir in ["w/deep", "w/back"] {
            tool("rm", ["-rf", &s.path(dir).display().to_string()]);
        }
    });
}

#[test]
fn what_is_mounted_is_not_copied() {
    need!(Root, Tool("busybox"));
    sandbox(|s| {
        scene(s);
        file(s, "w/d/sub/f", "x");
        file(s, "w/secret/s", "x");
        mount_bind(s.path("w/secret"), s.path("w/d/sub")).unwrap();
        let at = |path: &str| s.rootfs("c").join(path);
        copy(s, &["-a", "d", "c:/in"]).run().ok().says(&["what is mounted at 'd/sub' was not copied"]);
        assert!(at("in/d/sub").is_dir() && !at("in/d/sub/s").exists());
        copy(s, &["-mr", "d", "c:/in/d"]).run().fails(&["not deleted"]);
        assert!(s.path("w/d/sub/s").exists());
        unmount(s.path("w/d/sub"), UnmountFlags::empty()).unwrap();
        // A session's mounts are its own: their places look empty here.
        fs::create_dir(at("mnt")).unwrap();
        let bind = format!("{}:/mnt", s.path("w/secret").display());
        let session = login(s, &["--bind", &bind], "echo ready > /in/ready; exec sleep 1000").spawn();
        written(s, "in/ready");
        copy(s, &["-r", "c:/mnt", "out"]).run().ok().says(&["what is mounted at 'c:/mnt'"]);
        assert!(!s.path("w/out/s").exists());
        copy(s, &["c:/in/ready", "c:/in/again"]).run().ok();
        end(session);
        s.cd(["kill", "c"]).run();
    });
}

#[test]
fn a_full_or_read_only_disk_leaves_nothing_half_made() {
    need!(Root, Tool("busybox"));
    sandbox(|s| {
        scene(s);
        fs::create_dir(s.path("small")).unwrap();
        mount("small", "/tmp/small", "tmpfs", MountFlags::empty(), Some(c"size=1m")).unwrap();
        file(s, "w/d/a", "small");
        file(s, "w/d/b", &"x".repeat(4 << 20));
        fs::create_dir(s.path("small/d")).unwrap();
        fs::write(s.path("small/d/b"), "old").unwrap();
        copy(s, &["-r", "d", "/tmp/small"]).run().fails(&["d/b", "no space", "free some space"]);
        let names: Vec<_> =
            fs::read_dir(s.path("small/d")).unwrap().flatten().map(|e| e.file_name()).collect();
        assert_eq!(names.len(), 2, "{names:?}");
        assert_eq!(fs::read_to_string(s.path("small/d/b")).unwrap(), "old");
        rustix::mount::mount_remount("/tmp/small", MountFlags::RDONLY, c"").unwrap();
        copy(s, &["d/a", "/tmp/small"]).run().fails(&["read-only"]);
        unmount("/tmp/small", UnmountFlags::empty()).unwrap();
    });
}

#[test]
fn a_filesystem_that_keeps_less_gets_what_it_can() {
    need!(Root, Tool("busybox"));
    sandbox(|s| {
        scene(s);
        file(s, "w/d/f", "x");
        tool("chown", ["-R", "5:6", "/tmp/w/d"]);
        symlink("f", s.path("w/d/link")).unwrap();
        let refused = [libc::SYS_fchown, libc::SYS_fchownat, libc::SYS_symlinkat];
        let ran = copy(s, &["-r", "d", "c:/in"]).refusing(&refused, libc::EPERM).run().ok();
        let lost = "warning: the filesystem of 'c:/in' did not take all: lost are links, owners\n";
        assert_eq!(ran.err(), lost);
        assert_eq!(fs::read_to_string(s.rootfs("c").join("in/d/f")).unwrap(), "x");
        // What would be lost is not moved.
        let rename = [libc::SYS_fchown, libc::SYS_fchownat, libc::SYS_symlinkat];
        fs::create_dir(s.rootfs("c").join("in/d/more")).unwrap();
        copy(s, &["-mr", "d", "c:/in"]).refusing(&rename, libc::EPERM).run().fails(&["not deleted"]);
        assert!(s.path("w/d/link").symlink_metadata().is_ok());
    });
}

#[test]
fn what_is_copied_into_an_apps_directory_is_the_apps() {
    need!(Root, Tool("busybox"));
    sandbox(|s| {
        let m = Machine::phone(s, &Image::busybox());
        let app = m.path("/data/data/com.termux");
        tool("chown", ["-R".as_ref(), "10123:10123".as_ref(), app.join("files/home").as_os_str()]);
        std::os::unix::fs::chown(&app, Some(10_123), Some(10_124)).unwrap();
        m.cd(["copy", "c:/etc/passwd", "/data/data/com.termux/files/home/p"]).run().ok();
        m.cd(["copy", "--chown", "3", "c:/etc/passwd", "/data/data/com.termux/files/home/q"]).run().ok();
        m.dir("/sdcard");
        m.cd(["copy", "c:/etc/passwd", "/sdcard/p"]).run().ok();
        let owner = |path: &str| {
            let found = fs::metadata(m.path(path)).unwrap();
            (found.uid(), found.gid())
        };
        assert_eq!(owner("/data/data/com.termux/files/home/p"), (10_123, 10_124));
        assert_eq!(owner("/data/data/com.termux/files/home/q").0, 3);
        assert_eq!(owner("/sdcard/p"), (0, 0));
    });
}

/// Exchanges `path`, a directory, with a link to the canaries and back, until it is told to stop.
fn swap(path: &Path, link: &Path, stop: &AtomicBool) {
    for even in [false, true].into_iter().cycle() {
        rustix::fs::renameat_with(CWD, path, CWD, link, RenameFlags::EXCHANGE).unwrap();
        if even && stop.load(Ordering::Relaxed) {
            return;
        }
    }
}

#[test]
fn directories_that_are_swapped_for_links_lead_nobody_astray() {
    need!(Root, Tool("busybox"));
    on_both_kernels(|s| {
        scene(s);
        for n in 0..40 {
            file(s, &format!("w/d/sub/f{n}"), "mine");
        }
        file(s, "w/d/sub/secret", "mine");
        let stop = AtomicBool::new(false);
        let (inside, outside) = (s.rootfs("c").join("in/d/sub"), s.path("w/d/sub"));
        fs::create_dir_all(&inside).unwrap();
        let links = [s.path("link1"), s.path("link2")];
        links.iter().for_each(|link| symlink("/tmp/canary", link).unwrap());
        std::thread::scope(|scope| {
            scope.spawn(|| swap(&inside, &links[0], &stop));
            scope.spawn(|| swap(&outside, &links[1], &stop));
            for _ in 0..60 {
                // It may fail, or miss what is away just then.
                let ran = copy(s, &["-aq", "d", "c:/in"]).run();
                assert!(matches!(ran.code, Some(0 | 1)), "{ran:?}");
                copy(s, &["-aq", "c:/in/d/sub/secret", "got"]).run();
                let got = fs::read_to_string(s.path("w/got")).unwrap_or_default();
                assert!(got.is_empty() || got == "mine", "{got}");
            }
            stop.store(true, Ordering::Relaxed);
        });
        let secret = s.rootfs("c").join("in/d/sub/secret");
        assert!(!secret.exists() || fs::read_to_string(secret).unwrap() == "mine");
        s.assert_canaries();
    });
}
