//! Where `install` reads from: several images in one line, standard input, addresses and registries that are not as the
//! standards say, and files that go on behind their end.

use std::fs;

use crate::support::prelude::*;
use crate::support::{self, http};

fn rootfs(text: &str) -> Vec<u8> {
    tar([Entry::dir("bin"), Entry::dir("etc"), Entry::file("etc/x", text)])
}

fn assert_rootfs(s: &Sandbox, name: &str, text: &str) {
    assert_eq!(fs::read_to_string(s.rootfs(name).join("etc/x")).expect("etc/x"), text);
}

#[test]
fn several_images_make_several_containers() {
    need!(Root);
    sandbox(|s| {
        for name in ["a", "b", "c"] {
            fs::write(s.path(&format!("{name}.tar")), rootfs(name)).unwrap();
        }
        fs::create_dir(s.path("other")).unwrap();
        fs::copy(s.path("a.tar"), s.path("other/a.tar.gz")).unwrap();
        let file = |name: &str| format!("/tmp/{name}");
        s.cd(["install", "-q", &file("a.tar"), &file("b.tar")]).run().ok();
        assert_rootfs(s, "a", "a");
        assert_rootfs(s, "b", "b");
        // One that fails hides no other.
        let told = s.cd(["install", &file("a.tar"), &file("c.tar"), &file("b.tar")]).run();
        told.fails(&["container 'a' already exists", "container 'b' already exists", "2 of 3 failed"]);
        assert_rootfs(s, "c", "c");
        s.cd(["remove", "-q", "a", "b", "c"]).run().ok();
        // What cannot be meant is refused before anything is made.
        for (line, told) in [
            (&["install", "-n", "x", "/tmp/a.tar", "/tmp/b.tar"][..], "'--name' gives one name"),
            (&["install", "/tmp/b.tar", "/tmp/a.tar", "/tmp/other/a.tar.gz"], "would both be called 'a'"),
            (&["install", "/tmp/a.tar", "ftp://127.0.0.1/x"], "'ftp://' is not supported"),
        ] {
            s.cd(line.iter().copied()).run().code(2).says(&[told]);
        }
        s.cd(["install", "/tmp/a.tar", "/tmp/absent.tar"]).run().fails(&["absent.tar"]);
        assert_eq!(s.names(), Vec::<String>::new());
    });
}

#[test]
fn an_archive_comes_on_standard_input() {
    need!(Root);
    sandbox(|s| {
        let archive = Encoding::Gzip.encode(&rootfs("piped"));
        s.cd(["install", "-", "--name", "a"]).stdin(archive.clone()).run().ok();
        s.cd(["install", "-n", "b", "--", "-"]).stdin(archive).run().ok();
        let image = Image::new(&[(tar([Entry::file("a", "1")]), Encoding::Plain)]);
        s.cd(["install", "-n", "c", "-"]).stdin(image.saved("app:1")).run().ok();
        assert_rootfs(s, "a", "piped");
        assert_rootfs(s, "b", "piped");
        assert_tree(&s.rootfs("c"), &tree! {"a" => file("1")});
        s.cd(["install", "-"]).stdin(rootfs("")).run().code(2).says(&["'--name NAME'"]);
        s.cd(["install", "-", "-n", "d"]).stdin("").run().fails(&["standard input", "empty"]);
        s.cd(["install", "-", "-n", "d"]).stdin("text").run().fails(&["standard input", "neither a tar"]);
        let mut terminal = s.on_terminal(["install", "-", "-n", "d"]);
        terminal.expect("standard input is a terminal");
        assert_eq!(terminal.ends(), 2);
        assert_eq!(s.names(), ["a", "b", "c"]);
    });
}

#[test]
fn behind_the_end_of_compressed_data_only_zeros_are_taken() {
    need!(Root, Tool("xz"), Tool("bzip2"), Tool("zstd"));
    sandbox(|s| {
        for encoding in [Encoding::Gzip, Encoding::Bzip2, Encoding::Xz, Encoding::Lzma, Encoding::Zstd] {
            let archive = encoding.encode(&rootfs("x"));
            fs::write(s.path("r.tar"), [&archive[..], &[0; 1001]].concat()).unwrap();
            let ran = s.cd(["install", "/tmp/r.tar"]).run().ok();
            assert!(!ran.err().contains("warning"), "{}", ran.err());
            assert_rootfs(s, "r", "x");
            s.cd(["remove", "-q", "r"]).run().ok();
            fs::write(s.path("r.tar"), [&archive[..], b"\n<!-- served by -->"].concat()).unwrap();
            let told = "something follows the end of the compressed data";
            s.cd(["install", "/tmp/r.tar"]).run().fails(&["r.tar", told]);
            assert_eq!(s.names(), Vec::<String>::new());
        }
    });
}

#[test]
fn a_blank_in_an_address_is_encoded() {
    need!(Root);
    sandbox(|s| {
        let server = http::files(vec![("/my%20files/r%C3%BCck%20(1).tar".into(), rootfs("blank"))]);
        let proxy = Proxy::start(server.port, |request, _| match request.path.as_str() {
            "/moved" => Fault::Answer(Answer::new(302, "").with("Location", "/my files/rück (1).tar")),
            "/half" => Fault::Answer(Answer::new(302, "").with("Location", "/my%20files/rück (1).tar")),
            _ => Fault::None,
        });
        let url = |path: &str| format!("http://127.0.0.1:{}{path}", proxy.port());
        for (name, path) in [
            ("typed", "/my files/rück (1).tar"),
            ("encoded", "/my%20files/r%C3%BCck%20(1).tar"),
            ("moved", "/moved"),
            ("half", "/half"),
        ] {
            s.cd(["install", "-n", name, &url(path)]).run().ok();
            assert_rootfs(s, name, "blank");
        }
    });
}

#[test]
fn a_blob_that_the_registry_lost_is_told_as_that() {
    need!(Root, Tool("docker-registry"));
    sandbox(|s| {
        let registry = Registry::start();
        let image = Image::of([Entry::file("hello", "x")]);
        image.push(&registry, "app:1");
        let config = support::digest(&image.config_bytes());
        for lost_config in [false, true] {
            s.cd(["clear-cache", "-q"]).run().ok();
            let config = config.clone();
            let proxy = Proxy::start(registry.port, move |request, _| {
                match request.is_blob() && request.path.ends_with(&config) == lost_config {
                    true => Fault::Answer(Answer::new(404, r#"{"errors": [{"code": "BLOB_UNKNOWN"}]}"#)),
                    false => Fault::None,
                }
            });
            let told = s.cd(["install", &proxy.reference("app:1")]).run();
            let told = told.fails(&["has lost this part of the image", "push the image again"]);
            assert!(!told.err().contains("check the image's name"), "{}", told.err());
        }
        assert_eq!(s.names(), Vec::<String>::new());
    });
}

#[test]
fn a_failure_says_each_thing_once_and_what_to_try() {
    need!(Root, Tool("docker-registry"));
    sandbox(|s| {
        let registry = Registry::start();
        Image::of([Entry::file("hello", "x")]).push(&registry, "app:1");
        let image = registry.reference("app:9");
        let told =
            s.cd(["install", &image]).run().fails(&[&format!("install 'app': no such image: {image}")]);
        assert_eq!(
            told.err().matches("127.0.0.1").count(),
            2,
            "once before, once in the error: {}",
            told.err()
        );
        // A file of that name was meant; a directory only if it is a layout.
        fs::create_dir(s.path("home/dir")).unwrap();
        fs::write(s.path("home/app"), "x").unwrap();
        let closed = crate::support::registry::free_port();
        let mirror = format!("*=http://127.0.0.1:{closed}");
        for (typed, is_file) in [("app", true), ("dir", false), ("none.tar", false)] {
            let ran = s
                .cd(["install", typed])
                .env("CD_REGISTRY_MIRRORS", &mirror)
                .env("CD_MAX_RETRIES", "0")
                .env("https_proxy", format!("http://127.0.0.1:{closed}"))
                .run()
                .fails(&[]);
            let hint = format!("there is a file '{typed}' here; to install it, type './{typed}'");
            assert_eq!(ran.err().contains(&hint), is_file, "{}", ran.err());
        }
    });
}

#[test]
fn a_name_that_is_none_leads_to_the_container_or_the_image() {
    need!(Root);
    sandbox(|s| {
        s.cd(["login", "ubuntu"]).run().code(125).says(&["to install one: chroot-distro install ubuntu"]);
        s.cd(["login", "Box"]).run().code(125).says(&["to install one: chroot-distro install alpine"]);
        fs::write(s.path("tiny.tar"), rootfs("x")).unwrap();
        s.cd(["install", "-q", "/tmp/tiny.tar"]).run().ok();
        for image in ["tiny:1", "localhost:5000/me/tiny", "me/tiny@sha256:x"] {
            let ran = s.cd(["login", image]).run().code(2).says(&["cannot name a container"]);
            let knows = ran.err().contains("did you mean the container 'tiny'?");
            assert_eq!(knows, !image.contains('@'), "{}", ran.err());
        }
        s.cd(["remove", "tiny:1"]).run().code(2).says(&["did you mean the container 'tiny'?"]);
        assert_eq!(s.names(), ["tiny"]);
    });
}
