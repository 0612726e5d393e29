//! Archives that mean harm: each is refused or does no harm, nothing outside the root is touched or read into it,
//! and of a refused one nothing is made. On both path resolvers, and through login and removal too.

use std::fs;
use std::os::fd::AsRawFd;
use std::path::Path;

use serde_json::json;

use crate::support::prelude::*;
use crate::support::tree::Tree;

/// Installs an image as `h`: what was said when it was refused, and then nothing is made. The sandbox watches the
/// canaries.
fn install(s: &Sandbox, image: &Image) -> Option<String> {
    image.write_layout(&s.path("layout"), "latest");
    let ran = s.cd(["install", "-n", "h", "/tmp/layout"]).run();
    s.assert_canaries();
    if ran.code == Some(0) {
        assert_no_secret(&s.rootfs("h"));
        return None;
    }
    let said = ran.fails(&[]).err();
    assert!(!said.contains("panicked"), "{said}");
    assert!(!s.rootfs("h").exists(), "half-made: {said}");
    assert_eq!(s.names(), Vec::<String>::new());
    Some(said)
}

/// Enters `h`. Most of these have no shell: how it ends is of no interest, but what it did on the way is.
fn enter(s: &Sandbox) {
    s.cd(["login", "h", "--", "/bin/true"]).run();
    s.assert_canaries();
}

/// And is done with it.
fn removed(s: &Sandbox) {
    s.cd(["remove", "h"]).run().ok();
    s.assert_canaries();
    assert!(!s.data().join("containers/h").exists());
}

/// No file below `dir` holds the canary's secret. Paths may be too long for the kernel, so each directory is read by
/// its descriptor.
fn assert_no_secret(dir: &Path) {
    let mut pending = vec![fs::File::open(dir).expect("a directory")];
    while let Some(dir) = pending.pop() {
        let path = format!("/proc/self/fd/{}", dir.as_raw_fd());
        for entry in fs::read_dir(path).expect("a directory").flatten() {
            let kind = entry.file_type().expect("a type");
            if kind.is_dir() {
                pending.push(fs::File::open(entry.path()).expect("a directory"));
            } else if kind.is_file() {
                let text = fs::read(entry.path()).expect("a file");
                assert!(!text.starts_with(b"TOPSECRET"), "{:?} leaks the canary", entry.file_name());
            }
        }
    }
}

/// Installs `layers`, which must do no harm: exactly `tree` stands in the root then.
#[track_caller]
fn is_harmless(s: &Sandbox, layers: Vec<Vec<Entry>>, tree: &Tree) {
    let layers: Vec<_> = layers.into_iter().map(|entries| (tar(entries), Encoding::Gzip)).collect();
    assert!(install(s, &Image::new(&layers)).is_none(), "it was refused");
    assert_tree(&s.rootfs("h"), tree);
    enter(s);
    removed(s);
}

/// Installs `layers`, which must be refused with these words.
#[track_caller]
fn is_refused(s: &Sandbox, layers: Vec<Vec<Entry>>, words: &str) {
    let layers: Vec<_> = layers.into_iter().map(|entries| (tar(entries), Encoding::Gzip)).collect();
    refused(s, &Image::new(&layers), words);
}

#[track_caller]
fn refused(s: &Sandbox, image: &Image, words: &str) {
    let said = install(s, image).expect("it was installed");
    assert!(said.contains(words), "no {words:?} in {said}");
}

/// One test a row: its layers, and the tree that they make or the words that refuse them.
macro_rules! contained {
    ($($name:ident: [$($layer:expr),* $(,)?] => $outcome:ident $what:tt)*) => {$(
        #[test]
        fn $name() {
            need!(Root);
            on_both_kernels(|s| contained!(@$outcome s, vec![$($layer.into()),*], $what));
        }
    )*};
    (@makes $s:ident, $layers:expr, $tree:tt) => { is_harmless($s, $layers, &tree! $tree) };
    (@refused $s:ident, $layers:expr, $words:tt) => { is_refused($s, $layers, $words) };
}

/// The way out of a root to the canaries, from anywhere.
const UP: &str = "../../../../../../../../../../../../tmp/canary";

contained! {
    a_name_that_climbs: [[Entry::file(format!("{UP}/evil"), "x")]] => refused "climbs with '..'"
    a_name_that_climbs_in_the_middle: [[Entry::file(format!("a/b/{UP}/evil"), "x")]] => refused "climbs with '..'"
    an_absolute_name: [[Entry::file("/tmp/canary/evil", "x")]] => makes { "tmp/canary/evil" => file("x") }
    a_file_through_an_absolute_link: [[Entry::symlink("l", "/tmp/canary"), Entry::file("l/evil", "x")]] => makes { "l" => link("/tmp/canary"), "tmp/canary/evil" => file("x") }
    a_file_through_a_climbing_link: [[Entry::symlink("l", UP), Entry::file("l/evil", "x")]] => makes { "l" => link(UP), "tmp/canary/evil" => file("x") }
    a_file_through_a_link_of_a_lower_layer: [[Entry::symlink("l", UP)], [Entry::file("l/evil", "x")]] => makes { "l" => link(UP), "tmp/canary/evil" => file("x") }
    a_file_through_a_chain_of_links: [[
        Entry::symlink("a", ".."), Entry::symlink("b", "a/.."), Entry::symlink("c", "b/../../../../../../../tmp"),
        Entry::file("c/canary/evil", "x"),
    ]] => makes {
        "a" => link(".."), "b" => link("a/.."), "c" => link("b/../../../../../../../tmp"),
        "tmp/canary/evil" => file("x"),
    }
    a_directory_that_becomes_a_link: [[
        Entry::dir("d"), Entry::file("d/x", ""), Entry::symlink("d", UP), Entry::file("d/evil", "x"),
    ]] => makes { "d" => link(UP), "tmp/canary/evil" => file("x") }
    a_file_over_a_link_to_a_file: [[Entry::symlink("l", "/tmp/canary/secret"), Entry::file("l", "EVIL")]] => makes { "l" => file("EVIL") }
    a_directory_over_a_link_to_a_directory: [[
        Entry::symlink("l", "/tmp/canary/dir"), Entry::dir("l").mode(0o777).owner(1000, 1000),
    ]] => makes { "l" => dir().mode(0o777).owner(1000, 1000) }
    a_hard_link_to_outside: [[Entry::hard_link("h", format!("{UP}/secret"))]] => refused "climbs with '..'"
    a_hard_link_to_an_absolute_name: [[Entry::hard_link("h", "/tmp/canary/secret")]] => refused "entry 'h': is a hard link to 'tmp/canary/secret', which does not exist"
    a_hard_link_through_a_link: [[Entry::symlink("l", "/tmp/canary"), Entry::hard_link("h", "l/secret")]] => refused "entry 'h': is a hard link to 'l/secret', which does not exist"
    a_hard_link_to_a_link_then_written: [[
        Entry::symlink("l", "/tmp/canary/secret"), Entry::hard_link("h", "l"), Entry::file("h", "EVIL"),
    ]] => makes { "l" => link("/tmp/canary/secret"), "h" => file("EVIL") }
    a_hard_link_in_a_linked_directory: [[
        Entry::file("f", "x"), Entry::symlink("l", "/tmp/canary"), Entry::hard_link("l/evil", "f"),
    ]] => makes {
        "f" => file("x"), "l" => link("/tmp/canary"), "tmp/canary/evil" => file("x"),
    }
    a_whiteout_of_the_parent: [[Entry::file("f", "")], [Entry::file(".wh...", "")]] => refused "entry '.wh...': is a whiteout of no name"
    a_whiteout_of_itself: [[Entry::file("f", "")], [Entry::file(".wh..", "")]] => refused "entry '.wh..': is a whiteout of no name"
    a_whiteout_of_no_name: [[Entry::file("f", "")], [Entry::file(".wh.", "")]] => refused "entry '.wh.': is a whiteout of no name"
    a_whiteout_through_a_link: [
        [Entry::symlink("l", "/tmp/canary")], [Entry::file("l/.wh.secret", ""), Entry::file("l/.wh.dir", "")],
    ] => makes { "l" => link("/tmp/canary") }
    an_opaque_marker_through_a_link: [
        [Entry::symlink("l", "/tmp/canary")], [Entry::file("l/.wh..wh..opq", "")],
    ] => makes { "l" => link("/tmp/canary") }
    a_whiteout_that_climbs: [[Entry::file("f", "")], [Entry::file(format!("{UP}/.wh.secret"), "")]] => refused "climbs with '..'"
    a_fifo_then_written: [[Entry::fifo("p"), Entry::file("p", "x")]] => makes { "p" => file("x") }
    a_device_then_written: [[Entry::device("n", 1, 1), Entry::file("n", "x")]] => makes { "n" => file("x") }
    a_hard_link_to_a_fifo_then_written: [[Entry::fifo("p"), Entry::hard_link("h", "p"), Entry::file("h", "x")]] => makes { "p" => fifo(), "h" => file("x") }
    the_root_as_a_link: [[Entry::symlink(".", "/tmp/canary"), Entry::file("evil", "x")]] => refused "entry '.' stands for the root, but is no directory"
    the_root_as_a_file: [[Entry::file("./", "x"), Entry::file("f", "")]] => refused "the archive is damaged"
    the_root_of_mode_0: [[Entry::dir("./").mode(0), Entry::file("f", "")]] => makes { "f" => file("") }
    etc_as_a_link_out: [[Entry::symlink("etc", "/tmp/canary")]] => makes { "etc" => link("/tmp/canary") }
    a_link_to_itself: [[Entry::symlink("l", "l"), Entry::file("l/x", "")]] => refused "entry 'l/x': cannot follow its symbolic links"
    names_for_a_terminal: [[Entry::file("\x1b]0;evil\x07", ""), Entry::file("a\r\nb", ""), Entry::dir("\x1b[2J")]] => makes { "\x1b]0;evil\x07" => file(""), "a\r\nb" => file(""), "\x1b[2J" => dir() }
    an_unknown_type: [[Entry::file("x", "data").header(|h| h.set_entry_type(tar::EntryType::new(b'Z')))]] => refused "entry 'x': has the unknown type 'Z'"
    a_name_too_long_for_any_filesystem: [[Entry::file("n".repeat(300), "x")]] => refused "name too long"
    an_empty_name: [[Entry::file("", "x")]] => refused "entry '.' stands for the root, but is no directory"
}

#[test]
fn files_of_etc_as_links_out_are_replaced_or_left_alone() {
    need!(Root);
    on_both_kernels(|s| {
        let names = ["resolv.conf", "hosts", "hostname", "passwd", "group"];
        let links = names.map(|name| Entry::symlink(format!("etc/{name}"), "/tmp/canary/secret"));
        assert!(install(s, &Image::of([Entry::dir("etc")].into_iter().chain(links))).is_none());
        let etc = s.rootfs("h").join("etc");
        let links = names.map(|name| etc.join(name).is_symlink());
        // What install writes is a file of its own; what it need not write stays.
        assert_eq!(links, [false, false, true, true, true]);
        enter(s);
        removed(s);
    });
}

#[test]
fn pseudo_filesystems_as_links_out_take_no_mount_out() {
    need!(Root, Tool("busybox"));
    on_both_kernels(|s| {
        // Not all at once: a link to what another link leads to is a circle, and refused.
        for names in [&["dev", "proc", "sys", "run", "root", "etc"][..], &["tmp"], &["dev/pts"]] {
            let links = names.iter().map(|name| Entry::symlink(*name, UP));
            let userland = (crate::support::image::userland(), Encoding::Gzip);
            let image = Image::new(&[userland, (tar(links), Encoding::Gzip)]);
            assert!(install(s, &image).is_none(), "{names:?}");
            // Only an isolated guest shares nothing in which it may write.
            let touch = ["h", "--", "/bin/touch", "/dev/evil", "/tmp/evil", "/run/evil"];
            let circle = i32::from(*names == ["tmp"]);
            for (mode, command, code) in [
                (&[][..], &["h", "--", "/bin/true"][..], 0),
                // A link to itself is no place for a file.
                (&["--isolated"], &touch, circle),
                (&["--minimal"], &["h", "--", "/bin/true"], 0),
                (&["--bind", "/tmp/home:/dev/x"], &["h", "--", "/bin/true"], 125),
            ] {
                s.cd([&["login"], mode, command].concat()).run().code(code);
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
        let path = format!("{}f", "d/".repeat(3000));
        Image::of([Entry::file(path, "x")]).write_layout(&s.path("layout"), "latest");
        s.cd(["install", "-n", "h", "/tmp/layout"]).run().ok();
        let flags = rustix::fs::OFlags::DIRECTORY | rustix::fs::OFlags::NOFOLLOW;
        let mut dir = fs::File::open(s.rootfs("h")).unwrap();
        for _ in 0..3000 {
            dir = rustix::fs::openat(&dir, "d", flags, rustix::fs::Mode::empty()).unwrap().into();
        }
        assert_eq!(rustix::fs::statat(&dir, "f", rustix::fs::AtFlags::empty()).unwrap().st_size, 1);
        drop(dir);
        enter(s);
        removed(s);
    });
}

#[test]
fn headers_that_lie_are_refused() {
    need!(Root);
    on_both_kernels(|s| {
        let raw_size = |size: [u8; 12]| Entry::file("x", "").header(move |h| h.as_old_mut().size = size);
        let cut_short = "entry 'x': the archive is cut short";
        let lies: Vec<(&str, Vec<Entry>)> = vec![
            (cut_short, vec![Entry::file("x", "").claims(u64::MAX / 2), Entry::file("y", "")]),
            (cut_short, vec![Entry::file("x", "short").claims(1 << 40)]),
            (
                "entry 'x': has a size that no file can have",
                vec![Entry::file("x", "").pax("size", "18446744073709551615")],
            ),
            ("PAX header has a bad value for 'size'", vec![Entry::file("x", "").pax("size", "-1")]),
            (
                "has an extended header of 41943055 bytes",
                vec![Entry::file("x", "").pax("path", vec![b'a'; 40 << 20])],
            ),
        ];
        for (words, entries) in lies {
            is_refused(s, vec![entries], words);
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
        refused(s, &Image::new(&[(bytes, Encoding::Gzip)]), "entry 'x': malformed size in a header");
    });
}

#[test]
fn what_is_no_archive_or_half_of_one_is_refused() {
    need!(Root);
    sandbox(|s| {
        let whole = tar([Entry::file("a", vec![b'x'; 5000]), Entry::file("b", "")]);
        let gzip = Encoding::Gzip.encode(&whole);
        let bad: Vec<(&str, Vec<u8>)> = vec![
            (
                "neither a tar archive nor compressed",
                b"this is no archive, whatever its name says\n".repeat(100),
            ),
            ("entry 'a': the archive is cut short", whole[..3000].to_vec()),
            ("the archive is cut short", gzip[..gzip.len() / 2].to_vec()),
            ("corrupt gzip stream does not have a matching checksum", {
                let mut bytes = gzip.clone();
                let at = bytes.len() - 6;
                bytes[at] ^= 1;
                bytes
            }),
            ("neither a tar archive nor compressed", {
                let mut bytes = whole.clone();
                bytes[0] = b'z';
                bytes
            }),
        ];
        for (words, bytes) in bad {
            refused(s, &Image::new(&[(bytes, Encoding::Plain)]), words);
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
        refused(s, &wrong_diff_id, "its contents are not what the image config says");
        let mut too_few = good.clone();
        too_few.config["rootfs"]["diff_ids"] = json!([]);
        refused(
            s,
            &too_few.with("Cmd", json!(["x"])),
            "the image has 1 layers, but its config has diff_ids for 0",
        );
        for (difference, words) in [
            (-1_i64, "is longer than the 115 bytes that its manifest states"),
            (1, "has 116 bytes instead of 117"),
        ] {
            let mut wrong_size = good.clone();
            wrong_size.manifest["layers"][0]["size"] = (good.layers[0].len() as i64 + difference).into();
            refused(s, &wrong_size, words);
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
        is_harmless(s, vec![vec![Entry::file("f", "x")]], &tree! { "f" => file("x") });
        rustix::mount::unmount("/tmp/data", rustix::mount::UnmountFlags::empty()).unwrap();
    });
}

#[test]
fn what_a_sparse_file_claims_costs_nothing() {
    need!(Root);
    sandbox(|s| {
        // 250 bytes, compressed, that claim four tebibytes or four exbibytes.
        let claims = |size: u64| {
            let map =
                Entry::file("lastlog", "").pax("GNU.sparse.map", "0,0").pax("GNU.sparse.name", "lastlog");
            let sparse = map.pax("GNU.sparse.numblocks", "1").pax("GNU.sparse.size", size.to_string());
            Encoding::Gzip.encode(&tar([Entry::dir("etc"), Entry::dir("usr"), Entry::dir("bin"), sparse]))
        };
        fs::write(s.path("a.tar.gz"), claims(1 << 42)).unwrap();
        s.cd(["install", "-q", "-n", "h", "/tmp/a.tar.gz"]).run().ok();
        assert_eq!(fs::metadata(s.rootfs("h").join("lastlog")).unwrap().len(), 1 << 42);
        s.cd(["diff", "h"]).run().ok();
        removed(s);
        // More than a filesystem takes.
        fs::write(s.path("b.tar.gz"), claims(1 << 62)).unwrap();
        s.cd(["install", "-q", "-n", "h", "/tmp/b.tar.gz"]).run();
        s.cd(["load", "-i", "/tmp/b.tar.gz"]).run().fails(&[]);
        s.cd(["restore", "/tmp/b.tar.gz"]).run().fails(&[]);
    });
}
