//! Command lines: every word of every command, up to the moment at which it would act.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use chroot_distro::cli::complete::wanted;
use chroot_distro::cli::{Line, help, os_string, text};
use chroot_distro::commands::COMMANDS;
use chroot_distro::commands::choose::find;
use chroot_distro::commands::global::GLOBAL;
use chroot_distro::error::Kind;
use chroot_distro::session::Bind;
use chroot_distro::transfer::Endpoint;

use super::Target;

pub const LINES: Target = Target {
    name: "lines",
    seeds: || {
        let lines = [
            "login\nx\n-u\nroot:0\n--bind=/a:/b:ro\n--\nsh\n-c\nx",
            "run\n-it\n--rm\n-e\nA=b\ntiny:1\nls",
            "install\nubuntu:24.04\n--name\nx\n--arch=arm64",
            "kill\na\nb\n-s9",
            "list\n--json\n--help",
            "exec\nx\nls\n-l",
        ];
        lines.map(|line| line.as_bytes().to_vec()).into()
    },
    words: &[
        "\n",
        "\n--\n",
        "\n-",
        "\n--",
        "=",
        "--name",
        "--user",
        "--help",
        "--bind",
        "--env",
        "--isolated",
        "--minimal",
        "--quiet",
        "login",
        "run",
        "install",
        "cp",
        "list",
        "ps",
        "kill",
        "remove",
        "reset",
        "rename",
        "diff",
        "logs",
        "setup",
        "search",
        "docker://",
        "http://x/y",
        "/a:/b:ro",
        "0",
        "-1",
        "99999999999999999999",
        ":",
        ",",
        "\u{e9}",
        "\u{ef80}",
    ],
    longest: 1 << 10,
    run,
};

/// Words come back byte for byte, and whatever is wrong on a line is told as a wrong use.
fn run(input: &[u8]) {
    let words: Vec<String> =
        input.split(|&byte| byte == b'\n').map(|word| text(OsStr::from_bytes(word))).collect();
    for (word, bytes) in words.iter().zip(input.split(|&byte| byte == b'\n')) {
        assert_eq!(os_string(word).as_bytes(), bytes);
        let _ = Bind::parse(OsStr::from_bytes(bytes));
        let _ = Endpoint::parse(OsStr::from_bytes(bytes)).typed().as_os_str().len();
    }
    let [name, arguments @ ..] = &words[..] else { return };
    let Ok(command) = find(COMMANDS, name) else { return };
    match Line::read(&command.syntax, &GLOBAL, "chroot-distro x", arguments) {
        Err(error) => assert_eq!(error.kind(), Kind::Usage, "{error}"),
        Ok(line) if line.has("--help") => {
            let _ = help::page(&command.syntax, "chroot-distro x", 20 + arguments.len());
        }
        // It acts only when what it prepares is called.
        Ok(line) => drop(command.prepare(&line)),
    }
    if let Some((word, before)) = arguments.split_last() {
        let _ = wanted(&command.syntax, &GLOBAL, before, word);
    }
}
