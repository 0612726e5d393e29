//! Archives that mean harm: each is refused or does no harm, nothing outside the root is touched or read into it,
//! and of a refused one nothing is made. On both path resolvers, and through login and removal too.

use std::fs;
use std::path::Path;

use serde_json::json;

use crate::support::prelude::*;

/// Installs `layers` as `h`; when that succeeds, enters and removes it. The sandbox watches the canaries. Whether
/// it installed.
fn survive(s: &Sandbox, layers: Vec<Vec<Entry>>) -> bool {
    let layers: Vec<_> = layers.into_iter().map(|entries| (tar(entries), Encoding::Gzip)).collect();
    survive_image(s, &Image::new(&layers))
}

fn survive_image(s: &Sandbox, image: &Image) -> bool {
    image.write_layout(&s.path("layout"), "latest");
    let ran = s.cd(["install", "-n", "h", "/tmp/layout"]).run();
    s.assert_canaries();
    if ran.code != Some(0) {
        let ran = ran.fails(&[]);
        assert!(!ran.err().contains("panicked"), "{}", ran.err());
        assert!(!s.rootfs("h").exists(), "half-made: {}", ran.err());
        assert_eq!(s.names(), Vec::<String>::new());
        return false;
    }
    assert_no_secret(&s.rootfs("h"));
    // Most of these have no shell: how it ends is of no interest, but what it did on the way is.
    s.cd(["login", "h", "--", "/bin/true"]).run();
    s.assert_canaries();
    true
}

/// And is done with it.
fn removed(s: &Sandbox) {
    s.cd(["remove", "h"]).run().ok();
    s.assert_canaries();
    assert!(!s.data().join("containers/h").exists());
}

/// No file below `dir` holds the canary's secret.
fn assert_no_secret(dir: &Path) {
    for entry in fs::read_dir(dir).expect("a directory").flatten() {
        let kind = entry.file_type().expect("a type");
        if kind.is_dir() {
            assert_no_secret(&entry.path());
        } else if kind.is_file() {
            let text = fs::read(entry.path()).expect("a file");
            assert!(!text.starts_with(b"TOPSECRET"), "{} leaks the canary", entry.path().display());
        }
    }
}

/// Harmless or refused: either is right.
macro_rules! contained {
    ($($name:ident: [$($layer:expr),* $(,)?])*) => {$(
        #[test]
        fn $name() {
            need!(Root);
            on_both_kernels(|s| {
                if survive(s, vec![$($layer.into()),*]) {
                    removed(s);
                }
            });
        }
    )*};
}

/// The way out of a root to the canaries, from anywhere.
const UP: &str = "../../../../../../../../../../../../tmp/canary";

contained! {
    a_name_that_climbs: [[Entry::file(format!("{UP}/evil"), "x")]]
    a_name_that_climbs_in_the_middle: [[Entry::file(format!("a/b/{UP}/evil"), "x")]]
    an_absolute_name: [[Entry::file("/tmp/canary/evil", "x")]]
    a_file_through_an_absolute_link: [[Entry::symlink("l", "/tmp/canary"), Entry::file("l/evil", "x")]]
    a_file_through_a_climbing_link: [[Entry::symlink("l", UP), Entry::file("l/evil", "x")]]
    a_file_through_a_link_of_a_lower_layer: [[Entry::symlink("l", UP)], [Entry::file("l/evil", "x")]]
    a_file_through_a_chain_of_links: [[
        Entry::symlink("a", ".."), Entry::symlink("b", "a/.."), Entry::symlink("c", "b/../../../../../../../tmp"),
        Entry::file("c/canary/evil", "x"),
    ]]
    a_directory_that_becomes_a_link: [[
        Entry::dir("d"), Entry::file("d/x", ""), Entry::symlink("d", UP), Entry::file("d/evil", "x"),
    ]]
    a_file_over_a_link_to_a_file: [[Entry::symlink("l", "/tmp/canary/secret"), Entry::file("l", "EVIL")]]
    a_directory_over_a_link_to_a_directory: [[
        Entry::symlink("l", "/tmp/canary/dir"), Entry::dir("l").mode(0o777).owner(1000, 1000),
    ]]
    a_hard_link_to_outside: [[Entry::hard_link("h", format!("{UP}/secret"))]]
    a_hard_link_to_an_absolute_name: [[Entry::hard_link("h", "/tmp/canary/secret")]]
    a_hard_link_through_a_link: [[Entry::symlink("l", "/tmp/canary"), Entry::hard_link("h", "l/secret")]]
    a_hard_link_to_a_link_then_written: [[
        Entry::symlink("l", "/tmp/canary/secret"), Entry::hard_link("h", "l"), Entry::file("h", "EVIL"),
    ]]
    a_hard_link_in_a_linked_directory: [[
        Entry::file("f", "x"), Entry::symlink("l", "/tmp/canary"), Entry::hard_link("l/evil", "f"),
    ]]
    a_whiteout_of_the_parent: [[Entry::file("f", "")], [Entry::file(".wh...", "")]]
    a_whiteout_of_itself: [[Entry::file("f", "")], [Entry::file(".wh..", "")]]
    a_whiteout_of_no_name: [[Entry::file("f", "")], [Entry::file(".wh.", "")]]
    a_whiteout_through_a_link: [
        [Entry::symlink("l", "/tmp/canary")], [Entry::file("l/.wh.secret", ""), Entry::file("l/.wh.dir", "")],
    ]
    an_opaque_marker_through_a_link: [
        [Entry::symlink("l", "/tmp/canary")], [Entry::file("l/.wh..wh..opq", "")],
    ]
    a_whiteout_that_climbs: [[Entry::file("f", "")], [Entry::file(format!("{UP}/.wh.secret"), "")]]
    a_fifo_then_written: [[Entry::fifo("p"), Entry::file("p", "x")]]
    a_device_then_written: [[Entry::device("n", 1, 1), Entry::file("n", "x")]]
    a_hard_link_to_a_fifo_then_written: [[Entry::fifo("p"), Entry::hard_link("h", "p"), Entry::file("h", "x")]]
    the_root_as_a_link: [[Entry::symlink(".", "/tmp/canary"), Entry::file("evil", "x")]]
    the_root_as_a_file: [[Entry::file("./", "x"), Entry::file("f", "")]]
    the_root_of_mode_0: [[Entry::dir("./").mode(0), Entry::file("f", "")]]
    etc_as_a_link_out: [[Entry::symlink("etc", "/tmp/canary")]]
    resolv_conf_as_a_link_out: [[
        Entry::dir("etc"), Entry::symlink("etc/resolv.conf", "/tmp/canary/secret"),
        Entry::symlink("etc/hosts", format!("{UP}/dir/keep")), Entry::symlink("etc/passwd", "/tmp/canary/secret"),
        Entry::symlink("etc/group", "/tmp/canary/secret"), Entry::symlink("etc/hostname", "/tmp/canary/secret"),
    ]]
    a_link_to_itself: [[Entry::symlink("l", "l"), Entry::file("l/x", "")]]
    names_for_a_terminal: [[Entry::file("\x1b]0;evil\x07", ""), Entry::file("a\r\nb", ""), Entry::dir("\x1b[2J")]]
    an_unknown_type: [[Entry::file("x", "data").header(|h| h.set_entry_type(tar::EntryType::new(b'Z')))]]
    a_name_too_long_for_any_filesystem: [[Entry::file("n".repeat(300), "x")]]
    an_empty_name: [[Entry::file("", "x")]]
}

#[test]
fn pseudo_filesystems_as_links_out_take_no_mount_out() {
    need!(Root, Tool("busybox"));
    on_both_kernels(|s| {
        let links =
            ["dev", "proc", "sys", "run", "tmp", "root", "dev/pts", "etc"].map(|n| Entry::symlink(n, UP));
        let mut layers = vec![(crate::support::image::userland(), Encoding::Gzip)];
        layers.push((tar(links), Encoding::Gzip));
        Image::new(&layers).write_layout(&s.path("layout"), "latest");
        if s.cd(["install", "-n", "h", "/tmp/layout"]).run().code == Some(0) {
            for mode in [&[][..], &["--isolated"], &["--minimal"], &["--bind", "/tmp/home:/dev/x"]] {
                let mut args = vec!["login"];
                args.extend(mode);
                s.cd(args.into_iter().chain([
                    "h",
                    "--",
                    "/bin/touch",
                    "/dev/evil",
                    "/tmp/evil",
                    "/run/evil",
                ]))
                .run();
                s.assert_canaries();
            }
            removed(s);
        }
    });
}

#[test]
fn a_tree_deeper_than_any_path_is_made_and_removed() {
    need!(Root);
    on_both_kernels(|s| {
        let mut path = "d/".repeat(3000);
        path.push('f');
        if survive(s, vec![vec![Entry::file(path, "x")]]) {
            removed(s);
        }
    });
}

#[test]
fn headers_that_lie_are_refused() {
    need!(Root);
    on_both_kernels(|s| {
        let raw_size = |size: [u8; 12]| Entry::file("x", "").header(move |h| h.as_old_mut().size = size);
        let lies: Vec<(&str, Vec<Entry>)> = vec![
            ("eight EiB", vec![Entry::file("x", "").claims(u64::MAX / 2), Entry::file("y", "")]),
            ("more than there is", vec![Entry::file("x", "short").claims(1 << 40)]),
            ("a PAX size", vec![Entry::file("x", "").pax("size", "18446744073709551615")]),
            ("a negative PAX size", vec![Entry::file("x", "").pax("size", "-1")]),
            ("a PAX record without end", vec![Entry::file("x", "").pax("path", vec![b'a'; 40 << 20])]),
        ];
        for (what, entries) in lies {
            assert!(!survive(s, vec![entries]), "{what} was believed");
        }
        // A negative size in base-256: set after the checksum would be, so the header is built by hand.
        let mut bytes = tar([raw_size([0; 12])]);
        bytes[124..136].copy_from_slice(&[0xff; 12]);
        let sum: u32 = bytes[..512]
            .iter()
            .enumerate()
            .map(|(i, b)| if (148..156).contains(&i) { 32 } else { u32::from(*b) })
            .sum();
        bytes[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        assert!(!survive_image(s, &Image::new(&[(bytes, Encoding::Gzip)])), "a negative size was believed");
    });
}

#[test]
fn what_is_no_archive_or_half_of_one_is_refused() {
    need!(Root);
    sandbox(|s| {
        let whole = tar([Entry::file("a", vec![b'x'; 5000]), Entry::file("b", "")]);
        let gzip = Encoding::Gzip.encode(&whole);
        let bad: Vec<(&str, Vec<u8>)> = vec![
            ("text", b"this is no archive, whatever its name says\n".repeat(100)),
            ("half a tar", whole[..3000].to_vec()),
            ("half a gzip", gzip[..gzip.len() / 2].to_vec()),
            ("a gzip with a wrong checksum", {
                let mut bytes = gzip.clone();
                let at = bytes.len() - 6;
                bytes[at] ^= 1;
                bytes
            }),
            ("a header with a wrong checksum", {
                let mut bytes = whole.clone();
                bytes[0] = b'z';
                bytes
            }),
        ];
        for (what, bytes) in bad {
            let image = Image::new(&[(bytes, Encoding::Plain)]);
            assert!(!survive_image(s, &image), "{what} was installed");
        }
    });
}

#[test]
fn what_does_not_have_its_digest_is_refused() {
    need!(Root, Tool("docker-registry"));
    sandbox(|s| {
        let good = Image::of([Entry::file("f", vec![b'x'; 3000])]);
        let mut wrong_diff_id = good.clone();
        wrong_diff_id.config["rootfs"]["diff_ids"][0] = format!("sha256:{}", "1".repeat(64)).into();
        let wrong_diff_id = wrong_diff_id.with("Cmd", json!(["x"]));
        assert!(!survive_image(s, &wrong_diff_id), "a wrong diff_id");
        let mut too_few = good.clone();
        too_few.config["rootfs"]["diff_ids"] = json!([]);
        assert!(!survive_image(s, &too_few.with("Cmd", json!(["x"]))), "fewer diff_ids than layers");
        for difference in [-1_i64, 1] {
            let mut wrong_size = good.clone();
            wrong_size.manifest["layers"][0]["size"] = (good.layers[0].len() as i64 + difference).into();
            assert!(!survive_image(s, &wrong_size), "a wrong size ({difference})");
        }

        // A registry whose storage was tampered with: it serves what is there under the old name.
        s.cd(["clear-cache"]).run().ok();
        let registry = Registry::start();
        let digest = good.push(&registry, "app:1");
        let layer = crate::support::digest(&good.layers[0]);
        let config = crate::support::digest(&good.config_bytes());
        for (what, digest) in [("layer", layer), ("config", config), ("manifest", digest.clone())] {
            let file = registry.blob_file(&digest);
            let bytes = fs::read(&file).unwrap();
            let mut changed = bytes.clone();
            let at = changed.len() / 2;
            changed[at] ^= 1;
            fs::write(&file, &changed).unwrap();
            let by_digest =
                registry.reference(&format!("app@{}", crate::support::digest(&good.manifest_bytes())));
            let reference = if what == "manifest" { by_digest } else { registry.reference("app:1") };
            let ran = s.cd(["install", "-n", "h", &reference]).env("CD_DOWNLOAD_MAX_RETRIES", "1").run();
            assert!(ran.code != Some(0), "a changed {what} was installed");
            ran.fails(&[]);
            assert_eq!(s.names(), Vec::<String>::new(), "a changed {what}");
            s.cd(["clear-cache"]).run().ok();
            fs::write(&file, &bytes).unwrap();
        }
        s.cd(["install", "-n", "h", &registry.reference("app:1")]).run().ok();
        removed(s);
    });
}

#[test]
fn a_bomb_fills_no_memory_and_a_full_disk_is_a_clean_error() {
    need!(Root);
    sandbox(|s| {
        use std::io::Write;
        // A gibibyte of one letter in a few megabytes, unpacked where there is room for 64 MiB. (Zeros would do
        // no harm: they become a hole.)
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        let mut header = tar([Entry::file("bomb", "").claims(1 << 30)]);
        header.truncate(512);
        encoder.write_all(&header).unwrap();
        let letters = vec![b'x'; 1 << 20];
        (0..1024).for_each(|_| encoder.write_all(&letters).unwrap());
        encoder.write_all(&[0; 1024]).unwrap();
        let mut image = Image::of([]);
        image.layers = vec![encoder.finish().unwrap()];
        image.manifest["layers"] = json!([crate::support::image::descriptor(
            "application/vnd.oci.image.layer.v1.tar+gzip",
            &image.layers[0]
        )]);
        image.write_layout(&s.path("layout"), "latest");

        fs::create_dir_all("/tmp/data").unwrap();
        let flags = rustix::mount::MountFlags::empty();
        rustix::mount::mount("small", "/tmp/data", "tmpfs", flags, Some(c"size=64m")).unwrap();
        let ran = s.cd(["install", "-n", "h", "/tmp/layout"]).memory(256 << 20).run();
        let ran = ran.fails(&["space"]);
        assert!(!ran.err().contains("panicked"), "{}", ran.err());
        assert_eq!(s.names(), Vec::<String>::new());
        let left = rustix::fs::statvfs("/tmp/data").unwrap();
        assert!(left.f_bfree * left.f_bsize > 60 << 20, "the failed install still takes up the disk");
        // And there is room for what does fit.
        assert!(survive(s, vec![vec![Entry::file("f", "x")]]));
        removed(s);
        rustix::mount::unmount("/tmp/data", rustix::mount::UnmountFlags::empty()).unwrap();
    });
}
