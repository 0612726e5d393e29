//! The store as a user sees it: list, remove, clear-cache, names, and what survives a race or a full disk.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use rustix::mount::{MountFlags, UnmountFlags, mount, mount_bind, unmount};
use serde_json::{Value, json};

use crate::support::answered::{self, Answer};
use crate::support::prelude::*;

/// A container of one file, without a registry.
fn make(s: &Sandbox, name: &str) {
    Image::of([Entry::file("hello", "x"), Entry::dir("d")]).write_layout(&s.path("small"), "latest");
    s.cd(["install", "-q", "-n", name, "/tmp/small"]).run().ok();
}

#[test]
fn list_shows_what_is_installed_and_needs_no_root() {
    need!(Root, Tool("docker-registry"));
    sandbox(|s| {
        s.cd(["list", "-q"]).run().ok().prints("");
        let none = s.cd(["list"]).run().ok();
        assert!((none.out() + &none.err()).contains("install"), "{none:?}");
        s.cd(["list", "--json"]).run().ok().prints("[]\n");
        for command in ["list", "ps"] {
            s.cd([command]).uid(1000).run().ok().prints("").says(&[&format!("sudo chroot-distro {command}")]);
        }

        let registry = Registry::start();
        Image::of([Entry::file("f", vec![1; 3 << 20])]).push(&registry, "team/app:1");
        s.cd(["install", "-n", "web", &registry.reference("team/app:1")]).run().ok();
        fs::write(s.path("plain.tar"), tar([Entry::dir("bin"), Entry::dir("etc"), Entry::dir("usr")]))
            .unwrap();
        s.cd(["install", "/tmp/plain.tar"]).run().ok();
        for name in ["list", "ls", "li"] {
            let text = s.cd([name]).run().ok().out();
            for word in [
                "web",
                "plain",
                &registry.reference("team/app:1"),
                std::env::consts::ARCH,
                "local archive",
                "idle",
            ] {
                assert!(text.contains(word), "no {word:?} in\n{text}");
            }
        }
        s.cd(["list", "--quiet"]).run().ok().prints("plain\nweb\n");
        let json: Value = serde_json::from_slice(&s.cd(["list", "--json"]).run().ok().stdout).unwrap();
        let items = json.as_array().expect("an array");
        assert_eq!(
            items.iter().map(|item| item["name"].as_str().unwrap()).collect::<Vec<_>>(),
            ["plain", "web"]
        );
        let size = items[1]["size"].as_u64().expect("a size in bytes");
        assert!((3 << 20..4 << 20).contains(&size), "{size}");

        // The program stands in a bind mount that anybody may execute; the trees are root's.
        s.cd(["list", "-q"]).uid(1000).run().ok().prints("plain\nweb\n");
    });
}

#[test]
fn what_an_image_says_of_itself_forges_nothing() {
    need!(Root);
    sandbox(|s| {
        make(s, "c");
        let said = json!({
            "image_ref": "x\u{1b}[2J\nforged", "arch": "\u{7}",
            "image_config": {"config": {"User": "u\nName: forged", "ExposedPorts": {"80\u{9b}1m": {}}}},
        });
        fs::write(s.rootfs("c").with_file_name("manifest.json"), said.to_string()).unwrap();
        for command in [&["list"][..], &["list", "-v"], &["info", "--names"]] {
            let text = s.cd(command).run().ok().out();
            assert!(text.contains("x\\u{1b}[2J\\u{a}forged"), "{text}");
            assert!(
                !text.lines().any(|line| line.starts_with("Name: forged") || line.starts_with("forged")),
                "{text}"
            );
            assert!(!text.contains(|c: char| c.is_control() && c != '\n'), "{text:?}");
        }
        for command in [&["list", "--json"][..], &["info", "--json", "--names"]] {
            let text = s.cd(command).run().ok().out();
            assert!(!text.contains(|c: char| c.is_control() && c != '\n'), "{text:?}");
            assert!(serde_json::from_str::<Value>(&text).unwrap().to_string().contains("forged"));
        }
    });
}

#[test]
fn remove_deletes_whatever_a_guest_left() {
    need!(Root);
    on_both_kernels(|s| {
        make(s, "c");
        let root = s.rootfs("c");
        fs::create_dir_all(root.join("locked/inner")).unwrap();
        fs::write(root.join("locked/inner/f"), "x").unwrap();
        fs::write(root.join("d/f"), "x").unwrap();
        for dir in ["locked/inner", "locked", "d"] {
            fs::set_permissions(root.join(dir), fs::Permissions::from_mode(0o0)).unwrap();
        }
        fs::write(root.join(std::ffi::OsStr::from_bytes(b"latin\xe9\n\x1b[2J")), "").unwrap();
        std::os::unix::fs::symlink("/tmp/canary", root.join("link")).unwrap();
        std::os::unix::fs::symlink("/tmp/canary/secret", root.join("file-link")).unwrap();
        // Five thousand deep: no path reaches it, and no recursion should.
        let mut dir = fs::File::open(&root).unwrap();
        for _ in 0..5000 {
            rustix::fs::mkdirat(&dir, "d5000", rustix::fs::Mode::RWXU).unwrap();
            let flags = rustix::fs::OFlags::DIRECTORY;
            dir = rustix::fs::openat(&dir, "d5000", flags, rustix::fs::Mode::empty()).unwrap().into();
        }
        drop(dir);
        let deleted = s.cd(["remove", "-v", "c"]).run().ok();
        let lines = ["deleted c/rootfs/d/f", "deleted c/rootfs/latin\u{FFFD}\\u{a}\\u{1b}[2J", "deleted c\n"];
        deleted.prints("").says(&lines);
        assert!(!root.parent().unwrap().exists());
        assert_eq!(s.names(), Vec::<String>::new());
        s.cd(["remove", "c"]).run().fails(&["c"]);
        for bad in ["../canary", "..", ".", "/tmp/canary", ""] {
            s.cd(["remove", bad]).run().code(2);
        }
    });
}

#[test]
fn remove_as_a_user_without_capabilities_over_modes_still_works() {
    need!(Root);
    sandbox(|s| {
        make(s, "c");
        fs::create_dir_all(s.rootfs("c").join("a/b")).unwrap();
        fs::set_permissions(s.rootfs("c").join("a/b"), fs::Permissions::from_mode(0o0)).unwrap();
        fs::set_permissions(s.rootfs("c").join("a"), fs::Permissions::from_mode(0o0)).unwrap();
        // Root without CAP_DAC_OVERRIDE meets the modes as anybody does (capabilities(7)).
        s.cd(["remove", "c"]).without_dac_override().run().ok();
        assert_eq!(s.names(), Vec::<String>::new());
    });
}

#[test]
fn remove_never_crosses_a_mount() {
    need!(Root);
    on_both_kernels(|s| {
        make(s, "c");
        let target = s.rootfs("c").join("d");
        mount_bind("/tmp/canary", &target).unwrap();
        // The mount is undone first, as documented, and what it showed stays.
        s.cd(["remove", "c"]).run().ok();
        s.assert_canaries();
        assert!(!s.rootfs("c").exists());
        // The same filesystem, bound: the device number does not change, only the mount does.
        make(s, "c");
        fs::create_dir(s.path("precious")).unwrap();
        fs::write(s.path("precious/keep"), "x").unwrap();
        mount_bind(s.path("precious"), &target).unwrap();
        s.cd(["remove", "c"]).run().ok();
        assert!(s.path("precious/keep").exists(), "a file was deleted through a bind mount");
        assert_eq!(s.names(), Vec::<String>::new());
    });
}

#[test]
fn remove_ends_the_sessions_first() {
    need!(Root, Tool("busybox"));
    sandbox(|s| {
        make_named(s, "c");
        let session =
            s.cd(["login", "c", "--", "/bin/sh", "-c", "echo in > /root/in; exec sleep 100"]).spawn();
        while !s.rootfs("c").join("root/in").exists() {
            std::thread::sleep(Duration::from_millis(10));
        }
        let json: Value = serde_json::from_slice(&s.cd(["list", "--json"]).run().ok().stdout).unwrap();
        assert_ne!(json[0]["status"], "idle", "{json}");
        // It ends what runs inside first.
        s.cd(["remove", "c"]).run().ok();
        session.wait().status(128 + 15);
        assert!(s.processes().is_empty());
        assert_eq!(s.names(), Vec::<String>::new());
    });
}

#[test]
fn clear_cache_empties_the_cache_and_nothing_else() {
    need!(Root, Tool("docker-registry"));
    sandbox(|s| {
        let registry = Registry::start();
        Image::of([Entry::file("f", "x")]).push(&registry, "app:1");
        s.cd(["install", &registry.reference("app:1")]).run().ok();
        assert!(fs::read_dir(s.cache().join("oci_layers")).unwrap().count() >= 1);
        for name in ["clear-cache", "clear", "cl"] {
            s.cd([name]).run().ok();
        }
        let left = |dir: &str| fs::read_dir(s.cache().join(dir)).map_or(0, Iterator::count);
        assert_eq!((left("oci_layers"), left("oci_manifests")), (0, 0));
        assert_eq!(s.names(), ["app"]);
    });
}

#[test]
fn clear_cache_of_builds_leaves_downloads() {
    need!(Root, Tool("docker-registry"));
    sandbox(|s| {
        let registry = Registry::start();
        Image::of([Entry::file("f", "x")]).push(&registry, "app:1");
        s.cd(["install", &registry.reference("app:1")]).run().ok();
        let step = s.cache().join("build_cache/x.json");
        let make = || {
            fs::create_dir_all(step.parent().unwrap()).unwrap();
            fs::write(&step, "{}").unwrap();
        };
        make();
        s.cd(["clear-cache", "--build-cache", "--keep", "1G"]).run().ok();
        assert!(step.exists());
        let ran = s.cd(["clear-cache", "-v", "--build-cache"]).run().ok();
        assert!(ran.err().contains("deleted build_cache/x.json"), "{ran:?}");
        assert!(!step.exists());
        assert!(fs::read_dir(s.cache().join("oci_layers")).unwrap().count() >= 1);
        for (args, words) in [
            (&["--keep", "1G"][..], "'--keep' needs '--build-cache'"),
            (&["--build-cache", "--keep", "much"], "'much' is no size"),
        ] {
            let ran = s.cd([&["clear-cache"], args].concat()).run();
            assert_eq!(ran.code, Some(2), "{ran:?}");
            assert!(ran.err().contains(words), "{ran:?}");
        }
        make();
        s.cd(["clear-cache"]).run().ok();
        assert!(!step.exists());
    });
}

#[test]
fn two_installs_at_once_of_one_image_and_of_one_name() {
    need!(Root, Tool("docker-registry"));
    sandbox(|s| {
        let registry = Registry::start();
        Image::new(&[(tar([Entry::file("f", vec![7; 2 << 20])]), Encoding::Plain)]).push(&registry, "app:1");
        let proxy = Proxy::listening(registry.port);
        let reference = proxy.reference("app:1");
        let install = |name: &str| s.cd(["install", "-n", name, &reference]).spawn();
        let both = [install("a"), install("b")];
        both.into_iter().for_each(|run| {
            run.wait().ok();
        });
        assert_eq!(s.names(), ["a", "b"]);
        let layer_requests = proxy.log().iter().filter(|seen| seen.is_blob() && seen.bytes > 1 << 20).count();
        assert_eq!(layer_requests, 1, "the layer was fetched twice");

        let runs = [install("c"), install("c"), install("c")].map(|run| run.wait());
        let codes: Vec<_> = runs.iter().map(|ran| ran.code).collect();
        assert_eq!(codes.iter().filter(|code| **code == Some(0)).count(), 1, "{runs:?}");
        assert_eq!(codes.iter().filter(|code| **code == Some(1)).count(), 2, "{runs:?}");
        assert_eq!(s.names(), ["a", "b", "c"]);
    });
}

#[test]
fn a_full_cache_disk_is_a_clean_error() {
    need!(Root, Tool("docker-registry"));
    sandbox(|s| {
        let registry = Registry::start();
        Image::new(&[(tar([Entry::file("f", vec![7; 8 << 20])]), Encoding::Plain)]).push(&registry, "app:1");
        fs::create_dir_all("/tmp/cache").unwrap();
        mount("small", "/tmp/cache", "tmpfs", MountFlags::empty(), Some(c"size=4m")).unwrap();
        s.cd(["install", &registry.reference("app:1")]).run().fails(&["space"]);
        assert_eq!(s.names(), Vec::<String>::new());
        unmount("/tmp/cache", UnmountFlags::empty()).unwrap();
        s.cd(["install", &registry.reference("app:1")]).run().ok();
    });
}

#[test]
fn a_filesystem_without_owners_is_refused_with_its_name() {
    need!(Root, Filesystem("fuse"), Tool("bindfs"));
    sandbox(|s| {
        // As Android's shared storage is. The kernels of test machines seldom have vfat.
        fs::create_dir_all("/tmp/data").unwrap();
        fs::create_dir_all("/tmp/under").unwrap();
        tool("bindfs", ["/tmp/under", "/tmp/data"]);
        Image::of([Entry::file("f", "x")]).write_layout(&s.path("small"), "latest");
        let ran = s.cd(["install", "-n", "c", "/tmp/small"]).run();
        let listed = s.names();
        unmount("/tmp/data", UnmountFlags::empty()).unwrap();
        ran.fails(&["fuse"]);
        assert_eq!(listed, Vec::<String>::new());
        assert_eq!(fs::read_dir("/tmp/under").unwrap().count(), 0, "something was made before the refusal");
    });
}

/// Who cannot enter cannot delete what fills the disk.
#[test]
fn a_full_disk_lets_everybody_in_and_containers_go() {
    need!(Root, Tool("busybox"));
    on_both_kernels(|s| {
        fs::create_dir_all(s.data()).unwrap();
        mount("small", s.data(), "tmpfs", MountFlags::empty(), Some(c"size=8m")).unwrap();
        Image::busybox().write_layout(&s.path("layout"), "latest");
        s.cd(["install", "-q", "-n", "c", "/tmp/layout"]).run().ok();
        let fill = || fs::write(s.rootfs("c").join("filler"), vec![1; 16 << 20]).unwrap_err();
        // Its record is longer than what any file that is replaced gives back.
        let words = format!("echo in # {}", "x".repeat(64 << 10));
        for mode in ["--minimal", "--isolated", "--user=root"] {
            assert_eq!(fill().kind(), std::io::ErrorKind::StorageFull);
            let ran = s.cd(["login", mode, "c", "--", "sh", "-c", &words]).run().ok().prints("in\n");
            assert!(ran.err().contains("'ps' may not list this session"), "{ran:?}");
        }
        s.cd(["run", "-d", "c", "--", "sh", "-c", &format!("{words}\nsleep 1000")]).run().ok();
        let listed = s.cd(["ps", "-q"]).run().ok().out();
        assert!(!listed.is_empty());
        s.cd(["login", "c", "--", "sh", "-c", &format!("rm /filler; {words}")]).run().ok();
        s.cd(["kill", "-q", "c"]).run().ok();
        assert_eq!(fill().kind(), std::io::ErrorKind::StorageFull);
        s.cd(["remove", "-q", "c"]).run().ok();
        unmount(s.data(), UnmountFlags::empty()).unwrap();
    });
}

/// On a tmpfs directories need no room: this is a disk.
#[test]
fn a_container_is_removed_from_a_disk_without_room_for_a_directory() {
    need!(Root);
    sandbox(|s| {
        make(s, "c");
        let index = s.data().join("containers/c/.index");
        assert!(index.exists());
        let calls = [libc::SYS_mkdir, libc::SYS_mkdirat];
        let ran = answered::run(s.cd(["remove", "-q", "c"]), &calls, &|call| {
            let path = call.text(usize::from(call.number == libc::SYS_mkdirat));
            match path.contains("/staging/c.") && index.exists() {
                true => Answer::Errno(libc::ENOSPC),
                false => Answer::Go,
            }
        });
        ran.ok();
        assert_eq!(s.names(), Vec::<String>::new());
    });
}
