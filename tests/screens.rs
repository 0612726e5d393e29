//! What a user sees on the screen: nothing that matters is cut, nothing is broken within a word, and each work says how it
//! goes and how it ended.

use std::fs;

use serde_json::json;

use crate::support::prelude::*;
use crate::support::pty::Terminal;

/// The program on a terminal of so many columns.
fn narrow(s: &Sandbox, columns: u32, words: &[&str]) -> Terminal {
    let line = format!("stty cols {columns}; exec /tmp/bin/chroot-distro \"$@\"");
    Terminal::run(s.world("/bin/sh"), "/bin/sh", [&["-c", &line, "sh"], words].concat())
}

/// All that it prints there.
fn screen(s: &Sandbox, columns: u32, words: &[&str], code: i32) -> String {
    let mut terminal = narrow(s, columns, words);
    let seen = terminal.expect("<exit=");
    terminal.expect(&format!("{code}>"));
    terminal.close();
    seen.replace("\r\n", "\n")
}

fn assert_fits(screen: &str, columns: usize) {
    for line in screen.lines().filter(|line| !line.contains("chroot-distro ")) {
        assert!(line.chars().count() <= columns, "{line:?} in\n{screen}");
    }
}

fn rootfs() -> Vec<u8> {
    let shell = Entry::file("bin/sh", "x").mode(0o755);
    tar([Entry::dir("bin"), Entry::dir("etc"), shell, Entry::file("etc/x", vec![b'x'; 100_000])])
}

#[test]
fn the_main_help_has_one_line_a_command_in_groups() {
    let page = Cd::bare(["--help"]).env("COLUMNS", "80").run().ok().out();
    for word in ["install", "login", "run", "list", "ps", "logs", "kill", "remove", "search", "info", "help"]
    {
        let lines = page.lines().filter(|line| line.starts_with(&format!("  {word} "))).count();
        assert_eq!(lines, 1, "{word} in\n{page}");
        let after = page.split(&format!("\n  {word} ")).nth(1).and_then(|rest| rest.lines().nth(1));
        assert!(after.is_none_or(|line| !line.starts_with("   ")), "{word} has more than one line:\n{page}");
    }
    for group in ["\nContainers:\n", "\nWhat is running:\n", "\nFiles and images:\n", "\nThis program:\n"] {
        assert!(page.contains(group), "{page}");
    }
    let page = Cd::bare(["--help"]).env("COLUMNS", "50").run().ok().out();
    assert_fits(&page, 50);
}

#[test]
fn names_and_pids_are_never_cut_and_the_registry_goes_first() {
    need!(Root, Tool("busybox"), Tool("docker-registry"));
    sandbox(|s| {
        let registry = Registry::start();
        Image::busybox().push(&registry, "some/where/tool:1.2");
        let name = "a-name-that-is-rather-long-0123456789";
        s.cd(["install", "-q", "-n", name, &registry.reference("some/where/tool:1.2")]).run().ok();
        let list = screen(s, 70, &["list"], 0);
        assert!(list.contains(name) && list.contains(" tool:1") && list.contains("idle"), "{list}");
        assert!(!list.contains("127.0.0.1"), "{list}");
        assert!(screen(s, 200, &["list"], 0).contains("127.0.0.1"), "there is room");
        s.cd(["run", "-q", "-d", name, "--", "sleep", "1000"]).run().code(2);
        s.cd(["run", "-d", name, "--", "sleep", "1000"]).run().ok();
        let pid = s.cd(["ps", "-q"]).run().ok().out().trim().to_owned();
        for command in ["list", "ps"] {
            let seen = screen(s, 50, &[command], 0).replace('\n', "");
            assert!(seen.contains(&pid) && seen.contains(name), "{seen}");
        }
        s.cd(["kill", "-q", name]).run().ok();
    });
}

#[test]
fn messages_break_between_words_and_commands_stay_whole() {
    need!(Root);
    sandbox(|s| {
        let seen = screen(s, 50, &["login", "nothing-of-this-name-is-here"], 125);
        assert_fits(&seen, 50);
        assert!(seen.contains("    chroot-distro install nothing-of-this-name-is-here\n"), "{seen}");
        fs::write(s.path("r.tar"), rootfs()).unwrap();
        let name = "a-name-that-is-rather-long-0123456789";
        let seen = screen(s, 50, &["install", "-n", name, "/tmp/r.tar"], 0);
        assert!(seen.contains(&format!("Start shell:\n  chroot-distro login {name}\n")), "{seen}");
        // Where it is no terminal, a message is one line, for grep.
        let told = s.cd(["login", "nothing-of-this-name-is-here"]).env("COLUMNS", "50").run().code(125);
        assert_eq!(told.err().lines().count(), 2, "{}", told.err());
    });
}

#[test]
fn reports_end_with_a_verdict_and_fit_the_screen() {
    need!(Root);
    sandbox(|s| {
        let info = screen(s, 50, &["info"], 0);
        assert_fits(&info, 50);
        let verdict = info.trim_end().lines().last().unwrap_or_default();
        assert!(verdict.starts_with("Result: "), "{info}");
        let selftest = screen(s, 50, &["selftest"], 0);
        assert_fits(&selftest, 50);
        let verdict = selftest.trim_end().lines().last().unwrap_or_default();
        assert!(verdict.starts_with("Result: all ") && verdict.ends_with(" checks are ok"), "{selftest}");
    });
}

#[test]
fn an_archive_ends_as_done_and_no_shell_is_promised_that_is_not_there() {
    need!(Root);
    sandbox(|s| {
        fs::write(s.path("r.tar"), rootfs()).unwrap();
        let told = s.cd(["install", "/tmp/r.tar"]).run().ok().err();
        assert!(told.contains("read: done") && told.contains("unpack: done"), "{told}");
        assert!(!told.contains("stopped") && told.contains("Start shell: "), "{told}");
        let image =
            Image::of([Entry::file("program", "x").mode(0o755)]).with("Entrypoint", json!(["/program"]));
        let labels = json!({
            "org.opencontainers.image.source": "https://example.org/source",
            "org.opencontainers.image.title": "A \u{1b}[2Jtitle",
        });
        image.with("Labels", labels).write_layout(&s.path("layout"), "latest");
        let told = s.cd(["install", "-n", "bare", "/tmp/layout"]).run().ok().err();
        assert!(!told.contains("Start shell") && told.contains("Run entrypoint: "), "{told}");
        let page = s.cd(["list", "-v"]).run().ok().out();
        assert!(page.contains("\nSource:    https://example.org/source\n"), "{page}");
        assert!(page.contains("\nTitle:     A \\u{1b}[2Jtitle\n"), "{page}");
    });
}

#[test]
fn a_program_in_the_background_is_told_with_what_to_do_next() {
    need!(Root, Tool("busybox"));
    sandbox(|s| {
        Image::busybox().write_layout(&s.path("layout"), "latest");
        s.cd(["install", "-q", "-n", "box", "/tmp/layout"]).run().ok();
        let start = || s.cd(["run", "-d", "box", "--", "sleep", "1000"]).run().ok().err();
        let first = start();
        assert!(
            first.contains("chroot-distro logs box") && first.contains("chroot-distro kill box"),
            "{first}"
        );
        assert!(!first.contains("already running"), "{first}");
        assert!(start().contains("1 program was already running in the background of 'box'"));
        assert!(start().contains("2 programs were already running"));
        s.cd(["kill", "-q", "box"]).run().ok();
        assert!(!start().contains("already running"));
        s.cd(["kill", "-q", "box"]).run().ok();
    });
}

#[test]
fn an_interrupted_install_says_how_to_go_on() {
    need!(Root, Tool("docker-registry"));
    sandbox(|s| {
        let registry = Registry::start();
        let image = Image::of([Entry::file("hello", "x")]);
        image.push(&registry, "app:1");
        let config = crate::support::digest(&image.config_bytes());
        let proxy = Proxy::start(registry.port, move |request, _| {
            match request.is_blob() && !request.path.ends_with(&config) {
                true => Fault::StallAfter(10),
                false => Fault::None,
            }
        });
        let mut terminal = narrow(s, 80, &["install", &proxy.reference("app:1")]);
        terminal.expect(" / ");
        terminal.signal(rustix::process::Signal::INT);
        terminal.expect("Stopped. Run the same command again");
        terminal.expect("\r\n");
        assert_eq!(terminal.ends(), 130);
        assert_eq!(s.names(), Vec::<String>::new());
        s.cd(["install", &registry.reference("app:1")]).run().ok();
    });
}
