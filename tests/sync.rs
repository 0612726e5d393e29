//! `sync`: one side becomes equal to the other, and what is equal is not written again.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;

use rustix::fs::{CWD, FileType, Mode, XattrFlags, makedev};

use crate::support::listing::{Listing, Numbers, age, change, grow, letters, listing, set_time};
use crate::support::prelude::*;

fn all(path: &Path) -> Listing {
    listing(path, &[])
}

fn copy(from: &Path, to: &Path) {
    tool("cp", [OsStr::new("-a"), from.as_os_str(), to.as_os_str()]);
}

/// What differs from one tree to the other; nothing, if they are equal.
#[track_caller]
fn assert_equal(one: &Path, other: &Path, about: &str) {
    let (one, other) = (all(one), all(other));
    if one != other {
        let told = letters(&one, &other);
        let lines = |tree: &Listing| {
            let path = |line: &str| Path::new(line[2..].trim_start_matches('/')).to_owned();
            told.lines().map(|line| format!("{line}: {:?}\n", tree.get(&path(line)))).collect::<String>()
        };
        panic!("{about}:\n{}---\n{}", lines(&one), lines(&other));
    }
}

#[test]
fn with_archive_and_delete_it_does_what_rsync_does() {
    need!(Root, Tool("rsync"));
    sandbox(|s| {
        for seed in 1..=200 {
            let mut numbers = Numbers(seed);
            let at = |name: &str| s.path(&format!("{name}{seed}"));
            let (source, ours, theirs) = (at("source"), at("ours"), at("theirs"));
            grow(&source, &mut numbers, 25);
            match seed % 4 {
                // Nothing there, another tree, or one that has changed on either side.
                0 => fs::create_dir(&ours).unwrap(),
                1 => grow(&ours, &mut numbers, 25),
                _ => {
                    copy(&source, &ours);
                    for _ in 0..10 {
                        let root = if seed % 4 == 2 { &ours } else { &source };
                        change(root, &mut numbers);
                    }
                }
            }
            age(&source, &mut numbers);
            age(&ours, &mut numbers);
            copy(&ours, &theirs);
            let slash = format!("{}/", source.display());
            tool("rsync", ["-aHAX".as_ref(), "--delete".as_ref(), slash.as_ref(), theirs.as_os_str()]);
            let args = ["sync".as_ref(), "-q".as_ref(), "-a".as_ref(), "-d".as_ref()];
            let sync = || s.cd([&args[..], &[source.as_os_str(), ours.as_os_str()]].concat());
            sync().run().ok();
            assert_equal(&ours, &theirs, &format!("seed {seed}"));
            let again = s.cd(["sync".as_ref(), "-nad".as_ref(), source.as_os_str(), ours.as_os_str()]);
            again.run().ok().prints("");
            for path in [source, ours, theirs] {
                fs::remove_dir_all(path).unwrap();
            }
        }
    });
}

/// A path in the sandbox, as text.
fn at(s: &Sandbox, name: &str) -> String {
    s.path(name).to_str().unwrap().to_owned()
}

fn write(path: impl AsRef<Path>, contents: &str, time: i64) {
    fs::write(&path, contents).unwrap();
    set_time(path.as_ref(), time, 0);
}

fn inode(path: impl AsRef<Path>) -> u64 {
    fs::symlink_metadata(path).unwrap().ino()
}

/// A tree with something of everything.
fn everything(root: &Path) {
    fs::create_dir_all(root.join("d/e")).unwrap();
    write(root.join("d/f"), "contents", 5);
    write(root.join("program"), "#!", 6);
    std::os::unix::fs::lchown(root.join("program"), Some(5), Some(6)).unwrap();
    fs::set_permissions(root.join("program"), fs::Permissions::from_mode(0o4755)).unwrap();
    fs::hard_link(root.join("d/f"), root.join("other")).unwrap();
    symlink("d/f", root.join("link")).unwrap();
    std::os::unix::fs::lchown(root.join("link"), Some(7), Some(8)).unwrap();
    fs::File::create(root.join("sparse")).unwrap().set_len(8 << 20).unwrap();
    fs::write(root.join(OsStr::from_bytes(b"\xff\n")), "").unwrap();
    fs::write(root.join("n".repeat(255)), "long").unwrap();
    rustix::fs::lsetxattr(root.join("d/f"), "user.a", b"1", XattrFlags::empty()).ok();
    rustix::fs::lsetxattr(root.join("d"), "trusted.b", b"2", XattrFlags::empty()).unwrap();
    for (name, kind, rdev) in [
        ("fifo", FileType::Fifo, 0),
        ("null", FileType::CharacterDevice, makedev(1, 3)),
        ("loop", FileType::BlockDevice, makedev(7, 0)),
        ("socket", FileType::Socket, 0),
    ] {
        rustix::fs::mknodat(CWD, root.join(name), kind, Mode::from_raw_mode(0o640), rdev).unwrap();
    }
    for path in ["d/e", "d", "link", "fifo", "socket", "null", ""] {
        set_time(&root.join(path), 1000, 123_456_789);
    }
}

#[test]
fn in_and_out_of_containers_all_comes_along() {
    need!(Root, Tool("busybox"));
    on_both_kernels(|s| {
        make_named(s, "one");
        make_named(s, "two");
        everything(&s.path("source"));
        let source = at(s, "source");
        let ran = s.cd(["sync", "-a", &source, "one:/opt"]).run().ok();
        assert!(
            ran.err().contains("Synchronised 'one:/opt': 14 added, 0 changed, 0 deleted"),
            "{}",
            ran.err()
        );
        assert_equal(&s.path("source"), &s.rootfs("one").join("opt"), "into a container");
        s.cd(["sync", "-a", "one:opt", "two:/opt"]).run().ok();
        s.cd(["sync", "-a", "two:/opt/", &at(s, "out")]).run().ok();
        assert_equal(&s.path("source"), &s.path("out"), "through two containers");
        assert!(fs::metadata(s.path("out/sparse")).unwrap().blocks() < 100);
        s.cd(["sync", "-qad", &source, "one:/opt"]).run().ok();
        let before = all(&s.rootfs("one").join("opt"));
        s.cd(["sync", "-na", &source, "one:/opt"]).run().ok().prints("");
        assert_eq!(all(&s.rootfs("one").join("opt")), before);
        // A single file, and a container's links resolve inside it.
        symlink("/tmp/canary", s.rootfs("two").join("out")).unwrap();
        fs::create_dir_all(s.rootfs("two").join("tmp/canary")).unwrap();
        s.cd(["sync", "-q", &at(s, "source/program"), "two:/out/secret"]).run().ok();
        assert_eq!(fs::read(s.rootfs("two").join("tmp/canary/secret")).unwrap(), b"#!");
        s.cd(["sync", "-q", "two:/out/secret", &at(s, "out/program")]).run().ok();
        s.cd(["sync", "-q", "none:/x", "/tmp/x"]).run().fails(&["no container 'none'"]);
    });
}

#[test]
fn without_archive_links_become_files_and_special_files_are_left_out() {
    need!(Root);
    on_both_kernels(|s| {
        everything(&s.path("source"));
        let (source, out) = (at(s, "source"), at(s, "out"));
        fs::create_dir(s.path("out")).unwrap();
        fs::write(s.path("out/fifo"), "theirs").unwrap();
        fs::write(s.path("out/extra"), "").unwrap();
        s.cd(["sync", "-d", &source, &out]).run().ok().says(&["fifo' and 3 more", "'-a'"]);
        let (want, have) = (all(&s.path("source")), all(&s.path("out")));
        assert_eq!(
            fs::read(s.path("out/fifo")).unwrap(),
            b"theirs",
            "what is not synchronised has a counterpart"
        );
        for (path, line) in &want {
            let special = ["fifo", "null", "loop", "socket"].iter().any(|name| path == Path::new(name));
            let line = line.split(" is ").next().unwrap().replace(" \"trusted.b\"=[50]", "");
            assert!(special || have.get(path) == Some(&line), "{path:?}: {line} {:?}", have.get(path));
        }
        assert!(!have.contains_key(Path::new("extra")));
        s.cd(["sync", "-ndq", &source, &out]).run().ok().prints("");
    });
}

#[test]
fn time_and_size_tell_or_the_contents_do() {
    need!(Root);
    sandbox(|s| {
        let (from, to) = (s.path("from"), s.path("to"));
        fs::create_dir(&from).unwrap();
        write(from.join("f"), "12345", 1000);
        let sync = |more: &[&str]| {
            let ran = s.cd([&["sync", "-v"], more, &["/tmp/from", "/tmp/to"]].concat()).run().ok();
            ran.err().lines().filter(|line| !line.starts_with("Synchronised")).collect::<Vec<_>>().join("; ")
        };
        assert_eq!(sync(&[]), "A .; A f");
        write(from.join("f"), "54321", 1000);
        set_time(&from, 1000, 0);
        set_time(&to, 1000, 0);
        assert_eq!(sync(&[]), "", "same size and time");
        let before = inode(to.join("f"));
        assert_eq!(sync(&["-c"]), "C f (contents)");
        assert_ne!(inode(to.join("f")), before, "a new file, renamed");
        set_time(&from.join("f"), 1000, 5);
        let before = inode(to.join("f"));
        assert_eq!(sync(&[]), "C f (time)", "a fraction of a second is no reason to write");
        set_time(&from.join("f"), 2000, 0);
        assert_eq!(sync(&["-c"]), "C f (time)");
        fs::set_permissions(from.join("f"), fs::Permissions::from_mode(0o600)).unwrap();
        std::os::unix::fs::chown(from.join("f"), Some(3), Some(4)).unwrap();
        rustix::fs::lsetxattr(to.join("f"), "security.capability", CAPABILITY, XattrFlags::empty()).unwrap();
        assert_eq!(sync(&[]), "C f (mode, owner, xattrs)");
        assert_eq!(inode(to.join("f")), before, "only its metadata was written");
        assert_equal(&from, &to, "after all");
        set_time(&from.join("f"), 3000, 0);
        assert_eq!(sync(&[]), "C f (contents, time)");
        assert_eq!(sync(&[]), "");
    });
}

/// cap_net_raw+ep, linux/capability.h.
const CAPABILITY: &[u8] = b"\x01\0\0\x02\0\x20\0\0\0\0\0\0\0\0\0\0\0\0\0\0";

#[test]
fn every_type_takes_the_place_of_every_other() {
    need!(Root);
    on_both_kernels(|s| {
        let kinds = ["file", "empty", "full", "link", "dangling", "fifo", "device", "nothing"];
        let make = |root: &Path, kind: &str| {
            let path = root.join("x");
            match kind {
                "file" => write(&path, "contents", 5),
                "empty" => fs::create_dir(&path).unwrap(),
                "full" => everything(&path),
                "link" => symlink("/tmp/canary", &path).unwrap(),
                "dangling" => symlink("nowhere", &path).unwrap(),
                "fifo" => {
                    rustix::fs::mknodat(CWD, &path, FileType::Fifo, Mode::RUSR, 0).unwrap();
                }
                "device" => {
                    let null = makedev(1, 3);
                    rustix::fs::mknodat(CWD, &path, FileType::CharacterDevice, Mode::RUSR, null).unwrap();
                }
                _ => {}
            }
        };
        for one in kinds {
            for other in kinds {
                let (from, to) = (s.path("from"), s.path("to"));
                for (root, kind) in [(&from, one), (&to, other)] {
                    fs::create_dir(root).unwrap();
                    make(root, kind);
                    // Else it depends on the second in which each was made whether their own times differ.
                    tool("touch", ["-d", "@5", root.to_str().unwrap()]);
                }
                let dry = s.cd(["sync", "-nad", "/tmp/from", "/tmp/to"]).run().ok();
                let keep = other == "full" && !["full", "empty", "nothing"].contains(&one);
                if keep {
                    let ran = s.cd(["sync", "-a", "/tmp/from", "/tmp/to"]).run();
                    ran.fails(&["not empty", "'-d'"]);
                    assert!(to.join("x/d/f").exists());
                }
                let ran = s.cd(["sync", "-vad", "/tmp/from", "/tmp/to"]).run().ok();
                assert_equal(&from, &to, &format!("{one} in place of {other}"));
                // What is printed beforehand is what is done.
                let lines = |text: String| {
                    let mut lines: Vec<String> =
                        text.lines().filter(|line| !line.starts_with("Sync")).map(str::to_owned).collect();
                    lines.sort();
                    lines
                };
                assert_eq!(lines(dry.out()), lines(ran.err()), "{one} in place of {other}");
                fs::remove_dir_all(from).unwrap();
                fs::remove_dir_all(to).unwrap();
            }
        }
    });
}

#[test]
fn nothing_is_nested_and_no_tree_is_put_into_itself() {
    need!(Root);
    sandbox(|s| {
        everything(&s.path("tree"));
        write(s.path("file"), "1", 5);
        symlink("tree", s.path("link")).unwrap();
        symlink("nowhere", s.path("dangling")).unwrap();
        symlink("loop", s.path("loop")).unwrap();
        symlink("link/d/../link", s.path("relative")).unwrap();
        let before = all(&s.path("tree"));
        for (args, words) in [
            (&["file", "tree"][..], &["is a directory", "'tree/file'"][..]),
            (&["file", "tree/"], &["is a directory"]),
            (&["link", "tree"], &["is the source"]),
            (&["dangling", "x"], &["No such file"]),
            (&["loop", "x"], &["ymbolic link"]),
            (&["tree", "file"], &["no directory"]),
            (&["file/", "x"], &["Not a directory"]),
            (&["none", "x"], &["No such file"]),
            (&["file", "none/x"], &["make the directory first"]),
            (&["tree", "file/x"], &["Not a directory"]),
            (&["tree", "dangling"], &["link that leads nowhere"]),
            (&["tree", "tree"], &["is in the source"]),
            (&["tree", "link"], &["is in the source"]),
            (&["tree", "tree/d/new"], &["is in the source"]),
            (&["tree/d", "tree"], &["source is in the destination"]),
            (&["-d", "tree/d", "."], &["source is in the destination"]),
            (&["file", "file"], &["same file"]),
        ] {
            for dry in [&[][..], &["-n"]] {
                let args = [&["sync"], dry, args].concat();
                s.cd(args).current_dir("/tmp").run().fails(words);
            }
        }
        for args in [&["-d", "file", "x"][..], &["-", "x"], &["tree", "-"], &["--exclude", "/", "tree", "x"]]
        {
            s.cd([&["sync"], args].concat()).current_dir("/tmp").run().code(2);
        }
        // A link that is named stands for what it leads to; directories above DEST are made.
        s.cd(["sync", "-qa", "link", "out/deep/copy"]).current_dir("/tmp").run().ok();
        assert_equal(&s.path("tree"), &s.path("out/deep/copy"), "through a link");
        s.cd(["sync", "-q", "relative", "out/file"]).current_dir("/tmp").run().ok();
        assert_eq!(fs::read(s.path("out/file")).unwrap(), b"contents");
        assert_eq!(all(&s.path("tree")), before);
    });
}

#[test]
fn what_is_excluded_is_left_alone_on_both_sides() {
    need!(Root);
    sandbox(|s| {
        let make = |root: &str, paths: &[&str]| {
            for path in paths {
                let path = s.path(root).join(path);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, root).unwrap();
            }
        };
        make("from", &["a.c", "a.o", "build/x", "sub/b.o", "sub/keep.o", "sub/build"]);
        make("to", &["old.c", "old.o", "build/y", "gone/deep/x", "gone/deep/x.o", "gone2/x", "sub/z"]);
        let args =
            ["--exclude", "*.o", "--exclude", "!keep.o", "--exclude", "build/", "/tmp/from", "/tmp/to"];
        let told = "C . (time)\nA a.c\nC sub (time)\nA sub/build\nA sub/keep.o\nD sub/z\nD gone/deep/x\nD gone2\nD gone2/x\nD old.c\n";
        s.cd([&["sync", "-nd"], &args[..]].concat()).run().ok().prints(told);
        s.cd([&["sync", "-qd"], &args[..]].concat()).run().ok();
        let names: Vec<String> = all(&s.path("to"))
            .into_iter()
            .filter(|(_, line)| line.starts_with("file"))
            .map(|(path, _)| path.to_str().unwrap().to_owned())
            .collect();
        let kept = ["a.c", "build/y", "gone/deep/x.o", "old.o", "sub/build", "sub/keep.o"];
        assert_eq!(names, kept);
        assert_eq!(fs::read_to_string(s.path("to/build/y")).unwrap(), "to");
    });
}

#[test]
fn owners_are_those_of_the_destinations_side() {
    need!(Root, Tool("busybox"));
    sandbox(|s| {
        make(s);
        everything(&s.path("source"));
        for (owner, uid, gid) in [
            ("user", 1000, 6),
            ("user:", 1000, 1001),
            (":staff", 5, 50),
            ("user:staff", 1000, 50),
            ("9:10", 9, 10),
        ] {
            s.cd(["sync", "-qa", "--chown", owner, "/tmp/source", "c:/opt"]).run().ok();
            let found = fs::metadata(s.rootfs("c").join("opt/program")).unwrap();
            assert_eq!((found.uid(), found.gid(), found.mode() & 0o7777), (uid, gid, 0o4755), "{owner}");
            s.cd(["sync", "-na", "--chown", owner, "/tmp/source", "c:/opt"]).run().ok().prints("");
        }
        s.cd(["sync", "-q", "--chown", "nobody-here", "/tmp/source", "c:/opt"]).run().fails(&["nobody-here"]);
    });
}
