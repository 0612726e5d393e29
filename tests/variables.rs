//! Variables: the switches that this program reads, and those that go into a guest: passed on by name, from a file, of the
//! account, the time zone.

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
        std::fs::create_dir(s.path("shared")).unwrap();
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
