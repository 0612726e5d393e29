//! Images made in code, as a registry or an archive holds them.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::layer::{Encoding, Entry, tar};
use super::registry::Registry;

const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
const OCI_CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
const DOCKER_CONFIG: &str = "application/vnd.docker.container.image.v1+json";

/// An image for one platform. Its documents are public to be spoilt before it is published.
#[derive(Clone)]
pub struct Image {
    /// Compressed layers, bottom first.
    pub layers: Vec<Vec<u8>>,
    pub config: Value,
    pub manifest: Value,
    docker: bool,
}

impl Image {
    /// Of uncompressed layers, bottom first, each in its encoding, for this machine.
    pub fn new(layers: &[(Vec<u8>, Encoding)]) -> Image {
        let config = json!({
            "architecture": host_architecture(),
            "os": "linux",
            "config": {"Env": ["PATH=/usr/bin:/bin"]},
            "rootfs": {
                "type": "layers",
                "diff_ids": layers.iter().map(|(tar, _)| super::digest(tar)).collect::<Vec<_>>(),
            },
            "history": [{"created_by": "nothing", "empty_layer": true}],
        });
        let blobs: Vec<Vec<u8>> = layers.iter().map(|(tar, encoding)| encoding.encode(tar)).collect();
        let descriptors = blobs.iter().zip(layers).map(|(blob, (_, encoding))| {
            let suffix = match encoding {
                Encoding::Plain => "",
                Encoding::Zstd => "+zstd",
                _ => "+gzip",
            };
            descriptor(&format!("application/vnd.oci.image.layer.v1.tar{suffix}"), blob)
        });
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": {},
            "layers": descriptors.collect::<Vec<_>>(),
        });
        Image { layers: blobs, config, manifest, docker: false }.sealed()
    }
    /// One layer of `entries`, gzipped.
    pub fn of(entries: impl IntoIterator<Item = Entry>) -> Image {
        Image::new(&[(tar(entries), Encoding::Gzip)])
    }
    /// A small userland: a static busybox, accounts, and the usual directories.
    pub fn busybox() -> Image {
        Image::new(&[(userland(), Encoding::Gzip)])
    }
    /// With Docker's media types.
    pub fn docker(mut self) -> Image {
        self.docker = true;
        self.manifest["mediaType"] = DOCKER_MANIFEST.into();
        for layer in self.manifest["layers"].as_array_mut().into_iter().flatten() {
            layer["mediaType"] = "application/vnd.docker.image.rootfs.diff.tar.gzip".into();
        }
        self.sealed()
    }
    /// With a field of the config's `config`.
    pub fn with(mut self, key: &str, value: Value) -> Image {
        self.config["config"][key] = value;
        self.sealed()
    }
    /// For another CPU.
    pub fn for_cpu(mut self, architecture: &str, variant: Option<&str>) -> Image {
        self.config["architecture"] = architecture.into();
        if let Some(variant) = variant {
            self.config["variant"] = variant.into();
        }
        self.sealed()
    }
    /// Makes the manifest describe the config as it is.
    fn sealed(mut self) -> Image {
        let media_type = if self.docker { DOCKER_CONFIG } else { OCI_CONFIG };
        self.manifest["config"] = descriptor(media_type, &self.config_bytes());
        self
    }

    pub fn config_bytes(&self) -> Vec<u8> {
        self.config.to_string().into_bytes()
    }
    /// With the spaces that a parsed and rewritten document would lose: a digest is of bytes.
    pub fn manifest_bytes(&self) -> Vec<u8> {
        serde_json::to_vec_pretty(&self.manifest).expect("json")
    }
    pub fn digest(&self) -> String {
        super::digest(&self.manifest_bytes())
    }
    fn media_type(&self) -> &'static str {
        if self.docker { DOCKER_MANIFEST } else { OCI_MANIFEST }
    }
    fn platform(&self) -> Value {
        let mut platform = json!({"os": "linux", "architecture": self.config["architecture"]});
        if let Some(variant) = self.config.get("variant") {
            platform["variant"] = variant.clone();
        }
        platform
    }

    /// Uploads it as `repository:tag` (or without a tag, by digest alone); its digest.
    pub fn push(&self, registry: &Registry, name: &str) -> String {
        let (repository, tag) = name.split_once(':').unwrap_or((name, ""));
        for layer in &self.layers {
            registry.put_blob(repository, layer);
        }
        registry.put_blob(repository, &self.config_bytes());
        let digest = self.digest();
        let reference = if tag.is_empty() { &digest } else { tag };
        registry.put_manifest(repository, reference, self.media_type(), &self.manifest_bytes());
        digest
    }

    /// Writes it as an OCI image layout directory, under `tag`.
    pub fn write_layout(&self, dir: &Path, tag: &str) {
        let blobs = dir.join("blobs/sha256");
        fs::create_dir_all(&blobs).expect("a layout");
        let put = |bytes: &[u8]| {
            let digest = super::digest(bytes);
            fs::write(blobs.join(&digest["sha256:".len()..]), bytes).expect("a blob");
        };
        self.layers.iter().for_each(|layer| put(layer));
        put(&self.config_bytes());
        put(&self.manifest_bytes());
        let mut entry = descriptor(self.media_type(), &self.manifest_bytes());
        entry["annotations"] = json!({"org.opencontainers.image.ref.name": tag});
        entry["platform"] = self.platform();
        let index = json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [entry]});
        fs::write(dir.join("index.json"), index.to_string()).expect("an index");
        fs::write(dir.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).expect("a layout");
    }

    /// What `docker save` writes: a tar with `manifest.json`, the config, and uncompressed layers (which is
    /// what this image must have).
    pub fn saved(&self, repo_tag: &str) -> Vec<u8> {
        let hex = super::digest(&self.config_bytes())["sha256:".len()..].to_owned();
        tar(self.saved_entries(repo_tag, &format!("{hex}.json"), ""))
    }

    /// The same with the config under another name, as crane and kaniko write it, and `above` before each path.
    pub fn saved_entries(&self, repo_tag: &str, config: &str, above: &str) -> Vec<Entry> {
        let hex = |bytes: &[u8]| super::digest(bytes)["sha256:".len()..].to_owned();
        let paths: Vec<String> =
            self.layers.iter().map(|layer| format!("{}/layer.tar", hex(layer))).collect();
        let list = json!([{"Config": config, "RepoTags": [repo_tag], "Layers": paths}]);
        let at = |path: &str| format!("{above}{path}");
        let mut entries = vec![Entry::file(at(config), self.config_bytes())];
        for (path, layer) in paths.iter().zip(&self.layers) {
            entries.push(Entry::dir(at(path.trim_end_matches("layer.tar"))));
            entries.push(Entry::file(at(path), layer));
        }
        entries.push(Entry::file(at("manifest.json"), list.to_string()));
        entries
    }
}

/// Uploads an index of `images`, and a build attestation as BuildKit adds one; the index's digest.
pub fn push_index(registry: &Registry, name: &str, images: &[Image]) -> String {
    let (repository, tag) = name.split_once(':').expect("a tag");
    let mut entries = Vec::new();
    for image in images {
        image.push(registry, repository);
        let mut entry = descriptor(image.media_type(), &image.manifest_bytes());
        entry["platform"] = image.platform();
        entries.push(entry);
    }
    let docker = images.iter().all(|image| image.docker);
    if !docker {
        let attestation = Image::new(&[(b"{}".to_vec(), Encoding::Plain)]);
        attestation.push(registry, repository);
        let mut entry = descriptor(OCI_MANIFEST, &attestation.manifest_bytes());
        entry["platform"] = json!({"os": "unknown", "architecture": "unknown"});
        entry["annotations"] = json!({"vnd.docker.reference.type": "attestation-manifest"});
        entries.insert(0, entry);
    }
    let media_type = if docker { DOCKER_LIST } else { OCI_INDEX };
    let index = json!({"schemaVersion": 2, "mediaType": media_type, "manifests": entries}).to_string();
    registry.put_manifest(repository, tag, media_type, index.as_bytes());
    super::digest(index.as_bytes())
}

pub fn descriptor(media_type: &str, bytes: &[u8]) -> Value {
    json!({"mediaType": media_type, "digest": super::digest(bytes), "size": bytes.len()})
}

/// GOARCH of this machine.
pub fn host_architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "x86" => "386",
        other => other,
    }
}

/// The layer of [`Image::busybox`], uncompressed.
pub fn userland() -> Vec<u8> {
    let busybox = fs::read(super::need::program("busybox").expect("busybox")).expect("busybox");
    let mut entries = vec![
        Entry::dir("bin"),
        Entry::file("bin/busybox", busybox).mode(0o755),
        Entry::dir("dev"),
        Entry::dir("etc"),
        Entry::file(
            "etc/passwd",
            "root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1001:A user:/home/user:/bin/sh\n",
        ),
        Entry::file("etc/group", "root:x:0:\nuser:x:1001:\nstaff:x:50:user\n"),
        Entry::dir("home"),
        Entry::dir("home/user").owner(1000, 1001).mode(0o700),
        Entry::dir("proc"),
        Entry::dir("root").mode(0o700),
        Entry::dir("run"),
        Entry::dir("sys"),
        Entry::dir("tmp").mode(0o1777),
    ];
    for applet in APPLETS {
        entries.push(Entry::symlink(format!("bin/{applet}"), "busybox"));
    }
    tar(entries)
}

const APPLETS: &[&str] = &[
    "sh", "cat", "chmod", "cp", "dd", "echo", "env", "false", "grep", "hostname", "id", "kill", "ls", "ln",
    "mkdir", "mkfifo", "mknod", "mount", "ps", "pwd", "readlink", "rm", "sed", "seq", "sleep", "stat",
    "touch", "tr", "true", "tty", "umount", "wc",
];
