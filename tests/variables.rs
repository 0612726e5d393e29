//! Variables: the switches that this program reads, and those that go into a guest: passed on by name, from a file, of the
//! account, the time zone.

use std::fs;

use serde_json::json;

use crate::support::prelude::*;

/// Each switch, what shows it in a guest's shell, and what that prints when it is on; else it prints `off`.
const SWITCHES: &[(&str, &str, &str)] = &[
    ("CD_USE_ISOLATION", "test $$ -lt 9 && test ! -e /tmp/shared && echo on || echo off", "on\n"),
    ("CD_USE_NS", "test $$ -lt 9 && test -e /tmp/shared && echo on || echo off", "on\n"),
    ("CD_NO_NEW_PRIVS", "grep -q NoNewPrivs:.1 /proc/self/status && echo on || echo off", "on\n"),
];

#[test]
fn a_switch_is_on_or_off_by_any_usual_word_and_nothing_else() {
    need!(Root, Tool("busybox"));
    sandbox(|s| {
        make(s);
        fs::create_dir(s.path("shared")).unwrap();
        for (variable, script, on) in SWITCHES {
            for word in ["1", "true", "yes", "On", "TRUE"] {
                login(s, &[], script).env(variable, word).run().ok().prints(on);
            }
            for word in ["", "0", "false", "No", "off"] {
                login(s, &[], script).env(variable, word).run().ok().prints("off\n");
            }
            for word in ["2", "ture", "enabled"] {
                let ran = login(s, &[], "echo ran").env(variable, word).run().code(2);
                ran.says(&[&format!("{variable}={word}"), "neither on nor off", "hint"]).prints("");
                let ran = s.cd(["run", "c", "--", "echo", "ran"]).env(variable, word).run().code(2);
                ran.says(&[variable]).prints("");
            }
        }
        // An isolated guest without the filter: only then has it one to be without.
        let filters = "grep -c Seccomp:.2 /proc/self/status";
        for (word, filtered) in [("yes", "0\n"), ("no", "1\n")] {
            login(s, &["--isolated"], filters).env("CD_NO_SECCOMP", word).run().prints(filtered);
        }
        login(s, &["--isolated"], filters).env("CD_NO_SECCOMP", "y").run().code(2).says(&["CD_NO_SECCOMP=y"]);
    });
}

#[test]
fn a_switch_about_root_is_read_by_the_same_words() {
    need!(Root);
    sandbox(|s| {
        let remove = |variable: &str, word: &str| {
            let user = s.cd(["remove", "absent"]).uid(1000).env("PATH", "/tmp/none");
            user.env_remove("CHROOT_DISTRO_NO_ELEVATE").env(variable, word).run()
        };
        for word in ["1", "TRUE", "yes", "on"] {
            remove("CHROOT_DISTRO_NO_ELEVATE", word).code(1).says(&["elevation is turned off"]);
        }
        for word in ["", "0", "False", "no", "off"] {
            remove("CHROOT_DISTRO_NO_ELEVATE", word).code(1).says(&["none of sudo, doas, pkexec and su"]);
        }
        for variable in ["CHROOT_DISTRO_NO_ELEVATE", "CHROOT_DISTRO_USE_SUDO"] {
            remove(variable, "maybe").code(2).says(&[&format!("{variable}=maybe")]);
            // Root needs neither, but is told of the mistake too.
            s.cd(["remove", "absent"]).env(variable, "maybe").run().code(2).says(&[variable]);
        }
    });
}

/// What a variable is inside, `-` where it is not set.
fn inside(s: &Sandbox, options: &[&str], name: &str) -> Cd {
    login(s, options, &format!("echo \"${{{name}--}}\""))
}

#[test]
fn a_name_alone_passes_the_callers_value_on() {
    need!(Root, Tool("busybox"));
    in_every_mode(&Image::busybox().with("Env", json!(["FROM=image"])), |s, mode| {
        let get = |options: &[&'static str], name: &str| inside(s, &[mode, options].concat(), name);
        for options in [&["-e", "MINE"][..], &["--env=MINE"], &["-eMINE"], &["-e", "MINE=x", "-e", "MINE"]] {
            get(options, "MINE").env("MINE", "a b=\"c\"").run().ok().prints("a b=\"c\"\n");
        }
        get(&["-e", "MINE"], "MINE").env("MINE", "").run().ok().prints("\n");
        // Who does not have it gives none, and nothing is passed on that was not named.
        get(&["-e", "MINE"], "MINE").run().ok().prints("-\n");
        get(&["-e", "OTHER"], "MINE").env("MINE", "x").run().ok().prints("-\n");
        get(&["-e", "MINE", "-e", "MINE=y"], "MINE").env("MINE", "x").run().ok().prints("y\n");
        get(&["-e", "FROM"], "FROM").env("FROM", "me").run().ok().prints("me\n");
        get(&[], "MINE").env("CD_ENV", "MINE\nA=1").env("MINE", "x").run().ok().prints("x\n");
        s.cd([&["run"], mode, &["-e", "MINE", "c", "--", "sh", "-c", "echo $MINE"]].concat())
            .env("MINE", "x")
            .run()
            .ok()
            .prints("x\n");
        get(&["-e", "=x"], "MINE").run().code(2).says(&["no name"]);
        get(&["-e", ""], "MINE").run().code(2).says(&["no name"]);
    });
}

#[test]
fn a_file_of_variables_is_read_as_docker_reads_it() {
    need!(Root, Tool("busybox"));
    in_every_mode(&Image::busybox(), |s, mode| {
        let file = |text: &[u8]| fs::write(s.path("env"), text).unwrap();
        let get = |options: &[&'static str], name: &str| {
            inside(s, &[mode, &["--env-file", "/tmp/env"], options].concat(), name)
        };
        file(b"\xef\xbb\xbfFIRST=1\n# SECOND=2\n\n  THIRD=a # b \n\tMINE\nNONE\nQUOTED=\"q\"\nCRLF=x\r\nLAST=a=b");
        for (name, value) in [
            ("FIRST", "1"),
            ("SECOND", "-"),
            ("THIRD", "a # b "),
            ("MINE", "of the caller"),
            ("NONE", "-"),
            ("QUOTED", "\"q\""),
            ("CRLF", "x"),
            ("LAST", "a=b"),
        ] {
            get(&[], name).env("MINE", "of the caller").run().ok().prints(&format!("{value}\n"));
        }
        // Bytes that are no text come through as they are.
        file(b"BYTES=\xff\xfe\n");
        assert_eq!(get(&[], "BYTES").run().ok().stdout, b"\xff\xfe\n");
        // Files in their order over CD_ENV, and below --env, wherever that stands.
        file(b"A=file\n");
        fs::write(s.path("more"), "A=more\n").unwrap();
        get(&[], "A").env("CD_ENV", "A=environment").run().ok().prints("file\n");
        get(&["--env-file=/tmp/more"], "A").run().ok().prints("more\n");
        get(&["-e", "A=option", "--env-file=/tmp/more"], "A").run().ok().prints("option\n");
        for (text, told) in [("A=1\nexport B=2\n", "line 2"), ("=x\n", "line 1"), ("A B\n", "blank")] {
            file(text.as_bytes());
            get(&[], "A").run().code(2).says(&[told, "/tmp/env"]).prints("");
        }
        inside(s, &["--env-file", "/tmp/absent"], "A").run().code(125).says(&["/tmp/absent", "variables"]);
        inside(s, &["--env-file", "/tmp"], "A").run().code(125).says(&["/tmp", "directory"]);
    });
}
