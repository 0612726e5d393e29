//! Kills of `rmi`, `prune` and `pull` at their named moments, and all commands of one image at once: what is listed is
//! whole, what is not needed goes with the next one, and no command sees half of another.

use std::collections::BTreeSet;
use std::fs;

use serde_json::{Value, json};

use crate::registry::{hello, small};
use crate::support::digest;
use crate::support::image::userland;
use crate::support::prelude::*;

/// The digests of the blobs that are here, each checked.
fn blobs(s: &Sandbox) -> BTreeSet<String> {
    let found = fs::read_dir(s.data().join("images/blobs/sha256"));
    let is_begun = |path: &std::path::PathBuf| path.extension().is_some();
    let whole = |path: std::path::PathBuf| {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        assert_eq!(digest(&fs::read(&path).unwrap()), format!("sha256:{name}"));
        format!("sha256:{name}")
    };
    found
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| !is_begun(path))
        .map(whole)
        .collect()
}

fn document(s: &Sandbox, digest: &str) -> Value {
    let path = s.data().join("images/blobs").join(digest.replace(':', "/"));
    serde_json::from_slice(&fs::read(path).unwrap_or_else(|_| panic!("{digest} is not here"))).unwrap()
}

/// Each listed image has all its blobs. What they need altogether.
fn needed(s: &Sandbox) -> BTreeSet<String> {
    let Ok(index) = fs::read(s.data().join("images/index.json")) else { return BTreeSet::new() };
    let index: Value = serde_json::from_slice(&index).unwrap();
    let here = blobs(s);
    let mut needed = BTreeSet::new();
    for entry in index["manifests"].as_array().unwrap() {
        let top = entry["digest"].as_str().unwrap();
        let manifest = document(s, top);
        let parts = manifest["layers"].as_array().unwrap().iter().chain([&manifest["config"]]);
        needed.insert(top.to_owned());
        needed.extend(parts.map(|part| part["digest"].as_str().unwrap().to_owned()));
    }
    assert!(here.is_superset(&needed), "listed images lack {:?}", needed.difference(&here));
    needed
}

/// Three images that have a layer in common, under the names `a`, `b` and `c`.
fn keep(s: &Sandbox) {
    let common = (tar([Entry::file("common", "x")]), Encoding::Gzip);
    let layout = crate::load::Layout(std::path::Path::new("/tmp/layout"));
    let entry = |name: &str| {
        let own = (tar([Entry::file(name, name)]), Encoding::Gzip);
        let image = Image::new(&[common.clone(), own]);
        crate::load::named(layout.image(&image), &format!("docker.io/library/{name}:latest"))
    };
    layout.finish(&["a", "b", "c"].map(entry));
    s.cd(["load", "-q", "/tmp/layout"]).run().ok();
}

#[track_caller]
fn killed(s: &Sandbox, moment: &str, args: &[&str]) {
    let ran = s.cd(args).env("CD_FAULT", moment).run();
    assert_eq!(ran.signal, Some(9), "{args:?}: {moment} was not reached: {ran:?}");
}

#[test]
fn what_rmi_and_prune_leave_is_whole_and_goes_with_the_next() {
    need!(Root);
    on_both_kernels(|s| {
        for moment in ["images.untied", "images.free:0", "images.free:2"] {
            keep(s);
            killed(s, moment, &["rmi", "-q", "a"]);
            needed(s);
            s.cd(["install", "-q", "b"]).run().ok();
            s.cd(["remove", "-q", "b"]).run().ok();
            // The name is gone already; what it left is without one.
            s.cd(["rmi", "a"]).run().fails(&["there is no image 'a'"]);
            s.cd(["prune", "-q"]).run().ok();
            assert_eq!(blobs(s), needed(s), "{moment}");
            // A name that moves leaves an image without one.
            s.cd(["tag", "b", "c"]).run().ok();
            assert_ne!(blobs(s), BTreeSet::new());
            killed(s, moment.replace(":2", ":1").as_str(), &["prune", "-q"]);
            needed(s);
            s.cd(["prune", "-q"]).run().ok();
            assert_eq!(blobs(s), needed(s), "{moment}");
            s.cd(["rmi", "-q", "b", "c"]).run().ok();
            assert_eq!(blobs(s), BTreeSet::new(), "{moment}");
        }
    });
}

/// On a full disk nothing can be written until something is freed.
#[test]
fn rmi_and_prune_free_a_full_disk_and_a_kill_on_the_way_is_told_and_finished_by_the_next() {
    need!(Root);
    sandbox(|s| {
        for command in [["rmi", "a"].as_slice(), &["prune"]] {
            fs::create_dir_all(s.data()).unwrap();
            let small = rustix::mount::MountFlags::empty();
            rustix::mount::mount("small", s.data(), "tmpfs", small, Some(c"size=1m")).unwrap();
            keep(s);
            if command == ["prune"] {
                s.cd(["tag", "-q", "b", "a"]).run().ok();
            }
            let filler = s.data().join("filler");
            let full = fs::write(&filler, vec![1; 2 << 20]).unwrap_err();
            assert_eq!(full.kind(), std::io::ErrorKind::StorageFull);
            killed(s, "images.room", command);
            let ran = s.cd(["images"]).run().ok();
            assert!(ran.err().contains("the manifest of image"), "{ran:?}");
            s.cd(command).run().ok().says(&["freed"]);
            assert_eq!(blobs(s), needed(s));
            assert!(!s.cd(["images"]).run().ok().err().contains("missing"));
            rustix::mount::unmount(s.data(), rustix::mount::UnmountFlags::empty()).unwrap();
        }
    });
}

#[test]
fn a_pull_that_is_killed_lists_nothing_and_goes_on() {
    need!(Root, Tool("docker-registry"));
    sandbox(|s| {
        let registry = Registry::start();
        small("one").push(&registry, "app:1");
        let name = registry.reference("app:1");
        for moment in ["images.blob:0", "images.blob:1", "images.synced"] {
            killed(s, moment, &["pull", "-q", &name]);
            assert_eq!(needed(s), BTreeSet::new(), "{moment}");
            s.cd(["pull", "-q", &name]).run().ok();
            assert_eq!(needed(s).len(), 3, "{moment}");
            s.cd(["rmi", "-q", &name]).run().ok();
            // What the killed one left goes too.
            assert_eq!(blobs(s), BTreeSet::new(), "{moment}");
            s.cd(["clear-cache", "-q"]).run().ok();
        }
    });
}

#[test]
fn rmi_install_build_and_push_of_one_image_at_once() {
    need!(Root, Tool("docker-registry"), Tool("busybox"));
    sandbox(|s| {
        let registry = Registry::start();
        let image =
            Image::new(&[(userland(), Encoding::Gzip), (tar([Entry::file("hello", "one")]), Encoding::Gzip)])
                .with("Cmd", json!(["/bin/sh"]));
        image.push(&registry, "app:1");
        let (name, target) = (registry.reference("app:1"), registry.reference("mine:1"));
        fs::create_dir(s.path("context")).unwrap();
        fs::write(s.path("context/Dockerfile"), format!("FROM {name}\nCOPY Dockerfile /\n")).unwrap();
        for round in 0..4 {
            s.cd(["pull", "-q", &name]).run().ok();
            let install = s.cd(["install", "-q", "-n", "c", &name]).spawn();
            let rmi = s.cd(["rmi", "-q", &name]).spawn();
            let build =
                s.cd(["build", "-q", "-t", "built", &s.path("context").display().to_string()]).spawn();
            let push = s.cd(["push", "-q", &name, &target]).spawn();
            // The registry has it too, so it can always be installed and built from.
            install.wait().ok();
            build.wait().ok();
            rmi.wait().ok();
            let pushed = push.wait();
            needed(s);
            assert_eq!(hello(s, "c"), "one", "{round}");
            // It was there for the push, or deleted before.
            if pushed.code != Some(0) {
                pushed.fails(&["there is no image"]);
            }
            s.cd(["remove", "-q", "c"]).run().ok();
            s.cd(["rmi", "-q", "built"]).run().ok();
            s.cd(["prune", "-q"]).run().ok();
            assert_eq!(blobs(s), needed(s), "{round}");
            s.assert_store();
        }
    });
}
