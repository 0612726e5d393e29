//! Root without a password: `setup` on a copy of this machine's /etc, then real sudo and real doas by its rule. And what
//! starts with the machine: `autostart`.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use serde_json::json;

use crate::support::need::program;
use crate::support::prelude::*;

const USER: u32 = 4321;

/// A machine of its own: /etc is a copy, /run is empty, /usr/local/bin holds the program and what `tools` names.
fn machine(s: &Sandbox, tools: &[&str]) {
    fs::create_dir_all(s.path("machine/run")).unwrap();
    tool("cp", ["-a", "/etc", "/tmp/machine/etc"]);
    let bin = s.path("machine/bin");
    fs::create_dir(&bin).unwrap();
    copy_program("/tmp/bin/chroot-distro", bin.join("chroot-distro"));
    fs::set_permissions(bin.join("chroot-distro"), fs::Permissions::from_mode(0o755)).unwrap();
    for name in tools {
        std::os::unix::fs::symlink(program(name).unwrap(), bin.join(name)).unwrap();
    }
    let append = |path: &str, line: &str| {
        let text = fs::read_to_string(path).unwrap();
        fs::write(path, text + line).unwrap();
    };
    append(
        "/tmp/machine/etc/passwd",
        "ann:x:4321:4321::/tmp/home:/bin/sh\nbob:x:4322:4322::/tmp/home:/bin/sh\n",
    );
    append("/tmp/machine/etc/group", "ann:x:4321:\nbob:x:4322:\n");
    append("/tmp/machine/etc/shadow", "ann:*:19000:0:99999:7:::\nbob:*:19000:0:99999:7:::\n");
}

/// A command on that machine. `PATH` has its own programs only.
fn on<'a>(words: impl IntoIterator<Item = &'a str>) -> Cd {
    let script = "mount --bind /tmp/machine/etc /etc && mount --bind /tmp/machine/run /run && \
                  mount --rbind /tmp/machine/bin /usr/local/bin && export PATH=/usr/local/bin && exec \"$@\"";
    Cd::new("unshare")
        .args(["--mount", "--propagation", "private", "sh", "-c", script, "sh"])
        .args(words)
        .env("HOME", "/tmp/home")
        .env("XDG_DATA_HOME", "/tmp/data")
        .env("XDG_CACHE_HOME", "/tmp/cache")
        .env_remove("CHROOT_DISTRO_NO_ELEVATE")
        .current_dir("/tmp/home")
}

fn chroot_distro(words: &[&str]) -> Cd {
    on(["/usr/local/bin/chroot-distro"].iter().chain(words).copied())
}

/// As an ordinary user who has just logged in.
fn user(name: &str, words: &[&str]) -> Cd {
    let setpriv = program("setpriv").unwrap();
    let setpriv = setpriv.to_str().unwrap();
    on([setpriv, "--reuid", name, "--regid", name, "--init-groups"].iter().chain(words).copied())
}

fn members() -> String {
    let group = fs::read_to_string("/tmp/machine/etc/group").unwrap();
    let line = group.lines().find(|line| line.starts_with("chroot-distro:")).unwrap_or_default();
    line.rsplit(':').next().unwrap_or_default().to_owned()
}

const SUDOERS: &str = "/tmp/machine/etc/sudoers.d/chroot-distro";

#[test]
fn sudo_needs_no_password_for_members() {
    need!(Root, Tool("sudo"), Tool("visudo"), Tool("setpriv"));
    sandbox(|s| {
        machine(s, &["sudo"]);
        let clear = ["/usr/local/bin/chroot-distro", "clear-cache"];
        let refused = user("ann", &clear).run().code(1);
        assert!(refused.err().contains("'sudo' failed"), "{refused:?}");
        let told = chroot_distro(&["setup"]).env("SUDO_UID", USER.to_string()).run().ok();
        told.says(&["by sudo", "can become root", "'ann' is one"]);
        assert_eq!(members(), "ann");
        let rule = fs::metadata(SUDOERS).unwrap();
        assert_eq!((rule.mode() & 0o7777, rule.uid()), (0o440, 0));
        user("ann", &clear).run().ok();
        // By a link, by a hard link; as root in fact; and nobody else.
        on(["chroot-distro", "--install", "/usr/local/bin"]).run().ok();
        user("ann", &["/usr/local/bin/cd-clear-cache"]).run().ok();
        user("bob", &clear).run().code(1);
        // Another program of the same name is not meant.
        fs::create_dir(s.path("home/bin")).unwrap();
        copy_program("/bin/true", s.path("home/bin/chroot-distro"));
        user("ann", &["sudo", "-n", "/tmp/home/bin/chroot-distro"]).run().code(1);
        // Twice is as once; another user.
        chroot_distro(&["setup", "--user", "bob", "-q"]).run().ok().prints("");
        assert_eq!(members(), "ann,bob");
        user("bob", &clear).run().ok();
        chroot_distro(&["setup", "--uninstall"]).run().ok().says(&["Removed the rule"]);
        assert!(!Path::new(SUDOERS).exists());
        user("ann", &clear).run().code(1);
        assert_eq!(members(), "ann,bob");
        chroot_distro(&["setup", "--uninstall"]).run().ok().says(&["no rule"]);
    });
}

#[test]
fn doas_needs_no_password_for_members() {
    need!(Root, Tool("doas"), Tool("setpriv"));
    sandbox(|s| {
        machine(s, &["doas"]);
        let conf = "/tmp/machine/etc/doas.conf";
        let clear = ["/usr/local/bin/chroot-distro", "clear-cache"];
        for before in ["", "deny bob\n"] {
            match before {
                "" => drop(fs::remove_file(conf)),
                text => fs::write(conf, text).unwrap(),
            }
            chroot_distro(&["setup", "--user", "ann"]).run().ok().says(&["by doas"]);
            assert!(fs::read_to_string(conf).unwrap().starts_with(before));
            user("ann", &clear).run().ok();
            user("bob", &clear).run().code(1);
            chroot_distro(&["setup"]).run().ok().says(&["setup --user NAME"]);
            chroot_distro(&["setup", "--uninstall"]).run().ok();
            assert_eq!(fs::read_to_string(conf).unwrap_or_default(), before);
            user("ann", &clear).run().code(1);
        }
    });
}

#[test]
fn nothing_is_put_in_place_that_would_do_harm() {
    need!(Root, Tool("sudo"), Tool("visudo"));
    sandbox(|s| {
        machine(s, &["sudo"]);
        let unchanged = || {
            assert!(!Path::new(SUDOERS).exists());
            let names = fs::read_dir("/tmp/machine/etc/sudoers.d").unwrap().flatten();
            assert!(
                names.map(|name| name.file_name()).all(|name| !name.display().to_string().contains("chroot"))
            );
        };
        // A program that others can replace.
        on(["/tmp/bin/chroot-distro", "setup"]).run().fails(&[
            "can replace",
            "/tmp",
            "install it where only root",
        ]);
        unchanged();
        chroot_distro(&["setup", "--user", "nobody-here"]).run().fails(&["no user 'nobody-here'"]);
        unchanged();
        // A rule that visudo refuses.
        fs::write(s.path("machine/bin/visudo"), "#!/bin/sh\necho no good >&2\nexit 1\n").unwrap();
        fs::set_permissions(s.path("machine/bin/visudo"), fs::Permissions::from_mode(0o755)).unwrap();
        chroot_distro(&["setup"]).run().fails(&["the rule was refused: no good"]);
        unchanged();
        fs::remove_file(s.path("machine/bin/visudo")).unwrap();
        // A sudoers that reads no other file.
        fs::write("/tmp/machine/etc/sudoers", "root ALL=(ALL) ALL\n").unwrap();
        chroot_distro(&["setup"]).run().fails(&["does not include", "@includedir /etc/sudoers.d"]);
        unchanged();
        // Neither tool; another's file of the rule's name.
        fs::remove_file(s.path("machine/bin/sudo")).unwrap();
        chroot_distro(&["setup"]).run().fails(&["neither sudo nor doas"]);
        fs::write(SUDOERS, "# mine\n").unwrap();
        chroot_distro(&["setup", "--uninstall"]).run().ok();
        assert_eq!(fs::read_to_string(SUDOERS).unwrap(), "# mine\n");
        chroot_distro(&["setup"])
            .env("ANDROID_ROOT", "/system")
            .run()
            .fails(&["nothing to set up on Android"]);
    });
}

#[test]
fn the_list_follows_the_containers() {
    need!(Root);
    sandbox(|s| {
        machine(s, &[]);
        let autostart = |words: &[&str]| chroot_distro(&[&["autostart"], words].concat()).run();
        let listed = || autostart(&["list"]).ok().out();
        for name in ["a", "b", "c"] {
            Image::of([Entry::dir("etc")]).write_layout(&s.path("image"), "latest");
            chroot_distro(&["install", "-q", "-n", name, "/tmp/image"]).run().ok();
            fs::remove_dir_all(s.path("image")).unwrap();
        }
        assert_eq!(listed(), "");
        autostart(&["add", "b", "a"]).ok().says(&["autostart run"]);
        autostart(&["add", "c", "b"]).ok();
        assert_eq!(listed(), "b\na\nc\n");
        autostart(&["add", "x"]).fails(&["no container 'x'"]);
        autostart(&["remove", "x"]).fails(&["'x' does not start"]);
        chroot_distro(&["remove", "-q", "a"]).run().ok();
        assert_eq!(listed(), "b\nc\n");
        autostart(&["remove", "b"]).ok();
        assert_eq!(listed(), "c\n");
        chroot_distro(&["rename", "c", "d"]).run().ok();
        assert_eq!(listed(), "d\n");
        for wrong in [&["add"][..], &["list", "d"], &["frob", "d"], &["add", "../d"], &[]] {
            autostart(wrong).code(2);
        }
    });
}

#[test]
fn the_init_that_runs_is_told() {
    need!(Root);
    sandbox(|s| {
        machine(s, &[]);
        Image::of([Entry::dir("etc")]).write_layout(&s.path("image"), "latest");
        chroot_distro(&["install", "-q", "-n", "c", "/tmp/image"]).run().ok();
        let etc = s.path("machine/etc");
        for (run, file, link, directory) in [
            (
                "systemd/system",
                "systemd/system/chroot-distro.service",
                "systemd/system/multi-user.target.wants",
                "systemd/system",
            ),
            ("openrc", "init.d/chroot-distro", "runlevels/default", "init.d"),
        ] {
            fs::create_dir_all(s.path("machine/run").join(run)).unwrap();
            fs::create_dir_all(etc.join(directory)).unwrap();
            chroot_distro(&["autostart", "add", "c"]).run().ok().says(&["with the machine"]);
            let text = fs::read_to_string(etc.join(file)).unwrap();
            assert!(text.contains("/usr/local/bin/chroot-distro autostart run"), "{text}");
            assert!(text.contains("XDG_DATA_HOME=/tmp/data"), "{text}");
            assert!(etc.join(link).join(Path::new(file).file_name().unwrap()).is_symlink());
            chroot_distro(&["autostart", "remove", "c"]).run().ok();
            assert!(!etc.join(file).exists());
            // A program that others can replace is started by no init.
            on(["/tmp/bin/chroot-distro", "autostart", "add", "c"])
                .run()
                .ok()
                .says(&["warning: listed, but", "/usr/local/bin"]);
            assert!(!etc.join(file).exists());
            chroot_distro(&["autostart", "remove", "c"]).run().ok();
            fs::remove_dir_all(s.path("machine/run").join(run.split('/').next().unwrap())).unwrap();
        }
    });
}

#[test]
fn what_starts_is_what_root_has_added_with_its_options() {
    need!(Root, Tool("busybox"));
    sandbox(|s| {
        let command = ["/bin/sh", "-c", "grep Seccomp: /proc/self/status > /started; echo $A >> /started"];
        Image::busybox().with("Cmd", json!(command)).write_layout(&s.path("image"), "latest");
        for name in ["one", "two"] {
            s.cd(["install", "-q", "-n", name, "/tmp/image"]).run().ok();
        }
        let started = |name: &str| s.rootfs(name).join("started");
        let add = |words: &[&str]| s.cd([&["autostart", "add"], words].concat()).run();
        add(&["one", "--", "--isolated", "-e", "A=b c"]).ok();
        s.cd(["autostart", "list"]).run().ok().prints("one --isolated -e A=b c\n");
        add(&["one", "--", "--isolatd"]).code(2).says(&["isolatd"]);
        add(&["--", "--isolated"]).code(2);
        s.cd(["autostart", "remove", "one", "--", "-e", "A"]).run().code(2);
        s.cd(["autostart", "run"]).run().ok();
        assert!((0..1000).any(|_| {
            std::thread::sleep(std::time::Duration::from_millis(10));
            fs::read_to_string(started("one")).is_ok_and(|text| text == "Seccomp:\t2\nb c\n")
        }));
        assert!(s.settles());
        fs::remove_file(started("one")).unwrap();
        // Another directory of that name, as whoever owns the one above can put there.
        let containers = s.data().join("containers");
        fs::rename(containers.join("one"), containers.join("aside")).unwrap();
        tool(
            "cp",
            ["-a", "/tmp/data/chroot-distro/containers/two", "/tmp/data/chroot-distro/containers/one"],
        );
        s.cd(["autostart", "run"]).run().code(1).says(&["another container than the one that was added"]);
        assert!(!started("one").exists());
        fs::remove_dir_all(containers.join("one")).unwrap();
        fs::rename(containers.join("aside"), containers.join("one")).unwrap();
        // Who can write its manifest says what is run.
        let manifest = containers.join("one/manifest.json");
        std::os::unix::fs::chown(&manifest, Some(USER), None).unwrap();
        s.cd(["autostart", "run"]).run().code(1).says(&["others can change", "manifest.json"]);
        // Whoever types it is warned.
        s.cd(["login", "one", "--", "/bin/true"]).run().ok().says(&["others can change"]);
        std::os::unix::fs::chown(&manifest, Some(0), None).unwrap();
        // A reset is root's own doing.
        s.cd(["reset", "-q", "one"]).run().ok();
        s.cd(["autostart", "run"]).run().ok();
    });
}

#[test]
fn what_is_listed_is_started_whatever_became_of_the_others() {
    need!(Root, Tool("busybox"));
    sandbox(|s| {
        let command = ["/bin/sh", "-l"];
        for name in ["one", "two", "gone"] {
            Image::busybox().with("Cmd", json!(command)).write_layout(&s.path("image"), "latest");
            s.cd(["install", "-q", "-n", name, "/tmp/image"]).run().ok();
            fs::remove_dir_all(s.path("image")).unwrap();
            fs::write(s.rootfs(name).join("etc/profile"), "echo up >/started\n").unwrap();
        }
        fs::write(s.data().join("autostart"), "one\ngone\n!nonsense\ntwo\n").unwrap();
        fs::remove_dir_all(s.data().join("containers/gone")).unwrap();
        s.cd(["autostart", "run"])
            .run()
            .code(1)
            .says(&["no container 'gone'", "1 of the containers did not start"]);
        for name in ["one", "two"] {
            let started = s.rootfs(name).join("started");
            assert!((0..1000).any(|_| {
                std::thread::sleep(std::time::Duration::from_millis(10));
                started.exists()
            }));
        }
    });
}
