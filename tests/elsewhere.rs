//! What people type who come from docker, podman, distrobox or proot-distro: each word is taken, or answered with
//! what to type here, and no answer leads a slip of the finger to a command that deletes.

use crate::support::prelude::*;

fn hint_of(words: &[&str]) -> String {
    let ran = Cd::bare(words).run().code(2).prints("");
    let errors = ran.err();
    errors.split_once("\n  hint: ").unwrap_or_else(|| panic!("{words:?}: {errors}")).1.to_owned()
}

#[test]
fn commands_of_other_tools_are_answered() {
    for (word, answer) in [
        ("attach", "chroot-distro login NAME"),
        ("create", "chroot-distro install IMAGE --name NAME"),
        ("start", "chroot-distro run --detach NAME"),
        ("uninstall", "chroot-distro remove NAME"),
        ("version", "chroot-distro --version"),
        ("port", "is open on the host"),
        ("wait", "chroot-distro logs --follow NAME"),
    ] {
        let hint = hint_of(&[word, "x"]);
        assert!(hint.contains(answer) && !hint.contains("did you mean"), "{word}: {hint}");
    }
}

#[test]
fn a_slip_never_leads_to_what_deletes() {
    for word in ["rmo", "rn", "cla", "cle", "kil", "klil", "rest", "umont", "removx-all", "clera", "st"] {
        let hint = hint_of(&[word]);
        for harm in
            ["'remove'", "'rm'", "'clear'", "'cl'", "'clear-cache'", "'reset'", "'kill'", "'k'", "'stop'"]
        {
            assert!(!hint.contains(&format!("did you mean {harm}")) || word == "clera", "{word}: {hint}");
        }
    }
    // A long word with one slip is told: who types it means it.
    assert!(hint_of(&["remvoe"]).starts_with("did you mean 'remove'?"));
    assert!(hint_of(&["clear-cahce"]).starts_with("did you mean 'clear-cache'?"));
    assert!(hint_of(&["logn"]).starts_with("did you mean 'login'?"));
}

#[test]
fn options_of_docker_run_are_answered() {
    for (option, answer) in [
        ("-it", "leave it out: a terminal"),
        ("-i", "standard input is always passed on"),
        ("--rm", "chroot-distro remove NAME"),
        ("-v/src:/dst", "--bind SRC:DST"),
        ("--volume=/src:/dst", "--bind SRC:DST"),
        ("--mount", "--bind SRC:DST"),
        ("-p8080:80", "the network is the host's"),
        ("--name", "chroot-distro install IMAGE --name NAME"),
        ("--privileged", "--cap-add"),
    ] {
        for command in ["login", "run"] {
            let errors = Cd::bare([command, option, "x"]).run().code(2).prints("").err();
            assert!(
                errors.contains("unknown option '-") && errors.contains(answer),
                "{command} {option}: {errors}"
            );
        }
    }
}

#[test]
fn words_that_mean_exactly_ours_are_taken() {
    need!(Root);
    sandbox(|s| {
        Image::busybox().write_layout(&s.path("layout"), "latest");
        s.cd(["install", "-q", "-n", "box", "/tmp/layout"]).run().ok();
        s.cd(["exec", "box", "sh", "-c", "echo \"$@\"", "sh", "--help", "-d"])
            .run()
            .ok()
            .prints("--help -d\n");
        s.cd(["exec", "box", "--", "echo", "--"]).run().ok().prints("--\n");
        s.cd(["exec", "-w", "/tmp", "box", "pwd"]).run().ok().prints("/tmp\n");
        s.cd(["enter", "box", "--", "echo", "in"]).run().ok().prints("in\n");
        s.cd(["exec"]).run().code(2).says(&["CONTAINER is missing"]);
        s.cd(["delete", "box"]).run().ok();
        s.cd(["list", "-q"]).run().ok().prints("");
    });
}

#[test]
fn several_containers_in_one_line_as_docker_takes_them() {
    need!(Root);
    sandbox(|s| {
        Image::busybox().write_layout(&s.path("layout"), "latest");
        for name in ["a", "b", "c"] {
            s.cd(["install", "-q", "-n", name, "/tmp/layout"]).run().ok();
        }
        // A word that can name nothing: nothing is done.
        s.cd(["remove", "a", "-/"]).run().code(2);
        s.cd(["remove", "a", "/"]).run().code(2).says(&["cannot name a container"]);
        assert_eq!(s.names(), ["a", "b", "c"]);
        // One that is not there hides no other; each failure is told, and their number.
        let told = s
            .cd(["remove", "a", "none", "b"])
            .run()
            .fails(&["there is no container 'none'", "1 of 3 failed"]);
        assert!(told.err().contains("Removed 'a'") && told.err().contains("Removed 'b'"), "{}", told.err());
        assert_eq!(s.names(), ["c"]);
        s.cd(["kill", "c", "none"]).run().fails(&[
            "container 'c' is not running",
            "there is no container 'none'",
            "2 of 2 failed",
        ]);
        // -f: what is gone already is no failure.
        s.cd(["remove", "-f", "c", "none"]).run().ok();
        s.cd(["rm", "-f", "none"]).run().ok().prints("");
        s.cd(["delete", "--force", "/"]).run().code(2);
        assert_eq!(s.names(), Vec::<String>::new());
    });
}

#[test]
fn options_of_a_volume_that_ask_for_nothing_here_are_read_over() {
    need!(Root);
    sandbox(|s| {
        Image::busybox().write_layout(&s.path("layout"), "latest");
        s.cd(["install", "-q", "-n", "box", "/tmp/layout"]).run().ok();
        std::fs::create_dir(s.path("src")).unwrap();
        std::fs::write(s.path("src/x"), "seen").unwrap();
        for options in ["z", "Z", "z,cached", "delegated", "ro,Z"] {
            let bind = format!("/tmp/src:/mnt:{options}");
            s.cd(["login", "box", "--bind", &bind, "--", "cat", "/mnt/x"]).run().ok().prints("seen");
            let writes = s.cd(["login", "box", "--bind", &bind, "--", "touch", "/mnt/y"]).run();
            assert_eq!(writes.code == Some(0), !options.contains("ro"), "{options}");
        }
        for options in ["U", "rshared", "zz"] {
            let bind = format!("/tmp/src:/mnt:{options}");
            s.cd(["login", "box", "--bind", &bind, "--", "true"]).run().code(2).says(&["the options are ro"]);
        }
    });
}
