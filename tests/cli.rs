//! Command lines: names, options, help, mistakes, streams.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::process::{Command, Stdio};

use crate::support::command::program;
use crate::support::prelude::*;

/// Every command that a user sees, with its aliases.
const COMMANDS: &[(&str, &[&str])] = &[
    ("install", &["add", "i", "in", "ins"]),
    ("login", &["sh"]),
    ("run", &[]),
    ("list", &["li", "ls"]),
    ("ps", &[]),
    ("logs", &[]),
    ("unmount", &["umount", "um"]),
    ("kill", &["k", "stop"]),
    ("rename", &[]),
    ("set", &[]),
    ("clone", &[]),
    ("reset", &[]),
    ("remove", &["rm"]),
    ("copy", &["cp"]),
    ("sync", &[]),
    ("diff", &[]),
    ("backup", &["bak", "bkp"]),
    ("restore", &[]),
    ("export", &[]),
    ("search", &["find", "se"]),
    ("build", &[]),
    ("pull", &[]),
    ("push", &[]),
    ("auth", &[]),
    ("images", &[]),
    ("tag", &[]),
    ("commit", &[]),
    ("inspect", &[]),
    ("save", &[]),
    ("load", &[]),
    ("rmi", &[]),
    ("prune", &[]),
    ("clear-cache", &["clear", "cl"]),
    ("autostart", &[]),
    ("setup", &[]),
    ("info", &["version-info", "nf"]),
    ("selftest", &[]),
    ("completions", &[]),
    ("man", &[]),
    ("help", &["h", "he", "hel"]),
];

/// Compares with `tests/golden/NAME`; `CD_BLESS=1` writes it instead.
#[track_caller]
fn golden(name: &str, text: &str) {
    let path = format!("{}/tests/golden/{name}", env!("CARGO_MANIFEST_DIR"));
    if std::env::var_os("CD_BLESS").is_some() {
        fs::write(&path, text).unwrap();
    }
    let expected = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    assert_eq!(text, expected, "help differs from {name}; if it should, run this test with CD_BLESS=1");
}

fn help_of(words: &[&str]) -> String {
    let ran = Cd::bare(words).run().ok();
    assert_eq!(ran.err(), "");
    ran.out()
}

/// A usage error: exit code 2, nothing on standard output, exactly this on standard error.
#[track_caller]
fn refused(words: &[&str], message: &str, hint: &str) {
    let ran = Cd::bare(words).run().code(2).prints("");
    assert_eq!(ran.err(), format!("chroot-distro: {message}\n  hint: {hint}\n"));
}

#[test]
fn help_pages() {
    let overview = help_of(&[]);
    golden("help", &overview);
    for words in [&["--help"][..], &["-h"], &["help"], &["--no-elevate", "--help"], &["--help", "install"]] {
        assert_eq!(help_of(words), overview, "{words:?}");
    }
    for &(name, aliases) in COMMANDS {
        let page = help_of(&[name, "--help"]);
        golden(&format!("help-{name}"), &page);
        assert_eq!(help_of(&["help", name]), page);
        assert_eq!(help_of(&[name, "-h"]), page);
        for alias in aliases {
            assert_eq!(help_of(&[alias, "--help"]), page);
        }
        assert!(overview.contains(&format!("\n  {name} ")), "{name}");
        assert!(
            aliases.is_empty() || page.contains(&format!("\nAliases: {}\n", aliases.join(", "))),
            "{name}"
        );
    }
}

#[test]
fn help_goes_before_mistakes_and_stops_at_the_separator() {
    let page = help_of(&["install", "--help"]);
    assert_eq!(help_of(&["install", "--bogus", "a", "b", "--help"]), page);
    assert_eq!(help_of(&["install", "-qh"]), page);
    // A guest's own option.
    Cd::bare(["login", "Nothing such", "--", "--help"]).run().code(2).prints("");
}

#[test]
fn help_fits_the_width() {
    for (columns, widest) in [("50", 50), ("1", 40), ("1000", 100), ("odd", 80)] {
        for (name, _) in COMMANDS {
            let page = Cd::bare([name, "--help"]).env("COLUMNS", columns).run().ok().out();
            let examples =
                |line: &&str| !line.starts_with("  chroot-distro ") && !line.starts_with("Usage: ");
            for line in page.lines().filter(examples) {
                assert!(line.chars().count() <= widest, "{name} at {columns}: {line}");
            }
        }
    }
}

#[test]
fn version() {
    let text = help_of(&["-V"]);
    assert!(text.starts_with(&format!("chroot-distro {}", env!("CARGO_PKG_VERSION"))), "{text}");
    assert_eq!(text.lines().count(), 1);
    assert_eq!(help_of(&["--version"]), text);
    assert_eq!(help_of(&["list", "--version"]), text);
}

#[test]
fn mistakes_are_named_with_the_nearest_right_word() {
    let all = "'chroot-distro --help' lists the commands";
    refused(&["instal", "x"], "unknown command 'instal'", &format!("did you mean 'install'? {all}"));
    refused(&["zzzzz"], "unknown command 'zzzzz'", all);
    refused(&["help", "lsit"], "unknown command 'lsit'", &format!("did you mean 'list'? {all}"));
    refused(&["a\x1b[2J"], "unknown command 'a\\u{1b}[2J'", all);
    let see = |name: &str| format!("see 'chroot-distro {name} --help'");
    refused(&["list", "--qiuet"], "list: unknown option '--qiuet'; did you mean '--quiet'?", &see("list"));
    refused(&["list", "-quiet"], "list: unknown option '-quiet'; did you mean '--quiet'?", &see("list"));
    refused(&["list", "--zzz"], "list: unknown option '--zzz'", &see("list"));
    refused(&["list", "-qz"], "list: unknown option '-z'", &see("list"));
    refused(&["prune", "x"], "prune: unexpected argument 'x'", &see("prune"));
    refused(&["prune", "-5"], "prune: unexpected argument '-5'", &see("prune"));
    refused(&["prune", "--", "--quiet"], "prune: unexpected argument '--quiet'", &see("prune"));
    refused(&["list", "--quiet=yes"], "list: option '--quiet' takes no value", &see("list"));
    refused(&["rm"], "remove: CONTAINER is missing", &see("remove"));
    refused(&["rm", "-qv", "x"], "remove: '--quiet' and '--verbose' exclude each other", &see("remove"));
    refused(&["--quiet", "list"], "unknown option '--quiet'", "see 'chroot-distro --help'");
    refused(&["--elev=1:1", "list"], "unknown option '--elev'", "see 'chroot-distro --help'");
}

#[test]
fn forgotten_values_are_noticed() {
    let see = "see 'chroot-distro install --help'";
    refused(&["install", "x", "-n"], "install: option '-n' needs a value", see);
    refused(
        &["install", "--name", "--quiet", "x"],
        "install: option '--name' needs a value; if '--quiet' is one, write '--name=--quiet'",
        see,
    );
    refused(
        &["install", "-n", "-q", "x"],
        "install: option '-n' needs a value; if '-q' is one, write '-n-q'",
        see,
    );
}

#[test]
fn a_guest_command_without_separator_is_refused_helpfully() {
    refused(
        &["login", "box", "ls", "/"],
        "login: unexpected argument 'ls'",
        "a command to run goes after '--': chroot-distro login box -- ls ...",
    );
    let ran = Cd::bare(["login", "--", "ls"]).run().code(2);
    ran.says(&["login: CONTAINER is missing"]);
}

#[test]
fn options_in_every_spelling() {
    need!(Root);
    sandbox(|s| {
        Image::of([Entry::dir("etc")]).write_layout(&s.path("image"), "latest");
        let image = "/tmp/image";
        let spellings: [&[&str]; 10] = [
            &["install", "-q", "-n", "c", image],
            &["install", "-qn", "c", image],
            &["install", "-qnc", image],
            &["install", image, "--quiet", "--name=c"],
            &["add", "--name", "c", "-q", "--", image],
            &["i", "--na=c", image, "--q"],
            &["in", "-n", "other", "-n", "c", "-q", image],
            &["ins", "--override-alias=c", "-q", image],
            &["--no-elevate", "install", "-q", image, "--use-sudo", "--name", "c"],
            &["--", "install", "-q", "--name", "c", image],
        ];
        for words in spellings {
            let ran = s.cd(words).run().ok().prints("");
            assert_eq!(ran.err(), "", "{words:?} is not quiet");
            assert_eq!(s.names(), ["c"], "{words:?}");
            s.cd(["rm", "-q", "c"]).run().ok();
        }
        for words in
            [["install", "--name=-x", image], ["install", "-n-x", image], ["install", "--name=", image]]
        {
            s.cd(words).run().code(2).says(&["name"]);
            assert!(s.names().is_empty());
        }
        s.cd(["install", "--name", "a", "--override-alias", "b", image]).run().code(2).says(&["exclude"]);
        for wrong in ["Not An Image", "a//b", "ftp://host/image"] {
            s.cd(["install", wrong]).run().code(2).says(&["hint"]);
        }
    });
}

#[test]
fn arguments_need_not_be_utf8() {
    need!(Root);
    sandbox(|s| {
        let path = OsStr::from_bytes(b"/tmp/odd \xff\xc3 \xee\xbe\x80");
        Image::of([Entry::dir("etc")]).write_layout(path.as_ref(), "latest");
        s.cd([OsStr::new("install"), OsStr::new("--name=c"), path]).run().ok();
        assert_eq!(s.names(), ["c"]);
        let missing = OsStr::from_bytes(b"/tmp/none\xff");
        s.cd([OsStr::new("install"), missing]).run().code(1).says(&["/tmp/none\u{FFFD}"]);
        for command in ["login", "kill", "unmount", "logs", "reset", "remove"] {
            let name = OsStr::from_bytes(b"a\xff");
            s.cd([OsStr::new(command), name]).run().code(2).says(&["'a\u{FFFD}' cannot name a container"]);
        }
    });
}

#[test]
fn the_programs_name_chooses() {
    need!(Root);
    sandbox(|s| {
        s.applet("cd-list", ["-q"]).run().ok().prints("");
        s.applet("cd-ls", ["--json"]).run().ok().prints("[]\n");
        let page = s.applet("cd-login", ["--help"]).run().ok().out();
        assert!(page.starts_with("Usage: cd-login "), "{page}");
        s.applet("cd-rm", ["--bogus"]).run().code(2).says(&["see 'cd-rm --help'"]);
        s.applet("cd-frobnicate", ["x"]).run().code(2).says(&["unknown command 'frobnicate'"]);
        s.applet("renamed", ["list", "-q"]).run().ok().prints("");
    });
}

#[test]
fn a_closed_or_full_output_does_no_harm() {
    for (stdout, code, message) in
        [("| true", 0, ""), (">&-", 0, ""), (">/dev/full", 1, "No space left on device")]
    {
        let line = format!("{} help {stdout}", program().to_str().unwrap());
        let output = Command::new("sh").arg("-c").arg(line).stdin(Stdio::null()).output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{stdout}: {errors}");
        assert!(errors.contains(message) && !errors.contains("panic"), "{stdout}: {errors}");
    }
}

/// With the message where the program has it, by the address of the instruction where it is the artifact.
#[test]
fn a_bug_asks_for_a_report() {
    let ran = Cd::bare(["probe", "--bug"]).run();
    let errors = ran.err();
    assert!(errors.starts_with("chroot-distro: bug at "), "{ran:?}");
    assert!(errors.contains("\n  hint: please report this line"), "{ran:?}");
    assert_eq!(errors.lines().count(), 2, "{ran:?}");
    // Where panics unwind, as in tests, the exit code is Rust's.
    let status = if ran.code == Some(101) { 101 } else { 134 };
    ran.status(status).prints("");
}

#[test]
fn colours_only_where_wanted() {
    let script = |set: &str| {
        let line = format!("{set} exec {} bogus", program().to_str().unwrap());
        let arguments = ["-qec", &line, "/dev/null"];
        Command::new("script")
            .args(arguments)
            .env_remove("NO_COLOR")
            .env("TERM", "xterm")
            .output()
            .unwrap()
            .stdout
    };
    need!(Tool("script"));
    assert!(script("").starts_with(b"\x1b["));
    for set in ["NO_COLOR=1", "CD_FORCE_NO_COLORS=", "TERM=dumb"] {
        assert!(!script(set).contains(&0x1b), "{set}");
    }
    assert!(script("NO_COLOR=").starts_with(b"\x1b["));
}
