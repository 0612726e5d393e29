//! The on-disk layout is the documented one: what another tool of the same layout left is used in place.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde_json::{Value, json};

use crate::support::digest;
use crate::support::prelude::*;

/// A container as the documentation of the layout describes it, and nothing of ours beside it.
fn foreign(s: &Sandbox, name: &str, manifest: Option<Value>) {
    let container = s.data().join("containers").join(name);
    let rootfs = container.join("rootfs");
    fs::create_dir_all(&rootfs).unwrap();
    fs::write(s.path("userland.tar"), crate::support::image::userland()).unwrap();
    tool("tar", ["-x", "-f", "/tmp/userland.tar", "-C", rootfs.to_str().unwrap()]);
    if let Some(manifest) = manifest {
        fs::write(container.join("manifest.json"), manifest.to_string()).unwrap();
    }
}

#[test]
fn a_container_made_by_another_tool_lists_enters_and_is_removed() {
    need!(Root, Tool("busybox"), Tool("tar"));
    on_both_kernels(|s| {
        let config = json!({"config": {"Env": ["FROM_IMAGE=yes"]}});
        let image =
            json!({"image_ref": "alpine:3", "arch": "x86_64", "manifest": {}, "image_config": config});
        foreign(s, "old", Some(image));
        foreign(s, "plain", None);
        // Its session counters, whatever they say, are no sessions of ours.
        fs::create_dir_all(s.data().join("data/old")).unwrap();
        fs::write(s.data().join("data/old/sessions"), "3").unwrap();
        // And what has no rootfs is no container.
        fs::create_dir_all(s.data().join("containers/broken")).unwrap();
        let list = s.cd(["list"]).run().ok().out();
        for word in ["old", "alpine:3", "plain", "local archive"] {
            assert!(list.contains(word), "no {word:?} in\n{list}");
        }
        s.cd(["list", "-q"]).run().ok().prints("old\nplain\n");
        s.cd(["login", "old", "--", "/bin/sh", "-c", "echo $FROM_IMAGE"]).run().ok().prints("yes\n");
        s.cd(["login", "plain", "--", "/bin/echo", "in"]).run().ok().prints("in\n");
        for name in ["old", "plain"] {
            s.cd(["remove", name]).run().ok();
            assert!(!s.data().join("containers").join(name).exists());
        }
        fs::remove_dir(s.data().join("containers/broken")).unwrap();
    });
}

#[test]
fn mounts_that_another_tool_left_in_the_hosts_table_are_no_way_out() {
    need!(Root, Tool("busybox"), Tool("tar"));
    sandbox(|s| {
        foreign(s, "old", None);
        for (source, target) in [("/proc", "proc"), ("/dev", "dev"), ("/tmp/canary", "home/user")] {
            rustix::mount::mount_bind(source, s.rootfs("old").join(target)).unwrap();
        }
        s.cd(["remove", "old"]).run().ok();
        s.assert_canaries();
        assert!(Path::new("/dev/null").exists() && Path::new("/proc/1").exists());
        assert_eq!(s.names(), Vec::<String>::new());
    });
}

#[test]
fn a_cached_image_of_another_tool_installs_offline() {
    need!(Root);
    sandbox(|s| {
        let image = Image::of([Entry::file("hello", "cached")]);
        let blobs = s.cache().join("oci_layers");
        fs::create_dir_all(&blobs).unwrap();
        fs::write(blobs.join(digest(&image.layers[0]).replace(':', "_")), &image.layers[0]).unwrap();
        // The first 16 digits of the key's SHA-256; no registry in the key for Docker Hub.
        let key = digest(format!("library/cached:1_{}", std::env::consts::ARCH).as_bytes());
        let file = format!("{}.json", &key["sha256:".len()..][..16]);
        let document =
            json!({"manifest": image.manifest, "repo": "library/cached", "image_config": image.config});
        fs::create_dir_all(s.cache().join("oci_manifests")).unwrap();
        fs::write(s.cache().join("oci_manifests").join(file), document.to_string()).unwrap();
        // No network that leads anywhere.
        let offline = s.cd(["install", "cached:1"]).env("HTTPS_PROXY", "http://127.0.0.1:1");
        offline.env("CD_DOWNLOAD_MAX_RETRIES", "0").run().ok();
        assert_tree(&s.rootfs("cached"), &tree! {"hello" => file("cached")});
    });
}

#[test]
fn our_files_are_where_the_documentation_says() {
    need!(Root, Tool("docker-registry"));
    sandbox(|s| {
        let registry = Registry::start();
        let image = Image::of([Entry::file("hello", "x")]);
        image.push(&registry, "team/app:1");
        s.cd(["install", &registry.reference("team/app:1")]).run().ok();
        let blob = s.cache().join("oci_layers").join(digest(&image.layers[0]).replace(':', "_"));
        assert_eq!(fs::read(blob).unwrap(), image.layers[0]);
        let key =
            digest(format!("{}_{}", registry.reference("team/app:1"), std::env::consts::ARCH).as_bytes());
        let file = s.cache().join("oci_manifests").join(format!("{}.json", &key["sha256:".len()..][..16]));
        let cached: Value = serde_json::from_slice(&fs::read(file).unwrap()).unwrap();
        assert_eq!(cached["manifest"], image.manifest);
        assert_eq!(cached["image_config"], image.config);
        assert_eq!(cached["repo"], "team/app");
    });
}

#[test]
fn the_fix_ups_replace_files_and_follow_no_links() {
    need!(Root);
    on_both_kernels(|s| {
        let entries = [
            Entry::dir("etc"),
            Entry::symlink("etc/resolv.conf", "../run/stub/resolv.conf"),
            Entry::dir("run"),
            Entry::dir("run/stub"),
            Entry::file("run/stub/resolv.conf", "of the image"),
        ];
        Image::of(entries).write_layout(&s.path("layout"), "latest");
        s.cd(["install", "-n", "c", "/tmp/layout"]).run().ok();
        let root = s.rootfs("c");
        let resolv = fs::symlink_metadata(root.join("etc/resolv.conf")).unwrap();
        assert!(resolv.is_file());
        assert_eq!(resolv.permissions().mode() & 0o7777, 0o644);
        let text = fs::read_to_string(root.join("etc/resolv.conf")).unwrap();
        assert!(text.lines().any(|line| line.starts_with("nameserver ")), "{text}");
        assert_eq!(fs::read_to_string(root.join("run/stub/resolv.conf")).unwrap(), "of the image");
        let hosts = fs::read_to_string(root.join("etc/hosts")).unwrap();
        assert!(hosts.contains("127.0.0.1") && hosts.contains("localhost"), "{hosts}");
    });
}

#[test]
fn name_servers_follow_the_host_until_the_user_edits_them() {
    need!(Root, Tool("busybox"));
    sandbox(|s| {
        let servers = |address: &str| fs::write(s.path("resolv"), format!("nameserver {address}\n")).unwrap();
        servers("192.0.2.1");
        rustix::mount::mount_bind("/tmp/resolv", "/etc/resolv.conf").unwrap();
        Image::busybox().write_layout(&s.path("layout"), "latest");
        s.cd(["install", "-q", "-n", "c", "/tmp/layout"]).run().ok();
        let seen = || s.cd(["login", "c", "--", "cat", "/etc/resolv.conf"]).run().ok().out();
        assert!(seen().contains("192.0.2.1"), "{}", seen());
        servers("192.0.2.2");
        assert!(seen().contains("192.0.2.2") && !seen().contains("192.0.2.1"), "{}", seen());
        fs::write(s.rootfs("c").join("etc/resolv.conf"), "nameserver 192.0.2.77\n").unwrap();
        assert_eq!(seen(), "nameserver 192.0.2.77\n");
        rustix::mount::unmount("/etc/resolv.conf", rustix::mount::UnmountFlags::empty()).unwrap();
    });
}

#[test]
fn the_self_test_passes_and_leaves_nothing() {
    need!(Root);
    on_both_kernels(|s| {
        let ran = s.cd(["selftest"]).run().ok();
        for word in ["openat2", "built-in image", "isolated"] {
            assert!(ran.out().contains(word), "no {word:?}: {ran:?}");
        }
        assert_eq!(s.names(), Vec::<String>::new());
    });
}

#[test]
fn search_domains_options_and_scoped_servers_come_along() {
    need!(Root, Tool("busybox"));
    on_both_kernels(|s| {
        make(s);
        fs::write(s.path("resolv"), "").unwrap();
        rustix::mount::mount_bind("/tmp/resolv", "/etc/resolv.conf").unwrap();
        let seen = |options: &[&str]| {
            let text =
                s.cd([&["login"], options, &["c", "--", "cat", "/etc/resolv.conf"]].concat()).run().ok();
            text.out().split_once('\n').map(|(_, rest)| rest.to_owned()).unwrap()
        };
        for (host, guest) in [
            ("nameserver 192.0.2.5\nsearch a.example b\n", "nameserver 192.0.2.5\nsearch a.example b\n"),
            ("domain a.example\nnameserver 192.0.2.5\n", "nameserver 192.0.2.5\ndomain a.example\n"),
            ("domain c\nsearch a b\nnameserver ::1\n", "nameserver ::1\nsearch a b\n"),
            (
                "options ndots:2 rotate\nnameserver 192.0.2.5 # c\noptions edns0\n",
                "nameserver 192.0.2.5\noptions ndots:2 rotate edns0\n",
            ),
            ("nameserver fe80::1%lo\nnameserver ::1\n", "nameserver fe80::1%lo\nnameserver ::1\n"),
            ("nameserver fe80::1%3\n", "nameserver fe80::1%3\n"),
            ("search a\n", "nameserver 8.8.8.8\nnameserver 8.8.4.4\n"),
        ] {
            fs::write(s.path("resolv"), host).unwrap();
            for mode in MODES {
                assert_eq!(seen(mode), guest, "{mode:?} {host:?}");
            }
        }
        // In a network of its own the host's links are not there.
        fs::write(s.path("resolv"), "nameserver fe80::1%lo\nnameserver 192.0.2.5\noptions rotate\n").unwrap();
        assert_eq!(seen(&["--network", "none"]), "nameserver 192.0.2.5\noptions rotate\n");
        assert_eq!(seen(&[]), "nameserver fe80::1%lo\nnameserver 192.0.2.5\noptions rotate\n");
        // A new container has them too, before anybody logs in.
        s.cd(["install", "-q", "-n", "new", "/tmp/layout"]).run().ok();
        let text = fs::read_to_string(s.rootfs("new").join("etc/resolv.conf")).unwrap();
        assert!(text.ends_with("nameserver fe80::1%lo\nnameserver 192.0.2.5\noptions rotate\n"), "{text}");
        rustix::mount::unmount("/etc/resolv.conf", rustix::mount::UnmountFlags::empty()).unwrap();
    });
}

#[test]
fn what_stands_in_the_place_of_resolv_conf_is_named() {
    need!(Root, Tool("busybox"), Tool("mkfifo"));
    on_both_kernels(|s| {
        let directory = tar([Entry::dir("etc/resolv.conf"), Entry::file("etc/resolv.conf/x", "")]);
        let layers = [(crate::support::image::userland(), Encoding::Gzip), (directory, Encoding::Gzip)];
        Image::new(&layers).write_layout(&s.path("layout"), "latest");
        let ran = s.cd(["install", "-n", "c", "/tmp/layout"]).run().ok();
        ran.says(&["warning", "'/etc/resolv.conf'", "directory"]);
        let warned = ["warning", "'/etc/resolv.conf'", "hint"];
        for mode in MODES {
            login(s, mode, "echo in").run().ok().says(&warned[..2]).says(&["directory"]).prints("in\n");
        }
        let place = s.rootfs("c").join("etc/resolv.conf");
        fs::remove_dir_all(&place).unwrap();
        tool("mkfifo", [&place]);
        login(s, &[], "echo in").run().ok().says(&warned[..2]).prints("in\n");
        // One that is gone is made, as the guide says.
        fs::remove_file(&place).unwrap();
        assert_eq!(login(s, &[], "echo in").run().ok().prints("in\n").err(), "");
        assert!(fs::read_to_string(&place).unwrap().contains("nameserver"));
    });
}
