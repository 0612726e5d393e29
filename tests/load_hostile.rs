//! Archives of images that lie, lead out or have no end: an error, nothing listed, nothing outside touched.

use std::fs;
use std::path::Path;

use rustix::fs::{CWD, FileType, Mode};
use serde_json::{Value, json};

use crate::load::{Layout, assert_blobs, listed, named};
use crate::support::digest;
use crate::support::image::descriptor;
use crate::support::prelude::*;

#[track_caller]
fn refused(s: &Sandbox, bytes: &[u8], words: &[&str]) {
    fs::write(s.path("x.tar"), bytes).unwrap();
    s.cd(["load", "/tmp/x.tar"]).run().fails(words);
    assert_eq!(listed(s), [], "something was kept of it");
    let blobs = fs::read_dir(s.data().join("images/blobs/sha256"));
    let left: Vec<_> = blobs.into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    assert_eq!(left, <[std::path::PathBuf; 0]>::default(), "something stayed on the disk");
    s.assert_canaries();
}

fn image() -> Image {
    Image::new(&[(tar([Entry::file("hello", "x")]), Encoding::Plain)])
}

fn blob(bytes: &[u8]) -> String {
    format!("blobs/sha256/{}", &digest(bytes)["sha256:".len()..])
}

/// The entries of an archive with one image, after `change` of them.
fn layout(image: &Image, change: impl FnOnce(&mut Vec<(String, Vec<u8>)>)) -> Vec<u8> {
    let manifest = image.manifest_bytes();
    let entry = descriptor("application/vnd.oci.image.manifest.v1+json", &manifest);
    let index = json!({"schemaVersion": 2, "manifests": [named(entry, "docker.io/library/x:1")]});
    let mut entries = vec![
        ("oci-layout".to_owned(), br#"{"imageLayoutVersion":"1.0.0"}"#.to_vec()),
        ("index.json".to_owned(), index.to_string().into_bytes()),
        (blob(&manifest), manifest),
        (blob(&image.config_bytes()), image.config_bytes()),
    ];
    entries.extend(image.layers.iter().map(|layer| (blob(layer), layer.clone())));
    change(&mut entries);
    tar(entries.into_iter().map(|(name, bytes)| Entry::file(name, bytes)))
}

#[test]
fn blobs_that_are_not_what_they_say_or_are_missing() {
    need!(Root);
    on_both_kernels(|s| {
        let image = image();
        let layer = blob(&image.layers[0]);
        let short = &digest(&image.layers[0])[7..19];
        let spoilt = |name: &str| {
            let name = name.to_owned();
            layout(&image, move |entries| {
                let (_, bytes) = entries.iter_mut().find(|(found, _)| *found == name).unwrap();
                let last = bytes.len() - 1;
                bytes[last] ^= 1;
            })
        };
        refused(s, &spoilt(&layer), &[short, "damaged"]);
        refused(s, &spoilt(&blob(&image.config_bytes())), &["digest"]);
        refused(s, &spoilt(&blob(&image.manifest_bytes())), &["digest"]);
        for gone in [&layer, &blob(&image.config_bytes()), &blob(&image.manifest_bytes())] {
            let bytes = layout(&image, |entries| entries.retain(|(name, _)| name != gone));
            refused(s, &bytes, &["missing"]);
        }
        // Longer and shorter than they are said to be.
        for change in [1_i64, -1] {
            let mut other = image.clone();
            let size = other.manifest["layers"][0]["size"].as_i64().unwrap();
            other.manifest["layers"][0]["size"] = json!(size + change);
            refused(s, &layout(&other, |_| ()), &["missing"]);
        }
        let mut fits_not = image.clone();
        fits_not.manifest["layers"] = json!([]);
        refused(s, &layout(&fits_not, |_| ()), &["diff_ids"]);
        // Twice the same name: what comes first must be right too.
        let bytes =
            layout(&image, |entries| entries.insert(2, (layer.clone(), vec![7; image.layers[0].len()])));
        refused(s, &bytes, &[short]);
        // After all that it still loads.
        fs::write(s.path("x.tar"), layout(&image, |_| ())).unwrap();
        s.cd(["load", "-q", "/tmp/x.tar"]).run().ok().prints("x:1\n");
        assert_blobs(s);
    });
}

#[test]
fn a_load_that_fails_frees_what_it_brought_and_nothing_else() {
    need!(Root);
    sandbox(|s| {
        // Blobs whose index was moved away, and a pull that was interrupted.
        let blobs = s.data().join("images/blobs/sha256");
        fs::create_dir_all(&blobs).unwrap();
        let there = [format!("{:064x}", 1), format!("{:064x}.partial", 2)];
        there.iter().for_each(|name| fs::write(blobs.join(name), "x").unwrap());
        let image = image();
        let layer = blob(&image.layers[0]);
        let spoilt = layout(&image, |entries| {
            let (_, bytes) = entries.iter_mut().find(|(name, _)| *name == layer).unwrap();
            bytes[0] ^= 1;
        });
        fs::write(s.path("x.tar"), spoilt).unwrap();
        s.cd(["load", "/tmp/x.tar"]).run().fails(&["damaged"]);
        let mut left: Vec<_> = fs::read_dir(&blobs)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        left.sort();
        assert_eq!(left, there);
        fs::remove_dir_all(&blobs).unwrap();
    });
}

#[test]
fn claims_without_end() {
    need!(Root);
    sandbox(|s| {
        let image = image();
        for size in [json!(1_u64 << 41), json!(-1), json!("1"), json!(1_u64 << 39)] {
            let mut other = image.clone();
            other.manifest["layers"][0]["size"] = size;
            refused(s, &layout(&other, |_| ()), &[]);
        }
        for device in ["/dev/zero", "/dev/urandom"] {
            s.cd(["load", device]).run().fails(&["is a device"]);
        }
        let whole = layout(&image, |_| ());
        let junk = [&Encoding::Gzip.encode(&whole), &b"junk"[..]].concat();
        refused(s, &junk, &["follows the end"]);
        refused(s, &whole[..whole.len() / 2], &["cut short"]);
        let claims = tar([Entry::file("manifest.json", "[]"), Entry::file("x", "").claims(1 << 40)]);
        refused(s, &claims, &["cut short"]);
        // An index of itself cannot be, but a deep one can.
        let directory = s.path("deep");
        let deep = Layout(&directory);
        let mut entry = deep.image(&image);
        for _ in 0..8 {
            let index = json!({"schemaVersion": 2, "manifests": [entry]}).to_string();
            entry = deep.put("application/vnd.oci.image.index.v1+json", index.as_bytes());
        }
        deep.finish(&[named(entry, "docker.io/library/x:1")]);
        s.cd(["load", "/tmp/deep"]).run().fails(&["nested"]);
        // One document of all too many entries.
        let entries = vec![descriptor("x", b"x"); 5000];
        let index = json!({"schemaVersion": 2, "manifests": entries}).to_string();
        let top = deep.put("application/vnd.oci.image.index.v1+json", index.as_bytes());
        deep.finish(&[top]);
        s.cd(["load", "/tmp/deep"]).run().fails(&["5000"]);
        assert_eq!(listed(s), []);
    });
}

#[test]
fn paths_and_links_that_lead_out() {
    need!(Root);
    sandbox(|s| {
        let image = image();
        let list = |config: &str, layer: &str| {
            json!([{"Config": config, "RepoTags": ["x:1"], "Layers": [layer]}]).to_string()
        };
        let config = || Entry::file("c.json", image.config_bytes());
        for layer in ["../../canary/secret", "/tmp/canary/secret", "l", "loop", ""] {
            let bytes = tar([
                Entry::file("manifest.json", list("c.json", layer)),
                config(),
                Entry::symlink("l", "/tmp/canary/secret"),
                Entry::symlink("loop", "loop"),
            ]);
            refused(s, &bytes, &["lacks"]);
        }
        let bytes = tar([
            Entry::file("manifest.json", list("l", "layer.tar")),
            Entry::symlink("l", "../canary/secret"),
            Entry::file("layer.tar", &image.layers[0]),
        ]);
        refused(s, &bytes, &[]);
        // Blobs as links in an archive: only into it.
        let name = blob(&image.layers[0]);
        let entries = [
            Entry::file("index.json", index_of(&image).to_string()),
            Entry::file(blob(&image.manifest_bytes()), image.manifest_bytes()),
            Entry::file(blob(&image.config_bytes()), image.config_bytes()),
            Entry::symlink(&name, "/tmp/canary/secret"),
        ];
        refused(s, &tar(entries), &["missing"]);
        let wrong = tar([
            Entry::file("manifest.json", list("c.json", "layer.tar")),
            config(),
            Entry::file("layer.tar", tar([Entry::file("hello", "another")])),
        ]);
        refused(s, &wrong, &["layer.tar", "diff_id"]);
    });
}

fn index_of(image: &Image) -> Value {
    let entry = descriptor("application/vnd.oci.image.manifest.v1+json", &image.manifest_bytes());
    json!({"schemaVersion": 2, "manifests": [named(entry, "docker.io/library/x:1")]})
}

#[test]
fn documents_that_are_none() {
    need!(Root);
    sandbox(|s| {
        let directory = s.path("odd");
        let odd = Layout(Path::new(&directory));
        for (index, words) in [
            ("[]", &["lists no image"][..]),
            ("{", &["JSON"]),
            (r#"{"manifests": [{"digest": "sha256:0", "size": 1}]}"#, &["entry 1"]),
            (r#"{"manifests": [{"digest": "md5:00", "size": 1}]}"#, &["md5"]),
        ] {
            fs::create_dir_all(&directory).unwrap();
            fs::write(directory.join("index.json"), index).unwrap();
            s.cd(["load", "/tmp/odd"]).run().fails(words);
        }
        let artifact = json!({"schemaVersion": 2, "config": odd.put("application/vnd.oci.empty.v1+json", b"{}"),
            "layers": [odd.put("text/plain", b"x")]});
        let artifact = odd.put("application/vnd.oci.image.manifest.v1+json", artifact.to_string().as_bytes());
        odd.finish(&[artifact]);
        s.cd(["load", "/tmp/odd"]).run().fails(&["not a container image"]);
        let odd_name = json!([{"Config": "c.json", "RepoTags": ["Not A Name", format!("sha256:{}", "a".repeat(64)), "b".repeat(64), "x:1"], "Layers": ["l.tar"]}]);
        let image = image();
        let bytes = tar([
            Entry::file("manifest.json", odd_name.to_string()),
            Entry::file("c.json", image.config_bytes()),
            Entry::file("l.tar", &image.layers[0]),
        ]);
        fs::write(s.path("x.tar"), bytes).unwrap();
        let ran = s.cd(["load", "/tmp/x.tar"]).run().ok().prints("x:1\n");
        assert!(ran.err().contains("Not A Name"), "{ran:?}");
    });
}

#[test]
fn an_index_that_is_none_and_names_that_stand_there_twice_are_told() {
    need!(Root);
    sandbox(|s| {
        let (image, other) = (image(), Image::new(&[(tar([Entry::file("other", "y")]), Encoding::Plain)]));
        for index in ["{}", "no JSON", r#"{"manifests": {}}"#, "["] {
            let bytes = layout(&image, |entries| entries[1].1 = index.into());
            refused(s, &bytes, &["index.json' is not the index of an OCI layout"]);
        }
        let directory = s.path("a");
        let layout = Layout(&directory);
        let entries = [&image, &other].map(|image| named(layout.image(image), "docker.io/library/x:1"));
        layout.finish(&entries);
        let ran = s.cd(["load", "/tmp/a"]).run().ok().says(&["two images here are called x:1"]);
        assert_eq!(ran.out(), format!("{}\nx:1\n", image.digest()));
        assert_eq!(listed(s).len(), 2);
    });
}

#[test]
fn a_fifo_in_a_layout_keeps_nobody_waiting() {
    need!(Root);
    sandbox(|s| {
        let (image, layout) = (image(), s.path("layout"));
        image.write_layout(&layout, "latest");
        let layer = layout.join(blob(&image.layers[0]));
        fs::remove_file(&layer).unwrap();
        rustix::fs::mknodat(CWD, &layer, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        s.cd(["install", "-n", "c", "/tmp/layout"]).run().fails(&["not a regular file"]);
        fs::remove_file(layout.join("index.json")).unwrap();
        rustix::fs::mknodat(CWD, layout.join("index.json"), FileType::Fifo, Mode::RUSR, 0).unwrap();
        s.cd(["install", "-n", "c", "/tmp/layout"]).run().fails(&["not an OCI image layout"]);
    });
}
