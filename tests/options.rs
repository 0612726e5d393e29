//! Every option of `login` and `run` by each of its names, seen from inside; none may be without a row here.
//!
//! What an option means in each mode, on each kernel, and when it goes wrong is in the files of its concern.

use std::collections::BTreeSet;
use std::fs;

use serde_json::json;

use crate::support::prelude::*;

/// `run` alone has these.
const OF_RUN: [&str; 2] = ["--entrypoint", "--detach"];

/// An option, its spellings with what else stands before the container, a shell script, and what that prints.
struct Row(&'static str, &'static [&'static [&'static str]], &'static str, &'static str);

const ROWS: &[Row] = &[
    Row(
        "--user",
        &[&["--user", "user:staff"], &["--user=1000:50"], &["-u", "user:50"], &["-u1000:staff"]],
        "echo $(id -u):$(id -g)",
        "1000:50\n",
    ),
    Row("--user", &[&["-u", "user"], &["-u", "1000"]], "echo $(id -G)", "1001 50\n"),
    Row(
        "--isolated",
        &[&["--isolated"], &["--isolate"]],
        "test $$ -lt 9 && echo own; test -e /tmp/shared || echo hidden; grep -c Seccomp:.2 /proc/self/status",
        "own\nhidden\n1\n",
    ),
    Row("--minimal", &[&["--minimal"]], "test -e /tmp/shared || echo hidden; echo $HOME", "hidden\n\n"),
    Row("--shared-home", &[&["--shared-home"]], "cat ~/at-home", "of the host\n"),
    Row("--shared-tmp", &[&["--shared-tmp", "--isolated"]], "cat /tmp/shared/f", "of the host\n"),
    Row(
        "--shared-display",
        &[&["--shared-display"], &["--shared-x11"], &["--shared-display", "--isolated"]],
        "echo $DISPLAY",
        ":7\n",
    ),
    Row(
        "--bind",
        &[&["--bind", "/tmp/shared:/mnt"], &["-b", "/tmp/shared:/mnt"], &["--bind=shared:/mnt"]],
        "cat /mnt/f && echo back > /mnt/g",
        "of the host\n",
    ),
    Row(
        "--bind",
        &[&["-b", "/tmp/shared:/mnt:ro,nosuid,nodev,noexec"]],
        "grep ' /mnt ' /proc/self/mountinfo | cut -d ' ' -f 6 | tr , '\\n' | grep -cE '^(ro|nosuid|nodev|noexec)$'
         true > /mnt/h || /mnt/busybox true || echo refused",
        "4\nrefused\n",
    ),
    Row("--bind", &[&["-b", "/tmp/shared", "--isolated"]], "cat /tmp/shared/f", "of the host\n"),
    Row(
        "--bind",
        &[&["-b", "/dev/zero:/dev/mine", "--isolated"], &["-b", "/dev/zero:/dev/mine:ro", "--isolated"]],
        "head -c 2 /dev/mine | od -An -tx1",
        " 00 00\n",
    ),
    Row(
        "--network",
        &[&["--network", "none"], &["--network=none", "--isolated"], &["--network=none", "--minimal"]],
        "grep : /proc/net/dev | cut -d : -f 1 | tr -d ' '",
        "lo\n",
    ),
    Row(
        "--userns",
        &[&["--userns", "host", "--isolated"], &["--isolated", "--userns=host"]],
        "read -r inside outside count < /proc/self/uid_map; echo $inside $outside $count",
        "0 0 4294967295\n",
    ),
    Row(
        "--cap-add",
        &[&["--cap-add", "NET_ADMIN", "--isolated"], &["--isolate", "--cap-add=cap_net_admin"]],
        "echo $(( 0x$(grep CapEff /proc/self/status | cut -f 2) >> 12 & 1 ))",
        "1\n",
    ),
    Row("--no-isolated", &[&["--no-isolated"]], "cat /tmp/shared/f", "of the host\n"),
    Row("--memory", &[&["--memory", "64M"], &["--memory=64m", "--isolated"]], "echo in", "in\n"),
    Row("--cpus", &[&["--cpus", "1.5"], &["--cpus=1.5", "--isolated"]], "echo in", "in\n"),
    Row("--pids-limit", &[&["--pids-limit", "99"], &["--pids-limit=99", "--isolated"]], "echo in", "in\n"),
    Row("--strict", &[&["--strict", "--isolated"]], "echo whole", "whole\n"),
    Row("--hostname", &[&["--hostname", "box.example"], &["--hostname=box.example"]], "hostname", "box.example\n"),
    Row("--hostname", &[&["--isolated"]], "hostname", "localhost\n"),
    Row("--work-dir", &[&["--work-dir", "/etc"], &["-w", "/etc"], &["-w/etc", "-u", "user"]], "pwd", "/etc\n"),
    Row("--env", &[&["--env", "A=b c"], &["-e", "A=b c"], &["-eA=x", "--env=A=b c"]], "echo \"$A\"", "b c\n"),
    Row("--env-file", &[&["--env-file", "shared/vars"], &["--env-file=shared/vars"]], "echo \"$A\"", "b c\n"),
    Row("--tty", &[&["--tty"], &["-t"], &["-t", "--isolated"]], "tty | grep -c ^/dev/pts/[0-9]", "1\r\n"),
    Row("--no-tty", &[&["--no-tty"], &["-T"]], "tty || true", "not a tty\n"),
    Row("--no-new-privs", &[&["--no-new-privs"]], "grep -c NoNewPrivs:.1 /proc/self/status", "1\n"),
    Row("--entrypoint", &[&["--entrypoint", "/bin/sh"], &["--entrypoint=/bin/sh"]], "echo $0", "/bin/sh\n"),
];

/// With a container `c`, a directory `/tmp/shared`, and a home that has something in it.
fn prepared(body: impl Fn(&Sandbox) + Send + Sync) {
    sandbox(|s| {
        Image::busybox().with("Entrypoint", json!(["/bin/false"])).write_layout(&s.path("layout"), "latest");
        s.cd(["install", "-q", "-n", "c", "/tmp/layout"]).run().ok();
        for dir in ["shared", "home"] {
            fs::create_dir_all(s.path(dir)).unwrap();
        }
        fs::write(s.path("shared/f"), "of the host\n").unwrap();
        fs::write(s.path("shared/vars"), "# of a file\nA=b c\n").unwrap();
        copy_program(crate::support::need::program("busybox").unwrap(), s.path("shared/busybox"));
        fs::write(s.path("home/at-home"), "of the host\n").unwrap();
        body(s);
    });
}

fn enter(s: &Sandbox, options: &[&str], command: &[&str]) -> Cd {
    s.cd([options, &["c", "--"], command].concat())
        .env("HOME", "/tmp/home")
        .env("DISPLAY", ":7")
        .current_dir("/tmp")
}

#[test]
fn every_option_is_seen_from_inside() {
    need!(Root, Tool("busybox"));
    prepared(|s| {
        for Row(option, spellings, script, printed) in ROWS {
            for spelling in *spellings {
                let shell = ["/bin/sh", "-c", script];
                if !OF_RUN.contains(option) {
                    enter(s, &[&["login"], *spelling].concat(), &shell).run().ok().prints(printed);
                }
                let entrypoint: (&[&str], &[&str]) = match *option {
                    "--entrypoint" => (&[], &shell[1..]),
                    _ => (&["--entrypoint", "/bin/sh"], &shell[1..]),
                };
                let options = [&["run"], *spelling, entrypoint.0].concat();
                enter(s, &options, entrypoint.1).run().ok().prints(printed);
            }
        }
    });
}

#[test]
fn a_variable_stands_for_an_option() {
    need!(Root, Tool("busybox"));
    prepared(|s| {
        for (variable, value, script, printed) in [
            ("CD_USER", "user:staff", "echo $(id -u):$(id -g)", "1000:50\n"),
            ("CD_WORKDIR", "/etc", "pwd", "/etc\n"),
            ("CD_ENV", "A=b c\n\nB=d", "echo \"$A\" $B", "b c d\n"),
            ("CD_NO_NEW_PRIVS", "1", "grep -c NoNewPrivs:.1 /proc/self/status", "1\n"),
            (
                "CD_USE_ISOLATION",
                "1",
                "test $$ -lt 9 && echo own; test -e /tmp/shared || echo hidden",
                "own\nhidden\n",
            ),
            ("CD_USE_NS", "1", "test $$ -lt 9 && cat /tmp/shared/f", "of the host\n"),
        ] {
            let shell = ["/bin/sh", "-c", script];
            enter(s, &["login"], &shell).env(variable, value).run().ok().prints(printed);
            enter(s, &["run", "--entrypoint", "/bin/sh"], &shell[1..])
                .env(variable, value)
                .run()
                .ok()
                .prints(printed);
        }
        enter(s, &["run"], &["-c", "echo $0"]).env("CD_ENTRYPOINT", "/bin/sh").run().ok().prints("/bin/sh\n");
        // Nobody loses isolation unawares.
        let ran = enter(s, &["login", "--minimal"], &["true"]).env("CD_USE_ISOLATION", "1").run();
        ran.code(2).says(&["exclude each other"]);
        // The option wins.
        enter(s, &["login", "-u", "0"], &["id", "-u"]).env("CD_USER", "user").run().ok().prints("0\n");
        enter(s, &["login", "-w", "/bin"], &["pwd"]).env("CD_WORKDIR", "/etc").run().ok().prints("/bin\n");
        enter(s, &["login", "-e", "A=1"], &["/bin/sh", "-c", "echo $A"])
            .env("CD_ENV", "A=2")
            .run()
            .ok()
            .prints("1\n");
    });
}

#[test]
fn no_option_is_forgotten() {
    let mut known: BTreeSet<&str> = ROWS.iter().map(|Row(option, ..)| *option).collect();
    // `run` has tests for the first, `session` for the second.
    known.extend(["--detach", "--get-chroot-cmd", "--help"]);
    for (command, but) in [("login", &OF_RUN[..]), ("run", &[])] {
        let help = Cd::bare(["help", command]).run().ok().out();
        let options: BTreeSet<&str> = help
            .lines()
            .filter(|line| line.starts_with("  -") || line.starts_with("      --"))
            .filter_map(|line| line.split_whitespace().find(|word| word.starts_with("--")))
            .collect();
        let expected: BTreeSet<&str> = known.iter().copied().filter(|option| !but.contains(option)).collect();
        assert_eq!(options, expected, "of {command}");
    }
}
