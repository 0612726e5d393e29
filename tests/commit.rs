//! `commit`: a container becomes an image, with everything that its files are, and with a configuration that instructions
//! change.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::path::Path;

use serde_json::{Value, json};

use crate::support::command::filter;
use crate::support::image::userland;
use crate::support::listing::{Listing, listing};
use crate::support::prelude::*;

/// What a session mounts on these is not the container's, and the time of the root is nobody's.
const EXCLUDED: [&str; 5] = ["dev", "proc", "run", "sys", "tmp"];

fn tree(s: &Sandbox, name: &str) -> Listing {
    let mut tree = listing(&s.rootfs(name), &EXCLUDED);
    // These two the program writes for each container.
    for name in ["", "etc/hosts", "etc/resolv.conf"] {
        tree.remove(Path::new(name));
    }
    // Times of an image are whole seconds.
    tree.values_mut().for_each(|line| *line = without_fraction(line));
    tree
}

fn without_fraction(line: &str) -> String {
    let is_fraction = |at: &usize| {
        let digits = line.as_bytes().get(at + 1..at + 10);
        digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_digit))
    };
    let at = line.match_indices('.').map(|(at, _)| at).rfind(is_fraction).unwrap();
    format!("{}{}", &line[..at], &line[at + 10..])
}

fn blob(s: &Sandbox, digest: &Value) -> Vec<u8> {
    let hex = digest.as_str().unwrap().strip_prefix("sha256:").unwrap();
    fs::read(s.data().join("images/blobs/sha256").join(hex)).unwrap()
}

/// The manifest and the config of an image that is kept.
fn documents(s: &Sandbox, name: &str) -> (Value, Value) {
    let list: Value = serde_json::from_str(&s.cd(["images", "--json", name]).run().ok().out()).unwrap();
    let manifest: Value = serde_json::from_slice(&blob(s, &list[0]["digest"])).unwrap();
    let config = serde_json::from_slice(&blob(s, &manifest["config"]["digest"])).unwrap();
    (manifest, config)
}

/// A base whose files are changed in every way.
fn base() -> Image {
    let files = [
        Entry::file("kept", "kept"),
        Entry::file("gone", "x"),
        Entry::file("dir/a", "1"),
        Entry::hard_link("dir/b", "dir/a"),
        Entry::file("dir/mode", "m"),
        Entry::file("was-file", "x"),
        Entry::file("was-dir/x", "x"),
        Entry::file("anew/old", "x"),
    ];
    let image = Image::new(&[(tar(files), Encoding::Gzip), (userland(), Encoding::Gzip)]);
    let image = image.with("Cmd", json!(["/bin/sh"]));
    image.with("Env", json!(["PATH=/usr/bin:/bin", "MODE=old"]))
}

fn change(root: &Path) {
    let at = |name: &str| root.join(name);
    fs::remove_file(at("gone")).unwrap();
    fs::write(at("dir/b"), "both").unwrap();
    fs::hard_link(at("kept"), at("kept-too")).unwrap();
    fs::set_permissions(at("dir/mode"), fs::Permissions::from_mode(0o4711)).unwrap();
    fs::remove_file(at("was-file")).unwrap();
    fs::create_dir(at("was-file")).unwrap();
    fs::write(at("was-file/in"), "x").unwrap();
    fs::remove_dir_all(at("was-dir")).unwrap();
    symlink("kept", at("was-dir")).unwrap();
    fs::remove_dir_all(at("anew")).unwrap();
    fs::create_dir(at("anew")).unwrap();
    chown(at("anew"), Some(7), Some(8)).unwrap();
    let attribute = rustix::fs::setxattr(at("kept"), "trusted.x", b"1", rustix::fs::XattrFlags::empty());
    attribute.unwrap();
    let fifo = rustix::fs::FileType::Fifo;
    rustix::fs::mknodat(rustix::fs::CWD, at("fifo"), fifo, 0o600.into(), 0).unwrap();
    drop(std::os::unix::net::UnixListener::bind(at("socket")).unwrap());
}

#[test]
fn an_image_has_what_the_container_has() {
    need!(Root);
    on_both_kernels(|s| {
        make_of(s, "c", &base());
        login(s, &[], "echo hello > /root/note").run().ok();
        change(&s.rootfs("c"));
        let diff = s.cd(["diff", "c"]).run().ok().out();
        s.cd(["commit", "c", "mine:1"]).run().ok().prints("");
        assert_eq!(s.cd(["diff", "c"]).run().ok().out(), diff, "the container is as it was");
        s.cd(["install", "-q", "-n", "twin", "mine:1"]).run().ok();
        fs::remove_file(s.rootfs("c").join("socket")).unwrap();
        assert_eq!(tree(s, "twin"), tree(s, "c"));
        let (manifest, config) = documents(s, "mine:1");
        assert_eq!(manifest["layers"].as_array().unwrap().len(), 3);
        assert_eq!(config["rootfs"]["diff_ids"].as_array().unwrap().len(), 3);
        assert_eq!(config["config"]["Cmd"], json!(["/bin/sh"]));
        assert_eq!(
            config["history"].as_array().unwrap().last().unwrap()["created_by"],
            "chroot-distro commit"
        );
        assert_eq!(config["created"], config["history"].as_array().unwrap().last().unwrap()["created"]);
        // On top of that, only what is new: nothing is deleted twice.
        fs::write(s.rootfs("twin").join("more"), "x").unwrap();
        s.cd(["commit", "-q", "twin", "mine:2"]).run().ok();
        let (manifest, _) = documents(s, "mine:2");
        let layers = manifest["layers"].as_array().unwrap();
        assert_eq!(layers.len(), 4);
        assert_eq!(entries(&blob(s, &layers[3]["digest"])), ["more"]);
        s.assert_store();
    });
}

/// The names in a gzipped layer.
fn entries(layer: &[u8]) -> Vec<String> {
    let names = filter("tar", ["tzf", "-"], layer);
    String::from_utf8(names).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn instructions_change_the_configuration() {
    need!(Root);
    sandbox(|s| {
        make_of(s, "c", &base());
        let changes = [
            "ENTRYPOINT [\"/bin/app\", \"pidfile=xyz.pid\"]",
            "ENV MODE=new PATH=$PATH:/opt",
            "EXPOSE 80 53/udp",
            "LABEL a=\"b c\" MODE=${MODE}",
            "USER 5:6",
            "VOLUME /v",
            "WORKDIR /w",
            "WORKDIR x",
            "STOPSIGNAL SIGINT",
            "HEALTHCHECK --interval=5s CMD true",
            "SHELL [\"/bin/ash\", \"-c\"]",
            "ONBUILD RUN make",
        ];
        let options = changes.iter().flat_map(|change| ["--change", change]);
        let args = ["commit", "-q", "-m", "a note", "--author", "Me"].into_iter().chain(options);
        s.cd(args.chain(["c", "mine"])).env("SOURCE_DATE_EPOCH", "86400").run().ok();
        let (_, config) = documents(s, "mine");
        let expected = json!({
            "Entrypoint": ["/bin/app", "pidfile=xyz.pid"],
            "Env": ["PATH=/usr/bin:/bin:/opt", "MODE=new"],
            "ExposedPorts": {"80/tcp": {}, "53/udp": {}},
            "Labels": {"a": "b c", "MODE": "new"},
            "User": "5:6",
            "Volumes": {"/v": {}},
            "WorkingDir": "/w/x",
            "StopSignal": "SIGINT",
            "Healthcheck": {"Test": ["CMD-SHELL", "true"], "Interval": 5_000_000_000u64},
            "Shell": ["/bin/ash", "-c"],
            "OnBuild": ["RUN make"],
        });
        assert_eq!(config["config"], expected);
        let last = config["history"].as_array().unwrap().last().unwrap();
        // Nothing has changed in its files: no layer.
        let entry = json!({"created": "1970-01-02T00:00:00Z", "created_by": "chroot-distro commit", "author": "Me",
            "comment": "a note", "empty_layer": true});
        assert_eq!((last, &config["author"]), (&entry, &json!("Me")));
        assert_eq!(config["rootfs"]["diff_ids"].as_array().unwrap().len(), 2);
        s.cd(["commit", "-q", "--change", "CMD []", "--change", "ENTRYPOINT []", "c", "none"]).run().ok();
        let (_, config) = documents(s, "none");
        assert_eq!((config["config"].get("Cmd"), config["config"].get("Entrypoint")), (None, None));
    });
}

#[test]
fn what_is_no_such_instruction_is_refused_before_anything_is_read() {
    need!(Root);
    sandbox(|s| {
        make(s);
        for (change, words) in [
            ("RUN make", "does not change an image's configuration"),
            ("COPY a b", "does not change an image's configuration"),
            ("FROM alpine", "no instruction for an existing image"),
            ("CMD a\nUSER b", "more than one instruction"),
            ("# nothing", "is no instruction"),
            ("", "is no instruction"),
            ("CMD=sleep 5", "as in a Dockerfile"),
            ("ONBUILD FROM x", "ONBUILD"),
            ("HEALTHCHECK --often CMD a", "--often"),
        ] {
            let ran = s.cd(["commit", "--change", change, "c", "mine"]).run();
            assert_eq!((ran.code, ran.err().contains(words)), (Some(2), true), "{change}: {ran:?}");
        }
        s.cd(["commit", "--change", "EXPOSE x", "c", "mine"]).run().fails(&["'x' is no port"]);
        let digest = format!("mine@sha256:{}", "0".repeat(64));
        s.cd(["commit", "c", &digest]).run().code(2);
        s.cd(["commit", "c", "Mine:?"]).run().code(2);
        s.cd(["commit", "d", "mine"]).run().fails(&["there is no container 'd'"]);
        assert_eq!(s.cd(["images", "-q"]).run().ok().out(), "");
    });
}

#[test]
fn a_container_of_no_image_becomes_one_layer() {
    need!(Root);
    sandbox(|s| {
        fs::write(
            s.path("root.tar"),
            tar([
                Entry::dir("bin"),
                Entry::dir("etc"),
                Entry::file("a", "1").owner(3, 4),
                Entry::dir("tmp").mode(0o1777),
            ]),
        )
        .unwrap();
        s.cd(["install", "-q", "-n", "bare", "/tmp/root.tar"]).run().ok();
        fs::write(s.rootfs("bare").join("b"), "2").unwrap();
        s.cd(["commit", "-q", "--change", "CMD /a", "bare", "mine"]).run().ok();
        let (manifest, config) = documents(s, "mine");
        assert_eq!(manifest["layers"].as_array().unwrap().len(), 1);
        assert_eq!(config["config"], json!({"Cmd": ["/bin/sh", "-c", "/a"]}));
        s.cd(["install", "-q", "-n", "twin", "mine"]).run().ok();
        let stat = |name: &str| fs::metadata(s.rootfs("twin").join(name)).unwrap();
        assert_eq!((stat("a").uid(), stat("tmp").mode() & 0o7777), (3, 0o1777));
        assert_eq!(fs::read_to_string(s.rootfs("twin").join("b")).unwrap(), "2");
    });
}

#[test]
fn without_the_layers_of_its_image_there_is_no_commit() {
    need!(Root, Tool("docker-registry"));
    sandbox(|s| {
        let registry = Registry::start();
        base().push(&registry, "app:1");
        let name = registry.reference("app:1");
        s.cd(["install", "-q", "-n", "c", &name]).run().ok();
        s.cd(["clear-cache", "-q"]).run().ok();
        s.cd(["commit", "c", "mine"]).run().fails(&["2 of the 2 layers", "chroot-distro pull", &name]);
        s.cd(["pull", "-q", &name]).run().ok();
        s.cd(["commit", "-q", "c", "mine"]).run().ok();
        assert_eq!(documents(s, "mine").0["layers"].as_array().unwrap().len(), 2);
        // An image of its own name: the name moves, and the old one stays without.
        s.cd(["commit", "-q", "--change", "USER 1", "c", "mine"]).run().ok();
        assert!(s.cd(["images"]).run().ok().out().contains("<none>"));
    });
}

/// An account of a high number makes a `lastlog` of a terabyte that holds a few hundred bytes.
#[test]
fn a_huge_file_of_zeros_is_a_small_layer() {
    need!(Root);
    sandbox(|s| {
        make(s);
        let (size, middle) = (1 << 40, 700 << 30);
        let file = fs::File::create(s.rootfs("c").join("lastlog")).unwrap();
        file.set_len(size).unwrap();
        std::os::unix::fs::FileExt::write_all_at(&file, b"login", middle).unwrap();
        s.cd(["commit", "-q", "c", "mine"]).run().ok();
        let (manifest, _) = documents(s, "mine");
        let layer = blob(s, &manifest["layers"].as_array().unwrap().last().unwrap()["digest"]);
        assert!(layer.len() < 10_000, "{} bytes", layer.len());
        let listed = String::from_utf8(filter("tar", ["tvzf", "-"], &layer)).unwrap();
        assert!(listed.contains(&size.to_string()) && listed.contains("lastlog"), "{listed}");
        s.cd(["install", "-q", "-n", "twin", "mine"]).run().ok();
        let twin = fs::File::open(s.rootfs("twin").join("lastlog")).unwrap();
        let mut text = [0; 7];
        std::os::unix::fs::FileExt::read_exact_at(&twin, &mut text, middle - 1).unwrap();
        assert_eq!((&text, twin.metadata().unwrap().len()), (b"\0login\0", size));
    });
}

#[test]
fn a_running_container_is_committed_without_what_is_mounted() {
    need!(Root);
    sandbox(|s| {
        make(s);
        fs::create_dir(s.path("shared")).unwrap();
        fs::write(s.path("shared/secret"), "x").unwrap();
        let bind = format!("{}:/mnt", s.path("shared").display());
        let script = "echo 1 > /mine; echo ready > /mnt/ready; exec sleep 600";
        let session = login(s, &["--bind", &bind], script).spawn();
        appears(&s.path("shared/ready"));
        s.cd(["commit", "-q", "c", "mine"]).run().ok();
        end(session);
        let (manifest, _) = documents(s, "mine");
        let layer = manifest["layers"].as_array().unwrap().last().unwrap();
        assert_eq!(entries(&blob(s, &layer["digest"])), ["mine"]);
    });
}
