//! `save`: archives of stored images that other tools read; and what is not written.

use std::fs;
use std::path::Path;

use rustix::mount::{MountFlags, UnmountFlags, mount_bind, mount_remount, unmount};
use serde_json::{Value, json};

use crate::load::{Layout, named};
use crate::support::digest;
use crate::support::layer::tar;
use crate::support::prelude::*;

/// Two images of two layers each, of which they share one.
fn two(s: &Sandbox) -> [Image; 2] {
    let layer = |text: &str| (tar([Entry::file(text, text)]), Encoding::Gzip);
    let images = ["one", "two"].map(|text| Image::new(&[layer("base"), layer(text)]));
    let layout = Layout(Path::new("/tmp/two"));
    let [one, two] = images.each_ref().map(|image| layout.image(image));
    layout.finish(&[named(one, "docker.io/library/one:1"), named(two, "quay.io/me/two:2")]);
    s.cd(["load", "-q", "/tmp/two"]).run().ok();
    images
}

/// A file of an archive.
fn member(archive: &str, name: &str) -> Vec<u8> {
    tool("tar", ["-x", "-O", "-f", archive, name])
}

fn members(archive: &str) -> Vec<String> {
    let list = String::from_utf8(tool("tar", ["-t", "-f", archive])).unwrap();
    list.lines().map(str::to_owned).collect()
}

fn skopeo(args: &[&str]) -> Vec<u8> {
    tool("skopeo", [&["--insecure-policy", "--tmpdir=/tmp"], args].concat())
}

#[test]
fn an_oci_archive_has_names_original_bytes_and_docker_s_list() {
    need!(Root, Tool("tar"));
    on_both_kernels(|s| {
        let images = two(s);
        s.cd(["save", "-o", "/tmp/x.tar", "one:1", "quay.io/me/two:2", "one:1"]).run().ok().prints("");
        let index: Value = serde_json::from_slice(&member("/tmp/x.tar", "index.json")).unwrap();
        let manifests = index["manifests"].as_array().unwrap();
        assert_eq!(manifests.len(), 2, "a name that is given twice is written once");
        for (entry, (image, name)) in
            manifests.iter().zip(images.iter().zip(["docker.io/library/one:1", "quay.io/me/two:2"]))
        {
            assert_eq!(entry["digest"], json!(image.digest()));
            assert_eq!(entry["annotations"]["io.containerd.image.name"], name);
            let tag = name.rsplit(':').next().unwrap();
            assert_eq!(entry["annotations"]["org.opencontainers.image.ref.name"], tag);
            let blob = format!("blobs/sha256/{}", &image.digest()[7..]);
            assert_eq!(member("/tmp/x.tar", &blob), image.manifest_bytes());
        }
        let list: Value = serde_json::from_slice(&member("/tmp/x.tar", "manifest.json")).unwrap();
        assert_eq!(list[0]["RepoTags"], json!(["docker.io/library/one:1"]));
        assert_eq!(list[1]["RepoTags"], json!(["quay.io/me/two:2"]));
        let names = members("/tmp/x.tar");
        let unique: std::collections::BTreeSet<&String> = names.iter().collect();
        assert_eq!(unique.len(), names.len(), "something stands there twice: {names:?}");
        // Three documents, two directories; manifests, configs, and three layers of two images.
        assert_eq!(names.len(), 5 + 4 + 3, "{names:?}");
        for layer in list[0]["Layers"].as_array().unwrap() {
            assert!(names.iter().any(|name| name == layer.as_str().unwrap()), "{layer}");
        }
        let of = |name: &str| digest(&member("/tmp/x.tar", name));
        for name in names.iter().filter(|name| name.starts_with("blobs/sha256/") && !name.ends_with('/')) {
            assert_eq!(of(name)[7..], name["blobs/sha256/".len()..]);
        }
        // By a digest the image has no name, as with docker.
        s.cd(["save", "-q", "-o", "/tmp/y.tar", &images[0].digest()]).run().ok();
        let index: Value = serde_json::from_slice(&member("/tmp/y.tar", "index.json")).unwrap();
        assert_eq!(index["manifests"][0]["annotations"], Value::Null);
        s.cd(["load", "-q", "/tmp/y.tar"]).run().ok().prints(&format!("{}\n", images[0].digest()));
    });
}

#[test]
fn skopeo_and_podman_s_forms() {
    need!(Root, Tool("skopeo"), Tool("tar"));
    sandbox(|s| {
        let images = two(s);
        s.cd(["save", "-q", "-o", "/tmp/x.tar", "one:1", "quay.io/me/two:2"]).run().ok();
        let raw = skopeo(&["inspect", "--raw", "oci-archive:/tmp/x.tar:2"]);
        assert_eq!(digest(&raw), images[1].digest());
        skopeo(&["copy", "-q", "docker-archive:/tmp/x.tar:quay.io/me/two:2", "dir:/tmp/dir"]);
        s.cd(["save", "-q", "--format", "docker", "-o", "/tmp/d.tar", "one:1", "quay.io/me/two:2"])
            .run()
            .ok();
        let names = members("/tmp/d.tar");
        assert_eq!(names.len(), 2 + 3 + 1, "{names:?}");
        let list: Value = serde_json::from_slice(&member("/tmp/d.tar", "manifest.json")).unwrap();
        for (entry, image) in list.as_array().unwrap().iter().zip(&images) {
            let config = member("/tmp/d.tar", entry["Config"].as_str().unwrap());
            assert_eq!(config, image.config_bytes());
            let ids = image.config["rootfs"]["diff_ids"].as_array().unwrap();
            for (layer, id) in entry["Layers"].as_array().unwrap().iter().zip(ids) {
                assert_eq!(digest(&member("/tmp/d.tar", layer.as_str().unwrap())), *id);
            }
        }
        skopeo(&["copy", "-q", "docker-archive:/tmp/d.tar:one:1", "dir:/tmp/dir"]);
    });
}

#[test]
fn an_existing_file_stays_and_a_failure_leaves_none() {
    need!(Root);
    sandbox(|s| {
        let images = two(s);
        fs::write(s.path("there.tar"), "mine").unwrap();
        s.cd(["save", "-o", "/tmp/there.tar", "one:1"]).run().fails(&["already exists"]);
        assert_eq!(fs::read(s.path("there.tar")).unwrap(), b"mine");
        // What is damaged is no archive.
        let layer = &images[0].layers[1];
        let blob = s.data().join("images/blobs/sha256").join(&digest(layer)[7..]);
        fs::write(&blob, vec![0; layer.len()]).unwrap();
        for format in ["oci", "docker"] {
            s.cd(["save", "--format", format, "-o", "/tmp/x.tar", "one:1"])
                .run()
                .fails(&[&digest(layer)[7..19]]);
            assert!(!s.path("x.tar").exists());
        }
        s.cd(["save", "one:1"]).run().code(1).says(&["damaged", "load the image again"]);
        fs::remove_file(&blob).unwrap();
        s.cd(["save", "-o", "/tmp/x.tar", "one:1"]).run().fails(&["is missing", "again"]);
        assert!(!s.path("x.tar").exists());
        s.cd(["save", "-q", "-o", "/tmp/x.tar", "quay.io/me/two:2"]).run().ok();
        s.cd(["load", "-q", "/tmp/two"]).run().ok();
        s.cd(["save", "-q", "-o", "/tmp/y.tar.gz", "one:1"]).run().ok();
        assert!(fs::read(s.path("y.tar.gz")).unwrap().starts_with(&[0x1f, 0x8b]));
        s.cd(["save", "-q", "-o", "/tmp/y.tar.zst", "one:1"]).run().code(2).says(&[".tar.gz"]);
    });
}

/// Nothing is written where images are only read.
#[test]
fn a_read_only_data_directory_is_saved_and_pushed_from() {
    need!(Root, Tool("docker-registry"));
    sandbox(|s| {
        two(s);
        let registry = Registry::start();
        mount_bind(s.data(), s.data()).unwrap();
        mount_remount(s.data(), MountFlags::BIND | MountFlags::RDONLY, c"").unwrap();
        s.cd(["save", "-q", "-o", "/tmp/x.tar", "one:1"]).run().ok();
        s.cd(["push", "-q", "one:1", &registry.reference("one:1")]).run().ok();
        s.cd(["images"]).run().ok();
        s.cd(["rmi", "one:1"]).run().fails(&["read-only"]);
        unmount(s.data(), UnmountFlags::empty()).unwrap();
    });
}

#[test]
fn an_output_that_is_none_is_refused_before_anything_is_read() {
    need!(Root);
    sandbox(|s| {
        two(s);
        for output in ["", "/", "..", "new/"] {
            let ran =
                s.cd(["save", "-o", output, "one:1"]).run().code(2).says(&["is not the name of a file"]);
            assert_eq!(ran.err().lines().count(), 1, "{ran:?}");
        }
        let closed = s.world("sh").args(["-c", "exec /tmp/bin/chroot-distro save one:1 >&-"]);
        closed.run().code(2).says(&["standard output leads nowhere", "--output"]);
    });
}

#[test]
fn mistakes_are_told() {
    need!(Root, Tool("busybox"));
    sandbox(|s| {
        two(s);
        s.cd(["save", "-o", "/tmp/x.tar", "one:2"]).run().fails(&["no image 'one:2'", "one:1"]);
        s.cd(["save", "--format", "zip", "one:1"]).run().code(2).says(&["oci or docker"]);
        s.cd(["save"]).run().code(2);
        make(s);
        s.cd(["save", "c"]).run().fails(&["'c' is a container", "backup c"]);
        let mut terminal = s.on_terminal(["save", "one:1"]);
        terminal.expect("an archive is nothing for a terminal");
        assert_eq!(terminal.ends(), 2);
    });
}
