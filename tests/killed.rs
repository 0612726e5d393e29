//! Kills at named moments: of every command that changes the store, each step at which something else stands on disk.
//! What is listed is whole, and what comes next clears away the rest.
//!
//! The program needs the feature `fault-points`; a moment that it does not reach fails the test.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::symlink;

use crate::support::listing::listing;
use crate::support::prelude::*;

/// Runs the program until the moment, and sees it killed there.
#[track_caller]
fn killed(s: &Sandbox, moment: &str, args: &[&str]) {
    let ran = s.cd(args).env("CD_FAULT", moment).run();
    assert_eq!(ran.signal, Some(9), "{moment} was not reached: {ran:?}");
}

/// The install or reset after it has cleared away what the killed one left.
#[track_caller]
fn assert_no_litter(s: &Sandbox, moment: &str) {
    let left = |dir: &str| fs::read_dir(s.data().join(dir)).map_or(0, Iterator::count);
    assert_eq!(left("staging"), 0, "{moment}: litter in staging");
    let names: Vec<_> = fs::read_dir(s.data().join("containers")).unwrap().flatten().collect();
    let hidden = names.iter().filter(|entry| entry.file_name().as_encoded_bytes().starts_with(b".")).count();
    assert_eq!(hidden, 0, "{moment}: {names:?}");
}

/// Fifty directories with thirty files each.
fn many() -> impl Iterator<Item = Entry> {
    (0..1500).map(|n| Entry::file(format!("d{}/f{n}", n % 50), "x"))
}

/// How many of them a container has.
fn count(s: &Sandbox, name: &str) -> usize {
    let files = |n: usize| fs::read_dir(s.rootfs(name).join(format!("d{n}"))).map_or(0, Iterator::count);
    (0..50).map(files).sum()
}

fn layout(s: &Sandbox) {
    Image::of(many()).write_layout(&s.path("layout"), "latest");
}

fn install(s: &Sandbox, name: &str) {
    s.cd(["install", "-q", "-n", name, "/tmp/layout"]).run().ok();
}

#[test]
fn an_install_is_there_as_a_whole_or_not_at_all() {
    need!(Root);
    on_both_kernels(|s| {
        layout(s);
        for moment in ["staged.made", "layer.entry:0", "layer.entry:700", "staged.filled", "staged.synced"] {
            killed(s, moment, &["install", "-q", "-n", "c", "/tmp/layout"]);
            assert_eq!(s.names(), Vec::<String>::new(), "{moment}");
            install(s, "c");
            assert_eq!(count(s, "c"), 1500, "{moment}");
            assert_no_litter(s, moment);
            s.cd(["remove", "-q", "c"]).run().ok();
        }
        killed(s, "staged.settled", &["install", "-q", "-n", "c", "/tmp/layout"]);
        assert_eq!(s.names(), ["c"]);
        assert_eq!(count(s, "c"), 1500);
        s.cd(["remove", "-q", "c"]).run().ok();
        assert_no_litter(s, "staged.settled");
    });
}

#[test]
fn a_removal_begins_and_then_nothing_is_listed() {
    need!(Root);
    on_both_kernels(|s| {
        layout(s);
        install(s, "c");
        killed(s, "remove.seized", &["remove", "c"]);
        assert_eq!((s.names(), count(s, "c")), (vec!["c".to_owned()], 1500));
        for moment in ["remove.renamed", "remove.untied", "remove.path:0", "remove.path:700"] {
            killed(s, moment, &["remove", "c"]);
            assert_eq!(s.names(), Vec::<String>::new(), "{moment}");
            // The name is free at once, whatever still stands under it.
            install(s, "c");
            assert_eq!(count(s, "c"), 1500, "{moment}");
            assert_no_litter(s, moment);
        }
    });
}

#[test]
fn a_reset_leaves_the_old_one_or_the_new_one() {
    need!(Root);
    on_both_kernels(|s| {
        layout(s);
        install(s, "c");
        let mine = s.rootfs("c").join("mine");
        let before = ["staged.made", "layer.entry:700", "staged.filled", "staged.synced"];
        // An old kernel cannot exchange two names: the old one steps aside first, and is brought back.
        let (aside, after): (&[_], &[_]) = match s.kernel {
            Kernel::Running => (&[], &["staged.replaced"]),
            Kernel::Old => (&["replace.aside"], &["replace.moved", "staged.replaced"]),
        };
        for moment in before.iter().chain(aside) {
            fs::write(&mine, "x").unwrap();
            killed(s, moment, &["reset", "c"]);
            assert_eq!((s.names(), count(s, "c")), (vec!["c".to_owned()], 1500), "{moment}");
            assert!(mine.exists(), "{moment}");
        }
        for moment in after {
            fs::write(&mine, "x").unwrap();
            killed(s, moment, &["reset", "c"]);
            assert_eq!((s.names(), count(s, "c")), (vec!["c".to_owned()], 1500), "{moment}");
            assert!(!mine.exists(), "{moment}");
        }
        s.cd(["reset", "c"]).run().ok();
        assert_no_litter(s, "reset");
    });
}

/// What goes with a container's name: its log, the Python tool's state, its line in the list of those to start.
fn belongings(s: &Sandbox, name: &str) {
    for directory in ["logs", "data"] {
        fs::create_dir_all(s.data().join(directory).join(if directory == "data" { name } else { "" }))
            .unwrap();
    }
    fs::write(s.data().join(format!("logs/{name}.log")), "printed").unwrap();
    fs::write(s.data().join(format!("logs/{name}.log.1")), "before").unwrap();
    fs::write(s.data().join(format!("data/{name}/state")), "x").unwrap();
    fs::write(s.data().join("autostart"), format!("a\n{name}\nz\n")).unwrap();
}

#[track_caller]
fn assert_belongings(s: &Sandbox, name: &str, moment: &str) {
    let read = |path: String| fs::read_to_string(s.data().join(path)).unwrap_or_default();
    let of =
        [format!("logs/{name}.log"), format!("logs/{name}.log.1"), format!("data/{name}/state")].map(read);
    assert_eq!(of, ["printed", "before", "x"], "{moment}");
    assert_eq!(read("autostart".to_owned()), format!("a\n{name}\nz\n"), "{moment}");
    for directory in ["logs", "data", "locks", "containers/new", "containers/old"] {
        let names = fs::read_dir(s.data().join(directory)).into_iter().flatten().flatten();
        let names: Vec<String> =
            names.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        let other = if name == "old" { "new" } else { "old" };
        // Who was killed before anything happened leaves the lock of the free name.
        let free = |left: &str| moment == "rename.ready" && left == "new.lock";
        let left = names.iter().any(|left| (left.starts_with(other) && !free(left)) || left == ".renamed");
        assert!(!left, "{moment}: {directory} has {names:?}");
    }
}

#[test]
fn a_rename_leaves_one_of_the_two_names_and_what_belongs_to_it_follows() {
    need!(Root);
    on_both_kernels(|s| {
        layout(s);
        install(s, "old");
        belongings(s, "old");
        killed(s, "rename.ready", &["rename", "old", "new"]);
        assert_eq!((s.names(), count(s, "old")), (vec!["old".to_owned()], 1500));
        assert_belongings(s, "old", "rename.ready");
        for moment in ["rename.settled", "rename.stated", "rename.logged", "rename.followed"] {
            // What is finished by the next command, whichever it is.
            for next in [&["list", "-q"][..], &["logs", "new"], &["autostart", "list"]] {
                belongings(s, "old");
                killed(s, moment, &["rename", "old", "new"]);
                s.cd(next).run().ok();
                assert_belongings(s, "new", moment);
                let names: BTreeSet<String> = s.names().into_iter().collect();
                assert_eq!((names, count(s, "new")), (BTreeSet::from(["new".to_owned()]), 1500), "{moment}");
                s.cd(["rename", "-q", "new", "old"]).run().ok();
                assert_belongings(s, "old", moment);
            }
            // A new container of the old name begins with nothing of it.
            killed(s, moment, &["rename", "old", "new"]);
            install(s, "old");
            s.cd(["logs", "old"]).run().fails(&["no log"]);
            s.cd(["logs", "new"]).run().ok().prints("printed");
            s.cd(["remove", "-q", "old"]).run().ok();
            s.cd(["rename", "-q", "new", "old"]).run().ok();
        }
        install(s, "other");
        assert_no_litter(s, "rename");
        fs::remove_file(s.data().join("autostart")).unwrap();
    });
}

#[test]
fn a_clone_is_there_as_a_whole_or_not_at_all() {
    need!(Root);
    on_both_kernels(|s| {
        layout(s);
        install(s, "c");
        for moment in ["staged.made", "send.entry:0", "send.entry:700", "staged.filled", "staged.synced"] {
            killed(s, moment, &["clone", "-q", "c", "twin"]);
            assert_eq!((s.names(), count(s, "c")), (vec!["c".to_owned()], 1500), "{moment}");
            s.cd(["clone", "-q", "c", "twin"]).run().ok();
            assert_eq!(count(s, "twin"), 1500, "{moment}");
            assert_no_litter(s, moment);
            s.cd(["remove", "-q", "twin"]).run().ok();
        }
        killed(s, "staged.settled", &["clone", "-q", "c", "twin"]);
        let names: BTreeSet<String> = s.names().into_iter().collect();
        assert_eq!(names, BTreeSet::from(["c".to_owned(), "twin".to_owned()]));
        assert_eq!((count(s, "c"), count(s, "twin")), (1500, 1500));
        s.cd(["clone", "-q", "twin", "third"]).run().ok();
        assert_no_litter(s, "staged.settled");
    });
}

#[test]
fn a_backup_is_there_as_a_whole_or_not_at_all() {
    need!(Root);
    on_both_kernels(|s| {
        layout(s);
        install(s, "c");
        fs::create_dir(s.path("w")).unwrap();
        let saved = || {
            let entries = fs::read_dir(s.path("w")).unwrap().flatten();
            let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
            names.filter(|name| !name.starts_with('.')).collect::<Vec<_>>()
        };
        for command in ["backup", "export"] {
            for moment in ["send.entry:0", "send.entry:700", "backup.written"] {
                killed(s, moment, &[command, "-q", "c", "-o", "/tmp/w/a.tar.gz"]);
                assert_eq!(saved(), Vec::<String>::new(), "{moment}");
                assert_eq!(count(s, "c"), 1500, "{moment}");
            }
            s.cd([command, "-q", "c", "-o", "/tmp/w/a.tar.gz"]).run().ok();
            let all = fs::read_dir(s.path("w")).unwrap().count();
            assert_eq!((saved(), all), (vec!["a.tar.gz".to_owned()], 1), "{command} left litter");
            tool("gzip", ["-t", "/tmp/w/a.tar.gz"]);
            fs::remove_file(s.path("w/a.tar.gz")).unwrap();
        }
    });
}

#[test]
fn a_restored_container_is_there_as_a_whole_or_not_at_all() {
    need!(Root);
    on_both_kernels(|s| {
        layout(s);
        install(s, "c");
        s.cd(["backup", "-q", "c", "-o", "/tmp/a.tar"]).run().ok();
        let restore = ["restore", "-q", "-n", "d", "/tmp/a.tar"];
        for moment in ["staged.made", "layer.entry:0", "layer.entry:700", "staged.filled", "staged.synced"] {
            killed(s, moment, &restore);
            assert_eq!(s.names(), ["c"], "{moment}");
            s.cd(restore).run().ok();
            assert_eq!(count(s, "d"), 1500, "{moment}");
            assert_no_litter(s, moment);
            s.cd(["remove", "-q", "d"]).run().ok();
        }
        killed(s, "staged.settled", &restore);
        assert_eq!((s.names().len(), count(s, "d")), (2, 1500));
        s.cd(["diff", "d"]).run().ok().prints("");
    });
}

#[test]
fn a_copied_file_is_old_or_new_and_the_next_copy_clears_away_the_rest() {
    need!(Root);
    on_both_kernels(|s| {
        layout(s);
        install(s, "c");
        let at = s.path("w");
        let old = || {
            let _ = fs::remove_dir_all(&at);
            fs::create_dir_all(at.join("new/d")).unwrap();
            fs::create_dir_all(at.join("out/d")).unwrap();
            for n in 0..20 {
                fs::write(at.join(format!("new/d/f{n:02}")), "new").unwrap();
                fs::write(at.join(format!("out/d/f{n:02}")), "old").unwrap();
            }
            for name in ["l1", "l2"] {
                std::os::unix::fs::symlink("new", at.join("new/d").join(name)).unwrap();
                std::os::unix::fs::symlink("old", at.join("out/d").join(name)).unwrap();
            }
        };
        let names = |dir: &str| fs::read_dir(at.join(dir)).unwrap().count();
        for moment in ["copy.filled:0", "copy.filled:7", "copy.made:0", "copy.made:1"] {
            old();
            killed(s, moment, &["copy", "-r", "/tmp/w/new/d", "/tmp/w/out"]);
            for n in 0..20 {
                let text = fs::read_to_string(at.join(format!("out/d/f{n:02}"))).unwrap();
                assert!(matches!(&*text, "old" | "new"), "{moment}: {text}");
            }
            assert_eq!(names("out/d"), 23, "{moment}: a temporary file");
            s.cd(["copy", "-r", "/tmp/w/new/d", "/tmp/w/out"]).run().ok();
            assert_eq!(names("out/d"), 22, "{moment}");
            assert_eq!(fs::read_to_string(at.join("out/d/f19")).unwrap(), "new");
        }
        // A move deletes only what has its copy.
        old();
        killed(s, "copy.copied", &["copy", "-mr", "/tmp/w/new/d", "/tmp/w/out"]);
        assert_eq!((names("new/d"), names("out/d")), (22, 22));
        s.cd(["copy", "-mr", "/tmp/w/new/d", "/tmp/w/out"]).run().ok();
        assert_eq!((names("new"), names("out/d")), (0, 22));
    });
}

/// The image is listed with all its blobs or not at all, and nothing is in the way of the next commit.
#[test]
fn a_commit_is_there_as_a_whole_or_not_at_all() {
    need!(Root);
    on_both_kernels(|s| {
        layout(s);
        install(s, "c");
        fs::write(s.rootfs("c").join("new"), "x").unwrap();
        let images = |s: &Sandbox| s.cd(["images", "-q"]).run().ok().out();
        for moment in ["new_blob.written", "new_image.layers", "images.synced"] {
            killed(s, moment, &["commit", "c", "mine"]);
            assert_eq!(images(s), "", "{moment}");
        }
        s.cd(["commit", "-q", "c", "mine"]).run().ok();
        assert_eq!(images(s).lines().count(), 1);
        let parts = fs::read_dir(s.cache().join("oci_layers")).unwrap().flatten();
        let names: Vec<_> = parts.map(|entry| entry.file_name().into_string().unwrap()).collect();
        assert!(names.iter().all(|name| !name.starts_with("new.")), "{names:?}");
        // The cache may go; what is needed is kept.
        s.cd(["clear-cache", "-q"]).run().ok();
        s.cd(["install", "-q", "-n", "twin", "mine"]).run().ok();
        assert_eq!(count(s, "twin"), 1500);
        assert_eq!(fs::read_to_string(s.rootfs("twin").join("new")).unwrap(), "x");
    });
}

/// Killed at every point, the destination holds whole files, and the next run leaves nothing else.
#[test]
fn a_sync_goes_on_where_it_was() {
    need!(Root);
    on_both_kernels(|s| {
        for moment in [
            "sync.filled:0",
            "sync.filled:3",
            "sync.made",
            "sync.linked",
            "sync.directory",
            "sync.deleted:0",
            "sync.deleted:2",
        ] {
            let (from, to) = (s.path("from"), s.path("to"));
            fs::create_dir_all(from.join("d/e")).unwrap();
            fs::create_dir_all(to.join("gone/deep")).unwrap();
            for number in 0..5 {
                fs::write(from.join("d").join(format!("f{number}")), "new contents").unwrap();
                fs::write(to.join("gone").join(format!("f{number}")), "").unwrap();
            }
            fs::create_dir(to.join("d")).unwrap();
            fs::write(to.join("d/f3"), "old").unwrap();
            fs::hard_link(from.join("d/f0"), from.join("link")).unwrap();
            symlink("x", from.join("symlink")).unwrap();
            let args = ["sync", "-qad", "/tmp/from", "/tmp/to"];
            killed(s, moment, &args);
            for entry in fs::read_dir(to.join("d")).unwrap().flatten() {
                let text = fs::read_to_string(entry.path()).unwrap_or_default();
                let temporary = entry.file_name() == OsStr::new(".~cd_sync");
                let whole = ["old", "new contents"].contains(&text.as_str()) || entry.path().is_dir();
                assert!(temporary || whole, "{moment}: {:?} {text:?}", entry.path());
            }
            s.cd(args).run().ok();
            assert_eq!(listing(&from, &[]), listing(&to, &[]), "{moment}");
            fs::remove_dir_all(from).unwrap();
            fs::remove_dir_all(to).unwrap();
        }
    });
}

/// Killed at every point, nothing that is listed lacks a blob, the next load succeeds, and what was left over goes with it.
#[test]
fn a_load_lists_only_what_is_whole() {
    need!(Root);
    on_both_kernels(|s| {
        let images = ["one", "two"].map(|text| {
            let layer = |text: &str| (tar([Entry::file(text, text)]), Encoding::Plain);
            Image::new(&[layer("base"), layer(text)])
        });
        let layout = crate::load::Layout(&s.path("layout"));
        let entries = ["docker.io/library/one:1", "docker.io/library/two:2"]
            .iter()
            .zip(&images)
            .map(|(name, image)| crate::load::named(layout.image(image), name));
        layout.finish(&entries.collect::<Vec<_>>());
        fs::write(s.path("oci.tar"), layout.tar()).unwrap();
        fs::write(s.path("docker.tar"), images[0].saved("one:1")).unwrap();
        let listed = || s.cd(["images", "-q"]).run().ok().out().lines().count();
        for (form, moments, whole) in [
            ("/tmp/layout", &["images.blob:0", "images.blob:3", "load.blobs", "images.synced:0"][..], 2),
            ("/tmp/oci.tar", &["images.blob:0", "images.blob:2", "load.blobs", "images.synced:0"], 2),
            (
                "/tmp/docker.tar",
                &["new_blob.written:0", "new_blob.written:1", "load.blobs", "images.synced:0"],
                1,
            ),
        ] {
            for moment in moments {
                killed(s, moment, &["load", "-q", form]);
                assert_eq!(listed(), 0, "{form}, {moment}");
                s.cd(["load", "-q", form]).run().ok();
                assert_eq!(listed(), whole, "{form}, {moment}");
                assert_images(s, form, moment);
                s.cd(["rmi", "-q", "one:1"]).run().ok();
                s.cd(["rmi", "-q", "two:2"]).run();
                assert_eq!(
                    fs::read_dir(s.data().join("images/blobs/sha256")).unwrap().count(),
                    0,
                    "{moment}"
                );
            }
        }
        s.cd(["load", "-q", "/tmp/oci.tar"]).run().ok();
        // A save that is killed leaves nothing under the name.
        killed(s, "backup.written", &["save", "-q", "-o", "/tmp/out.tar", "one:1"]);
        assert!(!s.path("out.tar").exists());
        s.cd(["save", "-q", "-o", "/tmp/out.tar", "one:1"]).run().ok();
    });
}

/// Whatever is listed can be saved, which verifies each blob.
#[track_caller]
fn assert_images(s: &Sandbox, form: &str, moment: &str) {
    let digests = s.cd(["images", "-q"]).run().ok().out();
    for digest in digests.lines() {
        let ran = s.cd(["save", "-q", digest]).run();
        assert_eq!(ran.code, Some(0), "{form}, {moment}: {ran:?}");
    }
}
