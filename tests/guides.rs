//! The README and the guides are true: their command lines are understood, their links lead somewhere, the recorded session
//! is what the program prints; and each guide reads well on a terminal of any width.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use chroot_distro::cli::Line;
use chroot_distro::commands::choose::find;
use chroot_distro::commands::global::GLOBAL;
use chroot_distro::commands::{COMMANDS, applets};

use crate::support::command::program;
use crate::support::prelude::*;

fn top(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn read(path: impl AsRef<Path>) -> String {
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.as_ref().display()))
}

/// The topics, in order: the names of the files.
fn topics() -> Vec<String> {
    let entries = fs::read_dir(top("src/docs")).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut topics: Vec<String> =
        names.map(|name| name.strip_suffix(".md").expect("a guide").to_owned()).collect();
    topics.sort();
    assert!(topics.len() > 10, "{topics:?}");
    topics
}

/// The README and the guides, by path.
fn texts() -> Vec<(PathBuf, String)> {
    let guides = topics().into_iter().map(|topic| top(&format!("src/docs/{topic}.md")));
    guides.chain([top("README.md")]).map(|path| (path.clone(), read(path))).collect()
}

fn guide(topic: &str, columns: &str) -> String {
    let ran = Cd::bare(["help", topic]).env("COLUMNS", columns).run().ok();
    assert_eq!(ran.err(), "");
    ran.out()
}

#[test]
fn every_guide_fits_every_width() {
    for columns in [40, 50, 80, 100] {
        for topic in topics() {
            let page = guide(&topic, &columns.to_string());
            assert!(page.lines().count() > 10, "{topic}: {page}");
            for line in page.lines() {
                assert!(line.chars().count() <= columns, "{topic} at {columns}: {line}");
                assert_eq!(line, line.trim_end(), "{topic} at {columns}");
            }
        }
    }
}

#[test]
fn no_word_of_a_guide_is_lost() {
    let letters = |text: &str| text.chars().filter(char::is_ascii_alphanumeric).collect::<String>();
    for (path, text) in texts().into_iter().filter(|(path, _)| path.starts_with(top("src/docs"))) {
        let topic = path.file_stem().unwrap().to_str().unwrap();
        let page = letters(&guide(topic, "80"));
        for line in text.lines().filter(|line| !line.contains("](") && !line.starts_with("```")) {
            // The titles of tables are for the web.
            let found = page.contains(&letters(line)) || text.contains(&format!("{line}\n|---"));
            assert!(found, "{topic} without: {line}");
        }
    }
}

#[test]
fn a_terminal_shows_what_a_pipe_gets() {
    need!(Tool("script"));
    let line = format!("{} help isolation", program().to_str().unwrap());
    let shown = Command::new("script")
        .args(["-qec", &line, "/dev/null"])
        .env("TERM", "xterm")
        .env("COLUMNS", "80")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert_eq!(String::from_utf8(shown.stdout).unwrap().replace('\r', ""), guide("isolation", "80"));
}

#[test]
fn help_knows_the_topics() {
    let topics = topics();
    let overview = Cd::bare(["help"]).run().ok().out();
    let end = overview.split_once("'chroot-distro help TOPIC' shows a guide: ").expect("the topics").1;
    assert_eq!(end.split([',', ' ', '\n']).filter(|word| !word.is_empty()).collect::<Vec<_>>(), topics);
    for topic in &topics {
        // Else nobody would see it: the command goes before.
        assert!(find(COMMANDS, topic).is_err(), "{topic} is a command");
        assert_eq!(guide(&topic.to_uppercase(), "80"), guide(topic, "80"));
    }
    assert!(Cd::bare(["help", "install"]).run().ok().out().starts_with("Usage: chroot-distro install "));
    for (typed, hint) in [
        ("isolaton", "did you mean 'isolation'? 'chroot-distro --help' lists the commands"),
        ("lsit", "did you mean 'list'? 'chroot-distro --help' lists the commands"),
        ("frobnicate", "'chroot-distro --help' lists the commands"),
    ] {
        let ran = Cd::bare(["help", typed]).run().code(2).prints("");
        assert_eq!(ran.err(), format!("chroot-distro: unknown command '{typed}'\n  hint: {hint}\n"));
    }
    // No command is called so, and none is suggested by a topic.
    let ran = Cd::bare(["isolaton"]).run().code(2);
    assert!(!ran.err().contains("did you mean"), "{}", ran.err());
}

#[test]
fn the_manual_page_has_every_guide() {
    let page = Cd::bare(["man"]).run().ok().out();
    for topic in topics() {
        let (title, _) = read(top(&format!("src/docs/{topic}.md"))).split_once('\n').map(own).unwrap();
        let title = title.trim_start_matches("# ").replace('-', "\\-");
        let head = format!("\n.SH {}\n{title}\n", topic.to_uppercase());
        assert!(page.contains(&head), "{topic}: {head}");
    }
    assert!(!page.contains('`') && !page.contains("]("), "Markdown is left in the manual page");
}

fn own((one, other): (&str, &str)) -> (String, String) {
    (one.to_owned(), other.to_owned())
}

/// What a guide may use besides the parts that its renderer knows.
#[test]
fn guides_are_simple() {
    for (path, text) in texts().into_iter().filter(|(path, _)| path.starts_with(top("src/docs"))) {
        let name = path.display();
        assert!(text.starts_with("# ") && text.ends_with('\n') && !text.contains('\0'), "{name}");
        for line in text.lines() {
            let cells = line.matches('|').count();
            assert!(!line.starts_with('|') || cells == 3, "{name}: a table of two columns: {line}");
            assert!(!line.starts_with("  -") && !line.starts_with("####"), "{name}: {line}");
        }
        // Such a line is broken by a backslash, and a comment would take what follows along.
        let long = code(&text).into_iter().filter(|line| line.chars().count() > 36);
        long.for_each(|line| assert!(!line.contains('#'), "{name}: {line}"));
    }
}

#[test]
fn the_readme_is_a_front_page() {
    let readme = read(top("README.md"));
    assert!(readme.lines().count() <= 200, "{} lines", readme.lines().count());
    for topic in topics() {
        assert!(
            readme.contains(&format!("| [{topic}](src/docs/{topic}.md) |")),
            "{topic} is not in the README"
        );
    }
}

#[test]
fn links_lead_to_files() {
    let more = ["README.md", ".github/CONTRIBUTING.md", ".github/SECURITY.md", "cross/README.md"];
    let mut checked = 0;
    for (path, text) in texts().into_iter().chain(more.map(|name| (top(name), read(top(name))))) {
        for (_, rest) in text.match_indices("](").map(|(at, mark)| text.split_at(at + mark.len())) {
            let target = rest.split(')').next().unwrap();
            if target.contains("://") {
                continue;
            }
            let file = path.parent().unwrap().join(target);
            assert!(file.is_file(), "{}: {target} is not there", path.display());
            checked += 1;
        }
    }
    assert!(checked > 40, "{checked} links were found");
}

/// The lines of fenced code, those that a backslash continues joined.
fn code(text: &str) -> Vec<String> {
    let blocks = text.split("```").skip(1).step_by(2);
    blocks
        .flat_map(|block| block.replace("\\\n", " ").lines().map(str::to_owned).collect::<Vec<_>>())
        .collect()
}

/// The calls of the program in code: its arguments, as far as no shell would take them.
fn calls(text: &str) -> Vec<Vec<String>> {
    let fenced = code(text);
    let inline = text.split("```").step_by(2).flat_map(|prose| prose.split('`').skip(1).step_by(2));
    let lines = fenced.iter().map(String::as_str).chain(inline);
    let parts = lines.flat_map(|line| line.split(" # ").next().unwrap().split(['|', ';', '&', '>']));
    let mut calls = Vec::new();
    for part in parts {
        let words: Vec<String> = part.split_whitespace().map(str::to_owned).collect();
        let before = ["$", "sudo", "su", "-c"];
        let at = words.iter().position(|word| !before.contains(&word.as_str())).unwrap_or(words.len());
        match words[at..].split_first() {
            Some((name, arguments)) if name == "chroot-distro" && !arguments.is_empty() => {
                calls.push(arguments.to_vec());
            }
            Some((name, arguments)) if name.starts_with("cd-") && name != "cd-probe" => {
                let command = name.trim_start_matches("cd-").to_owned();
                calls.push([vec![command], arguments.to_vec()].concat());
            }
            _ => {}
        }
    }
    calls
}

/// As the program reads it, up to where it would act.
fn understood(words: &[String]) -> Result<(), String> {
    let told = |error: chroot_distro::error::Error| error.to_string();
    if let Some(command) = applets::options(COMMANDS).find(|command| command.syntax.answers_to(&words[0])) {
        let line = Line::read(&command.syntax, &GLOBAL, "", &words[1..]).map_err(told)?;
        return command.prepare(&line).map(drop).map_err(told);
    }
    let at = words.iter().position(|word| !word.starts_with('-')).unwrap_or(words.len());
    Line::read(&GLOBAL, &GLOBAL, "", &words[..at]).map_err(told)?;
    let Some((name, arguments)) = words[at..].split_first() else { return Ok(()) };
    // As a pattern of a help page.
    if name == "COMMAND" {
        return Ok(());
    }
    let command = find(COMMANDS, name).map_err(told)?;
    let line = Line::read(&command.syntax, &GLOBAL, "", arguments).map_err(told)?;
    command.prepare(&line).map(drop).map_err(told)?;
    match arguments {
        [word] if command.syntax.name == "help" && !["COMMAND", "TOPIC"].contains(&word.as_str()) => {
            Cd::bare(["help", word]).run().ok();
        }
        _ => {}
    }
    Ok(())
}

#[test]
fn every_command_line_is_understood() {
    let mut checked = 0;
    for (path, text) in texts() {
        for words in calls(&text) {
            let answer = understood(&words);
            assert_eq!(answer, Ok(()), "{}: chroot-distro {}", path.display(), words.join(" "));
            checked += 1;
        }
    }
    assert!(checked > 100, "{checked} command lines were found");
    for wrong in ["login box --no-such", "frobnicate", "rename box", "--no-such list"] {
        let words: Vec<String> = wrong.split(' ').map(str::to_owned).collect();
        assert!(understood(&words).is_err(), "{wrong}");
    }
    assert_eq!(
        calls("a `sudo chroot-distro list -q` b `cd-rm x`\n```\ny | chroot-distro login \\\n  b # c\n```"),
        [vec!["login", "b"], vec!["list", "-q"], vec!["rm", "x"],]
    );
}

#[test]
fn every_variable_is_in_the_guide() {
    fn sources(directory: &Path, into: &mut String) {
        for entry in fs::read_dir(directory).unwrap().flatten() {
            match entry.path() {
                path if path.is_dir() => sources(&path, into),
                path if path.extension().is_some_and(|extension| extension == "rs") => {
                    into.push_str(read(&path).split("\n#[cfg(test)]\n").next().unwrap());
                }
                _ => {}
            }
        }
    }
    let mut code = String::new();
    sources(&top("src"), &mut code);
    let known = read(top("src/docs/environment.md"));
    let ours = |word: &&str| ["CD_", "PD_", "CHROOT_DISTRO_"].iter().any(|prefix| word.starts_with(prefix));
    let plain = |word: &&str| {
        !word.ends_with('_') && word.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_')
    };
    // Those of the build, and of tests.
    let hidden =
        ["CHROOT_DISTRO_COMMIT", "CHROOT_DISTRO_DATE", "CHROOT_DISTRO_TOPICS", "CD_FAULT", "CD_MUST_RUN"];
    let read: BTreeSet<&str> =
        code.split('"').filter(ours).filter(plain).filter(|w| !hidden.contains(w)).collect();
    assert!(read.len() > 15, "{read:?}");
    for variable in read.iter().filter(|word| !word.starts_with("CD_TEST_")) {
        assert!(
            known.contains(&format!("`{variable}`")) || known.contains(&format!("`{variable}=1`")),
            "{variable}"
        );
    }
}

/// Without what differs between machines and builds: numbers, names of CPUs, the widths of columns.
fn masked(session: &str) -> String {
    let mut masked = String::new();
    for line in session.lines() {
        let words = line.split_whitespace().map(|word| {
            let number = word.starts_with(|first: char| first.is_ascii_digit());
            match word.trim_matches(['(', ')', ',']) {
                "aarch64" | "arm" | "i686" | "riscv64" | "x86_64" => "CPU",
                "KiB" | "MiB" => "SIZE",
                _ if number && line.contains("processes") && !line.contains(" 2,") => "MANY",
                _ if number && line.contains("idle") => "NUMBER",
                word => word,
            }
        });
        masked.push_str(&words.collect::<Vec<_>>().join(" "));
        masked.push('\n');
    }
    masked
}

#[test]
fn the_recorded_session_is_what_the_program_prints() {
    need!(Root);
    sandbox(|s| {
        let script = top("tests/readme");
        let ran = Cd::new("bash").arg(&script).args(["--print", "/tmp/bin/chroot-distro"]).run().ok();
        assert_eq!(ran.err(), "");
        let readme = read(top("README.md"));
        let recorded = readme.split_once("<!-- tests/readme writes this -->\n```\n").expect("the session").1;
        let (recorded, _) = recorded.split_once("```\n<!-- end of tests/readme -->\n").expect("its end");
        assert!(recorded.lines().count() > 10, "{recorded}");
        assert_eq!(masked(&ran.out()), masked(recorded), "run tests/readme");
        assert!(s.names().is_empty());
    });
}
