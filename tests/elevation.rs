//! Elevation, with tools that give root for real: scripts in the place of sudo, doas, pkexec and su, around a setuid
//! copy of setpriv(1). They clear the environment and close descriptors, as the real ones do.

use std::fs;
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;

use crate::support::prelude::*;

const USER: u32 = 1000;

/// An ordinary user's world: `PATH` leads to `tools` only, and those of them that are fakes give root.
fn user(s: &Sandbox, args: &[&str]) -> Cd {
    s.cd(args).uid(USER).env_remove("CHROOT_DISTRO_NO_ELEVATE").env("PATH", "/tmp/tools")
}

/// A fake that elevates whatever `$@` is after `prologue`, from root's home.
fn fake(s: &Sandbox, name: &str, prologue: &str) {
    let tools = s.path("tools");
    let root = s.path("root-for-all");
    if !root.exists() {
        fs::create_dir(&tools).unwrap();
        copy_program("/usr/bin/setpriv", &root);
        fs::set_permissions(&root, fs::Permissions::from_mode(0o4755)).unwrap();
    }
    let script = format!(
        "#!/bin/sh\n{prologue}\necho {name} >>/tmp/asked\ncd /\n\
         exec 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-\n\
         exec /usr/bin/env -i HOME=/tmp/home PATH=/usr/bin:/bin /tmp/root-for-all --reuid 0 --regid 0 --clear-groups \"$@\"\n"
    );
    let path = tools.join(name);
    fs::write(&path, script).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    fs::write("/tmp/asked", "").unwrap();
    fs::set_permissions("/tmp/asked", fs::Permissions::from_mode(0o666)).unwrap();
}

fn asked() -> String {
    fs::read_to_string("/tmp/asked").unwrap()
}

const SU: &str = r#"[ "$1 $2 $3" = "-s /bin/sh -c" ] || exit 9; set -- /bin/sh -c "$4""#;

#[test]
fn the_first_tool_that_is_there_is_asked() {
    need!(Root, Tool("setpriv"));
    sandbox(|s| {
        fs::write(s.path("not-executable"), "").unwrap();
        for (name, prologue) in [("su", SU), ("pkexec", ""), ("doas", ""), ("sudo", "")] {
            fake(s, name, prologue);
            user(s, &["clear-cache"]).run().ok();
            assert_eq!(asked(), format!("{name}\n"));
        }
    });
}

#[test]
fn what_needs_no_root_asks_nobody() {
    need!(Root, Tool("setpriv"));
    sandbox(|s| {
        fake(s, "sudo", "");
        for words in [&["list"][..], &["ls", "-q"], &["help"], &["install", "--help"], &["-V"], &[]] {
            user(s, words).run().ok();
        }
        // Nor does what is wrong before anything is done.
        for words in [&["remove"][..], &["install", "--bogus"], &["instal"]] {
            user(s, words).run().code(2);
        }
        assert_eq!(asked(), "");
    });
}

#[test]
fn arguments_variables_directory_and_exit_code_come_through() {
    need!(Root, Tool("setpriv"), Tool("busybox"));
    sandbox(|s| {
        Image::busybox().write_layout(&s.path("image"), "latest");
        s.cd(["install", "-q", "-n", "c", "/tmp/image"]).run().ok();
        for (name, prologue) in [("su", SU), ("sudo", "")] {
            fake(s, name, prologue);
            // XDG_DATA_HOME led it to the container, CD_ENV is its own.
            let script = "echo \"$1|$2|$A\"; exit 7";
            let words = ["login", "c", "--minimal", "--", "/bin/sh", "-c", script, "x", "it's $HOME", "a\nb"];
            user(s, &words)
                .env("CD_ENV", "A=s3cret 'q'")
                .run()
                .code(7)
                .prints("it's $HOME|a\nb|s3cret 'q'\n");
            // By its applet name, and a path relative to where the caller is.
            s.applet("cd-install", ["-q", "-n", name, "./image"])
                .uid(USER)
                .env_remove("CHROOT_DISTRO_NO_ELEVATE")
                .env("PATH", "/tmp/tools")
                .current_dir("/tmp")
                .run()
                .ok();
        }
        assert_eq!(s.names(), ["c", "su", "sudo"]);
    });
}

#[test]
fn a_variable_that_is_named_comes_from_who_asked_for_root() {
    need!(Root, Tool("setpriv"), Tool("busybox"));
    sandbox(|s| {
        make(s);
        fake(s, "sudo", "echo \"$@\" >/tmp/words; chmod 666 /tmp/words");
        fs::write(s.path("vars"), "FROM_FILE\nPATH=/bin\n").unwrap();
        let show = "echo \"$MINE|$FROM_FILE|$HOME|${LOGNAME-none}\"";
        let words =
            ["login", "-e", "MINE", "--env-file=/tmp/vars", "-e", "HOME", "-e", "LOGNAME", "--minimal"];
        // Where our own files are does not follow a HOME that is for the guest.
        let ran = user(s, &[&words[..], &["c", "--", "/bin/sh", "-c", show]].concat())
            .env("MINE", "s3cret")
            .env("FROM_FILE", "f")
            .env("HOME", "/home/of-mine");
        ran.run().ok().prints("s3cret|f|/home/of-mine|none\n");
        let words = fs::read_to_string("/tmp/words").unwrap();
        assert!(words.contains("MINE") && !words.contains("s3cret"), "{words}");
        // Nobody is asked for a password before a mistake is told.
        fs::write("/tmp/asked", "").unwrap();
        user(s, &["login", "--env-file", "/tmp/absent", "c"]).run().code(125).says(&["/tmp/absent"]);
        user(s, &["login", "-e", "=", "c"]).run().code(2);
        assert_eq!(asked(), "");
    });
}

#[test]
fn secrets_are_in_no_argument() {
    need!(Root, Tool("setpriv"));
    sandbox(|s| {
        fake(s, "sudo", "echo \"$@\" >/tmp/words; chmod 666 /tmp/words");
        user(s, &["clear-cache", "-q"]).env("CD_DOCKER_AUTH", "u:s3cret").run().ok();
        let words = fs::read_to_string("/tmp/words").unwrap();
        assert!(words.contains("clear-cache -q") && !words.contains("s3cret"), "{words}");
    });
}

#[test]
fn elevation_can_be_turned_off_and_can_fail() {
    need!(Root, Tool("setpriv"));
    sandbox(|s| {
        user(s, &["clear-cache"]).run().fails(&["there is no sudo, doas, pkexec or su", "hint:"]);
        fake(s, "sudo", "");
        user(s, &["--no-elevate", "clear-cache"]).run().fails(&["root is needed", "hint:"]);
        user(s, &["clear-cache", "--no-elevate"]).run().fails(&["root is needed"]);
        user(s, &["login", "c", "--no-elevate"]).run().code(125).says(&["root is needed"]);
        user(s, &["clear-cache"]).env("CHROOT_DISTRO_NO_ELEVATE", "1").run().fails(&["root is needed"]);
        user(s, &["clear-cache"]).env("CHROOT_DISTRO_NO_ELEVATE", "0").run().ok();
        assert_eq!(asked(), "sudo\n");
        // One that says no, and one that runs us but gives nothing.
        fake(s, "sudo", "exit 3");
        user(s, &["clear-cache"]).run().fails(&["'sudo' failed", "3"]);
        fake(s, "sudo", "exec \"$@\"");
        user(s, &["clear-cache"]).run().fails(&["the elevated process is not root", "'sudo' failed"]);
    });
}

#[test]
fn termux_prefers_su_unless_told_otherwise() {
    need!(Root, Tool("setpriv"));
    sandbox(|s| {
        fs::create_dir_all(s.path("usr")).unwrap();
        fake(s, "sudo", "");
        fake(s, "su", r#"[ "$1 $2" = "-mm -c" ] || exit 9; set -- /bin/sh -c "$3""#);
        let termux = |args: &[&str]| {
            user(s, args)
                .env("ANDROID_ROOT", "/system")
                .env("TERMUX_VERSION", "0.118")
                .env("TERMUX__PREFIX", "/tmp/usr")
        };
        termux(&["clear-cache"]).run().ok();
        assert_eq!(asked(), "su\n");
        termux(&["--use-sudo", "clear-cache"]).run().ok();
        termux(&["clear-cache", "--use-sudo"]).run().ok();
        termux(&["clear-cache"]).env("CHROOT_DISTRO_USE_SUDO", "1").run().ok();
        assert_eq!(asked(), "su\nsudo\nsudo\nsudo\n");
    });
}

#[test]
fn whose_password_is_asked_for_and_why_is_said() {
    need!(Root, Tool("setpriv"));
    sandbox(|s| {
        let told = "chroot-distro needs root: 'su' asks for root's password";
        fake(s, "su", SU);
        user(s, &["clear-cache"]).run().ok().says(&[told]);
        let quiet = user(s, &["clear-cache", "-q"]).run().ok();
        assert!(!quiet.err().contains(told), "{}", quiet.err());
        // sudo's own question says it, so it is silent where none is asked. The user's own wording stays.
        fake(s, "sudo", r#"echo "$SUDO_PROMPT" >>/tmp/asked"#);
        let ran = user(s, &["clear-cache"]).run().ok();
        assert!(!ran.err().contains("password"), "{}", ran.err());
        assert_eq!(asked(), "[sudo] chroot-distro needs root. Password of %p: \nsudo\n");
        fs::write("/tmp/asked", "").unwrap();
        user(s, &["clear-cache"]).env("SUDO_PROMPT", "mine").run().ok();
        assert_eq!(asked(), "mine\nsudo\n");
    });
}

#[test]
fn an_empty_list_says_what_to_type_with_the_tool_that_is_there() {
    need!(Root, Tool("setpriv"));
    sandbox(|s| {
        s.cd(["list"]).run().ok().says(&["Install one: chroot-distro install alpine"]);
        s.cd(["list"]).uid(USER).env("PATH", "/tmp/none").run().ok().says(&["run this as root"]);
        for (tool, line) in [("su", "su -c 'chroot-distro list'"), ("doas", "doas chroot-distro list")] {
            fake(s, tool, "");
            user(s, &["list"]).run().ok().says(&[&format!("To see root's: {line}")]);
        }
    });
}

#[test]
fn what_is_handed_over_is_hidden_from_the_user_s_other_processes_and_filtered() {
    need!(Root, Tool("setpriv"), Tool("busybox"));
    sandbox(|s| {
        make(s);
        // The tool is a process of the user's: it adds to what is offered, or tries to.
        let add = "ticket=${2#--elevated=}; if printf 'CD_WORKDIR=/etc\\0' > /proc/${ticket%:*}/fd/${ticket#*:} 2>/dev/null; \
                   then echo added > /tmp/added; fi";
        fake(s, "sudo", add);
        fs::set_permissions("/tmp", fs::Permissions::from_mode(0o1777)).unwrap();
        user(s, &["login", "--minimal", "c", "--", "/bin/pwd"]).run().ok().prints("/root\n");
        assert!(!s.path("added").exists());
        // An offer of somebody else's making.
        fs::create_dir_all(s.path("evil/.local/share/chroot-distro/containers/x/rootfs")).unwrap();
        let (offer, writer) = rustix::pipe::pipe().unwrap();
        rustix::io::write(&writer, b"/tmp\0HOME=/tmp/evil\0SUDO_UID=0\0").unwrap();
        drop(writer);
        let ticket = format!("--elevated={}:{}", std::process::id(), offer.as_raw_fd());
        s.cd([&ticket, "list", "-q"]).env_remove("XDG_DATA_HOME").run().ok().prints("");
    });
}
