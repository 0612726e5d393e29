//! `rename` and `reset`: everything comes along or is made anew, and what is in use is left alone.

use std::fs;

use serde_json::{Value, json};

use crate::lifecycle::{in_file, session};
use crate::support::prelude::*;

#[test]
fn rename_takes_everything_along_and_refuses_what_is_in_use() {
    need!(Root, Tool("busybox"));
    on_both_kernels(|s| {
        make_named(s, "c");
        make_named(s, "other");
        let data = s.data().to_owned();
        fs::create_dir_all(data.join("logs")).unwrap();
        fs::write(data.join("logs/c.log"), "said\n").unwrap();
        let running = session(s, &[], "c", "a", "");
        s.cd(["rename", "c", "d"]).run().fails(&["running", "chroot-distro kill c"]);
        s.cd(["kill", "c"]).run().ok();
        running.wait();
        for (old, new, words) in [("c", "other", "exists"), ("c", "c", "exists"), ("absent", "d", "'absent'")]
        {
            s.cd(["rename", old, new]).run().fails(&[words]);
        }
        for bad in ["../x", "", "a/b", "-x", ".x", "a b"] {
            s.cd(["rename", "--", "c", bad]).run().code(2);
        }
        let manifest = fs::read(data.join("containers/c/manifest.json")).unwrap();
        let ran = s.cd(["rename", "c", "d-2.x_"]).run().ok().prints("");
        assert!(ran.err().contains("d-2.x_"));
        s.cd(["rename", "-q", "d-2.x_", "d"]).run().ok();
        assert_eq!(s.names(), ["d", "other"]);
        assert_eq!(fs::read(data.join("containers/d/manifest.json")).unwrap(), manifest);
        assert!(in_file(s, "d", "a").exists());
        s.cd(["logs", "d"]).run().ok().prints("said\n");
        s.cd(["login", "d", "--", "echo", "hi"]).run().ok().prints("hi\n");
        let left: Vec<_> =
            fs::read_dir(data.join("locks")).unwrap().flatten().map(|e| e.file_name()).collect();
        assert!(!left.iter().any(|name| name == "c.lock"), "{left:?}");
        // Back and forth at once: each is in one place, whoever won.
        let crossing = [s.cd(["rename", "d", "e"]).spawn(), s.cd(["rename", "other", "d"]).spawn()];
        let [first, second] = crossing.map(|run| run.wait());
        first.ok();
        match second.code {
            Some(0) => assert_eq!(s.names(), ["d", "e"]),
            _ => {
                second.fails(&["'d' already exists"]);
                assert_eq!(s.names(), ["e", "other"]);
            }
        }
    });
}

#[test]
fn commands_keep_off_what_another_holds() {
    need!(Root, Tool("busybox"));
    sandbox(|s| {
        make_named(s, "c");
        let lock = fs::File::create(s.data().join("locks/c.lock")).unwrap();
        rustix::fs::flock(&lock, rustix::fs::FlockOperation::LockExclusive).unwrap();
        fs::write(s.data().join("locks/c.lock"), "4711 backup\n").unwrap();
        for args in [&["rename", "c", "d"][..], &["reset", "c"], &["remove", "c"]] {
            s.cd(args).run().fails(&["backup", "4711"]);
        }
        assert_eq!(s.names(), ["c"]);
        drop(lock);
        s.cd(["rename", "c", "d"]).run().ok();
    });
}

#[test]
fn reset_makes_a_container_anew_or_leaves_it_alone() {
    need!(Root, Tool("busybox"), Tool("docker-registry"));
    on_both_kernels(|s| {
        let registry = Registry::start();
        let push = |text: &str| {
            Image::new(&[
                (crate::support::image::userland(), Encoding::Gzip),
                (tar([Entry::file("version", text)]), Encoding::Gzip),
            ])
            .push(&registry, "app:1")
        };
        push("one");
        let reference = registry.reference("app:1");
        s.cd(["install", "-n", "c", &reference]).run().ok();
        let root = s.rootfs("c");
        fs::remove_file(root.join("bin/cat")).unwrap();
        fs::write(root.join("mine"), "x").unwrap();
        push("two");
        let running = session(s, &[], "c", "a", "");
        s.cd(["reset", "c"]).run().ok().prints("").says(&["has changed since 'c' was made"]);
        running.wait();
        assert!(!root.join("mine").exists() && !in_file(s, "c", "a").exists());
        assert_eq!(fs::read_to_string(root.join("version")).unwrap(), "two");
        s.cd(["login", "c", "--", "cat", "/version"]).run().ok().prints("two");
        let list: Value = serde_json::from_slice(&s.cd(["list", "--json"]).run().ok().stdout).unwrap();
        assert_eq!((&list[0]["image"], list.as_array().unwrap().len()), (&json!(reference), 1));

        let ran = s.cd(["reset", "c"]).run().ok();
        assert!(!ran.err().contains("has changed"), "{ran:?}");

        // The registry is gone, and what was downloaded too: nothing changes, and nobody is sent home.
        fs::write(root.join("mine"), "x").unwrap();
        s.cd(["clear-cache"]).run().ok();
        let mut running = session(s, &[], "c", "b", "");
        drop(registry);
        s.cd(["reset", "c"]).env("CD_DOWNLOAD_MAX_RETRIES", "0").run().fails(&["reset 'c'"]);
        assert!(root.join("mine").exists() && running.is_running());
        s.cd(["kill", "c"]).run().ok();
        running.wait();
        assert_eq!(fs::read_dir(s.data().join("staging")).unwrap().count(), 0);
        s.cd(["reset", "absent"]).run().fails(&["absent"]);
    });
}

#[test]
fn reset_of_what_came_from_an_archive() {
    need!(Root, Tool("busybox"));
    sandbox(|s| {
        // Its name is one that Docker Hub has too, and another image there.
        Image::busybox().write_layout(&s.path("layout"), "alpine:latest");
        s.cd(["install", "-q", "-n", "c", "/tmp/layout"]).run().ok();
        fs::remove_dir_all(s.path("layout")).unwrap();
        let root = s.rootfs("c");
        fs::write(root.join("mine"), "x").unwrap();
        s.cd(["reset", "-q", "c"]).run().ok().prints("");
        assert!(!root.join("mine").exists() && root.join("bin/sh").exists());
        fs::write(root.join("mine"), "x").unwrap();
        s.cd(["clear-cache"]).run().ok();
        s.cd(["reset", "c"]).run().fails(&["archive", "install"]);
        assert!(root.join("mine").exists());
        // No image at all.
        fs::write(s.path("plain.tar"), tar([Entry::dir("bin"), Entry::dir("etc"), Entry::dir("usr")]))
            .unwrap();
        s.cd(["install", "/tmp/plain.tar"]).run().ok();
        s.cd(["reset", "plain"]).run().fails(&["root filesystem", "install"]);
        assert_eq!(s.names(), ["c", "plain"]);
    });
}
