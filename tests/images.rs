//! The images that are kept: pull, images, tag, rmi and prune, and installing from them without a network.

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::registry::{hello, small};
use crate::support::digest;
use crate::support::image::{host_architecture, push_index};
use crate::support::prelude::*;

fn listed(s: &Sandbox) -> Vec<Value> {
    let document: Value = serde_json::from_str(&s.cd(["images", "--json"]).run().ok().out()).unwrap();
    document.as_array().unwrap().clone()
}

fn names(s: &Sandbox) -> Vec<String> {
    let name = |image: &Value| image["name"].as_str().unwrap_or("<none>").to_owned();
    listed(s).iter().map(name).collect()
}

fn blobs(s: &Sandbox) -> Vec<PathBuf> {
    let found = fs::read_dir(s.data().join("images/blobs/sha256"));
    found.into_iter().flatten().flatten().map(|entry| entry.path()).collect()
}

/// Each blob is what its name says, and nothing half-made is beside them.
fn assert_images(s: &Sandbox) {
    for blob in blobs(s) {
        let name = blob.file_name().unwrap().to_str().unwrap().to_owned();
        assert_eq!(digest(&fs::read(&blob).unwrap()), format!("sha256:{name}"));
    }
    s.assert_store();
}

#[test]
fn what_is_pulled_is_kept_byte_for_byte_and_installed_without_a_network() {
    need!(Root, Tool("docker-registry"));
    on_both_kernels(|s| {
        let registry = Registry::start();
        let image = small("one").with("Cmd", json!(["/bin/sh"]));
        let pushed = image.push(&registry, "team/tiny:1");
        let name = registry.reference("team/tiny:1");
        let ran = s.cd(["pull", &name]).run().ok().prints("");
        assert!(ran.err().contains(&pushed), "{ran:?}");
        assert_eq!(s.names(), Vec::<String>::new(), "a pull makes no container");
        assert_eq!(names(s), [&*name]);
        let told = &listed(s)[0];
        assert_eq!((&told["digest"], &told["pulled"]), (&json!(pushed), &json!(true)));
        assert_eq!(told["platforms"], json!([format!("linux/{}", host_architecture())]));
        let hex = pushed.strip_prefix("sha256:").unwrap();
        let kept = fs::read(s.data().join("images/blobs/sha256").join(hex)).unwrap();
        assert_eq!(kept, image.manifest_bytes());
        assert_images(s);
        // Data, not cache.
        s.cd(["clear-cache"]).run().ok();
        drop(registry);
        let ran = s.cd(["install", &name]).run().ok();
        assert!(ran.err().contains("kept here"), "{ran:?}");
        assert_eq!(hello(s, "tiny"), "one");
        s.cd(["pull", &name]).run().fails(&["tiny"]);
        assert_eq!(names(s), [&*name]);
        s.cd(["images", "-q"]).run().ok().prints(&format!("{pushed}\n"));
        let table = s.cd(["images", "--digests", &name]).run().ok().out();
        assert!(table.contains(&pushed) && table.starts_with("IMAGE"), "{table}");
        for tail in [&hex[..4], hex, &pushed] {
            assert_eq!(s.cd(["images", "--digests", tail]).run().ok().out(), table);
        }
        s.cd(["images", "other"]).run().fails(&["no image 'other'", "chroot-distro images"]);
        s.cd(["images", "--json", "tini"]).run().fails(&["did you mean", &name]);
    });
}

#[test]
fn names_move_and_what_nothing_needs_is_freed() {
    need!(Root, Tool("docker-registry"));
    sandbox(|s| {
        let registry = Registry::start();
        let name = registry.reference("tiny:1");
        let first = small("one").push(&registry, "tiny:1");
        s.cd(["pull", &name]).run().ok();
        s.cd(["tag", &name, "mine"]).run().ok();
        s.cd(["tag", &first[7..19], "mine:2"]).run().ok();
        let second = small("two").push(&registry, "tiny:1");
        s.cd(["pull", &name]).run().ok();
        assert_eq!(names(s), ["docker.io/library/mine:latest", "docker.io/library/mine:2", &name]);
        assert_eq!(blobs(s).len(), 6);
        s.cd(["rmi", &first]).run().fails(&["several names", "mine:2"]);
        s.cd(["rmi", "mine", "mine:2"]).run().ok();
        assert_eq!(names(s), [&*name]);
        assert_eq!(blobs(s).len(), 3);
        // A name that moves on leaves its image without one, until it is pruned.
        let third = small("three").push(&registry, "tiny:1");
        s.cd(["pull", &name]).run().ok();
        assert_eq!(names(s), ["<none>".to_owned(), name.clone()]);
        assert_eq!(listed(s)[0]["digest"], second);
        s.cd(["tag", &second, "kept"]).run().ok();
        s.cd(["prune"]).run().ok();
        assert_eq!(names(s).len(), 2);
        s.cd(["rmi", "kept"]).run().ok();
        small("four").push(&registry, "tiny:1");
        s.cd(["pull", &name]).run().ok();
        let ran = s.cd(["prune"]).run().ok();
        assert!(ran.err().contains(&third) && ran.err().contains("Freed"), "{ran:?}");
        assert_eq!((names(s), blobs(s).len()), (vec![name.clone()], 3));
        s.cd(["rmi", &name]).run().ok();
        assert_eq!((names(s).len(), blobs(s).len()), (0, 0));
        s.cd(["images"]).run().ok().prints("");
        assert_images(s);
    });
}

#[test]
fn an_index_keeps_its_digest_and_one_platform_s_blobs() {
    need!(Root, Tool("docker-registry"));
    sandbox(|s| {
        let registry = Registry::start();
        let images = ["amd64", "arm64", "riscv64"].map(|cpu| small(cpu).for_cpu(cpu, None));
        let index = push_index(&registry, "many:1", &images);
        let name = registry.reference("many:1");
        s.cd(["pull", "-a", "arm64", &name]).run().ok();
        let told = &listed(s)[0];
        assert_eq!((&told["digest"], &told["platforms"]), (&json!(index), &json!(["linux/arm64"])));
        s.cd(["pull", "--platform", "linux/riscv64", &name]).run().ok();
        assert_eq!(listed(s)[0]["platforms"], json!(["linux/arm64", "linux/riscv64"]));
        s.cd(["pull", "-a", "arm", &name]).run().fails(&["linux/arm", "linux/arm64"]);
        assert_eq!(names(s), [&*name]);
        drop(registry);
        s.cd(["install", "-n", "c", "-a", "riscv64", &name]).run().ok();
        assert_eq!(hello(s, "c"), "riscv64");
        s.cd(["install", "-n", "d", "-a", "x86_64", &name]).run().fails(&["not here"]);
        assert_images(s);
    });
}

#[test]
fn an_image_of_one_s_own_name_is_not_asked_of_a_registry() {
    need!(Root, Tool("docker-registry"));
    sandbox(|s| {
        let registry = Registry::start();
        small("theirs").push(&registry, "tiny:1");
        small("mine").push(&registry, "mine:1");
        let (name, mine) = (registry.reference("tiny:1"), registry.reference("mine:1"));
        s.cd(["pull", &mine]).run().ok();
        s.cd(["tag", &mine, &name]).run().ok();
        s.cd(["install", "-n", "c", &name]).run().ok();
        assert_eq!(hello(s, "c"), "mine");
        let ran = s.cd(["rmi", &name]).run().ok();
        assert!(ran.err().contains("stay: c"), "{ran:?}");
        s.cd(["install", "-n", "d", &name]).run().ok();
        assert_eq!(hello(s, "d"), "theirs");
        // Nor is the registry asked when the name is gone, or the cache.
        s.cd(["reset", "c"]).run().ok();
        assert_eq!(hello(s, "c"), "mine");
        s.cd(["clear-cache"]).run().ok();
        // Its layers are kept, under another name.
        s.cd(["reset", "c"]).run().ok();
        assert_eq!(hello(s, "c"), "mine");
        s.cd(["rmi", &mine]).run().ok();
        s.cd(["clear-cache"]).run().ok();
        s.cd(["reset", "c"]).run().fails(&["made here", &name, "install it from there"]);
        assert_eq!(hello(s, "c"), "mine");
        s.cd(["pull", &mine]).run().ok();
        s.cd(["tag", &mine, &name]).run().ok();
        s.cd(["reset", "c"]).run().ok();
        assert_eq!(hello(s, "c"), "mine");
    });
}

#[test]
fn mistakes_are_told() {
    need!(Root, Tool("docker-registry"), Tool("busybox"));
    sandbox(|s| {
        let registry = Registry::start();
        small("one").push(&registry, "tiny:1");
        let name = registry.reference("tiny:1");
        s.cd(["pull", &name, &registry.reference("absent:1")]).run().fails(&["absent", "1 of 2 failed"]);
        assert_eq!(names(s), [&*name]);
        s.cd(["rmi", &registry.reference("tinny:1")]).run().fails(&["did you mean", "tiny:1"]);
        make_named(s, "web");
        s.cd(["rmi", "web"]).run().fails(&["'web' is a container", "remove web"]);
        s.cd(["tag", &name, "web:1"]).run().ok();
        for command in ["rmi", "save"] {
            s.cd([command, "web"]).run().fails(&["here is 'web:1'", "without a tag"]);
        }
        s.cd(["rmi", "web:1"]).run().ok();
        s.cd(["tag", "new", &name]).run().fails(&[&format!("tag {name} new")]);
        s.cd(["tag", &name, "app:1"]).run().ok();
        s.cd(["rmi", "ap"]).run().fails(&["did you mean 'app:1'"]);
        s.cd(["rmi", "app"]).run().fails(&["without a tag", "'app:1'"]);
        s.cd(["rmi", "app:2"]).run().fails(&["here is 'app:1'"]);
        s.cd(["rmi", "app:1"]).run().ok();
        s.cd(["install", &registry.reference("tiny")]).run().fails(&["no such image", "without a tag"]);
        s.cd(["rmi", "absent"]).run().fails(&["no image 'absent'", "pull absent"]);
        s.cd(["tag", &name, "x@sha256:00"]).run().code(2);
        s.cd(["tag", &name, &format!("x@{}", digest(b""))]).run().code(2).says(&["digest"]);
        s.cd(["tag", "absent", "x"]).run().fails(&["absent"]);
        s.cd(["pull", "Not An Image"]).run().code(2);
        s.cd(["pull"]).run().code(2);
        // What is no name is a wrong command line, what is not here an error.
        let none = format!("sha256:{}", "0".repeat(64));
        for args in [
            ["images"].as_slice(),
            &["inspect", "--type", "image"],
            &["rmi"],
            &["save"],
            &["push"],
            &["tag", &name],
        ] {
            let with = |text| s.cd(args.iter().copied().chain([text])).run();
            for text in ["Not An Image", "x@sha256:00", "", "x:", "docker://x"] {
                with(text).code(2).says(&["not an image reference"]);
            }
            if args[0] != "tag" {
                with("absent").code(1).says(&["absent"]);
                with(&none).code(1).says(&["no image", &none]);
            }
        }
        s.cd(["inspect", "UPPER"]).run().code(1).says(&["no container and no image"]);
        s.cd(["inspect", "Not An Image"]).run().code(2);
        // What is damaged is fetched again, also where its size is right.
        damage(s);
        s.cd(["pull", &name]).run().ok().says(&["was damaged here"]);
        assert_images(s);
        let layer = blobs(s).into_iter().max_by_key(|path| fs::metadata(path).unwrap().len()).unwrap();
        fs::write(&layer, "damaged").unwrap();
        s.cd(["pull", &name]).run().ok();
        assert_images(s);
    });
}

#[test]
fn what_stays_in_the_cache_is_told_and_counted_once() {
    need!(Root);
    sandbox(|s| {
        // 1 MiB that nothing compresses.
        let mut state = 1_u32;
        let noise: Vec<u8> = (0..1 << 20)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 24) as u8
            })
            .collect();
        let image = Image::of([Entry::file("noise", noise)]);
        let layout = crate::load::Layout(std::path::Path::new("/tmp/layout"));
        layout.finish(&[crate::load::named(layout.image(&image), "docker.io/library/app:1")]);
        s.cd(["load", "-q", "/tmp/layout"]).run().ok();
        s.cd(["install", "app:1"]).run().ok();
        // The images still have it.
        let ran = s.cd(["clear-cache"]).run().ok();
        assert!(!ran.err().contains("MiB"), "{ran:?}");
        s.cd(["install", "-n", "b", "app:1"]).run().ok();
        let ran = s.cd(["rmi", "app:1"]).run().ok();
        for words in [
            "Removed the name app:1",
            "1.0 MiB of the image are still in the cache",
            "clear-cache",
            "stay: app, b",
        ] {
            assert!(ran.err().contains(words), "no {words:?}: {ran:?}");
        }
        assert!(s.cd(["clear-cache"]).run().ok().err().contains("Freed 1.0 MiB"));
    });
}

#[test]
fn what_install_lacks_is_looked_for_here_first() {
    need!(Root, Tool("docker-registry"), Tool("busybox"));
    sandbox(|s| {
        let registry = Registry::start();
        small("one").push(&registry, "tiny:1");
        let (name, other) = (registry.reference("tiny:1"), registry.reference("tiny:2"));
        s.cd(["pull", "-q", &name]).run().ok();
        s.cd(["tag", &name, &registry.reference("tiny:3")]).run().ok();
        s.cd(["install", &other]).run().fails(&["no such image", &format!("here is '{name}', '")]);
        // Of one that was made here a registry may have a stranger's.
        s.cd(["tag", &name, &registry.reference("mine:1")]).run().ok();
        let said = format!("There is no '{}' here", registry.reference("mine:2"));
        s.cd(["install", &registry.reference("mine:2")]).run().fails(&[&said, "asking the registry"]);
        // The container is there, and its image was made anew.
        s.cd(["install", "-q", &name]).run().ok();
        s.cd(["install", &name]).run().fails(&["already exists", "chroot-distro reset tiny", "--name NAME"]);
        s.cd(["push", &name, "localhost:5000"])
            .run()
            .code(2)
            .says(&["without the name", "localhost:5000/NAME:TAG"]);
        s.cd(["login", "ghcr.io"]).run().code(125).says(&["auth add ghcr.io"]);
        s.cd(["login", "localhost:5000"]).run().says(&["auth add localhost:5000"]);
        s.cd(["auth", "login", "ghcr.io"]).run().code(2).says(&["auth add ghcr.io"]);
        s.cd(["auth", "logout"]).run().code(2).says(&["auth remove REGISTRY"]);
        s.cd(["prune"]).run().ok().says(&["nothing to free"]);
    });
}

/// The layer's blob, with other bytes of the same number.
fn damage(s: &Sandbox) {
    let is_layer = |path: &PathBuf| fs::read(path).unwrap().starts_with(b"\x1f\x8b");
    let layer = blobs(s).into_iter().find(is_layer).unwrap();
    let size = fs::metadata(&layer).unwrap().len() as usize;
    fs::write(&layer, vec![b'?'; size]).unwrap();
}

#[test]
fn a_damaged_image_is_told_and_loaded_again() {
    need!(Root);
    sandbox(|s| {
        let layout = crate::load::Layout(std::path::Path::new("/tmp/layout"));
        layout.finish(&[crate::load::named(layout.image(&small("one")), "docker.io/library/app:1")]);
        s.cd(["load", "-q", "/tmp/layout"]).run().ok();
        s.cd(["save", "-q", "-o", "/tmp/app.tar", "app:1"]).run().ok();
        for again in ["/tmp/layout", "/tmp/app.tar"] {
            damage(s);
            s.cd(["install", "app:1"]).run().fails(&["damaged", "image 'app:1' is damaged", "rmi app:1"]);
            s.cd(["save", "-o", "/tmp/damaged.tar", "app:1"]).run().fails(&["damaged"]);
            s.cd(["load", again]).run().ok().says(&["was damaged here"]);
            assert_images(s);
            s.cd(["install", "-q", "app:1"]).run().ok();
            assert_eq!(hello(s, "app"), "one");
            s.cd(["remove", "-q", "app"]).run().ok();
            s.cd(["clear-cache", "-q"]).run().ok();
        }
        // What is made of it would be damaged too.
        s.cd(["install", "-q", "app:1"]).run().ok();
        damage(s);
        fs::create_dir("/tmp/context").unwrap();
        fs::write("/tmp/context/Dockerfile", "FROM app:1\nENV A=b\n").unwrap();
        for args in [["commit", "app", "new:1"].as_slice(), &["build", "-t", "new:1", "/tmp/context"]] {
            s.cd(args).run().fails(&["is damaged here", "rmi app:1"]);
        }
        assert_eq!(names(s), ["docker.io/library/app:1"]);
        s.cd(["clear-cache", "-q"]).run().ok();
        s.cd(["load", "-q", "/tmp/layout"]).run().ok();
        s.cd(["build", "-q", "-t", "new:1", "/tmp/context"]).run().ok();
        s.cd(["commit", "-q", "app", "new:2"]).run().ok();
        assert_images(s);
        // Nothing is said where all is well.
        let ran = s.cd(["load", "/tmp/layout"]).run().ok();
        assert!(!ran.err().contains("damaged"), "{ran:?}");
    });
}

#[test]
fn prune_keeps_what_a_reset_needs() {
    need!(Root, Tool("docker-registry"));
    sandbox(|s| {
        let registry = Registry::start();
        let pushed = small("one").push(&registry, "tiny:1");
        let name = registry.reference("tiny:1");
        s.cd(["pull", "-q", &name]).run().ok();
        s.cd(["tag", &name, "mine:1"]).run().ok();
        s.cd(["install", "-q", "-n", "c", &pushed]).run().ok();
        // Its names move to another image.
        small("two").push(&registry, "tiny:1");
        s.cd(["pull", "-q", &name]).run().ok();
        s.cd(["tag", &name, "mine:1"]).run().ok();
        assert_eq!(names(s).len(), 3);
        s.cd(["prune"]).run().ok().says(&["kept", &pushed, "c"]);
        s.cd(["clear-cache", "-q"]).run().ok();
        fs::remove_file(s.rootfs("c").join("hello")).unwrap_or_default();
        drop(registry);
        s.cd(["reset", "-q", "c"]).run().ok();
        assert_eq!(hello(s, "c"), "one");
        s.cd(["remove", "-q", "c"]).run().ok();
        s.cd(["prune"]).run().ok().says(&["deleted", &pushed]);
        assert_eq!(names(s).len(), 2);
    });
}

/// What is bad is named, and keeps nobody from the rest; nothing is freed while nobody knows what is needed.
#[test]
fn a_store_with_something_bad_in_it_is_used_and_told() {
    need!(Root);
    sandbox(|s| {
        let layout = crate::load::Layout(std::path::Path::new("/tmp/layout"));
        let (one, two) = (small("one"), small("two"));
        let entry =
            |image, name: &str| crate::load::named(layout.image(image), &format!("docker.io/library/{name}"));
        layout.finish(&[entry(&one, "one:1"), entry(&two, "two:1")]);
        let load = || s.cd(["load", "-q", "/tmp/layout"]).run().ok();
        load();
        // Directories where blobs are.
        let stray = s.data().join("images/blobs/sha256/stray");
        fs::create_dir(&stray).unwrap();
        s.cd(["prune"]).run().ok().says(&["not freed", "stray"]);
        s.cd(["rmi", "two:1"]).run().ok().says(&["freed"]);
        fs::remove_dir(&stray).unwrap();
        load();
        // A manifest of other bytes.
        let manifest = s.data().join("images/blobs/sha256").join(&one.digest()[7..]);
        fs::write(&manifest, "garbage").unwrap();
        let ran = s.cd(["images"]).run().ok().says(&["image 'one:1'", "damaged"]);
        assert!(ran.out().contains("two:1"), "{ran:?}");
        let before = blobs(s).len();
        s.cd(["prune"]).run().fails(&[
            "image 'docker.io/library/one:1'",
            "damaged",
            "rmi docker.io/library/one:1",
        ]);
        s.cd(["rmi", "two:1"]).run().ok().says(&["no space is freed", "one:1", "damaged"]);
        assert_eq!((names(s).len(), blobs(s).len()), (1, before));
        s.cd(["rmi", "one:1"]).run().ok().says(&["freed"]);
        assert_eq!(blobs(s).len(), 0);
        // An entry of the index that is none, and an index that is none.
        load();
        let index = s.data().join("images/index.json");
        let good = fs::read_to_string(&index).unwrap();
        fs::write(&index, good.replace(&two.digest(), "sha256:no")).unwrap();
        s.cd(["images"]).run().ok().says(&["two:1", "images/index.json"]);
        s.cd(["tag", "one:1", "three:1"]).run().ok();
        s.cd(["prune"]).run().fails(&["two:1", "images/index.json"]);
        s.cd(["rmi", "three:1"]).run().ok().says(&["no space is freed"]);
        for bad in ["", "[]", "{"] {
            fs::write(&index, bad).unwrap();
            for args in [["images"].as_slice(), &["prune"], &["rmi", "one:1"], &["tag", "one:1", "x"]] {
                s.cd(args).run().fails(&["index.json", "move this file away"]);
            }
        }
        assert_eq!(blobs(s).len(), before);
    });
}
