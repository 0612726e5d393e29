//! `install IMAGE` from a real registry, in each of its guises: references, platforms, encodings, credentials,
//! mirrors, the offline cache, and what is said when it cannot be.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;

use serde_json::{Value, json};

use crate::support::http;
use crate::support::prelude::*;
use crate::support::registry::{base64, free_port};

pub(crate) fn small(contents: &str) -> Image {
    Image::of([Entry::file("hello", contents)])
}

/// Nothing was made of a failed install.
pub(crate) fn assert_nothing(s: &Sandbox) {
    assert_eq!(s.names(), Vec::<String>::new());
    s.assert_store();
}

pub(crate) fn hello(s: &Sandbox, name: &str) -> String {
    fs::read_to_string(s.rootfs(name).join("hello")).expect("hello")
}

#[test]
fn installs_over_plain_http_and_records_what_it_installed() {
    need!(Root, Tool("docker-registry"));
    on_both_kernels(|s| {
        let registry = Registry::start();
        let image = small("one").with("Cmd", json!(["/bin/sh"]));
        image.push(&registry, "team/tiny:1");
        s.cd(["install", &registry.reference("team/tiny:1")]).run().ok();
        assert_eq!(s.names(), ["tiny"]);
        assert_tree(&s.rootfs("tiny"), &tree! {"hello" => file("one").mode(0o644).mtime(1_600_000_000)});

        let file = s.data().join("containers/tiny/manifest.json");
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o7777, 0o644);
        let manifest: Value = serde_json::from_slice(&fs::read(file).unwrap()).unwrap();
        assert_eq!(manifest["image_ref"], registry.reference("team/tiny:1"));
        assert_eq!(manifest["arch"], std::env::consts::ARCH);
        assert_eq!(manifest["manifest"], image.manifest);
        assert_eq!(manifest["image_config"], image.config);
    });
}

#[test]
fn layers_in_every_encoding_stack_up() {
    need!(Root, Tool("docker-registry"), Tool("zstd"));
    on_both_kernels(|s| {
        let registry = Registry::start();
        let encodings = [Encoding::Gzip, Encoding::Zstd, Encoding::Plain, Encoding::GzipMembers];
        let layers: Vec<_> = encodings
            .into_iter()
            .enumerate()
            .map(|(n, encoding)| {
                (
                    tar([
                        Entry::file(format!("f{n}"), vec![b'x'; 100_000]),
                        Entry::file("top", format!("{n}")),
                    ]),
                    encoding,
                )
            })
            .collect();
        Image::new(&layers).push(&registry, "mixed:1");
        s.cd(["install", &registry.reference("mixed:1")]).run().ok();
        let big = "x".repeat(100_000);
        let tree = tree! {
            "f0" => file(&big), "f1" => file(&big), "f2" => file(&big), "f3" => file(&big), "top" => file("3"),
        };
        assert_tree(&s.rootfs("mixed"), &tree);
    });
}

#[test]
fn an_image_of_no_layers_and_a_layer_of_no_entries_are_images() {
    need!(Root, Tool("docker-registry"));
    sandbox(|s| {
        let registry = Registry::start();
        Image::new(&[]).push(&registry, "none:1");
        Image::of([]).push(&registry, "empty:1");
        for name in ["none", "empty"] {
            s.cd(["install", &registry.reference(&format!("{name}:1"))]).run().ok();
            assert_tree(&s.rootfs(name), &tree! {});
        }
    });
}

#[test]
fn docker_media_types_are_read_like_oci_ones() {
    need!(Root, Tool("docker-registry"));
    sandbox(|s| {
        let registry = Registry::start();
        small("two").docker().push(&registry, "schema2:1");
        let others = [small("no").for_cpu("s390x", None).docker(), small("list").docker()];
        push_index(&registry, "list:1", &others);
        s.cd(["install", &registry.reference("schema2:1")]).run().ok();
        s.cd(["install", &registry.reference("list:1")]).run().ok();
        assert_eq!((hello(s, "schema2"), hello(s, "list")), ("two".into(), "list".into()));
    });
}

#[test]
fn a_reference_is_a_tag_or_a_digest_and_the_digest_wins() {
    need!(Root, Tool("docker-registry"));
    sandbox(|s| {
        let registry = Registry::start();
        let old = small("old").push(&registry, "app:1");
        small("new").push(&registry, "app:1");
        small("latest").push(&registry, "app:latest");
        let install =
            |name: &str, image: String| s.cd(["install", "-n", name, &registry.reference(&image)]).run();
        install("tag", "app:1".into()).ok();
        install("latest", "app".into()).ok();
        install("digest", format!("app@{old}")).ok();
        install("both", format!("app:1@{old}")).ok();
        for (name, contents) in [("tag", "new"), ("latest", "latest"), ("digest", "old"), ("both", "old")] {
            assert_eq!(hello(s, name), contents, "{name}");
        }
        install("none", format!("app@sha256:{}", "0".repeat(64))).fails(&["app"]);
        install("none", "app:9".into()).fails(&["app:9", "no such image"]);
        install("none", "nothing:1".into()).fails(&["nothing:1"]);
        for bad in ["app@sha256:123", "App:1", "app:", "app@md5:d41d8cd98f00b204e9800998ecf8427e", "a//b"] {
            install("none", bad.into()).code(2);
        }
        assert_eq!(s.names().len(), 4);
    });
}

#[test]
fn an_index_is_resolved_by_platform_and_variant() {
    need!(Root, Tool("docker-registry"));
    sandbox(|s| {
        let registry = Registry::start();
        let host = crate::support::image::host_architecture();
        let images = [
            small("v5").for_cpu("arm", Some("v5")),
            small("v6").for_cpu("arm", Some("v6")),
            small("arm64").for_cpu("arm64", Some("v8")),
            small("386").for_cpu("386", None),
            small("amd64").for_cpu("amd64", None),
            small("riscv64").for_cpu("riscv64", None),
        ];
        push_index(&registry, "multi:1", &images);
        let reference = registry.reference("multi:1");
        s.cd(["install", &reference, "--name", "host"]).run().ok();
        assert_eq!(hello(s, "host"), host);
        // arm stands for v7, which runs what was made for v6.
        let names = [
            ("aarch64", "arm64"),
            ("linux/arm64", "arm64"),
            ("i686", "386"),
            ("riscv64", "riscv64"),
            ("x86_64", "amd64"),
            ("arm", "v6"),
            ("linux/arm/v5", "v5"),
        ];
        for (index, (architecture, contents)) in names.into_iter().enumerate() {
            let name = format!("c{index}");
            s.cd(["install", "-a", architecture, "-n", &name, &reference]).run().ok();
            assert_eq!(hello(s, &name), contents, "{architecture}");
        }
        let before = s.names();
        let unknown = s.cd(["install", "--architecture=vax", "-n", "no", &reference]).run();
        unknown.code(2).says(&["vax"]);

        push_index(&registry, "only:1", &[small("x").for_cpu("s390x", None)]);
        s.cd(["install", &registry.reference("only:1")]).run().fails(&["s390x"]);
        assert_eq!(s.names(), before);
    });
}

#[test]
fn tls_is_verified_against_what_the_user_trusts() {
    need!(Root, Tool("docker-registry"), Tool("openssl"));
    sandbox(|s| {
        let authority = Authority::new(s.path("authority"));
        let plain = Registry::start();
        small("tls").push(&plain, "app:1");
        let registry = plain.disguised(Guise { tls: Some(&authority), ..Guise::default() });
        let install = |name: &str| s.cd(["install", "-n", name, &registry.reference("app:1")]);
        install("a").run().fails(&["certificate"]);
        let stranger = Authority::new(s.path("stranger")).certificate();
        install("a").env("SSL_CERT_FILE", stranger).run().fails(&["certificate"]);
        fs::write(s.path("garbage.pem"), "no certificate\n").unwrap();
        install("a").env("SSL_CERT_FILE", s.path("garbage.pem")).run().fails(&["certificate"]);
        assert_nothing(s);
        install("a").env("SSL_CERT_FILE", authority.certificate()).run().ok();
        assert_eq!(hello(s, "a"), "tls");

        s.cd(["clear-cache"]).run().ok();
        install("b").arg("--allow-insecure").run().ok();
        assert_eq!(hello(s, "b"), "tls");
        s.cd(["clear-cache"]).run().ok();
        fs::create_dir(s.path("certs")).unwrap();
        fs::copy(authority.certificate(), s.path("certs/any-name.pem")).unwrap();
        install("c").env("SSL_CERT_DIR", s.path("certs")).run().ok();
        assert_eq!(hello(s, "c"), "tls");
    });
}

#[test]
fn a_mirror_is_asked_first_and_the_registry_stands_behind_it() {
    need!(Root, Tool("docker-registry"));
    sandbox(|s| {
        let registry = Registry::start();
        small("mirrored").push(&registry, "app:1");
        let origin = Proxy::listening(registry.port);
        let mirror = Proxy::listening(registry.port);
        let reference = origin.reference("app:1");
        let host = reference.strip_suffix("/app:1").unwrap();
        let mirrors = |port: u16| format!("{host}=http://127.0.0.1:{port}");
        s.cd(["install", "-n", "a", &reference])
            .env("CD_REGISTRY_MIRRORS", mirrors(mirror.port()))
            .run()
            .ok();
        assert_eq!(origin.blob_bytes(), 0, "the registry was asked for blobs");
        assert!(mirror.blob_bytes() > 0);

        s.cd(["clear-cache"]).run().ok();
        s.cd(["install", "-n", "b", &reference]).env("CD_REGISTRY_MIRRORS", mirrors(free_port())).run().ok();
        assert!(origin.blob_bytes() > 0);
    });
}

#[test]
fn what_is_cached_installs_offline_and_is_not_fetched_again() {
    need!(Root, Tool("docker-registry"));
    sandbox(|s| {
        let registry = Registry::start();
        small("cached").push(&registry, "app:1");
        let proxy = Proxy::listening(registry.port);
        let reference = proxy.reference("app:1");
        s.cd(["install", "-n", "a", &reference]).run().ok();
        assert!(proxy.blob_bytes() > 0);
        proxy.clear();
        s.cd(["install", "-n", "b", &reference]).run().ok();
        assert_eq!(proxy.blob_bytes(), 0, "blobs came again");

        drop((proxy, registry));
        s.cd(["install", "-n", "c", &reference]).run().ok();
        assert_eq!(hello(s, "c"), "cached");
        s.cd(["clear-cache"]).run().ok();
        s.cd(["install", "-n", "d", &reference]).run().fails(&[]);
        assert_eq!(s.names(), ["a", "b", "c"]);
    });
}

#[test]
fn a_tag_that_moved_is_noticed_and_known_layers_are_kept() {
    need!(Root, Tool("docker-registry"));
    sandbox(|s| {
        let registry = Registry::start();
        let base = tar([Entry::file("base", vec![b'x'; 200_000])]);
        let top = |text: &str| (tar([Entry::file("hello", text)]), Encoding::Plain);
        Image::new(&[(base.clone(), Encoding::Plain), top("old")]).push(&registry, "app:1");
        let proxy = Proxy::listening(registry.port);
        s.cd(["install", "-n", "a", &proxy.reference("app:1")]).run().ok();
        Image::new(&[(base, Encoding::Plain), top("new")]).push(&registry, "app:1");
        proxy.clear();
        s.cd(["install", "-n", "b", &proxy.reference("app:1")]).run().ok();
        assert_eq!((hello(s, "a"), hello(s, "b")), ("old".into(), "new".into()));
        assert!(proxy.blob_bytes() < 100_000, "the layer that did not change came again");
    });
}

#[test]
fn what_cannot_be_is_said_and_changes_nothing() {
    need!(Root, Tool("docker-registry"));
    sandbox(|s| {
        let registry = Registry::start();
        small("x").push(&registry, "app:1");
        let reference = registry.reference("app:1");
        let quick = |args: &[&str]| s.cd(args.iter().copied()).env("CD_DOWNLOAD_MAX_RETRIES", "0").run();
        quick(&["install", &format!("127.0.0.1:{}/app:1", free_port())]).fails(&["127.0.0.1"]);
        quick(&["install", "registry.invalid/app:1"]).fails(&["registry.invalid"]);
        for bad in ["-x", ".x", "a/b", "..", "", "a b", "é"] {
            quick(&["install", "--name", bad, &reference]).code(2);
        }
        let both = quick(&["install", "-n", "a", "--override-alias", "b", &reference]);
        assert_eq!(both.code, Some(2), "{both:?}");
        assert_nothing(s);

        s.cd(["install", &reference]).run().ok();
        quick(&["install", &reference]).fails(&["app", "exist"]);
        assert_eq!(hello(s, "app"), "x");
        assert_eq!(s.names(), ["app"]);
    });
}

#[test]
fn a_schema_1_manifest_is_refused_by_name() {
    need!(Root, Tool("docker-registry"));
    sandbox(|s| {
        let registry = Registry::start();
        let proxy = Proxy::start(registry.port, |request, _| match request.is_manifest() {
            true => Fault::Answer(
                Answer::new(200, r#"{"schemaVersion":1,"name":"app","tag":"1","fsLayers":[],"history":[]}"#)
                    .with("Content-Type", "application/vnd.docker.distribution.manifest.v1+prettyjws"),
            ),
            false => Fault::None,
        });
        s.cd(["install", &proxy.reference("app:1")]).run().fails(&["schema"]);
        assert_nothing(s);
    });
}

#[test]
fn quiet_says_nothing_unless_it_fails() {
    need!(Root, Tool("docker-registry"));
    sandbox(|s| {
        let registry = Registry::start();
        small("x").push(&registry, "app:1");
        let ran = s.cd(["install", "--quiet", &registry.reference("app:1")]).run().ok().prints("");
        assert_eq!(ran.err(), "");
        s.cd(["install", "-q", &registry.reference("app:1")]).run().fails(&["app"]);
    });
}

#[test]
fn an_index_within_an_index_and_a_config_within_the_manifest_are_read() {
    need!(Root, Tool("docker-registry"));
    sandbox(|s| {
        let registry = Registry::start();
        let mut image = small("nested");
        // The config stands in the manifest itself (descriptor.md, "data") and nowhere else.
        image.manifest["config"]["data"] = base64(&image.config_bytes()).into();
        push_index(&registry, "inner:1", std::slice::from_ref(&image));
        let inner = http::send(registry.port, "GET", "/v2/inner/manifests/1", &[("accept", INDEX)], b"").body;
        for blob in [&image.layers[0], &image.config_bytes()] {
            registry.put_blob("outer", blob);
        }
        registry.put_manifest("outer", &image.digest(), MANIFEST, &image.manifest_bytes());
        push_index(&registry, "outer:only-for-the-attestation", std::slice::from_ref(&image));
        registry.put_manifest("outer", &crate::support::digest(&inner), INDEX, &inner);
        let entry = crate::support::image::descriptor(INDEX, &inner);
        let outer = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [entry]}).to_string();
        registry.put_manifest("outer", "1", INDEX, outer.as_bytes());

        let config = crate::support::digest(&image.config_bytes());
        let proxy = Proxy::start(registry.port, move |request, _| match request.path.ends_with(&config) {
            true => Fault::Answer(Answer::new(404, "{}")),
            false => Fault::None,
        });
        s.cd(["install", &proxy.reference("outer:1")]).run().ok();
        assert_eq!(hello(s, "outer"), "nested");
    });
}

const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

#[test]
fn as_many_layers_come_at_once_as_there_are_workers() {
    need!(Root, Tool("docker-registry"));
    sandbox(|s| {
        use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
        let registry = Registry::start();
        let layers: Vec<_> =
            (0..8).map(|n| (tar([Entry::file(format!("f{n}"), "x")]), Encoding::Gzip)).collect();
        Image::new(&layers).push(&registry, "app:1");
        for (workers, at_least, at_most) in [("1", 1, 1), ("3", 2, 3), ("99", 2, 10), ("nonsense", 2, 4)] {
            let open = std::sync::Arc::new((AtomicUsize::new(0), AtomicUsize::new(0)));
            let counts = open.clone();
            // Each answer is late, so that those which may overlap do.
            let proxy = Proxy::start(registry.port, move |request, _| {
                if request.is_blob() {
                    let now = counts.0.fetch_add(1, SeqCst) + 1;
                    counts.1.fetch_max(now, SeqCst);
                    std::thread::sleep(std::time::Duration::from_millis(150));
                    counts.0.fetch_sub(1, SeqCst);
                }
                Fault::None
            });
            s.cd(["install", &proxy.reference("app:1")]).env("CD_DOWNLOAD_WORKERS", workers).run().ok();
            let most = open.1.load(SeqCst);
            assert!((at_least..=at_most).contains(&most), "{workers}: {most} at once");
            s.cd(["remove", "app"]).run().ok();
            s.cd(["clear-cache"]).run().ok();
        }
    });
}

#[test]
fn a_proxy_of_the_environment_is_used_except_where_it_says() {
    need!(Root, Tool("docker-registry"));
    sandbox(|s| {
        let registry = Registry::start();
        small("proxied").push(&registry, "app:1");
        // It alone knows the host, and leads to the registry whoever asks for a tunnel there.
        let port = registry.port;
        let asked = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
        let log = asked.clone();
        let proxy = http::Server::start(move |request, out| {
            log.lock().expect("log").push(format!("{} {}", request.method, request.path));
            let mut registry = http::connect(port)?;
            out.write_all(b"HTTP/1.1 200 OK\r\n\r\n")?;
            let (mut from, mut to) = (out.try_clone()?, registry.try_clone()?);
            std::thread::spawn(move || std::io::copy(&mut from, &mut to));
            std::io::copy(&mut registry, out)?;
            Ok(false)
        });
        let install = |variable: &str, value: &str| {
            let cd = s.cd(["install", "--allow-insecure", "registry.test:5000/app:1"]);
            let address = format!("http://127.0.0.1:{}", proxy.port);
            cd.env("http_proxy", &address)
                .env("https_proxy", address)
                .env("CD_DOWNLOAD_MAX_RETRIES", "0")
                .env(variable, value)
        };
        install("no_proxy", "other.test,.test").run().fails(&["registry.test"]);
        assert_eq!(*asked.lock().unwrap(), Vec::<String>::new());
        install("no_proxy", "other.test").run().ok();
        assert_eq!(hello(s, "app"), "proxied");
        assert!(asked.lock().unwrap().contains(&"CONNECT registry.test:5000".to_owned()));
    });
}
