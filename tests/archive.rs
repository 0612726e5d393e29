//! `install PATH` and `install URL`: root filesystem archives at any depth in any compression, OCI layouts,
//! `docker save` and backups, told apart by content.

use std::fs;

use serde_json::{Value, json};

use crate::support::prelude::*;
use crate::support::{self, http};

const COMPRESSIONS: [(Encoding, &str); 7] = [
    (Encoding::Plain, "tar"),
    (Encoding::Gzip, "tar.gz"),
    (Encoding::GzipMembers, "tgz"),
    (Encoding::Bzip2, "tar.bz2"),
    (Encoding::Xz, "tar.xz"),
    (Encoding::Lzma, "tar.lzma"),
    (Encoding::Zstd, "tar.zst"),
];

/// A root filesystem under `prefix`.
fn rootfs(prefix: &str) -> Vec<u8> {
    let at = |name: &str| format!("{prefix}{name}");
    let mut entries: Vec<Entry> = ["bin", "etc", "home", "lib", "tmp", "usr", "usr/bin", "var"]
        .iter()
        .map(|d| Entry::dir(at(d)))
        .collect();
    entries.push(Entry::file(at("bin/sh"), "shell").mode(0o755));
    entries.push(Entry::file(at("etc/os-release"), "ID=test\n").mtime(1_500_000_000));
    entries.push(Entry::hard_link(at("etc/release"), at("etc/os-release")));
    entries.push(Entry::symlink(at("usr/bin/sh"), "../../bin/sh"));
    // Not a whiteout: this is no layer.
    entries.push(Entry::file(at("var/.wh.x"), ""));
    tar(entries)
}

fn assert_rootfs(s: &Sandbox, name: &str) {
    let root = s.rootfs(name);
    assert_eq!(fs::read_to_string(root.join("bin/sh")).expect("bin/sh"), "shell");
    assert_eq!(fs::read_to_string(root.join("etc/release")).expect("a hard link"), "ID=test\n");
    assert_eq!(fs::read_link(root.join("usr/bin/sh")).expect("a link").to_str(), Some("../../bin/sh"));
    assert!(root.join("var/.wh.x").exists());
}

#[test]
fn a_rootfs_archive_installs_in_any_compression() {
    need!(Root, Tool("xz"), Tool("bzip2"), Tool("zstd"));
    sandbox(|s| {
        for (index, (encoding, suffix)) in COMPRESSIONS.into_iter().enumerate() {
            let file = s.path(&format!("c{index}.{suffix}"));
            fs::write(&file, encoding.encode(&rootfs("./"))).unwrap();
            s.cd(["install".as_ref(), file.as_os_str()]).run().ok();
            assert_rootfs(s, &format!("c{index}"));
            assert!(!s.data().join(format!("containers/c{index}/manifest.json")).exists());
            // The name may say anything.
            let liar = s.path("liar.tar.xz");
            fs::rename(&file, &liar).unwrap();
            s.cd(["install", "-n", "liar", "/tmp/liar.tar.xz"]).run().ok();
            assert_rootfs(s, "liar");
            s.cd(["remove", "liar"]).run().ok();
        }
    });
}

#[test]
fn directories_above_the_root_are_stripped() {
    need!(Root);
    on_both_kernels(|s| {
        for (index, prefix) in ["", "./", "/", "debian/", "./debian/", "a/b/", "a/b/c/d/", "1/2/3/4/5/6/"]
            .into_iter()
            .enumerate()
        {
            let name = format!("c{index}");
            fs::write(s.path("r.tar"), rootfs(prefix)).unwrap();
            s.cd(["install", "-n", &name, "/tmp/r.tar"]).run().ok();
            assert_rootfs(s, &name);
        }
    });
}

#[test]
fn a_path_is_a_path_only_when_it_looks_like_one() {
    need!(Root);
    sandbox(|s| {
        fs::write(s.path("home/r.tar"), rootfs("")).unwrap();
        s.cd(["install", "-n", "a", "./r.tar"]).run().ok();
        s.cd(["install", "-n", "b", "~/r.tar"]).run().ok();
        s.cd(["install", "-n", "c", "../home/r.tar"]).run().ok();
        s.cd(["install", "/tmp/home/r.tar"]).run().ok();
        assert_eq!(s.names(), ["a", "b", "c", "r"]);
        s.cd(["install", "./absent.tar"]).run().fails(&["absent.tar"]);
        s.cd(["install", "/tmp/home"]).run().fails(&[]);
    });
}

#[test]
fn an_oci_layout_installs_from_a_directory_and_from_an_archive() {
    need!(Root, Tool("tar"));
    on_both_kernels(|s| {
        let layers = [
            (tar([Entry::file("a", "1"), Entry::file("b", "")]), Encoding::Gzip),
            (tar([Entry::file(".wh.b", ""), Entry::file("c", "2")]), Encoding::Plain),
        ];
        let image = Image::new(&layers).with("Entrypoint", json!(["/c"]));
        let layout = s.path("layout");
        image.write_layout(&layout, "latest");
        s.cd(["install", "-n", "dir", "/tmp/layout"]).run().ok();
        let archive = tool("tar", ["-C", "/tmp/layout", "-c", "."]);
        for (index, encoding) in [Encoding::Plain, Encoding::Gzip].into_iter().enumerate() {
            fs::write(s.path("layout.tar"), encoding.encode(&archive)).unwrap();
            let name = format!("tar{index}");
            s.cd(["install", "-n", &name, "/tmp/layout.tar"]).run().ok();
        }
        for name in ["dir", "tar0", "tar1"] {
            assert_tree(&s.rootfs(name), &tree! {"a" => file("1"), "c" => file("2")});
            let file = s.data().join("containers").join(name).join("manifest.json");
            let manifest: Value = serde_json::from_slice(&fs::read(file).unwrap()).unwrap();
            assert_eq!(manifest["image_config"]["config"]["Entrypoint"], json!(["/c"]));
        }
    });
}

#[test]
fn what_docker_save_and_skopeo_write_installs() {
    need!(Root, Tool("skopeo"));
    sandbox(|s| {
        let layers = [
            (tar([Entry::file("a", "1"), Entry::file("b", "")]), Encoding::Plain),
            (tar([Entry::file(".wh.b", ""), Entry::file("c", "2")]), Encoding::Plain),
        ];
        let image = Image::new(&layers);
        let tree = tree! {"a" => file("1"), "c" => file("2")};
        fs::write(s.path("saved.tar"), image.saved("app:1")).unwrap();
        s.cd(["install", "/tmp/saved.tar"]).run().ok();
        assert_tree(&s.rootfs("saved"), &tree);

        image.write_layout(&s.path("layout"), "latest");
        let kinds = [
            ("docker-archive", "docker-archive:/tmp/x.tar:app:1"),
            ("oci-archive", "oci-archive:/tmp/x.tar"),
        ];
        for (name, to) in kinds {
            let _ = fs::remove_file(s.path("x.tar"));
            tool(
                "skopeo",
                ["--insecure-policy", "--tmpdir=/tmp", "copy", "-q", "oci:/tmp/layout:latest", to],
            );
            s.cd(["install", "-n", name, "/tmp/x.tar"]).run().ok();
            assert_tree(&s.rootfs(name), &tree);
        }
    });
}

#[test]
fn what_an_archive_holds_decides_and_not_the_names_in_it() {
    need!(Root, Tool("tar"));
    sandbox(|s| {
        let image = Image::new(&[(tar([Entry::file("a", "1")]), Encoding::Plain)]);
        let tree = tree! {"a" => file("1")};
        let install = |name: &str, entries: Vec<Entry>| {
            fs::write(s.path("x.tar"), tar(entries)).unwrap();
            s.cd(["install", "-q", "-n", name, "/tmp/x.tar"]).run().ok();
        };
        // crane's and kaniko's names.
        let digest = support::digest(&image.config_bytes());
        install("crane", image.saved_entries("app:1", &digest, ""));
        install("bare", image.saved_entries("app:1", "config", ""));
        install("below", image.saved_entries("app:1", &digest, "some/where/"));
        for name in ["crane", "bare", "below"] {
            assert_tree(&s.rootfs(name), &tree);
        }
        // A layout in a directory.
        image.write_layout(&s.path("up/layout"), "latest");
        fs::write(s.path("x.tar"), tool("tar", ["-C", "/tmp/up", "-c", "layout"])).unwrap();
        s.cd(["install", "-q", "-n", "layout", "/tmp/x.tar"]).run().ok();
        assert_tree(&s.rootfs("layout"), &tree);
        // A root filesystem that has files of these names, and few of the usual directories.
        for (name, path, text) in [
            ("object", "manifest.json", r#"{"name": "app"}"#),
            ("list", "manifest.json", r#"[{"name": "app"}]"#),
            ("index", "index.json", r#"{"title": "a page"}"#),
            ("text", "index.json", "[not JSON"),
        ] {
            install(name, vec![Entry::dir("bin"), Entry::file("bin/sh", "x"), Entry::file(path, text)]);
            assert_tree(&s.rootfs(name), &tree! {"bin" => dir(), "bin/sh" => file("x"), path => file(text)});
        }
        // From before Docker 1.10.
        let old = ["id/VERSION", "id/json", "id/layer.tar", "repositories"];
        fs::write(s.path("x.tar"), tar(old.map(|name| Entry::file(name, "{}")))).unwrap();
        s.cd(["install", "-n", "old", "/tmp/x.tar"]).run().fails(&["before Docker 1.10", "save it again"]);
    });
}

#[test]
fn a_backup_installs_under_its_own_or_another_name() {
    need!(Root);
    sandbox(|s| {
        let manifest = json!({"image_ref": "app:1", "arch": std::env::consts::ARCH, "manifest": {"x": 1},
            "image_config": {"config": {"Cmd": ["/a"]}}});
        let mut entries = vec![Entry::dir("old"), Entry::file("old/manifest.json", manifest.to_string())];
        entries.extend([
            Entry::dir("old/rootfs"),
            Entry::file("old/rootfs/a", "1"),
            Entry::dir("old/rootfs/b"),
        ]);
        entries.push(Entry::hard_link("old/rootfs/b/c", "old/rootfs/a"));
        fs::write(s.path("backup.tar.gz"), Encoding::Gzip.encode(&tar(entries))).unwrap();
        s.cd(["install", "--name", "new", "/tmp/backup.tar.gz"]).run().ok();
        assert_tree(&s.rootfs("new"), &tree! {"a" => file("1"), "b" => dir(), "b/c" => file("1")});
        let file = s.data().join("containers/new/manifest.json");
        let installed: Value = serde_json::from_slice(&fs::read(file).unwrap()).unwrap();
        assert_eq!(installed, manifest);
    });
}

#[test]
fn an_address_installs_like_a_file() {
    need!(Root, Tool("xz"));
    sandbox(|s| {
        let server = http::files(vec![
            ("/pub/demo.tar.gz".into(), Encoding::Gzip.encode(&rootfs("demo/"))),
            ("/text.tar".into(), b"<html>not found, and yet 200</html>".to_vec()),
        ]);
        let url = |path: &str| format!("http://{}{path}", server.host());
        s.cd(["install", &url("/pub/demo.tar.gz")]).run().ok();
        assert_rootfs(s, "demo");
        s.cd(["install", "-n", "q", &url("/pub/demo.tar.gz?token=x")]).run().ok();
        assert_rootfs(s, "q");
        s.cd(["install", &url("/absent.tar")]).run().fails(&["404"]);
        s.cd(["install", &url("/text.tar")]).run().fails(&["archive"]);
        s.cd(["install", "ftp://127.0.0.1/x.tar"]).run().code(2);
        assert_eq!(s.names(), ["demo", "q"]);
    });
}

#[test]
fn a_download_from_an_address_resumes_and_follows_redirects() {
    need!(Root);
    sandbox(|s| {
        let archive = rootfs("");
        let server = http::files(vec![("/demo.tar".into(), archive)]);
        let proxy = Proxy::start(server.port, |request, nth| match (request.path.as_str(), nth) {
            ("/moved", _) => Fault::Answer(Answer::new(301, "").with("Location", "/demo.tar")),
            (_, 0) => Fault::DropAfter(3000),
            _ => Fault::None,
        });
        s.cd(["install", "-n", "a", &format!("http://127.0.0.1:{}/moved", proxy.port())]).run().ok();
        assert_rootfs(s, "a");
    });
}

#[test]
fn what_is_no_archive_makes_nothing() {
    need!(Root);
    sandbox(|s| {
        for (name, bytes) in [("text.tar", &b"hello"[..]), ("empty.tar", b""), ("zeros.tar", &[0; 1024])] {
            fs::write(s.path(name), bytes).unwrap();
            s.cd(["install".as_ref(), s.path(name).as_os_str()]).run().fails(&[name]);
        }
        let mut ext4 = vec![0; 4096];
        ext4[1080..1082].copy_from_slice(&[0x53, 0xef]);
        for (bytes, what, advice) in [
            (&b"hello"[..], "neither a tar archive", ""),
            (&ext4, "a disk image with an ext4 filesystem", "mount it"),
            (b"hsqs\0\0", "a squashfs image", "unsquashfs"),
            (b"PK\x03\x04\0\0", "a zip archive", "unpack it"),
            (b"QFI\xfb\0\0", "a qcow2 disk image", "mount it"),
            (b"\x04\x22\x4d\x18\0", "compressed with lz4", "lz4 -d"),
        ] {
            fs::write(s.path("x.tar"), bytes).unwrap();
            s.cd(["install", "/tmp/x.tar"]).run().fails(&["read 'x.tar'", what, advice]);
        }
        s.cd(["install", "docker://alpine"]).run().code(2).says(&["leave out 'docker://'"]);
        let half = Encoding::Gzip.encode(&rootfs(""));
        fs::write(s.path("half.tar.gz"), &half[..half.len() / 2]).unwrap();
        s.cd(["install", "/tmp/half.tar.gz"]).run().fails(&["half.tar.gz"]);
        assert_eq!(s.names(), Vec::<String>::new());
    });
}

#[test]
fn a_layout_of_several_images_gives_the_one_for_this_machine() {
    need!(Root);
    sandbox(|s| {
        let layout = s.path("layout");
        let host = crate::support::image::host_architecture();
        let foreign = if host == "arm64" { "amd64" } else { "arm64" };
        let mut entries = Vec::new();
        for architecture in [foreign, host] {
            let image = Image::of([Entry::file("hello", architecture)]).for_cpu(architecture, None);
            image.write_layout(&layout, "latest");
            let index: Value = serde_json::from_slice(&fs::read(layout.join("index.json")).unwrap()).unwrap();
            entries.push(index["manifests"][0].clone());
        }
        let index = json!({"schemaVersion": 2, "manifests": entries});
        fs::write(layout.join("index.json"), index.to_string()).unwrap();
        s.cd(["install", "-n", "c", "/tmp/layout"]).run().ok();
        assert_tree(&s.rootfs("c"), &tree! {"hello" => file(host)});
        s.cd(["install", "-n", "f", "-a", foreign, "/tmp/layout"]).run().ok();
        assert_tree(&s.rootfs("f"), &tree! {"hello" => file(foreign)});
    });
}

#[test]
fn an_image_may_name_its_cpu_as_the_kernel_or_debian_does() {
    need!(Root);
    sandbox(|s| {
        let names: &[&str] = match support::image::host_architecture() {
            "amd64" => &["x86_64", "X86_64", "x86-64"],
            "arm64" => &["aarch64", "AArch64"],
            other => &[other],
        };
        for (index, name) in names.iter().enumerate() {
            let image = Image::new(&[(tar([Entry::file("a", "1")]), Encoding::Plain)]).for_cpu(name, None);
            let layout = s.path(&format!("layout{index}"));
            image.write_layout(&layout, "latest");
            s.cd(["install".as_ref(), layout.as_os_str()]).run().ok();
            assert_tree(&s.rootfs(&format!("layout{index}")), &tree! {"a" => file("1")});
        }
    });
}

#[test]
fn digests_of_512_bits_are_checked_too() {
    need!(Root);
    sandbox(|s| {
        use sha2::{Digest, Sha512};
        let mut image = Image::of([Entry::file("hello", "512")]);
        let hex = crate::support::hex(&Sha512::digest(&image.layers[0]));
        image.manifest["layers"][0]["digest"] = format!("sha512:{hex}").into();
        let layout = s.path("layout");
        image.write_layout(&layout, "latest");
        fs::create_dir(layout.join("blobs/sha512")).unwrap();
        fs::write(layout.join("blobs/sha512").join(&hex), &image.layers[0]).unwrap();
        s.cd(["install", "-n", "c", "/tmp/layout"]).run().ok();
        assert_tree(&s.rootfs("c"), &tree! {"hello" => file("512")});
        s.cd(["clear-cache"]).run().ok();
        let mut wrong = image.layers[0].clone();
        wrong[20] ^= 1;
        fs::write(layout.join("blobs/sha512").join(&hex), wrong).unwrap();
        s.cd(["install", "-n", "d", "/tmp/layout"]).run().fails(&["sha512"]);
    });
}
