//! `backup`, `restore` and `export`: nothing is lost on the way there and back, whoever reads or wrote the archive.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use rustix::fs::{CWD, FileType, Mode, XattrFlags, mknodat};
use rustix::mount::MountFlags;
use serde_json::json;

use crate::support::prelude::*;

/// A container `c` with one of everything that a tree can hold, but for sockets.
fn everything(s: &Sandbox) {
    make_of(s, "c", &Image::busybox().with("Cmd", json!(["/bin/true"])));
    let root = s.rootfs("c");
    let at = |name: &str| root.join(name);
    fs::write(at("plain"), "contents").unwrap();
    fs::hard_link(at("plain"), at("linked")).unwrap();
    std::os::unix::fs::symlink("/nowhere", at("dangling")).unwrap();
    std::os::unix::fs::lchown(at("dangling"), Some(7), Some(8)).unwrap();
    fs::write(at("setuid"), "x").unwrap();
    std::os::unix::fs::chown(at("setuid"), Some(1000), Some(70_000)).unwrap();
    fs::set_permissions(at("setuid"), fs::Permissions::from_mode(0o4751)).unwrap();
    mknodat(CWD, at("fifo"), FileType::Fifo, Mode::from_raw_mode(0o640), 0).unwrap();
    mknodat(
        CWD,
        at("null"),
        FileType::CharacterDevice,
        Mode::from_raw_mode(0o666),
        rustix::fs::makedev(1, 3),
    )
    .unwrap();
    rustix::fs::setxattr(at("plain"), "user.note", b"\0\xff=", XattrFlags::empty()).unwrap();
    let sparse = fs::File::create(at("sparse")).unwrap();
    sparse.set_len(1 << 20).unwrap();
    let long = "n".repeat(255);
    fs::create_dir_all(at(&long).join(&long)).unwrap();
    fs::write(at(&long).join(&long).join("deep"), "deep").unwrap();
    let strange = std::os::unix::ffi::OsStringExt::from_vec([&b"\xff".repeat(200)[..], b" \n"].concat());
    let strange: std::ffi::OsString = strange;
    fs::write(root.join(strange), "bytes").unwrap();
    fs::write(at(".wh.ordinary"), "name").unwrap();
    fs::create_dir(at("closed")).unwrap();
    fs::set_permissions(at("closed"), fs::Permissions::from_mode(0o1700)).unwrap();
}

/// Every file with its type, mode, owner, links, time and contents.
fn listing(root: &Path) -> Vec<String> {
    let script = "cd \"$1\" && find . -printf '%p %y %m %U:%G %n %T@ %l\\n' | sort && \
find . -type f -exec sha256sum {} + | sort";
    let listed = tool("sh", ["-c", script, "sh", root.to_str().unwrap()]);
    String::from_utf8_lossy(&listed).lines().map(str::to_owned).collect()
}

#[test]
fn what_is_restored_is_what_was_saved() {
    need!(Root, Tool("busybox"));
    on_both_kernels(|s| {
        everything(s);
        let before = listing(&s.rootfs("c"));
        for (file, options) in [
            ("a.tar", &[][..]),
            ("a.tgz", &[]),
            ("a.tar.bz2", &[]),
            ("a.tar.xz", &["--level", "1"]),
            ("b", &["-c", "gzip"]),
        ] {
            let path = format!("/tmp/home/{file}");
            s.cd([&["backup", "-o", &path, "c"], options].concat()).run().ok().prints("");
            assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, 0o600);
            let ran = s.cd(["restore", "--verify", &path]).run().ok();
            assert!(ran.err().contains("whole"), "{ran:?}");
            s.cd(["restore", "-n", "d", &path]).run().ok();
            assert!(listing(&s.rootfs("d")) == before, "{file}");
            let mut note = [0; 9];
            let found = rustix::fs::getxattr(s.rootfs("d").join("plain"), "user.note", &mut note).unwrap();
            assert_eq!(&note[..found], b"\0\xff=");
            let manifest =
                |name: &str| fs::read(s.data().join("containers").join(name).join("manifest.json")).unwrap();
            assert_eq!(manifest("d"), manifest("c"));
            s.cd(["run", "d"]).run().ok();
            s.cd(["remove", "-q", "d"]).run().ok();
        }
        // What has changed since the image was installed is known after a restore, too.
        let changes = s.cd(["diff", "c"]).run().ok().out();
        s.cd(["restore", "-n", "d", "/tmp/home/a.tgz"]).run().ok();
        assert_eq!(s.cd(["diff", "d"]).run().ok().out(), changes);
        s.assert_store();
    });
}

#[test]
fn through_a_pipe_and_as_others_read_and_write_it() {
    need!(Root, Tool("busybox"), Tool("python3"));
    sandbox(|s| {
        everything(s);
        let archive = s.cd(["backup", "c"]).run().ok();
        assert_eq!(archive.err(), "");
        fs::write("/tmp/home/a.tar", &archive.stdout).unwrap();
        s.cd(["restore", "--name", "d"]).stdin(archive.stdout.clone()).run().ok();
        assert!(listing(&s.rootfs("d")) == listing(&s.rootfs("c")));
        // GNU tar and Python's tarfile have nothing to complain of.
        let script =
            "mkdir /tmp/home/t && tar --xattrs --xattrs-include='*' -xf /tmp/home/a.tar -C /tmp/home/t 2>&1";
        let ran = s.world("/bin/sh").args(["-c", script]).run().ok();
        assert_eq!(ran.out(), "");
        assert!(listing(Path::new("/tmp/home/t/c/rootfs")) == listing(&s.rootfs("c")));
        let script = "import tarfile\nwith tarfile.open('/tmp/home/a.tar') as t:\n print(len(t.getnames()), t.getmember('c/rootfs/linked').size)";
        let ran = s.world("/usr/bin/python3").args(["-W", "error", "-c", script]).run().ok();
        assert!(ran.out().ends_with(" 8\n"), "{ran:?}");
        // As GNU tar packs it, with or without the directory's own entry.
        for members in ["c", "c/manifest.json c/rootfs"] {
            let script = format!("cd /tmp/home/t && tar -cJf ../b.tar.xz --xattrs {members}");
            s.world("/bin/sh").args(["-c", &script]).run().ok();
            s.cd(["remove", "-q", "d"]).run().ok();
            s.cd(["restore", "-n", "d", "/tmp/home/b.tar.xz"]).run().ok();
            assert!(listing(&s.rootfs("d")) == listing(&s.rootfs("c")), "{members}");
        }
        let names = s.cd(["restore", "--list", "/tmp/home/a.tar"]).run().ok().out();
        assert!(names.contains("c/rootfs/plain\n"), "{names}");
    });
}

#[test]
fn an_export_is_the_root_alone_and_a_portable_backup_has_no_owners() {
    need!(Root, Tool("busybox"));
    sandbox(|s| {
        everything(s);
        s.cd(["export", "-o", "/tmp/home/root.tar.gz", "c"]).run().ok();
        s.cd(["restore", "-n", "d", "/tmp/home/root.tar.gz"]).run().fails(&["no backup", "install"]);
        s.cd(["install", "-n", "d", "/tmp/home/root.tar.gz"]).run().ok();
        let of_file = |name: &str, file: &str| fs::symlink_metadata(s.rootfs(name).join(file)).unwrap();
        assert_eq!(of_file("d", "setuid").uid(), 1000);
        assert!(!s.data().join("containers/d/manifest.json").exists());
        s.cd(["backup", "--portable", "-o", "/tmp/home/p.tar", "c"]).run().ok();
        s.cd(["restore", "-n", "e", "/tmp/home/p.tar"]).run().ok();
        assert_eq!((of_file("e", "setuid").uid(), of_file("e", "setuid").gid()), (0, 0));
        assert!(!s.rootfs("e").join("fifo").exists() && !s.rootfs("e").join("null").exists());
    });
}

#[test]
fn nothing_is_replaced_and_nothing_half_made_stays() {
    need!(Root, Tool("busybox"));
    on_both_kernels(|s| {
        make(s);
        let here = || fs::read_dir("/tmp/home").unwrap().count();
        fs::write("/tmp/home/taken.tar", "mine").unwrap();
        s.cd(["backup", "-o", "/tmp/home/taken.tar", "c"]).run().fails(&["already exists"]);
        assert_eq!(fs::read("/tmp/home/taken.tar").unwrap(), b"mine");
        s.cd(["backup", "-o", "/tmp/home/no/a.tar", "c"]).run().fails(&["No such file"]);
        s.cd(["backup", "-o", "/tmp/home/a.tar", "absent"]).run().fails(&["absent"]);
        s.cd(["backup", "-c", "rar", "c"]).run().code(2).says(&["rar"]);
        s.cd(["backup", "--level", "99", "-c", "xz", "-o", "/tmp/home/a", "c"]).run().code(2);
        s.cd(["backup", "-o", "/tmp/home/a.tar.zst", "c"]).run().code(2).says(&["zst", ".tar.xz"]);
        assert_eq!(here(), 1);
        s.cd(["backup", "-q", "-o", "/tmp/home/a.tar.gz", "c"]).run().ok();
        s.cd(["restore", "/tmp/home/a.tar.gz"]).run().fails(&["already exists", "--name"]);
        // Cut short, garbage, empty, of nothing.
        let whole = fs::read("/tmp/home/a.tar.gz").unwrap();
        for (bytes, word) in [
            (&whole[..whole.len() / 2], ""),
            (&whole[..whole.len() - 9], ""),
            (b"garbage that is no archive", ""),
            (b"", "empty"),
        ] {
            fs::write("/tmp/home/bad", bytes).unwrap();
            s.cd(["restore", "-n", "d", "/tmp/home/bad"]).run().fails(&[word]);
            s.cd(["restore", "--verify", "/tmp/home/bad"]).run().fails(&[word]);
            assert_eq!(s.names(), ["c"]);
            s.assert_store();
        }
        for hostile in ["c/../../../canary/x", "../x", "d/rootfs/x"] {
            let mut entries = vec![Entry::dir("c/rootfs"), Entry::file("c/rootfs/a", "x")];
            entries.push(Entry::file(hostile, "evil"));
            fs::write("/tmp/home/bad", tar(entries)).unwrap();
            s.cd(["restore", "-n", "d", "/tmp/home/bad"]).run().fails(&[]);
            assert_eq!(s.names(), ["c"]);
        }
        s.assert_canaries();
        s.assert_store();
    });
}

#[test]
fn a_file_that_is_replaced_meanwhile_is_whole_and_has_its_own_mode() {
    need!(Root, Tool("busybox"));
    sandbox(|s| {
        make(s);
        let root = s.rootfs("c");
        fs::create_dir(root.join("busy")).unwrap();
        let done = std::sync::atomic::AtomicBool::new(false);
        // A file of N bytes is all N, and the mode tells N again.
        let replace = |turn: u32| {
            let (name, size) = (root.join(format!("busy/{}", turn % 20)), 1 + turn % 200);
            let new = root.join("busy/.new");
            let _ = fs::remove_dir_all(&name);
            match turn % 50 {
                0 => std::os::unix::fs::symlink("x", &new).unwrap(),
                _ => {
                    fs::write(&new, vec![size as u8; size as usize]).unwrap();
                    fs::set_permissions(&new, fs::Permissions::from_mode(0o400 + size)).unwrap();
                }
            }
            fs::rename(&new, &name).unwrap();
        };
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for turn in 0.. {
                    if done.load(std::sync::atomic::Ordering::Relaxed) {
                        break;
                    }
                    replace(turn);
                }
            });
            for _ in 0..30 {
                let ran = s.cd(["backup", "c"]).run();
                assert!(ran.code == Some(0) && !ran.err().contains("shorter"), "{}", ran.err());
                for (mode, bytes) in busy(&ran.stdout) {
                    let size = bytes.len() as u32;
                    assert!(bytes.iter().all(|&byte| u32::from(byte) == size) && mode == 0o400 + size);
                }
            }
            done.store(true, std::sync::atomic::Ordering::Relaxed);
        });
    });
}

/// Mode and bytes of each finished file in `busy` of an archive.
fn busy(archive: &[u8]) -> Vec<(u32, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in tar::Archive::new(archive).entries().unwrap() {
        let mut entry = entry.unwrap();
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        if name.contains("/busy/") && !name.ends_with(".new") && entry.header().entry_type().is_file() {
            let mut bytes = Vec::new();
            std::io::Read::read_to_end(&mut entry, &mut bytes).unwrap();
            found.push((entry.header().mode().unwrap(), bytes));
        }
    }
    found
}

#[test]
fn on_overlayfs_nothing_is_taken_for_a_mount() {
    need!(Root, Tool("busybox"), Filesystem("overlay"));
    sandbox(|s| {
        everything(s);
        let before = listing(&s.rootfs("c"));
        // Files of a lower layer on another filesystem have other devices than directories.
        for dir in ["/tmp/upper", "/tmp/upper/u", "/tmp/upper/w"] {
            fs::create_dir(dir).unwrap();
            if dir == "/tmp/upper" {
                rustix::mount::mount("tmpfs", dir, "tmpfs", MountFlags::empty(), c"").unwrap();
            }
        }
        let options = c"lowerdir=/tmp/data,upperdir=/tmp/upper/u,workdir=/tmp/upper/w,xino=off";
        rustix::mount::mount("overlay", "/tmp/data", "overlay", MountFlags::empty(), options).unwrap();
        let device = |name: &str| fs::symlink_metadata(s.rootfs("c").join(name)).unwrap().dev();
        assert_ne!(device("plain"), device("closed"), "an overlay as it is meant here");
        s.cd(["backup", "-o", "/tmp/home/a.tar", "c"]).run().ok();
        s.cd(["restore", "-n", "d", "/tmp/home/a.tar"]).run().ok();
        s.cd(["clone", "-q", "c", "e"]).run().ok();
        assert!(listing(&s.rootfs("d")) == before && listing(&s.rootfs("e")) == before);
        s.cd(["sync", "-a", "c:/", "/tmp/home/out"]).run().ok();
        assert!(listing(Path::new("/tmp/home/out")) == before);
        for mount in ["/tmp/data", "/tmp/upper"] {
            rustix::mount::unmount(mount, rustix::mount::UnmountFlags::DETACH).unwrap();
        }
    });
}

#[test]
fn an_attribute_that_tar_cannot_hold_is_left_out_and_told() {
    need!(Root, Tool("busybox"));
    sandbox(|s| {
        make(s);
        let file = s.rootfs("c").join("etc/passwd");
        for key in ["user.a=b", "user.plain"] {
            rustix::fs::setxattr(&file, key, b"x", XattrFlags::empty()).unwrap();
        }
        let ran = s.cd(["backup", "-o", "/tmp/home/a.tar", "c"]).run().ok();
        assert!(ran.err().contains("user.a=b"), "{ran:?}");
        s.cd(["restore", "-n", "d", "/tmp/home/a.tar"]).run().ok();
        let mut list = [0; 64];
        let length = rustix::fs::listxattr(s.rootfs("d").join("etc/passwd"), &mut list).unwrap();
        assert_eq!(&list[..length], b"user.plain\0");
    });
}

#[test]
fn a_terminal_gets_no_archive() {
    need!(Root, Tool("busybox"));
    sandbox(|s| {
        make(s);
        let mut terminal = s.on_terminal(["backup", "c"]);
        terminal.expect("--output");
        assert_eq!(terminal.ends(), 2);
        let mut terminal = s.on_terminal(["restore"]);
        terminal.expect("restore FILE");
        assert_eq!(terminal.ends(), 2);
    });
}

#[test]
fn files_that_change_meanwhile_are_told_and_the_archive_is_whole() {
    need!(Root, Tool("busybox"));
    sandbox(|s| {
        make(s);
        let root = s.rootfs("c");
        fs::create_dir(root.join("churn")).unwrap();
        let done = std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let mut turn = 0_u64;
                while !done.load(std::sync::atomic::Ordering::Relaxed) {
                    turn += 1;
                    let file = root.join("churn").join(format!("{}", turn % 50));
                    match turn % 3 {
                        0 => drop(fs::remove_file(&file)),
                        1 => drop(fs::write(&file, vec![1; 300_000])),
                        _ => drop(
                            fs::File::options().write(true).open(&file).and_then(|file| file.set_len(10)),
                        ),
                    }
                }
            });
            for _ in 0..20 {
                let ran = s.cd(["backup", "-c", "none", "c"]).run();
                let cut = ran.err().contains("became shorter");
                assert_eq!(ran.code, Some(i32::from(cut)), "{ran:?}");
                let ran = s.cd(["restore", "--verify"]).stdin(ran.stdout).run();
                assert!(ran.code == Some(0), "{ran:?}");
            }
            done.store(true, std::sync::atomic::Ordering::Relaxed);
        });
    });
}

#[test]
fn holes_stay_holes_whoever_reads_the_archive() {
    need!(Root, Tool("bsdtar"), Tool("python3"));
    on_both_kernels(|s| {
        make(s);
        let path = s.rootfs("c").join("sparse");
        let sparse = fs::File::create(&path).unwrap();
        std::os::unix::fs::FileExt::write_all_at(&sparse, b"middle", 4 << 20).unwrap();
        sparse.set_len(1 << 30).unwrap();
        let blocks = path.metadata().unwrap().blocks();
        s.cd(["backup", "-q", "c", "-o", "/tmp/home/a.tar"]).run().ok();
        assert!(fs::metadata("/tmp/home/a.tar").unwrap().len() < 64 << 20, "the holes are in the archive");
        s.cd(["restore", "-q", "-n", "d", "/tmp/home/a.tar"]).run().ok();
        let mut restored = vec![s.rootfs("d").join("sparse")];
        for program in ["tar", "bsdtar"] {
            let to = format!("/tmp/home/{program}");
            fs::create_dir(&to).unwrap();
            let args = ["-xf", "/tmp/home/a.tar", "-C", &to, "c/rootfs/sparse"];
            let ran = s.world(program).args(args).run().ok();
            assert_eq!(ran.err(), "");
            restored.push(Path::new(&to).join("c/rootfs/sparse"));
        }
        for path in restored {
            let found = fs::File::open(&path).unwrap();
            let mut middle = [0; 8];
            std::os::unix::fs::FileExt::read_exact_at(&found, &mut middle, (4 << 20) - 1).unwrap();
            assert_eq!(&middle, b"\0middle\0", "{}", path.display());
            let found = found.metadata().unwrap();
            assert!(found.len() == 1 << 30 && found.blocks() <= blocks + 64, "{}", path.display());
        }
        let script = "import tarfile
with tarfile.open('/tmp/home/a.tar') as t:
    f = t.extractfile('c/rootfs/sparse'); f.seek((4 << 20) - 1); assert f.read(8) == b'\\0middle\\0'
    assert t.getmember('c/rootfs/sparse').size == 1 << 30";
        s.world("python3").args(["-W", "error", "-c", script]).run().ok();
        s.cd(["remove", "-q", "c", "d"]).run().ok();
    });
}

#[test]
fn a_damaged_manifest_stops_no_backup_and_travels_as_it_is() {
    need!(Root, Tool("busybox"));
    on_both_kernels(|s| {
        make(s);
        let manifest = |name: &str| s.data().join("containers").join(name).join("manifest.json");
        for damaged in ["{ not json", "", "[]", "\0\0\0\0"] {
            fs::write(manifest("c"), damaged).unwrap();
            s.cd(["backup", "c", "-o", "/tmp/a.tar"]).run().ok().says(&[
                "warning",
                "manifest.json",
                "as it is",
            ]);
            s.cd(["restore", "-n", "d", "/tmp/a.tar"]).run().ok().says(&["warning", "damaged"]);
            s.cd(["clone", "c", "e"]).run().ok();
            for name in ["d", "e"] {
                assert_eq!(fs::read(manifest(name)).unwrap(), damaged.as_bytes(), "{name}");
                s.cd(["remove", "-q", name]).run().ok();
            }
            fs::remove_file(s.path("a.tar")).unwrap();
        }
    });
}

#[test]
fn a_filesystem_with_small_files_or_little_room_is_told_of() {
    need!(Root, Tool("busybox"));
    sandbox(|s| {
        make(s);
        fs::write(s.rootfs("c").join("large"), vec![7; 3 << 20]).unwrap();
        // As FAT refuses what is larger than 4 GiB.
        let script = "trap '' XFSZ; ulimit -f 100; exec \"$@\"";
        let program = crate::support::command::program();
        for options in [&["-c", "none"][..], &["-c", "gzip", "--level", "1"], &["-c", "xz", "--level", "0"]] {
            let command = [&["-c", script, "sh", program.to_str().unwrap(), "backup", "c"], options].concat();
            let ran = s.world("sh").args(command).args(["-o", "/tmp/a"]).run();
            let told = ran.fails(&["File too large", "takes no larger file", "split -b"]).err();
            assert!(!s.path("a").exists() && !told.contains("may not fit"), "{told}");
        }
        for command in [&["copy", "c:/large", "/tmp/large"][..], &["sync", "c:/large", "/tmp/large"]] {
            let command = [&["-c", script, "sh", program.to_str().unwrap()], command].concat();
            s.world("sh").args(command).run().fails(&["File too large", "4 GiB"]);
            assert!(!s.path("large").exists());
        }
        fs::create_dir(s.path("small")).unwrap();
        rustix::mount::mount("test", s.path("small"), "tmpfs", MountFlags::empty(), Some(c"size=1m"))
            .unwrap();
        let ran = s.cd(["backup", "c", "-o", "/tmp/small/a.tar"]).run();
        ran.fails(&["1 MiB are free", "may not fit", "No space left", "free some space"]);
        assert_eq!(fs::read_dir(s.path("small")).unwrap().count(), 0);
        rustix::mount::unmount(s.path("small"), rustix::mount::UnmountFlags::empty()).unwrap();
    });
}
