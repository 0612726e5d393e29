//! `push` into a real registry, and back by another tool: digests stay, and nothing is sent that is there.

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::registry::{hello, small};
use crate::support::digest;
use crate::support::http;
use crate::support::image::{descriptor, push_index};
use crate::support::prelude::*;
use crate::support::registry::base64;

/// What the registry has under this name, byte for byte.
fn served(port: u16, repository: &str, reference: &str) -> Vec<u8> {
    let accept = [
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
        "application/vnd.docker.distribution.manifest.v2+json",
    ];
    let path = format!("/v2/{repository}/manifests/{reference}");
    let answer = http::send(port, "GET", &path, &[("accept", &accept.join(", "))], b"");
    assert_eq!(answer.status, 200, "{path}");
    answer.body
}

fn tags(port: u16, repository: &str) -> Value {
    let answer = http::send(port, "GET", &format!("/v2/{repository}/tags/list"), &[], b"");
    serde_json::from_slice::<Value>(&answer.body).unwrap()["tags"].clone()
}

/// Requests that sent something, without what they carried.
fn writes(proxy: &Proxy) -> Vec<String> {
    let short = |path: &str| path.split('?').next().unwrap_or_default().to_owned();
    let seen = proxy.log().into_iter().filter(|seen| !["GET", "HEAD"].contains(&&*seen.method));
    seen.map(|seen| format!("{} {}", seen.method, short(&seen.path))).collect()
}

fn kept(s: &Sandbox, digest: &str) -> PathBuf {
    s.data().join("images/blobs").join(digest.replace(':', "/"))
}

#[test]
fn what_is_pushed_keeps_its_digest_and_is_sent_once() {
    need!(Root, Tool("docker-registry"));
    on_both_kernels(|s| {
        let (from, to) = (Registry::start(), Registry::start());
        let image = small("one");
        let pushed = image.push(&from, "team/tiny:1");
        let name = from.reference("team/tiny:1");
        s.cd(["pull", &name]).run().ok();
        let proxy = Proxy::listening(to.port);
        let target = proxy.reference("mine/app:2");
        let ran = s.cd(["push", &name, &target]).run().ok().prints("");
        assert!(ran.err().contains(&pushed), "{ran:?}");
        assert_eq!(served(to.port, "mine/app", "2"), image.manifest_bytes());
        assert_eq!(writes(&proxy).iter().filter(|line| line.starts_with("PUT")).count(), 3);
        // HEAD first, and again before the manifest.
        let heads = proxy.log().iter().filter(|seen| seen.method == "HEAD").count();
        assert_eq!(heads, 4, "{:?}", proxy.log());

        proxy.clear();
        s.cd(["push", "-q", &name, &target]).run().ok().prints("");
        assert_eq!(writes(&proxy), ["PUT /v2/mine/app/manifests/2"]);
        drop(from);
        s.cd(["install", "-n", "c", &target]).run().ok();
        assert_eq!(hello(s, "c"), "one");
    });
}

#[test]
fn an_image_goes_under_its_own_name_or_by_digest_alone() {
    need!(Root, Tool("docker-registry"));
    sandbox(|s| {
        let (from, to) = (Registry::start(), Registry::start());
        let pushed = small("one").push(&from, "tiny:1");
        s.cd(["pull", &from.reference("tiny:1")]).run().ok();
        let own = to.reference("app:1");
        s.cd(["tag", &from.reference("tiny:1"), &own]).run().ok();
        s.cd(["push", &own]).run().ok();
        assert_eq!(digest(&served(to.port, "app", "1")), pushed);
        let by_digest = to.reference(&format!("other@{pushed}"));
        s.cd(["push", &by_digest]).run().ok();
        assert_eq!(digest(&served(to.port, "other", &pushed)), pushed);
        assert_eq!(tags(to.port, "other"), Value::Null);
        s.cd(["push", &pushed[7..19], &to.reference("short:x")]).run().ok();
        assert_eq!(tags(to.port, "short"), json!(["x"]));
        let wrong = to.reference(&format!("other@{}", digest(b"x")));
        s.cd(["push", &own, &wrong]).run().code(2).says(&["digest"]);
        s.cd(["push", &pushed]).run().code(2).says(&["several names", "app:1"]);
        s.cd(["push", "absent"]).run().fails(&["absent"]);
        s.cd(["push", &own, "Not A Name"]).run().code(2);
        s.cd(["push"]).run().code(2);
    });
}

#[test]
fn of_an_index_one_platform_goes_or_all_with_their_index() {
    need!(Root, Tool("docker-registry"));
    sandbox(|s| {
        let (from, to) = (Registry::start(), Registry::start());
        let images = ["amd64", "arm64", "riscv64"].map(|cpu| small(cpu).for_cpu(cpu, None).docker());
        let index = push_index(&from, "many:1", &images);
        let name = from.reference("many:1");
        s.cd(["pull", "-a", "amd64", &name]).run().ok();
        s.cd(["pull", "-a", "arm64", &name]).run().ok();
        let at = |tag: &str| to.reference(&format!("many:{tag}"));
        s.cd(["push", "--platform", "linux/arm64", &name, &at("arm64")]).run().ok();
        assert_eq!(digest(&served(to.port, "many", "arm64")), images[1].digest());
        if cfg!(target_arch = "x86_64") {
            s.cd(["push", &name, &at("host")]).run().ok();
            assert_eq!(digest(&served(to.port, "many", "host")), images[0].digest());
        }
        s.cd(["push", "-a", "riscv64", &name, &at("x")]).run().fails(&["linux/riscv64", "not here"]);
        s.cd(["push", "-a", "i686", &name, &at("x")]).run().fails(&["linux/386", "linux/arm64"]);
        s.cd(["push", "--all-platforms", &name, &at("x")]).run().fails(&["linux/riscv64", "not here"]);
        s.cd(["push", "--all-platforms", "-a", "arm64", &name, &at("x")]).run().code(2);
        s.cd(["pull", "-a", "riscv64", &name]).run().ok();
        let proxy = Proxy::listening(to.port);
        s.cd(["push", "--all-platforms", &name, &proxy.reference("whole:all")]).run().ok();
        assert_eq!(digest(&served(to.port, "whole", "all")), index);
        let mut manifests = writes(&proxy);
        manifests.retain(|line| line.contains("/manifests/"));
        let expected: Vec<String> = images
            .iter()
            .map(|image| image.digest())
            .chain(["all".to_owned()])
            .map(|reference| format!("PUT /v2/whole/manifests/{reference}"))
            .collect();
        assert_eq!(manifests, expected);
        assert_eq!(tags(to.port, "whole"), json!(["all"]));
    });
}

#[test]
fn blobs_of_a_neighbour_are_mounted() {
    need!(Root, Tool("docker-registry"));
    sandbox(|s| {
        let registry = Registry::start();
        let proxy = Proxy::listening(registry.port);
        small("one").push(&registry, "theirs/base:1");
        let name = proxy.reference("theirs/base:1");
        s.cd(["pull", &name]).run().ok();
        proxy.clear();
        s.cd(["push", &name, &proxy.reference("mine/app:1")]).run().ok();
        let posts: Vec<_> = proxy.log().into_iter().filter(|seen| seen.method == "POST").collect();
        assert_eq!(posts.len(), 2);
        assert!(posts.iter().all(|post| post.path.contains("from=theirs/base") && post.status == 201));
        assert!(
            proxy
                .log()
                .iter()
                .all(|seen| seen.method != "PATCH" && seen.method != "PUT"
                    || seen.path.contains("/manifests/"))
        );
        // Not of another registry.
        let other = Proxy::listening(registry.port);
        s.cd(["push", &name, &other.reference("mine/other:1")]).run().ok();
        assert!(other.log().iter().all(|seen| !seen.path.contains("mount=")));
    });
}

#[test]
fn no_manifest_goes_out_without_its_blobs() {
    need!(Root, Tool("docker-registry"));
    sandbox(|s| {
        let (from, to) = (Registry::start(), Registry::start());
        let image = small("one");
        image.push(&from, "tiny:1");
        let name = from.reference("tiny:1");
        s.cd(["pull", &name]).run().ok();
        let layer = kept(s, &digest(&image.layers[0]));
        let proxy = Proxy::listening(to.port);
        let push =
            || s.cd(["push", &name, &proxy.reference("app:1")]).env("CD_DOWNLOAD_MAX_RETRIES", "0").run();
        let good = fs::read(&layer).unwrap();
        let mut damaged = good.clone();
        *damaged.last_mut().unwrap() ^= 1;
        fs::remove_file(&layer).unwrap();
        fs::write(&layer, &damaged).unwrap();
        push().fails(&["damaged", "pull"]);
        assert!(writes(&proxy).iter().all(|line| !line.contains("/manifests/")));
        proxy.clear();
        for bad in [Some(&good[1..]), None] {
            fs::remove_file(&layer).unwrap();
            bad.iter().for_each(|bytes| fs::write(&layer, bytes).unwrap());
            push().fails(&["not here", "pull"]);
            fs::write(&layer, "").unwrap();
        }
        // Nothing at all was asked.
        assert!(proxy.log().is_empty(), "{:?}", proxy.log());
        fs::write(&layer, &good).unwrap();
        push().ok();
        assert_eq!(served(to.port, "app", "1"), image.manifest_bytes());
        // Also what the registry has already, and nobody would read.
        proxy.clear();
        fs::write(&layer, &damaged).unwrap();
        push().fails(&["is damaged here", &format!("chroot-distro pull {name}")]);
        assert!(writes(&proxy).is_empty());
    });
}

#[test]
fn what_the_python_tool_remembers_is_pushed() {
    need!(Root, Tool("docker-registry"));
    sandbox(|s| {
        let registry = Registry::start();
        let image = small("python");
        let reference = registry.reference("me/app:1");
        let key = digest(format!("{reference}_{}", std::env::consts::ARCH).as_bytes());
        let put = |path: &str, bytes: &[u8]| {
            let path = s.cache().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        };
        let entry = json!({"manifest": image.manifest, "repo": "me/app", "image_config": image.config});
        put(&format!("oci_manifests/{}.json", &key[7..23]), entry.to_string().as_bytes());
        put(&format!("oci_layers/{}", digest(&image.layers[0]).replace(':', "_")), &image.layers[0]);
        s.cd(["push", &reference]).run().ok();
        let manifest: Value = serde_json::from_slice(&served(registry.port, "me/app", "1")).unwrap();
        assert_eq!(manifest, image.manifest);
        s.cd(["clear-cache"]).run().ok();
        s.cd(["install", "-n", "c", &reference]).run().ok();
        assert_eq!(hello(s, "c"), "python");
    });
}

#[test]
fn who_may_not_write_is_told_what_to_set() {
    need!(Root, Tool("docker-registry"), Tool("htpasswd"));
    sandbox(|s| {
        let plain = Registry::start();
        small("one").push(&plain, "tiny:1");
        let name = plain.reference("tiny:1");
        s.cd(["pull", &name]).run().ok();
        let registry = plain.disguised(Guise { basic: Some(("kit", "s3:cret")), ..Guise::default() });
        let push = || s.cd(["push", &name, &registry.reference("app:1")]);
        push().run().fails(&["CD_DOCKER_AUTH", "authentication required"]);
        let ran = push().env("CD_DOCKER_AUTH", "kit:wrong").run().fails(&["CD_DOCKER_AUTH", "refuses"]);
        assert!(!ran.err().contains("wrong"), "{ran:?}");
        push().env("CD_DOCKER_AUTH", "kit:s3:cret").run().ok();
        let auths =
            json!({"auths": {format!("127.0.0.1:{}", registry.port): {"auth": base64(b"kit:s3:cret")}}});
        fs::write(s.path("auth.json"), auths.to_string()).unwrap();
        push().env("REGISTRY_AUTH_FILE", s.path("auth.json")).run().ok();
    });
}

/// An index as BuildKit writes it: each image with an attestation beside it. Its digest.
fn push_attested(registry: &Registry, name: &str, cpus: &[&str]) -> String {
    let repository = name.split(':').next().unwrap();
    let mut entries = Vec::new();
    for cpu in cpus {
        let image = small(cpu).for_cpu(cpu, None);
        let pushed = image.push(registry, &format!("{repository}:{cpu}"));
        let mut entry = descriptor("application/vnd.oci.image.manifest.v1+json", &image.manifest_bytes());
        entry["platform"] = json!({"os": "linux", "architecture": cpu});
        let statement = json!({"_type": "https://in-toto.io/Statement/v0.1", "cpu": cpu}).to_string();
        let config = json!({"architecture": "unknown", "os": "unknown", "cpu": cpu}).to_string();
        for blob in [&statement, &config] {
            registry.put_blob(repository, blob.as_bytes());
        }
        let attestation = json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": descriptor("application/vnd.oci.image.config.v1+json", config.as_bytes()),
            "layers": [descriptor("application/vnd.in-toto+json", statement.as_bytes())],
        })
        .to_string();
        let kind = "application/vnd.oci.image.manifest.v1+json";
        registry.put_manifest(repository, &digest(attestation.as_bytes()), kind, attestation.as_bytes());
        let mut beside = descriptor(kind, attestation.as_bytes());
        beside["platform"] = json!({"os": "unknown", "architecture": "unknown"});
        beside["annotations"] = json!({
            "vnd.docker.reference.type": "attestation-manifest",
            "vnd.docker.reference.digest": pushed,
        });
        entries.extend([entry, beside]);
    }
    let kind = "application/vnd.oci.image.index.v1+json";
    let index = json!({"schemaVersion": 2, "mediaType": kind, "manifests": entries}).to_string();
    let tag = name.rsplit(':').next().unwrap();
    registry.put_manifest(repository, tag, kind, index.as_bytes());
    digest(index.as_bytes())
}

#[test]
fn an_index_with_attestations_is_pushed_as_a_whole() {
    need!(Root, Tool("docker-registry"));
    sandbox(|s| {
        let (from, to) = (Registry::start(), Registry::start());
        let index = push_attested(&from, "app:1", &["amd64", "arm64"]);
        let (name, target) = (from.reference("app:1"), to.reference("app:1"));
        s.cd(["pull", "-q", "-a", "amd64", &name]).run().ok();
        s.cd(["push", "--all-platforms", &name, &target]).run().fails(&["linux/arm64 is not here"]);
        // What is here is told, and how to push that.
        let arm = ["push", "--platform", "linux/arm64", &*name, &*target];
        s.cd(arm)
            .run()
            .fails(&["linux/arm64 is not here", "here is linux/amd64: add '--platform linux/amd64'"]);
        s.cd(["pull", "-q", "-a", "arm64", &name]).run().ok();
        s.cd(["push", "--all-platforms", &name, &target]).run().ok().says(&[&index]);
        assert_eq!(digest(&served(to.port, "app", "1")), index);
        // Whoever has the attestation has its statement.
        let entries: Value = serde_json::from_slice(&served(to.port, "app", "1")).unwrap();
        let attestation = entries["manifests"][3]["digest"].as_str().unwrap();
        let statement: Value = serde_json::from_slice(&served(to.port, "app", attestation)).unwrap();
        let path = format!("/v2/app/blobs/{}", statement["layers"][0]["digest"].as_str().unwrap());
        assert_eq!(http::send(to.port, "GET", &path, &[], b"").status, 200);
        s.cd(["rmi", "-q", &name]).run().ok();
        assert!(!kept(s, attestation).exists());
        // An image whose attestation is lost can be used all the same.
        std::fs::remove_file(from.blob_file(statement["layers"][0]["digest"].as_str().unwrap())).unwrap();
        s.cd(["pull", "-q", "-a", "arm64", &name]).run().ok();
        s.cd(["pull", "-q", "-a", "amd64", &name]).run().ok();
        s.cd(["push", "--all-platforms", &name, &to.reference("b:1")])
            .run()
            .fails(&["an attestation", "pull the image"]);
    });
}
