//! `inspect`: what is known of a container or an image, for readers and for programs.

use std::path::Path;

use serde_json::{Value, json};

use crate::load::{Layout, named};
use crate::support::image::host_architecture;
use crate::support::layer::tar;
use crate::support::prelude::*;

/// An image of a container `c` too, as its name has it.
fn image() -> Image {
    Image::new(&[(tar([Entry::file("hello", "x")]), Encoding::Plain)])
        .with("Entrypoint", json!(["/bin/app", "-x"]))
        .with("Cmd", json!(["y"]))
        .with("User", json!("me"))
        .with("Labels", json!({"org.opencontainers.image.title": "A \u{1b}[31mtitle"}))
        .with("ExposedPorts", json!({"80/tcp": {}}))
}

fn load(s: &Sandbox, names: &[&str]) -> Image {
    let image = image();
    let layout = Layout(Path::new("/tmp/layout"));
    let entry = layout.image(&image);
    let entries: Vec<Value> = names.iter().map(|name| named(entry.clone(), name)).collect();
    layout.finish(&entries);
    s.cd(["load", "-q", "/tmp/layout"]).run().ok();
    image
}

fn json_of(s: &Sandbox, args: &[&str]) -> Value {
    let ran = s.cd([&["inspect", "--json"], args].concat()).run().ok();
    serde_json::from_str(&ran.out()).unwrap()
}

#[test]
fn an_image_by_name_and_digest() {
    need!(Root);
    on_both_kernels(|s| {
        let image = load(s, &["docker.io/library/app:1", "quay.io/me/app:2"]);
        let digest = image.digest();
        let listed = s.cd(["images", "-q"]).run().ok().out();
        assert_eq!(listed, format!("{digest}\n"), "two names of one image are one line");
        for name in ["app:1", "quay.io/me/app:2", listed.trim(), &digest[7..19]] {
            let found = json_of(s, &[name]);
            let [found] = &found.as_array().unwrap()[..] else { panic!("{found}") };
            assert_eq!(found["Id"], digest);
            assert_eq!(found["RepoTags"], json!(["app:1", "quay.io/me/app:2"]));
            assert_eq!(found["RepoDigests"], json!([]), "no registry has it");
            assert_eq!(
                (&found["Architecture"], &found["Os"]),
                (&json!(host_architecture()), &json!("linux"))
            );
            assert_eq!(found["Config"], image.config["config"]);
            assert_eq!(found["RootFS"]["Layers"], image.config["rootfs"]["diff_ids"]);
            let size = image.layers[0].len() + image.config_bytes().len() + image.manifest_bytes().len();
            assert_eq!(found["Size"], size);
        }
        let ran = s.cd(["inspect", "--raw", "app:1"]).run().ok();
        assert_eq!(ran.stdout, image.manifest_bytes());
        let page = s.cd(["inspect", "app:1"]).run().ok().out();
        for words in
            ["app:1, quay.io/me/app:2", &digest, "/bin/app -x y", "me", "80/tcp", "A \\u{1b}[31mtitle"]
        {
            assert!(page.contains(words), "no {words:?} in\n{page}");
        }
    });
}

#[test]
fn of_an_index_one_platform_is_told_and_which_there_are() {
    need!(Root);
    sandbox(|s| {
        let layout = Layout(Path::new("/tmp/layout"));
        let host = host_architecture();
        let entries: Vec<Value> = ["s390x", host, "ppc64le"]
            .iter()
            .map(|cpu| {
                let mut entry = layout.image(&image().for_cpu(cpu, None));
                entry["platform"] = json!({"os": "linux", "architecture": cpu});
                entry
            })
            .collect();
        let index = json!({"schemaVersion": 2, "manifests": entries}).to_string();
        let top = layout.put("application/vnd.oci.image.index.v1+json", index.as_bytes());
        layout.finish(&[named(top.clone(), "docker.io/library/many:1")]);
        s.cd(["load", "-q", "/tmp/layout"]).run().ok();
        let found = json_of(s, &["many:1"]);
        assert_eq!(found[0]["Architecture"], host);
        assert_eq!(found[0]["Descriptor"]["digest"], top["digest"]);
        let platforms: Vec<&str> = found[0]["Manifests"]
            .as_array()
            .unwrap()
            .iter()
            .map(|entry| entry["platform"].as_str().unwrap())
            .collect();
        assert_eq!(platforms, ["linux/s390x", &format!("linux/{host}"), "linux/ppc64le"]);
        assert_eq!(s.cd(["inspect", "--raw", "many"]).run().code(1).out(), "");
        assert_eq!(s.cd(["inspect", "--raw", "many:1"]).run().ok().out(), index);
        let list: Value = serde_json::from_str(&s.cd(["images", "--json"]).run().ok().out()).unwrap();
        assert_eq!(list[0]["platforms"], json!(platforms));
        assert_eq!(list[0]["bytes"], found[0]["Size"]);
        assert_eq!(list[0]["name"], "docker.io/library/many:1");
    });
}

#[test]
fn a_container_comes_first_and_runs_or_does_not() {
    need!(Root, Tool("busybox"));
    on_both_kernels(|s| {
        make(s);
        load(s, &["docker.io/library/c:latest"]);
        let found = json_of(s, &["c"]);
        assert_eq!((&found[0]["Name"], &found[0]["State"]["Running"]), (&json!("c"), &json!(false)));
        assert_eq!(found[0]["State"]["Pid"], 0);
        let rootfs = found[0]["Rootfs"].as_str().unwrap();
        assert!(Path::new(rootfs).join("bin/busybox").exists(), "{rootfs}");
        assert!(found[0]["SizeRootFs"].as_u64().unwrap() > 0);
        let of_image = json_of(s, &["--type", "image", "c"]);
        assert_eq!(of_image[0]["RepoTags"], json!(["c:latest"]));
        let both = json_of(s, &["c", "c:latest"]);
        assert_eq!((&both[0]["Name"], &both[1]["RepoTags"][0]), (&json!("c"), &json!("c:latest")));
        let mut session = s.cd(["login", "c", "--", "/bin/sh", "-c", "echo in >/up; exec sleep 600"]).spawn();
        appears(&s.rootfs("c").join("up"));
        let found = json_of(s, &["c"]);
        assert_eq!(found[0]["State"]["Status"], "running");
        assert!(found[0]["State"]["Pid"].as_u64().unwrap() > 1);
        assert!(s.cd(["inspect", "c"]).run().ok().out().contains("in use (PID"));
        s.cd(["kill", "-q", "c"]).run().ok();
        session.kill();
        session.wait();
        let raw: Value = serde_json::from_str(&s.cd(["inspect", "--raw", "c"]).run().ok().out()).unwrap();
        assert!(raw["image_config"].is_object());
    });
}

#[test]
fn mistakes_are_told() {
    need!(Root);
    sandbox(|s| {
        load(s, &["docker.io/library/app:1"]);
        s.cd(["inspect", "nothing"]).run().fails(&["no container and no image 'nothing'"]);
        s.cd(["inspect", "app"]).run().fails(&["app:1"]);
        s.cd(["inspect", "--type", "container", "app"]).run().fails(&["no container 'app'"]);
        s.cd(["inspect", "--type", "volume", "app:1"]).run().code(2).says(&["container or image"]);
        s.cd(["inspect", "-f", "{{.Id}}", "app:1"]).run().code(2).says(&["jq"]);
        s.cd(["inspect", "--raw", "--json", "app:1"]).run().code(2);
        s.cd(["inspect"]).run().code(2);
        // What is there is shown, whatever else is not.
        let ran = s.cd(["inspect", "--json", "app:1", "nothing"]).run().code(1);
        let found: Value = serde_json::from_str(&ran.out()).unwrap();
        assert_eq!(found.as_array().unwrap().len(), 1);
    });
}

#[test]
fn the_shells_offer_stored_images() {
    need!(Root, Tool("busybox"));
    sandbox(|s| {
        make(s);
        load(s, &["docker.io/library/app:1", "quay.io/me/app:2"]);
        let offered = |line: &[&str]| {
            let ran = s.cd([&["complete", "fish", "--", "chroot-distro"], line].concat()).run().ok().out();
            let words = ran.lines().skip(1).map(|line| line.split('\t').next().unwrap().to_owned());
            words.collect::<Vec<_>>()
        };
        assert_eq!(offered(&["save", "quay"]), ["quay.io/me/app:2"]);
        assert_eq!(offered(&["inspect", "ap"]), ["app:1"]);
        assert_eq!(offered(&["inspect", "c"]), ["c"]);
        assert_eq!(offered(&["save", "--format", "o"]), ["oci"]);
    });
}
