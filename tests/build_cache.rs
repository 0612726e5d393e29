//! The cache of builds: what it gives to other machines, and how much it may hold.

use std::fs;

use crate::build::{SHELL, build, context};
use crate::support::command::Ran;
use crate::support::prelude::*;

fn cached(ran: &Ran) -> usize {
    ran.err().matches(" CACHED").count()
}

#[test]
fn steps_of_another_machine_come_from_a_directory() {
    need!(Root, Tool("busybox"));
    sandbox(|s| {
        context(s, &format!("{SHELL}RUN echo x >/made\n"));
        build(s, &["--cache-from", "type=local,src=shared", "--cache-to", "type=local,dest=shared"])
            .run()
            .ok();
        let blobs = || fs::read_dir(s.path("shared")).unwrap().count();
        assert_eq!(blobs(), 4, "three layers and their list");
        let elsewhere = |args: &[&str]| {
            build(s, args)
                .env("XDG_CACHE_HOME", s.path("other"))
                .env("XDG_DATA_HOME", s.path("other-data"))
                .run()
        };
        let ran = elsewhere(&["--cache-from", "type=local,src=shared"]).ok();
        assert_eq!(cached(&ran), 3, "{ran:?}");
        ran.says(&["'shared': 3 steps"]);
        // A second export adds nothing, and takes nothing away.
        build(s, &["--cache-to", "type=local,dest=shared"]).run().ok().says(&["Exported 0"]);
        assert_eq!(blobs(), 4);
        // What is damaged is left out, and its step runs.
        let blob = fs::read_dir(s.path("shared"))
            .unwrap()
            .flatten()
            .find(|entry| entry.file_name().to_string_lossy().starts_with("sha256_"));
        let blob = blob.unwrap().path();
        let size = fs::metadata(&blob).unwrap().len() as usize;
        fs::write(&blob, vec![0; size]).unwrap();
        tool("rm", ["-rf".as_ref(), s.path("other").as_os_str(), s.path("other-data").as_os_str()]);
        let ran = elsewhere(&["--cache-from", "type=local,src=shared"]).ok();
        assert!(cached(&ran) < 3 && ran.err().contains("is left out"), "{ran:?}");
        fs::create_dir(s.path("no-cache")).unwrap();
        fs::write(s.path("no-cache/file"), "").unwrap();
        build(s, &["--cache-from", "type=local,src=no-cache"]).run().code(1);
        build(s, &["--cache-from", "type=s3,src=x"]).run().code(2);
        build(s, &["--cache-to", "type=local"]).run().code(2);
    });
}

#[test]
fn a_base_image_is_unpacked_once_where_a_run_follows() {
    need!(Root, Tool("busybox"));
    sandbox(|s| {
        context(s, "FROM base:1\nUSER 7\nWORKDIR /w\nCOPY sub /sub\nRUN cat /sub/file >/tmp/copied\n");
        make(s);
        s.cd(["commit", "-q", "c", "base:1"]).run().ok();
        let kept = |ending: &str| {
            let entries = fs::read_dir(s.cache().join("build_trees")).into_iter().flatten().flatten();
            entries.filter(|entry| entry.path().extension().is_some_and(|found| found == ending)).count()
        };
        build(s, &[]).run().ok();
        // The index alone is written where the layers were read for it.
        assert_eq!(kept("index"), 0);
        fs::write(s.path("c/Dockerfile"), "FROM base:1\nCOPY sub /other\n").unwrap();
        build(s, &[]).run().ok();
        assert_eq!(kept("index"), 0);
        tool("rm", ["-rf".as_ref(), s.cache().join("build_trees").as_os_str()]);
        build(s, &["--no-cache"]).run().ok();
        assert_eq!((kept("index"), kept("lock")), (1, 0), "no RUN: no tree");
    });
}

#[test]
fn steps_of_another_machine_come_from_a_registry() {
    need!(Root, Tool("busybox"), Tool("docker-registry"));
    sandbox(|s| {
        let registry = Registry::start();
        let name = registry.reference("me/cache:1");
        let place = format!("type=registry,ref={name}");
        context(s, &format!("{SHELL}RUN echo x >/made\n"));
        let on = |machine: &str, args: &[&str]| {
            let (cache, data) = (s.path(machine), s.path(&format!("{machine}-data")));
            let cd = build(s, &[&["--allow-insecure"], args].concat());
            cd.env("XDG_CACHE_HOME", cache).env("XDG_DATA_HOME", data).run()
        };
        on("a", &["--cache-from", &place, "--cache-to", &place])
            .ok()
            .says(&["no build cache", "Exported 3 steps"]);
        // What nobody needs is not fetched: the last step alone differs, and comes back.
        for from in [place.as_str(), &name] {
            let ran = on(if from == place { "b" } else { "c" }, &["--cache-from", from]).ok();
            assert_eq!(cached(&ran), 3, "{ran:?}");
        }
        context(s, &format!("{SHELL}RUN echo y >/made\n"));
        on("b", &["--cache-to", &format!("{place},mode=max")]).ok().says(&["Exported 1 steps"]);
        let ran = on("d", &["--cache-from", &place]).ok();
        assert_eq!(cached(&ran), 3, "{ran:?}");
        let blobs = fs::read_dir(s.path("d/chroot-distro/oci_layers")).unwrap().count();
        assert_eq!(blobs, 4, "three layers and the list");
        // An image is no cache, and a registry that is away stops nothing.
        let image = Image::of([Entry::file("a", "x")]);
        image.push(&registry, "me/image:1");
        on("e", &["--cache-from", &registry.reference("me/image:1")]).ok().says(&["no build cache"]);
        let ran = on("e", &["--cache-from", "127.0.0.1:1/me/cache:1"]).ok();
        ran.says(&["warning", "import the build cache '127.0.0.1:1/me/cache:1'"]);
        on("e", &["--cache-to", "type=registry,ref=127.0.0.1:1/me/cache:1"]).code(1);
    });
}

#[test]
fn the_cache_holds_no_more_than_it_may() {
    need!(Root, Tool("busybox"));
    sandbox(|s| {
        context(
            s,
            &format!("{SHELL}FROM shell\nRUN --mount=type=cache,target=/c echo >/c/x; echo x >/made\n"),
        );
        let count = |name: &str| fs::read_dir(s.cache().join(name)).map_or(0, Iterator::count);
        let kept = || (count("build_cache"), count("build_mounts"));
        build(s, &[]).run().ok();
        assert_eq!(kept(), (3, 1));
        build(s, &[]).env("CD_BUILD_CACHE_MAX", "1G").run().ok();
        assert_eq!(kept(), (3, 1));
        // The layers are those of the kept image: they take no room of their own.
        build(s, &[]).env("CD_BUILD_CACHE_MAX", "1").run().ok();
        assert_eq!(kept(), (3, 0));
        build(s, &[]).env("CD_BUILD_CACHE_MAX", "much").run().code(2);
        s.cd(["clear-cache", "--build-cache"]).run().ok();
        assert_eq!(kept(), (0, 0));
        s.cd(["install", "app"]).run().ok();
        s.assert_store();
    });
}
