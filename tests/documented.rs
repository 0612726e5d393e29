//! What release 2.1.4 of the Python tool documents, as facts: names, options, variables, places, lines of output. Where this
//! program does something else on purpose, `src/docs/migration.md` says so.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use serde_json::{Value, json};

use crate::support::prelude::*;

/// Commands, their other names, and their options.
const COMMANDS: [(&str, &[&str], &[&str]); 13] = [
    (
        "install",
        &["add", "i", "in", "ins"],
        &["-n, --name", "--override-alias", "-a, --architecture", "-q, --quiet"],
    ),
    ("login", &["sh"], LOGIN),
    ("run", &[], LOGIN),
    ("list", &["li", "ls"], &["-q, --quiet"]),
    ("ps", &[], &["-a, --all", "-q, --quiet"]),
    ("search", &["find", "se"], &["-l, --limit"]),
    ("remove", &["rm"], &["-v, --verbose", "-q, --quiet"]),
    ("unmount", &["umount", "um"], &[]),
    ("kill", &["k", "stop"], &[]),
    ("rename", &[], &["-q, --quiet"]),
    ("reset", &[], &["-q, --quiet"]),
    ("clear-cache", &["clear", "cl"], &["-v, --verbose", "-q, --quiet"]),
    ("help", &["h", "he", "hel"], &[]),
];

const LOGIN: &[&str] = &[
    "-u, --user",
    "--isolated",
    "--minimal",
    "--shared-home",
    "--shared-tmp",
    "--shared-display",
    "--shared-x11",
    "-b, --bind",
    "--hostname",
    "-w, --work-dir",
    "-e, --env",
    "--get-chroot-cmd",
];

#[test]
fn every_command_has_its_names_and_options() {
    for (name, aliases, options) in COMMANDS {
        let page = Cd::bare([name, "--help"]).run().ok().out();
        for alias in aliases {
            assert_eq!(Cd::bare([alias, "--help"]).run().ok().out(), page, "{alias}");
        }
        for option in options.iter().chain(&["-h, --help"]) {
            let stands = |text: &str| text.split([' ', ',', ']']).next() == Some("");
            let found = page.match_indices(option).any(|(at, _)| stands(&page[at + option.len()..]));
            assert!(found, "{name} has no {option}:\n{page}");
        }
    }
    let overview = Cd::bare(["--help"]).run().ok().out();
    for option in ["-h, --help", "--no-elevate", "--use-sudo"] {
        assert!(overview.contains(option), "{option}");
    }
}

#[test]
fn a_container_is_called_by_letters_digits_and_three_signs() {
    need!(Root);
    sandbox(|s| {
        Image::of([Entry::file("f", "x")]).write_layout(&s.path("layout"), "latest");
        for name in ["a", "Z", "9", "a.b-c_1"] {
            s.cd(["install", "-q", "--override-alias", name, "/tmp/layout"]).run().ok();
        }
        assert_eq!(s.names(), ["9", "Z", "a", "a.b-c_1"]);
        for name in [".a", "_a", "-a", "a b", "a/b", "a:b", "\u{e4}", ""] {
            s.cd(["install", "-q", &format!("--name={name}"), "/tmp/layout"]).run().code(2);
        }
        assert_eq!(s.names(), ["9", "Z", "a", "a.b-c_1"]);
    });
}

#[test]
fn an_install_ends_with_what_can_be_done_next() {
    need!(Root);
    sandbox(|s| {
        let image = Image::of([Entry::file("f", "x"), Entry::file("bin/sh", "x").mode(0o755)]);
        let last = |image: &Image, name: &str| {
            image.write_layout(&s.path("layout"), "latest");
            let said = s.cd(["install", "-n", name, "/tmp/layout"]).run().ok().err();
            fs::remove_dir_all(s.path("layout")).unwrap();
            said
        };
        let plain = last(&image, "plain");
        assert!(plain.ends_with("\nStart shell: chroot-distro login plain\n"), "{plain}");
        assert!(!plain.contains("Run entrypoint"), "{plain}");
        let started = last(&image.with("Entrypoint", json!(["/f"])), "started");
        let lines: Vec<&str> = started.lines().rev().take(2).collect();
        assert!(lines.contains(&"Run entrypoint: chroot-distro run started"), "{started}");
        assert!(lines.contains(&"Start shell: chroot-distro login started"), "{started}");
    });
}

#[test]
fn an_installed_image_is_where_other_tools_find_it() {
    need!(Root);
    sandbox(|s| {
        Image::of([Entry::file("f", "x")]).write_layout(&s.path("layout"), "latest");
        s.cd(["install", "-q", "-n", "c", "/tmp/layout"]).run().ok();
        let file = s.data().join("containers/c/manifest.json");
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o7777, 0o644);
        let manifest: Value = serde_json::from_slice(&fs::read(file).unwrap()).unwrap();
        for key in ["image_ref", "arch", "manifest", "image_config"] {
            assert!(!manifest[key].is_null(), "no {key} in {manifest}");
        }
        assert!(s.data().join("containers/c/rootfs/f").is_file());
        assert!(s.data().join("locks/c.lock").is_file());
        // Of an archive that is no image nothing is recorded.
        fs::write(s.path("plain.tar"), tar([Entry::dir("bin"), Entry::dir("etc"), Entry::dir("usr")]))
            .unwrap();
        s.cd(["install", "-q", "/tmp/plain.tar"]).run().ok();
        assert!(!s.data().join("containers/plain/manifest.json").exists());
        assert!(s.cd(["list"]).run().ok().out().contains("local archive"));
        s.cd(["reset", "plain"]).run().fails(&["not from an image"]);
        s.cd(["run", "plain"]).run().code(125).says(&["not made from an image"]);
    });
}

fn sorted<'a>(lines: impl Iterator<Item = &'a &'a str>) -> Vec<&'a str> {
    let mut lines: Vec<&str> = lines.copied().collect();
    lines.sort_unstable();
    lines
}

#[test]
fn the_guests_environment_is_this_and_no_more() {
    need!(Root, Tool("busybox"));
    sandbox(|s| {
        make(s);
        let env = |options: &[&str]| {
            let words = [&["login"], options, &["c", "--", "env"]].concat();
            let ran = s.cd(words).env("HOST_SECRET", "x").env("COLORTERM", "truecolor").env("CD_NO_TZ", "1");
            let ran = ran.run().ok();
            let mut lines: Vec<String> = ran.out().lines().map(str::to_owned).collect();
            lines.sort();
            lines
        };
        let minimal = ["COLORTERM=truecolor", "TERM=xterm-256color"];
        assert_eq!(env(&["--minimal"]), minimal);
        // `LOGNAME` and `SHELL` are not in the documents: they are what login(1) sets.
        let whole = [
            "HOME=/root",
            "LOGNAME=root",
            "MOZ_FAKE_NO_SANDBOX=1",
            "PATH=/usr/bin:/bin",
            "SHELL=/bin/sh",
            "USER=root",
        ];
        let whole = sorted(minimal.iter().chain(&whole));
        assert_eq!(env(&[]), whole);
        assert_eq!(env(&["--isolated"]), whole);
        assert_eq!(env(&["-e", "A=b"]), sorted(whole.iter().chain(&["A=b"])));
        assert_eq!(env(&["--minimal", "-e", "A=b"]), sorted(minimal.iter().chain(&["A=b"])));
    });
}
