//! `COPY --link`: a layer that depends on nothing below it.

use std::fs;

use serde_json::Value;

use crate::build::{build, context};
use crate::support::command::Ran;
use crate::support::prelude::*;

/// An image `base:1` that has a link to a directory, and the file `f`.
fn base(s: &Sandbox, text: &str) {
    context(s, "FROM scratch\nCOPY busybox /bin/busybox\nCOPY f /dir/f\nCOPY l /l\n");
    fs::write(s.path("c/f"), text).unwrap();
    fs::create_dir_all(s.path("c/l")).unwrap();
    if !s.path("c/l/link").is_symlink() {
        std::os::unix::fs::symlink("/dir", s.path("c/l/link")).unwrap();
    }
    s.cd(["build", "-q", "-t", "base:1", "c"]).current_dir(s.path("")).run().ok();
}

fn layers(s: &Sandbox) -> Vec<String> {
    let listed: Value = serde_json::from_str(&s.cd(["images", "--json", "app"]).run().ok().out()).unwrap();
    let hex = listed[0]["digest"].as_str().unwrap().strip_prefix("sha256:").unwrap().to_owned();
    let manifest = fs::read(s.data().join("images/blobs/sha256").join(hex)).unwrap();
    let manifest: Value = serde_json::from_slice(&manifest).unwrap();
    let layers = manifest["layers"].as_array().unwrap().iter();
    layers.map(|layer| layer["digest"].as_str().unwrap().to_owned()).collect()
}

fn cached(ran: &Ran) -> usize {
    ran.err().matches(" CACHED").count()
}

#[test]
fn a_linked_copy_stays_when_what_is_below_changes() {
    need!(Root, Tool("busybox"));
    on_both_kernels(|s| {
        let dockerfile = "FROM base:1\nCOPY --link --chown=5:6 sub /l/link/sub\nCOPY sub /plain\n";
        let plain = || build(s, &["--progress", "plain"]).run().ok();
        let again = |text: &str| {
            base(s, text);
            fs::write(s.path("c/Dockerfile"), dockerfile).unwrap();
        };
        again("one");
        assert_eq!(cached(&plain()), 0);
        let first = layers(s);
        again("two");
        let ran = plain();
        assert_eq!(cached(&ran), 1, "{ran:?}");
        let second = layers(s);
        assert_ne!(first[1], second[1], "the base is the same");
        assert_eq!(first[3], second[3]);
        // As BuildKit has it, a link below is not followed: a directory takes its place.
        s.cd(["install", "-q", "app"]).run().ok();
        let root = s.rootfs("app");
        assert!(root.join("l/link").symlink_metadata().unwrap().is_dir());
        assert_eq!(fs::read_to_string(root.join("l/link/sub/file")).unwrap(), "contents\n");
        assert!(root.join("plain/file").exists() && !root.join("dir/sub").exists());
        s.cd(["remove", "-q", "app"]).run().ok();
        // The same words without --link are another step.
        fs::write(s.path("c/Dockerfile"), dockerfile.replace("--link ", "")).unwrap();
        assert_eq!(cached(&plain()), 0);
    });
}

#[test]
fn a_linked_copy_of_a_stage_is_seen_by_a_run() {
    need!(Root, Tool("busybox"));
    sandbox(|s| {
        context(
            s,
            "FROM scratch AS one\nCOPY sub /sub\nFROM scratch\nCOPY busybox /bin/sh\nRUN [\"/bin/sh\", \"--install\", \"-s\", \"/bin\"]\n\
             COPY --link --from=one /sub/file /linked\nRUN cat /linked >/copied\n",
        );
        build(s, &["--install-as", "app"]).run().ok();
        assert_eq!(fs::read_to_string(s.rootfs("app").join("copied")).unwrap(), "contents\n");
    });
}
