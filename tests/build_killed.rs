//! Kills at named moments of a build: what is kept is whole, nothing half-made is left, and the next build succeeds.
//!
//! The program needs the feature `fault-points`; a moment that it does not reach fails the test.

use std::fs;

use crate::support::prelude::*;

/// A base image whose tree is unpacked and kept, and a RUN on it.
fn context(s: &Sandbox) {
    let busybox = crate::support::need::program("busybox").unwrap();
    fs::create_dir_all(s.path("c")).unwrap();
    fs::copy(busybox, s.path("c/busybox")).unwrap();
    fs::write(s.path("c/Dockerfile"), "FROM base\nRUN echo new >/new; rm /gone\nCOPY busybox /copied\n")
        .unwrap();
}

/// A context, and the image that it begins with.
fn scene(s: &Sandbox) {
    context(s);
    make(s);
    fs::write(s.rootfs("c").join("gone"), "x").unwrap();
    s.cd(["commit", "-q", "c", "base"]).run().ok();
}

fn build(s: &Sandbox) -> Cd {
    s.cd(["build", "-q", "-t", "app", "c"]).current_dir(s.path(""))
}

fn count(s: &Sandbox, directory: &str) -> usize {
    fs::read_dir(s.cache().join(directory)).map_or(0, Iterator::count)
}

#[test]
fn a_build_is_there_as_a_whole_or_not_at_all() {
    need!(Root, Tool("busybox"));
    on_both_kernels(|s| {
        scene(s);
        let images = || s.cd(["images", "-q", "app"]).run().out();
        for moment in [
            "tree.filled",
            "tree.kept",
            "stage.work",
            "stage.laid_out",
            "new_blob.written:0",
            "new_blob.written:1",
            "new_image.layers",
            "images.synced",
        ] {
            s.cd(["clear-cache", "-q"]).run().ok();
            let ran = build(s).env("CD_FAULT", moment).run();
            assert!(ran.code != Some(0), "{moment} was not reached: {ran:?}");
            assert_eq!(images(), "", "{moment}");
            s.assert_store();
            // Steps that were made are not made again, and what is left of the killed one goes.
            build(s).run().ok();
            assert_eq!(count(s, "build_scratch"), 0, "{moment}");
            s.cd(["install", "-q", "-n", "app", "app"]).run().ok();
            let root = s.rootfs("app");
            assert_eq!(fs::read_to_string(root.join("new")).unwrap(), "new\n", "{moment}");
            assert!(root.join("copied").exists() && !root.join("gone").exists(), "{moment}");
            s.cd(["remove", "-q", "app"]).run().ok();
            s.cd(["rmi", "-q", "app"]).run().ok();
        }
    });
}

#[test]
fn a_deletion_of_what_builds_cached_leaves_what_the_next_build_can_use() {
    need!(Root, Tool("busybox"));
    on_both_kernels(|s| {
        scene(s);
        for nth in 0..4 {
            build(s).run().ok();
            let moment = format!("build_cache.delete:{nth}");
            let clear = || s.cd(["clear-cache", "-q", "--build-cache"]);
            let ran = clear().env("CD_FAULT", &moment).run();
            assert_eq!(ran.signal, Some(9), "{moment} was not reached: {ran:?}");
            s.cd(["rmi", "-q", "app"]).run().ok();
            build(s).run().ok();
            s.cd(["install", "-q", "-n", "app", "app"]).run().ok();
            assert_eq!(fs::read_to_string(s.rootfs("app").join("new")).unwrap(), "new\n", "{moment}");
            s.cd(["remove", "-q", "app"]).run().ok();
            clear().run().ok();
            assert_eq!((count(s, "build_cache"), count(s, "build_trees")), (0, 0), "{moment}");
        }
    });
}
