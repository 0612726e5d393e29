//! `load`: images from archives and layouts of every tool, under their names, byte for byte; and `save`, which brings them back.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::registry::hello;
use crate::support::image::{descriptor, host_architecture};
use crate::support::prelude::*;
use crate::support::{digest, hex};

const NAME: &str = "io.containerd.image.name";
const TAG: &str = "org.opencontainers.image.ref.name";

/// An OCI layout in the making.
pub(crate) struct Layout<'a>(pub(crate) &'a Path);

impl Layout<'_> {
    /// Adds a blob; its descriptor.
    pub(crate) fn put(&self, media_type: &str, bytes: &[u8]) -> Value {
        let blobs = self.0.join("blobs/sha256");
        fs::create_dir_all(&blobs).unwrap();
        fs::write(blobs.join(&digest(bytes)["sha256:".len()..]), bytes).unwrap();
        descriptor(media_type, bytes)
    }

    /// Adds an image; its descriptor.
    pub(crate) fn image(&self, image: &Image) -> Value {
        for bytes in image.layers.iter().chain([&image.config_bytes()]) {
            self.put("x", bytes);
        }
        self.put(image.manifest["mediaType"].as_str().unwrap(), &image.manifest_bytes())
    }

    /// Ends it with these images.
    pub(crate) fn finish(&self, entries: &[Value]) {
        let index = json!({"schemaVersion": 2, "manifests": entries}).to_string();
        fs::write(self.0.join("index.json"), index).unwrap();
        fs::write(self.0.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
    }

    /// The layout as an archive.
    pub(crate) fn tar(&self) -> Vec<u8> {
        tool("tar", ["-C", self.0.to_str().unwrap(), "-c", "."])
    }
}

pub(crate) fn named(mut entry: Value, name: &str) -> Value {
    entry["annotations"] = json!({ NAME: name, TAG: name.rsplit(':').next() });
    entry
}

/// Each kept image: its name and digest.
pub(crate) fn listed(s: &Sandbox) -> Vec<(String, String)> {
    let document: Value = serde_json::from_str(&s.cd(["images", "--json"]).run().ok().out()).unwrap();
    let text = |image: &Value, key: &str| image[key].as_str().unwrap_or("<none>").to_owned();
    document.as_array().unwrap().iter().map(|image| (text(image, "name"), text(image, "digest"))).collect()
}

/// Every blob of the images is what its name says, and nothing half-made is beside them.
#[track_caller]
pub(crate) fn assert_blobs(s: &Sandbox) {
    for blob in fs::read_dir(s.data().join("images/blobs/sha256")).into_iter().flatten().flatten() {
        let name = blob.file_name().into_string().unwrap();
        assert_eq!(digest(&fs::read(blob.path()).unwrap()), format!("sha256:{name}"));
    }
}

fn plain(contents: &str) -> Image {
    Image::new(&[
        (tar([Entry::file("hello", contents)]), Encoding::Plain),
        (tar([Entry::file("more", "x")]), Encoding::Plain),
    ])
}

#[test]
fn what_docker_saves_is_loaded_in_any_compression_and_installed_without_a_network() {
    need!(Root, Tool("xz"), Tool("bzip2"), Tool("zstd"));
    on_both_kernels(|s| {
        let image = plain("one");
        let saved = image.saved("app:1");
        let mut digests = Vec::new();
        for encoding in [Encoding::Plain, Encoding::Gzip, Encoding::Bzip2, Encoding::Xz, Encoding::Zstd] {
            fs::write(s.path("saved"), encoding.encode(&saved)).unwrap();
            s.cd(["load", "-q", "/tmp/saved"]).run().ok().prints("app:1\n");
            digests.push(listed(s));
            s.cd(["rmi", "-q", "app:1"]).run().ok();
        }
        // The same bytes each time.
        digests.dedup();
        assert_eq!(digests.len(), 1, "{digests:?}");
        s.cd(["load", "-i", "/tmp/saved"]).run().ok().prints("app:1\n");
        s.cd(["load"]).stdin(&*saved).run().ok().prints("app:1\n");
        assert_eq!(listed(s), digests[0]);
        let blobs = s.data().join("images/blobs/sha256");
        let config = image.config_bytes();
        let kept = fs::read(blobs.join(&digest(&config)["sha256:".len()..])).unwrap();
        assert_eq!(kept, config, "the config is another one, and so the image's identity");
        for blob in fs::read_dir(&blobs).unwrap().flatten() {
            let bytes = fs::read(blob.path()).unwrap();
            assert!(bytes.starts_with(b"{") || bytes.starts_with(&[0x1f, 0x8b]), "a layer is not gzipped");
        }
        s.cd(["install", "app:1"]).run().ok();
        assert_eq!(hello(s, "app"), "one");
        assert_blobs(s);
    });
}

#[test]
fn shapes_of_crane_kaniko_and_shared_layers() {
    need!(Root);
    sandbox(|s| {
        let image = plain("one");
        let load = |entries: Vec<Entry>| {
            fs::write(s.path("x.tar"), tar(entries)).unwrap();
            s.cd(["load", "-q", "/tmp/x.tar"]).run().ok().out()
        };
        assert_eq!(load(image.saved_entries("app:1", &digest(&image.config_bytes()), "")), "app:1\n");
        assert_eq!(load(image.saved_entries("app:2", "config", "some/where/")), "app:2\n");
        let all = listed(s);
        assert_eq!(all[0].1, all[1].1, "the same image under other file names is another one");
        // crane and kaniko gzip their layers: these stay as they are.
        let gzipped: Vec<Vec<u8>> = image.layers.iter().map(|layer| Encoding::Gzip.encode(layer)).collect();
        let config = digest(&image.config_bytes());
        let names: Vec<String> =
            gzipped.iter().map(|layer| format!("{}.tar.gz", &digest(layer)["sha256:".len()..])).collect();
        let list = json!([{"Config": config, "RepoTags": ["ghcr.io/me/app:3"], "Layers": names}]);
        let mut entries = vec![Entry::file(&config, image.config_bytes())];
        entries.extend(names.iter().zip(&gzipped).map(|(name, layer)| Entry::file(name, layer)));
        entries.push(Entry::file("manifest.json", list.to_string()));
        assert_eq!(load(entries), "ghcr.io/me/app:3\n");
        for layer in &gzipped {
            let name = digest(layer)["sha256:".len()..].to_owned();
            assert!(s.data().join("images/blobs/sha256").join(name).exists(), "a gzipped layer was changed");
        }
        // Several images, whose common layer is a link, and one without a name.
        let other = Image::new(&[(image.layers[0].clone(), Encoding::Plain)]).with("Cmd", json!(["/x"]));
        let list = json!([
            {"Config": "a.json", "RepoTags": ["a:1", "a:2"], "Layers": ["1/layer.tar", "2/layer.tar"]},
            {"Config": "b.json", "RepoTags": null, "Layers": ["3/layer.tar"]},
        ]);
        let ran = load(vec![
            Entry::file("manifest.json", list.to_string()),
            Entry::file("a.json", image.config_bytes()),
            Entry::file("b.json", other.config_bytes()),
            Entry::symlink("3/layer.tar", "../1/layer.tar"),
            Entry::file("1/layer.tar", &image.layers[0]),
            Entry::file("2/layer.tar", &image.layers[1]),
        ]);
        let lines: Vec<&str> = ran.lines().collect();
        assert_eq!(lines[..2], ["a:1", "a:2"]);
        assert!(lines[2].starts_with("sha256:"), "{ran}");
        s.cd(["tag", "-q", lines[2], "b:1"]).run().ok();
        s.cd(["install", "b:1"]).run().ok();
        assert_eq!(hello(s, "b"), "one");
        assert_blobs(s);
    });
}

#[test]
fn names_of_layouts() {
    need!(Root, Tool("tar"));
    sandbox(|s| {
        let layout = Layout(Path::new("/tmp/layout"));
        let images = ["1", "2", "3", "4"].map(|text| Image::of([Entry::file("hello", text)]));
        let [one, two, three, four] = images.each_ref().map(|image| layout.image(image));
        let mut full = two.clone();
        full["annotations"] = json!({TAG: "localhost:5000/two:2"});
        let mut tag = three.clone();
        tag["annotations"] = json!({TAG: "latest"});
        layout.finish(&[
            named(one.clone(), "docker.io/library/one:1"),
            full,
            tag,
            four,
            named(one, "x.y/z:1"),
        ]);
        let digests = images.each_ref().map(|image| image.digest());
        let printed = format!("one:1\nx.y/z:1\nlocalhost:5000/two:2\n{}\n{}\n", digests[2], digests[3]);
        for form in ["/tmp/layout", "/tmp/layout.tar"] {
            fs::write("/tmp/layout.tar", layout.tar()).unwrap();
            let ran = s.cd(["load", form]).run().ok().prints(&printed);
            assert!(ran.err().contains(&format!("tag {} NAME", &digests[2][7..19])), "{ran:?}");
            let all = listed(s);
            let of = |name: &str, n: usize| (name.to_owned(), digests[n].clone());
            let expected = [
                of("docker.io/library/one:1", 0),
                of("x.y/z:1", 0),
                of("localhost:5000/two:2", 1),
                of("<none>", 2),
                of("<none>", 3),
            ];
            assert_eq!(all, expected, "{form}");
            assert_blobs(s);
            s.cd(["rmi", "-q", "one:1", "x.y/z:1", "localhost:5000/two:2", &digests[2], &digests[3]])
                .run()
                .ok();
            assert_eq!(listed(s), []);
        }
        // A name moves, and that is told.
        s.cd(["load", "-q", "/tmp/layout"]).run().ok();
        s.cd(["tag", "-q", &digests[3], "one:1"]).run().ok();
        let ran = s.cd(["load", "/tmp/layout"]).run().ok();
        assert!(ran.err().contains(&format!("one:1 was the image {}", &digests[3][7..19])), "{ran:?}");
        assert!(listed(s).contains(&("docker.io/library/one:1".to_owned(), digests[0].clone())));
    });
}

/// Images of every kind with their names, as one layout, and the digest of each.
fn of_every_kind(layout: &Layout) -> Vec<(&'static str, String)> {
    let content = tar([Entry::file("hello", "x")]);
    let of = |encoding| Image::new(&[(content.clone(), encoding)]);
    let mut sha512 = of(Encoding::Gzip);
    sha512.manifest["layers"][0]["digest"] = sha512_of(&sha512.layers[0]).into();
    fs::create_dir_all(layout.0.join("blobs/sha512")).unwrap();
    let name = sha512_of(&sha512.layers[0])["sha512:".len()..].to_owned();
    fs::write(layout.0.join("blobs/sha512").join(name), &sha512.layers[0]).unwrap();
    let images = [
        ("oci:1", of(Encoding::Gzip)),
        ("docker:1", of(Encoding::Gzip).docker()),
        ("zstd:1", of(Encoding::Zstd)),
        ("plain:1", of(Encoding::Plain)),
        ("bare:1", Image::new(&[])),
        ("empty:1", Image::new(&[(Vec::new(), Encoding::Plain)])),
        ("sha512:1", sha512),
    ];
    let mut entries = Vec::new();
    let mut names = Vec::new();
    for (name, image) in images {
        entries.push(named(layout.image(&image), &format!("docker.io/library/{name}")));
        names.push((name, image.digest()));
    }
    // Five platforms, one of which is not there, and an attestation.
    let mut platforms = Vec::new();
    for cpu in ["amd64", "arm64", "386", "riscv64", "s390x"] {
        let image = of(Encoding::Gzip).for_cpu(cpu, None).with("Cmd", json!([cpu]));
        let mut entry = match cpu {
            "s390x" => descriptor("application/vnd.oci.image.manifest.v1+json", &image.manifest_bytes()),
            _ => layout.image(&image),
        };
        entry["platform"] = json!({"os": "linux", "architecture": cpu});
        platforms.push(entry);
    }
    let mut attestation = layout.image(&Image::new(&[(b"{}".to_vec(), Encoding::Plain)]));
    attestation["platform"] = json!({"os": "unknown", "architecture": "unknown"});
    platforms.push(attestation);
    let media_type = "application/vnd.oci.image.index.v1+json";
    let index = serde_json::to_vec_pretty(&json!({"schemaVersion": 2, "manifests": platforms})).unwrap();
    entries.push(named(layout.put(media_type, &index), "docker.io/library/many:1"));
    names.push(("many:1", digest(&index)));
    layout.finish(&entries);
    names
}

fn sha512_of(bytes: &[u8]) -> String {
    use sha2::{Digest as _, Sha512};
    format!("sha512:{}", hex(&Sha512::digest(bytes)))
}

#[test]
fn every_kind_of_image_keeps_its_digest_through_load_save_load() {
    need!(Root, Tool("tar"));
    sandbox(|s| {
        let layout = Layout(Path::new("/tmp/layout"));
        let images = of_every_kind(&layout);
        let names: Vec<&str> = images.iter().map(|(name, _)| *name).collect();
        let expected: Vec<(String, String)> = images
            .iter()
            .map(|(name, digest)| (format!("docker.io/library/{name}"), digest.clone()))
            .collect();
        s.cd(["load", "-q", "/tmp/layout"]).run().ok();
        assert_eq!(listed(s), expected);
        s.cd([&["save", "-q", "-o", "/tmp/one.tar"], &names[..]].concat()).run().ok();
        s.cd([&["rmi", "-q"], &names[..]].concat()).run().ok();
        assert_eq!(fs::read_dir(s.data().join("images/blobs/sha256")).unwrap().count(), 0);
        s.cd(["load", "-q", "/tmp/one.tar"]).run().ok();
        assert_eq!(listed(s), expected);
        let again = s.cd([&["save"], &names[..]].concat()).run().ok().stdout;
        assert!(again == fs::read("/tmp/one.tar").unwrap(), "the same images are another archive");
        for name in ["oci", "docker", "zstd", "plain", "sha512"] {
            s.cd(["install", "-q", &format!("{name}:1")]).run().ok();
            assert_eq!(hello(s, name), "x");
        }
        s.cd(["install", "-q", "empty:1"]).run().ok();
        s.cd(["install", "-q", "-a", "riscv64", "-n", "many", "many:1"]).run().ok();
        assert_eq!(hello(s, "many"), "x");
        s.cd(["install", "-q", "-a", "arm", "-n", "arm", "many:1"]).run().fails(&["linux/arm64"]);
        assert_blobs(s);
    });
}

#[test]
fn what_skopeo_writes_is_loaded() {
    need!(Root, Tool("skopeo"));
    sandbox(|s| {
        let image = plain("one");
        image.write_layout(Path::new("/tmp/from"), "1");
        for (to, printed) in [
            ("oci-archive:/tmp/a:alpine:3.21", "alpine:3.21"),
            ("oci-archive:/tmp/b", ""),
            ("docker-archive:/tmp/c:localhost/x:1", "localhost/x:1"),
            ("oci:/tmp/d:latest", ""),
        ] {
            tool("skopeo", ["--insecure-policy", "--tmpdir=/tmp", "copy", "-q", "oci:/tmp/from:1", to]);
            let path = to.split(':').nth(1).unwrap();
            let ran = s.cd(["load", "-q", path]).run().ok().out();
            if printed.is_empty() {
                assert!(ran.starts_with("sha256:") && ran.lines().count() == 1, "{ran}");
                s.cd(["tag", "-q", ran.trim(), "x:1"]).run().ok();
            }
            let name = if printed.is_empty() { "x:1" } else { ran.trim() };
            assert!(printed.is_empty() || printed == name, "{ran}");
            s.cd(["install", "-q", "-n", "c", name]).run().ok();
            assert_eq!(hello(s, "c"), "one");
            s.cd(["remove", "-q", "c"]).run().ok();
        }
    });
}

#[test]
fn what_holds_no_image_is_answered() {
    need!(Root);
    sandbox(|s| {
        let root = ["bin", "etc", "usr", "var", "home", "lib"].map(Entry::dir);
        fs::write(s.path("home/rootfs.tar"), tar(root)).unwrap();
        s.cd(["load", "rootfs.tar"]).run().fails(&["a root filesystem", "install ./rootfs.tar"]);
        let manifest = json!({"image_ref": "app:1", "arch": host_architecture(), "image_config": {}});
        let backup = ["bin", "etc", "usr", "var", "home"].map(|dir| Entry::dir(format!("c/rootfs/{dir}")));
        let backup = [Entry::file("c/manifest.json", manifest.to_string())].into_iter().chain(backup);
        fs::write(s.path("home/b.tar"), tar(backup)).unwrap();
        s.cd(["load", "b.tar"]).run().fails(&["the backup of a container", "restore b.tar"]);
        s.cd(["load", "absent.tar"]).run().fails(&["absent.tar", "no such file"]);
        s.cd(["load", "alpine:3.21"]).run().fails(&["pull alpine:3.21"]);
        s.cd(["load", "/tmp/home"]).run().fails(&["not an OCI image layout"]);
        s.cd(["load"]).stdin(b"no archive").run().fails(&["neither a tar archive"]);
        s.cd(["load"]).run().fails(&["empty"]);
        s.cd(["load", "a", "-i", "b"]).run().code(2).says(&["two files"]);
        s.cd(["load", "a", "b"]).run().code(2);
        assert_eq!(listed(s), []);
    });
}
