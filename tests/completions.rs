//! What bash, zsh and fish complete, asked of the real shells; the manual page, checked by mandoc(1).

use std::fs;

use crate::support::prelude::*;

/// `box`, `web` and a directory of files; a shell that finds the program.
fn shell(s: &Sandbox, name: &str) -> Cd {
    Cd::new(name)
        .env("PATH", "/tmp/bin:/usr/bin:/bin")
        .env("HOME", "/tmp/home")
        .env("XDG_DATA_HOME", "/tmp/data")
        .env("XDG_CACHE_HOME", "/tmp/cache")
        .env("TERM", "dumb")
        .env("LC_ALL", "C.UTF-8")
        .current_dir(s.path("home"))
}

fn furnish(s: &Sandbox) {
    let passwd = "root:x:0:0::/root:/bin/sh\nruth:x:9:9::/:/bin/sh\n$(touch /tmp/owned):x:8:8::/:/bin/sh\n";
    for name in ["box", "web"] {
        Image::of([Entry::dir("etc"), Entry::file("etc/passwd", passwd)])
            .write_layout(&s.path("image"), "latest");
        s.cd(["install", "-q", "-n", name, "/tmp/image"]).run().ok();
        fs::remove_dir_all(s.path("image")).unwrap();
    }
    fs::create_dir_all(s.path("home/files/sub")).unwrap();
    fs::write(s.path("home/files/plain"), "").unwrap();
}

/// What is offered where the cursor stands behind each of these lines: exactly that, or that among others (`..`).
const OFFERED: [(&str, &str); 20] = [
    ("chroot-distro logi", "login"),
    ("chroot-distro sh", "sh"),
    ("chroot-distro --no-elevate logi", "login"),
    ("chroot-distro login ", "box web"),
    ("chroot-distro login b", "box"),
    ("cd-login b", "box"),
    ("cd-remove -v b", "box"),
    ("chroot-distro login box --shared-t", "--shared-tmp"),
    ("chroot-distro login --shared-tmp --shared-t", ""),
    ("chroot-distro login --minimal --isol", ""),
    ("chroot-distro login box -u r", "root ruth"),
    ("chroot-distro install -a aar", "aarch64"),
    ("chroot-distro completions ", "bash fish zsh"),
    ("chroot-distro help comp", "completions"),
    ("chroot-distro help isol", "isolation"),
    ("chroot-distro autostart r", "remove run"),
    ("chroot-distro autostart add box w", "web"),
    ("chroot-distro kill b", "box"),
    ("chroot-distro login box -- l", ""),
    ("chroot-distro nonsense b", ""),
];

fn words(output: &str) -> String {
    let mut words: Vec<&str> = output.lines().filter(|line| !line.is_empty()).collect();
    words.sort_unstable();
    words.join(" ")
}

/// What bash's function leaves in COMPREPLY, called as bash calls it; `WORD` is what bash takes for the last word.
fn bash(s: &Sandbox, line: &str, word: &str) -> String {
    let script = r#"
        source <(chroot-distro completions bash)
        complete -p chroot-distro cd-login >/dev/null || exit 9
        COMP_LINE=$1 COMP_POINT=${#1} COMP_WORDS=("${1%% *}" "$2") COMP_CWORD=1
        compopt() { echo "$*"; }
        _chroot_distro "${1%% *}" "$2"
        printf '%s\n' "${COMPREPLY[@]}""#;
    let ran = shell(s, "bash").args(["--norc", "-c", script, "bash", line, word]).run().ok();
    assert_eq!(ran.err(), "");
    words(&ran.out())
}

#[test]
fn in_bash() {
    need!(Root, Tool("bash"));
    sandbox(|s| {
        furnish(s);
        for (line, expected) in OFFERED {
            let word = line.rsplit(' ').next().unwrap();
            assert_eq!(bash(s, line, word), expected, "{line}");
        }
        // Behind '=' and ':' bash sees another word.
        assert_eq!(bash(s, "chroot-distro install --architecture=aar", "aar"), "aarch64");
        assert_eq!(bash(s, "chroot-distro install --architecture=", "="), "aarch64 arm i686 riscv64 x86_64");
        assert_eq!(bash(s, "chroot-distro login \"b", "\"b"), "box");
        assert_eq!(bash(s, "chroot-distro login --bind=files/", "files/"), "-o default");
        assert_eq!(bash(s, "chroot-distro install ./", "./"), "-o default");
        assert_eq!(bash(s, "chroot-distro --install ", ""), "-o dirnames");
        assert!(!s.path("owned").exists());
    });
}

#[test]
fn in_fish() {
    need!(Root, Tool("fish"));
    sandbox(|s| {
        furnish(s);
        let complete = |line: &str| {
            let script = "chroot-distro completions fish | source; complete -C $argv[1]";
            let ran = shell(s, "fish").args(["--no-config", "-c", script, line]).run().ok();
            let texts: Vec<_> =
                ran.out().lines().map(|line| line.split('\t').next().unwrap().to_owned()).collect();
            words(&texts.join("\n"))
        };
        for (line, expected) in OFFERED {
            assert_eq!(complete(line), expected, "{line}");
        }
        assert_eq!(complete("chroot-distro install --architecture=aar"), "--architecture=aarch64");
        assert_eq!(complete("chroot-distro login --bind=files/"), "--bind=files/plain --bind=files/sub/");
        assert_eq!(complete("chroot-distro install ./files/p"), "./files/plain");
        assert_eq!(complete("chroot-distro --install files/"), "files/sub/");
    });
}

/// An interactive shell on a terminal of its own, `$1` with the preparations `$2`: types each line and a tabulator, and
/// prints what the line is then. (The preparations bind Ctrl-X s to printing it between << and >>, and clearing it; the
/// quotes keep what is typed from looking like that.)
const TERMINAL: &str = r#"
zmodload zsh/zpty
zpty z "$1"
zpty -w z "$2"
zpty -w z 'echo "<""<ready>"">"'
zpty -r -m z out '*<<ready>>*'
shift 2
for line; do
    zpty -w -n z "$line"$'\t\x18s'
    zpty -r -m z out '*<<*>>*'
    out=${out##*<<}
    print -r -- "${out%%>>*}"
done
zpty -d z
"#;

/// What each line becomes by a tabulator: 'log' begins two commands.
const TYPED: [(&str, &str); 11] = [
    ("chroot-distro log", "chroot-distro log"),
    ("chroot-distro --no-elevate logi", "chroot-distro --no-elevate login "),
    ("chroot-distro login b", "chroot-distro login box "),
    ("cd-login b", "cd-login box "),
    ("chroot-distro login box --shared-t", "chroot-distro login box --shared-tmp "),
    ("chroot-distro login box -u ru", "chroot-distro login box -u ruth "),
    ("chroot-distro install --architecture=aar", "chroot-distro install --architecture=aarch64 "),
    ("chroot-distro login --bind=files/p", "chroot-distro login --bind=files/plain "),
    ("chroot-distro install ./files/p", "chroot-distro install ./files/plain "),
    ("chroot-distro --install files/", "chroot-distro --install files/sub/"),
    ("chroot-distro login box -- lo", "chroot-distro login box -- lo"),
];

fn typed(s: &Sandbox, command: &str, preparations: &str) {
    let lines = TYPED.iter().map(|(line, _)| *line);
    let words = ["-f", "-c", TERMINAL, "zsh", command, preparations];
    let ran = shell(s, "zsh").args(words.into_iter().chain(lines)).run().ok();
    let lines: Vec<String> = ran.out().lines().map(|line| line.trim_end_matches('\r').to_owned()).collect();
    assert_eq!(lines, TYPED.map(|(_, line)| line), "{ran:?}");
}

#[test]
fn typed_in_bash() {
    need!(Root, Tool("zsh"), Tool("bash"));
    sandbox(|s| {
        furnish(s);
        typed(
            s,
            "bash --norc --noprofile -i",
            r#"PS1=; bind "set bell-style none"; source <(chroot-distro completions bash)
            shown() { echo "<""<$READLINE_LINE>"">"; READLINE_LINE=; }; bind -x '"\C-xs": shown'"#,
        );
    });
}

#[test]
fn typed_in_zsh() {
    need!(Root, Tool("zsh"));
    sandbox(|s| {
        furnish(s);
        let script = s.cd(["completions", "zsh"]).run().ok().out();
        fs::write(s.path("home/_chroot-distro"), script).unwrap();
        typed(
            s,
            "zsh -f -i",
            r#"PROMPT=; unsetopt list_ambiguous list_beep; fpath=(/tmp/home $fpath); autoload -U compinit
            compinit -u -D; shown() { print -r -- "<""<$BUFFER>"">"; BUFFER= }
            zle -N shown; bindkey "^Xs" shown"#,
        );
    });
}

#[test]
fn the_shells_are_named() {
    Cd::bare(["completions", "tcsh"]).run().code(2).says(&["'tcsh'", "bash, zsh and fish"]);
}

#[test]
fn the_manual_page_is_whole_and_clean() {
    need!(Tool("mandoc"));
    let page = Cd::bare(["man"]).run().ok().stdout;
    let lint = Cd::new("mandoc").args(["-Tlint", "-Wwarning"]).stdin(page.clone()).run().ok();
    assert_eq!(lint.out(), "");
    let text = Cd::new("mandoc").args(["-Tutf8", "-Owidth=500"]).stdin(page).run().ok().out();
    // Bold is overstruck.
    let mut letters: Vec<char> = Vec::new();
    for letter in text.chars() {
        if letter == '\u{8}' { letters.truncate(letters.len() - 1) } else { letters.push(letter) }
    }
    let text: String = letters.into_iter().collect();
    for name in Cd::bare(["--list"]).run().ok().out().lines() {
        let command = name.strip_prefix("cd-").unwrap();
        assert!(text.contains(&format!("chroot-distro {command}")), "{command} is not in the manual");
    }
    for wanted in ["-n, --name NAME", "--bind SRC[:DST[:OPTIONS]]", "chroot-distro --install [OPTIONS] DIR"] {
        assert!(text.contains(wanted), "{wanted} is not in the manual");
    }
}
