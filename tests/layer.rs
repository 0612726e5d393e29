//! What a layer's entries mean, as the OCI image spec has it: one small image a feature, on both path resolvers.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::support::prelude::*;

/// Installs an image of `layers` (bottom first) from an OCI layout directory; its root.
fn install(s: &Sandbox, layers: Vec<Vec<Entry>>) -> PathBuf {
    let layers: Vec<_> = layers.into_iter().map(|entries| (tar(entries), Encoding::Gzip)).collect();
    install_image(s, &Image::new(&layers))
}

fn install_image(s: &Sandbox, image: &Image) -> PathBuf {
    image.write_layout(&s.path("layout"), "latest");
    s.cd(["install", "--name", "c", "/tmp/layout"]).run().ok();
    s.rootfs("c")
}

fn inode(path: PathBuf) -> u64 {
    fs::symlink_metadata(path).expect("metadata").ino()
}

/// One feature: layers, and the tree that they make.
macro_rules! features {
    ($($(#[$doc:meta])* $name:ident: [$($layer:expr),* $(,)?] => {$($tree:tt)*})*) => {$(
        $(#[$doc])*
        #[test]
        fn $name() {
            need!(Root);
            on_both_kernels(|s| {
                let root = install(s, vec![$($layer.into()),*]);
                assert_tree(&root, &tree! {$($tree)*});
            });
        }
    )*};
}

features! {
    a_directory_replaces_a_file: [
        [Entry::file("x", "old")], [Entry::dir("x"), Entry::file("x/in", "")],
    ] => {"x" => dir(), "x/in" => file("")}

    a_file_replaces_a_directory: [
        [Entry::dir("x"), Entry::file("x/in", "")], [Entry::file("x", "new")],
    ] => {"x" => file("new")}

    a_symlink_replaces_a_directory: [
        [Entry::dir("x"), Entry::file("x/in", "")], [Entry::symlink("x", "y")],
    ] => {"x" => link("y")}

    a_directory_replaces_a_symlink: [
        [Entry::dir("d"), Entry::symlink("x", "d")], [Entry::dir("x"), Entry::file("x/in", "")],
    ] => {"d" => dir(), "x" => dir(), "x/in" => file("")}

    a_file_replaces_a_symlink_and_not_what_it_points_to: [
        [Entry::file("target", "kept"), Entry::symlink("x", "target")], [Entry::file("x", "new")],
    ] => {"target" => file("kept"), "x" => file("new")}

    a_symlink_replaces_a_file: [[Entry::file("x", "")], [Entry::symlink("x", "/y")]] => {"x" => link("/y")}

    a_whiteout_deletes_a_file: [
        [Entry::file("a", ""), Entry::file("b", "")], [Entry::file(".wh.a", "")],
    ] => {"b" => file("")}

    a_whiteout_deletes_a_directory: [
        [Entry::dir("d"), Entry::dir("d/e"), Entry::file("d/e/f", ""), Entry::file("b", "")],
        [Entry::file(".wh.d", "")],
    ] => {"b" => file("")}

    a_whiteout_of_nothing_is_no_error: [
        [Entry::file("b", "")], [Entry::file(".wh.a", ""), Entry::file("no/.wh.x", "")],
    ] => {"b" => file("")}

    a_whiteout_deletes_a_symlink_and_not_what_it_points_to: [
        [Entry::dir("d"), Entry::file("d/f", ""), Entry::symlink("l", "d")], [Entry::file(".wh.l", "")],
    ] => {"d/f" => file("")}

    /// Whiteouts apply to lower layers only, wherever they stand (OCI layer.md, "Whiteouts").
    a_whiteout_spares_its_own_layer_after_it: [
        [Entry::file("x", "old")], [Entry::file(".wh.x", ""), Entry::file("x", "new")],
    ] => {"x" => file("new")}

    a_whiteout_spares_its_own_layer_before_it: [
        [Entry::file("x", "old")], [Entry::file("x", "new"), Entry::file(".wh.x", "")],
    ] => {"x" => file("new")}

    an_opaque_directory_hides_what_was_below: [
        [Entry::dir("x"), Entry::file("x/old", ""), Entry::dir("x/s"), Entry::file("x/s/old", "")],
        [Entry::dir("x"), Entry::file("x/.wh..wh..opq", ""), Entry::file("x/new", "")],
    ] => {"x" => dir(), "x/new" => file("")}

    an_opaque_marker_may_come_last: [
        [Entry::dir("x"), Entry::file("x/old", "")],
        [Entry::dir("x"), Entry::file("x/new", ""), Entry::file("x/.wh..wh..opq", "")],
    ] => {"x" => dir(), "x/new" => file("")}

    an_opaque_marker_reaches_below_what_its_layer_adds: [
        [Entry::dir("x"), Entry::dir("x/s"), Entry::file("x/s/old", ""), Entry::dir("x/t")],
        [Entry::dir("x"), Entry::dir("x/s"), Entry::file("x/s/new", ""), Entry::file("x/.wh..wh..opq", "")],
    ] => {"x" => dir(), "x/s" => dir(), "x/s/new" => file("")}

    an_opaque_root_hides_everything: [
        [Entry::file("old", "")], [Entry::file(".wh..wh..opq", ""), Entry::file("new", "")],
    ] => {"new" => file("")}

    the_last_of_equal_names_wins: [
        [Entry::file("x", "1"), Entry::dir("x"), Entry::file("x", "3")],
    ] => {"x" => file("3")}

    names_may_begin_with_dots_and_slashes: [
        [Entry::file("./a", ""), Entry::file("/b", ""), Entry::file(".//c", ""), Entry::dir("./"),
         Entry::file("d/./e", "")],
    ] => {"a" => file(""), "b" => file(""), "c" => file(""), "d/e" => file("")}

    missing_parents_are_made: [[Entry::file("p/q/r", "")]] => {"p/q/r" => file("")}

    parents_are_followed_through_links_inside: [
        [Entry::dir("usr"), Entry::dir("usr/lib"), Entry::symlink("lib", "usr/lib"),
         Entry::symlink("lib64", "/usr/lib")],
        [Entry::file("lib/a", ""), Entry::file("lib64/b", "")],
    ] => {
        "usr/lib/a" => file(""), "usr/lib/b" => file(""), "lib" => link("usr/lib"), "lib64" => link("/usr/lib"),
    }

    fifos_and_devices_are_made: [
        [Entry::fifo("p").mode(0o620), Entry::device("null", 1, 3).mode(0o666), Entry::device("wide", 511, 4097)],
    ] => {"p" => fifo().mode(0o620), "null" => device(1, 3).mode(0o666), "wide" => device(511, 4097)}

    /// chown clears setuid: the mode comes after it.
    owners_and_modes_are_kept: [
        [Entry::file("s", "").owner(1000, 1001).mode(0o6755), Entry::dir("k").mode(0o1777),
         Entry::dir("r").mode(0o555), Entry::file("r/in", ""), Entry::dir("z").mode(0), Entry::file("z/in", ""),
         Entry::symlink("l", "s").owner(1234, 1234), Entry::file("big", "").owner(3_000_000, 4_000_000)],
    ] => {
        "s" => file("").owner(1000, 1001).mode(0o6755), "k" => dir().mode(0o1777), "r" => dir().mode(0o555),
        "r/in" => file(""), "z" => dir().mode(0), "z/in" => file(""), "l" => link("s").owner(1234, 1234),
        "big" => file("").owner(3_000_000, 4_000_000),
    }

    /// Also of directories that later entries and later layers write into, and of links themselves.
    times_are_kept: [
        [Entry::dir("d").mtime(1_500_000_000), Entry::file("d/f", "").mtime(0),
         Entry::symlink("l", "f").mtime(1_400_000_000), Entry::dir("e").mtime(1_450_000_000)],
        [Entry::file("d/g", "")],
    ] => {
        "d" => dir().mtime(1_500_000_000), "d/f" => file("").mtime(0), "l" => link("f").mtime(1_400_000_000),
        "d/g" => file("").mtime(1_600_000_000), "e" => dir().mtime(1_450_000_000),
    }

    times_before_1970_are_kept: [[Entry::file("n", "").pax("mtime", "-86400.25")]] => {
        "n" => file("").mtime(-86_401),
    }

    odd_names_are_bytes: [
        [Entry::file("caf\u{e9}", "utf8"), Entry::file("new\nline", ""), Entry::file("a b", ""),
         Entry::file("-rf", ""), Entry::file("back\\slash", "")],
    ] => {
        "caf\u{e9}" => file("utf8"), "new\nline" => file(""), "a b" => file(""), "-rf" => file(""),
        "back\\slash" => file(""),
    }

    a_pax_path_goes_before_the_header: [
        [Entry::file("short", "x").pax("path", "long/name"), Entry::symlink("l", "short").pax("linkpath", "far")],
    ] => {"long/name" => file("x"), "l" => link("far")}

    hard_links_may_point_to_links_and_to_lower_layers: [
        [Entry::symlink("s", "nowhere"), Entry::file("a", "1")],
        [Entry::hard_link("t", "s"), Entry::hard_link("b", "a"), Entry::hard_link("c", "./a"),
         Entry::hard_link("d", "/a")],
    ] => {
        "s" => link("nowhere"), "t" => link("nowhere"), "a" => file("1"), "b" => file("1"), "c" => file("1"),
        "d" => file("1"),
    }
}

#[test]
fn hard_links_are_one_file_until_one_is_replaced() {
    need!(Root);
    on_both_kernels(|s| {
        let root = install(
            s,
            vec![
                vec![Entry::file("a", "1"), Entry::hard_link("b", "a"), Entry::hard_link("c", "b")],
                vec![Entry::file("b", "2"), Entry::hard_link("d", "a")],
            ],
        );
        assert_tree(&root, &tree! {"a" => file("1"), "b" => file("2"), "c" => file("1"), "d" => file("1")});
        assert_eq!(inode(root.join("a")), inode(root.join("c")));
        assert_eq!(inode(root.join("a")), inode(root.join("d")));
        assert_eq!(fs::metadata(root.join("a")).unwrap().nlink(), 3);
    });
}

#[test]
fn names_of_any_length_and_any_bytes_are_written() {
    need!(Root);
    on_both_kernels(|s| {
        use std::os::unix::ffi::OsStrExt;
        let latin = Path::new(std::ffi::OsStr::from_bytes(b"latin\xe9")).to_owned();
        let longest = PathBuf::from("n".repeat(255));
        let deep = PathBuf::from(["d".repeat(60), "e".repeat(90), "f".repeat(90), "leaf".into()].join("/"));
        let target = "t".repeat(300);
        let entries = vec![
            Entry::file(&latin, "bytes"),
            Entry::file(&longest, "long"),
            Entry::file(&deep, "deep"),
            Entry::symlink("l", &target),
        ];
        let root = install(s, vec![entries]);
        let tree = tree! {
            latin => file("bytes"), longest => file("long"), deep => file("deep"), "l" => link(&target),
        };
        assert_tree(&root, &tree);
    });
}

#[test]
fn fractions_of_seconds_and_large_ids_come_from_pax() {
    need!(Root);
    on_both_kernels(|s| {
        let entry = Entry::file("n", "").pax("mtime", "1600000000.123456789").pax("uid", "3000000000");
        let metadata = fs::metadata(install(s, vec![vec![entry.pax("gid", "70000")]]).join("n")).unwrap();
        assert_eq!((metadata.mtime(), metadata.mtime_nsec()), (1_600_000_000, 123_456_789));
        assert_eq!((metadata.uid(), metadata.gid()), (3_000_000_000, 70_000));
    });
}

#[test]
fn capabilities_survive_the_change_of_owner() {
    need!(Root);
    on_both_kernels(|s| {
        // VFS_CAP_REVISION_2, effective, cap_net_raw (capabilities(7); linux/capability.h).
        let capability = b"\x01\0\0\x02\0\x20\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
        let entry = |name| Entry::file(name, "x").mode(0o755).owner(1000, 1000);
        let root = install(
            s,
            vec![vec![
                entry("schily").pax("SCHILY.xattr.security.capability", capability),
                Entry::file("trusted", "").pax("SCHILY.xattr.trusted.kit", "a\0b"),
            ]],
        );
        assert_eq!(xattr(&root.join("schily"), "security.capability"), capability);
        assert_eq!(xattr(&root.join("trusted"), "trusted.kit"), b"a\0b");
        assert_eq!(fs::metadata(root.join("schily")).unwrap().uid(), 1000);
    });
}

fn xattr(path: &Path, name: &str) -> Vec<u8> {
    let mut value = vec![0; 256];
    let length = rustix::fs::lgetxattr(path, name, &mut value[..]).expect("an extended attribute");
    value.truncate(length);
    value
}

#[test]
fn sparse_files_are_filled_where_they_are_full() {
    need!(Root, Tool("tar"));
    on_both_kernels(|s| {
        use std::os::unix::fs::FileExt;
        let file = fs::File::create(s.path("sp")).unwrap();
        file.set_len(16 << 20).unwrap();
        file.write_all_at(b"island", 5 << 20).unwrap();
        let formats = ["gnu", "pax"].map(|format| {
            let format = format!("--format={format}");
            tool("tar", ["--sparse", &format, "-C", "/tmp", "-c", "--transform=s/^/x-/", "sp"])
        });
        for bytes in formats {
            assert!(bytes.len() < 100_000, "tar made no sparse archive");
            let root = install_image(s, &Image::new(&[(bytes, Encoding::Gzip)]));
            let metadata = fs::metadata(root.join("x-sp")).unwrap();
            assert_eq!(metadata.len(), 16 << 20);
            let contents = fs::read(root.join("x-sp")).unwrap();
            assert_eq!(&contents[5 << 20..(5 << 20) + 6], b"island");
            assert_eq!(contents.iter().filter(|byte| **byte != 0).count(), 6);
            assert!(metadata.blocks() * 512 < 1 << 20, "holes were filled: {} blocks", metadata.blocks());
            s.cd(["remove", "c"]).run().ok();
        }
    });
}

#[test]
fn what_gnu_tar_writes_is_read() {
    need!(Root, Tool("tar"));
    on_both_kernels(|s| {
        let long = "n".repeat(120);
        fs::create_dir(s.path("in")).unwrap();
        fs::write(s.path("in").join(&long), "long").unwrap();
        fs::write(s.path("in/f"), "short").unwrap();
        for format in ["gnu", "oldgnu", "pax", "ustar", "v7"] {
            let names: &[&str] = if ["ustar", "v7"].contains(&format) { &["f"] } else { &["f", &long] };
            let format = format!("--format={format}");
            let mut args = vec!["-C", "/tmp/in", "-c", "--owner=0", &format];
            args.extend(names);
            let root = install_image(s, &Image::new(&[(tool("tar", args), Encoding::Gzip)]));
            assert_eq!(fs::read_to_string(root.join("f")).unwrap(), "short", "{format}");
            if names.len() == 2 {
                assert_eq!(fs::read_to_string(root.join(&long)).unwrap(), "long", "{format}");
            }
            s.cd(["remove", "c"]).run().ok();
        }
    });
}
