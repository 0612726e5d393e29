//! `login`: what a guest sees in each mode, whose exit code comes back, and that nothing is ever left in the
//! host's mount table.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use serde_json::{Value, json};

use crate::support::prelude::*;

#[test]
fn the_exit_code_is_the_guests_own() {
    need!(Root, Tool("busybox"));
    in_every_mode(&Image::busybox(), |s, mode| {
        for code in [0, 3, 255] {
            login(s, mode, &format!("exit {code}")).run().code(code);
        }
        login(s, mode, "kill -9 $$").run().status(137);
        login(s, mode, "kill -15 $$").run().status(143);
        let run = |program: &str| {
            s.cd(mode
                .iter()
                .fold(vec!["login"], |mut v, m| {
                    v.push(m);
                    v
                })
                .into_iter()
                .chain(["c", "--", program]))
                .run()
        };
        run("/bin/absent").code(127).says(&["absent"]);
        run("absent").code(127).says(&["absent"]);
        run("/etc/passwd").code(126).says(&["passwd"]);
        run("true").code(0);
    });
}

#[test]
fn our_own_failures_are_125_and_say_so() {
    need!(Root, Tool("busybox"));
    sandbox(|s| {
        make(s);
        s.cd(["login", "absent", "--", "/bin/true"]).run().code(125).says(&["absent"]);
        login(s, &["--user", "nobody-here"], "true").run().code(125).says(&["nobody-here"]);
        login(s, &["--bind", "/absent-on-host:/mnt"], "true").run().code(125).says(&["absent-on-host"]);
        login(s, &["--isolated", "--minimal"], "true").run().code(2);
        login(s, &["--no-such-option"], "true").run().code(2);
        s.cd(["login"]).run().code(2);
        for name in ["", "two words", "a/b", &"a".repeat(65)] {
            s.cd(["login", "--hostname", name, "c", "--", "/bin/true"]).run().code(2).says(&["host name"]);
        }
    });
}

#[test]
fn input_and_output_pass_through_byte_for_byte() {
    need!(Root, Tool("busybox"));
    in_every_mode(&Image::busybox(), |s, mode| {
        let bytes: Vec<u8> = (0..300_000_u32).map(|n| (n * 7 % 256) as u8).collect();
        let ran = login(s, mode, "cat").stdin(bytes.clone()).run().ok();
        assert!(ran.stdout == bytes, "{mode:?}: {} bytes of {} came back", ran.stdout.len(), bytes.len());
        assert_eq!(ran.err(), "", "{mode:?}");
        let ran = login(s, mode, "echo out; echo err >&2").run().ok().prints("out\n");
        assert_eq!(ran.err(), "err\n");
        login(s, mode, "tty").run().prints("not a tty\n");
    });
}

#[test]
fn users_are_those_of_the_guest() {
    need!(Root, Tool("busybox"));
    on_both_kernels(|s| {
        make(s);
        let ids = |user: &str, out: &str| {
            login(s, &["--user", user], "echo $(id -u):$(id -g):$(id -G | tr ' ' ,) $HOME $(pwd)")
                .run()
                .ok()
                .prints(out)
        };
        login(s, &[], "echo $(id -u):$(id -g) $HOME $USER").run().ok().prints("0:0 /root root\n");
        ids("user", "1000:1001:1001,50 /home/user /home/user\n");
        ids("1000", "1000:1001:1001,50 /home/user /home/user\n");
        let id = |user: &str| login(s, &["-u", user], "echo $(id -u):$(id -g)").run().ok().out();
        assert_eq!(id("user:staff"), "1000:50\n");
        assert_eq!(id("1000:50"), "1000:50\n");
        assert_eq!(id("4242:4243"), "4242:4243\n");
        // Not the host's: this name is in the guest's files alone, and the host's root has no say.
        fs::write(s.rootfs("c").join("etc/passwd"), "root:x:0:0::/r:/bin/sh\nguest:x:77:78::/:/bin/sh\n")
            .unwrap();
        assert_eq!(id("guest"), "77:78\n");
        login(s, &["--user", "user"], "true").run().code(125);
    });
}

#[test]
fn the_environment_has_its_documented_order() {
    need!(Root, Tool("busybox"));
    let env = json!(["PATH=/usr/bin:/bin", "FROM_IMAGE=image", "BOTH=image", "HOME=/image", "TERM=image"]);
    in_every_mode(&Image::busybox().with("Env", env), |s, mode| {
        let run = |options: &[&'static str]| {
            let options: Vec<&str> = mode.iter().chain(options).copied().collect();
            let ran =
                login(s, &options, "env").env("HOST_SECRET", "x").env("LD_PRELOAD", "").env("TERM", "vt100");
            let text = ran.run().ok().out();
            move |name: &str| {
                let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
                line.map(str::to_owned)
            }
        };
        let get = run(&["--env", "BOTH=user", "-e", "EMPTY=", "--env=EQ=a=b"]);
        assert_eq!(get("HOST_SECRET"), None, "{mode:?}: the host's environment came along");
        assert_eq!(get("BOTH").as_deref(), Some("user"), "{mode:?}");
        assert_eq!((get("EMPTY").as_deref(), get("EQ").as_deref()), (Some(""), Some("a=b")));
        assert_eq!(get("TERM").as_deref(), Some("vt100"), "{mode:?}");
        if mode != ["--minimal"] {
            assert_eq!(get("FROM_IMAGE").as_deref(), Some("image"), "{mode:?}");
            assert_eq!((get("HOME").as_deref(), get("USER").as_deref()), (Some("/root"), Some("root")));
        }
        login(s, &[&["-e", "=no-name"], mode].concat(), "true").run().code(2);
    });
}

#[test]
fn the_working_directory_is_home_or_what_was_asked_for() {
    need!(Root, Tool("busybox"));
    in_every_mode(&Image::busybox(), |s, mode| {
        let run = |dir: &str| login(s, &[&["--work-dir", dir], mode].concat(), "pwd").run();
        run("/etc").ok().prints("/etc\n");
        run("/").ok().prints("/\n");
        run("/absent").code(125).says(&["/absent"]);
    });
}

#[test]
fn binds_are_where_they_were_asked_for_and_as_writable() {
    need!(Root, Tool("busybox"));
    on_both_kernels(|s| {
        make(s);
        fs::create_dir(s.path("shared")).unwrap();
        fs::write(s.path("shared/f"), "host\n").unwrap();
        login(s, &["--bind", "/tmp/shared:/mnt/in"], "cat /mnt/in/f; echo guest > /mnt/in/g")
            .run()
            .ok()
            .prints("host\n");
        assert_eq!(fs::read_to_string(s.path("shared/g")).unwrap(), "guest\n");
        let ran = login(s, &["-b", "/tmp/shared:/mnt/in:ro"], "cat /mnt/in/f; echo no > /mnt/in/h").run();
        assert_eq!((ran.code, ran.out().as_str()), (Some(1), "host\n"), "{ran:?}");
        assert!(!s.path("shared/h").exists());
        // A file, and without a destination.
        login(s, &["--minimal", "-b", "/tmp/shared/f:/etc/motd"], "cat /etc/motd")
            .run()
            .ok()
            .prints("host\n");
        login(s, &["--minimal", "-b", "/tmp/shared"], "cat /tmp/shared/f").run().ok().prints("host\n");
        login(s, &["-b", "/tmp/shared:relative"], "true").run().code(2);
        // The host's root itself, and what is named by way of elsewhere.
        let flags = "grep ' /mnt ' /proc/self/mounts | cut -d ' ' -f 4 | cut -c 1-2; test -e /mnt/etc/passwd";
        login(s, &["-b", "/:/mnt:ro"], flags).run().ok().prints("ro\n");
        for mode in MODES {
            let run = |options: &[&'static str], script: &'static str| {
                login(s, &[mode, options].concat(), script).run()
            };
            run(&["-b", "/tmp/shared:/dev/../etc/x"], "cat /etc/x/f").ok().prints("host\n");
            for cover in ["/tmp/shared:/", "/tmp/shared:/dev/..", "/"] {
                let refused = login(s, &[mode, &["-b", cover]].concat(), "true").run();
                refused.code(2).says(&["the container's root", "/mnt"]);
            }
            // A device, and what another bind brought there.
            let twice =
                ["-b", "/dev/zero:/dev/null", "-b", "/tmp/shared/f:/mnt/f", "-b", "/tmp/shared/g:/mnt/f"];
            run(&twice, "head -c 1 /dev/null | wc -c; cat /mnt/f").ok().prints("1\nguest\n");
        }
        // A destination that is a link out stays inside.
        std::os::unix::fs::symlink("/tmp/canary", s.rootfs("c").join("out")).unwrap();
        login(s, &["-b", "/tmp/shared:/out/x"], "true").run();
        s.assert_canaries();
    });
}

#[test]
fn each_mode_has_its_pseudo_filesystems() {
    need!(Root, Tool("busybox"));
    in_every_mode(&Image::busybox(), |s, mode| {
        let script = "test -c /dev/null && test -c /dev/urandom && test -d /proc/1 && test -d /sys/kernel &&
            echo x > /dev/null && test -e /dev/fd/0 && test -d /dev/pts && test -d /dev/shm && cat /proc/self/comm";
        login(s, mode, script).run().ok().prints("cat\n");
        // The root is a mount of its own that grants what /data on Android would refuse.
        let options = login(s, mode, "grep ' / / \\| / ' /proc/self/mountinfo | head -n 1").run().ok().out();
        let devices = mode != ["--isolated"];
        assert!(!options.contains("nosuid") && options.contains("nodev") != devices, "{options}");
    });
}

#[test]
fn isolation_shows_a_world_of_its_own() {
    need!(Root, Tool("busybox"));
    sandbox(|s| {
        make(s);
        fs::write(s.path("on-host"), "").unwrap();
        let pids =
            login(s, &["--isolated"], "ls /proc | grep -c '^[0-9]'; test -e /tmp/on-host || echo hidden")
                .run()
                .ok();
        let out = pids.out();
        let (count, hidden) = out.split_once('\n').unwrap();
        assert!(count.parse::<u32>().unwrap() < 8, "the host's processes are visible: {count}");
        assert_eq!(hidden, "hidden\n");
        login(s, &["--isolated", "--hostname", "box"], "hostname").run().ok().prints("box\n");
        let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
        assert_ne!(host, "box\n", "the host was renamed");
        login(s, &[], "test -e /tmp/on-host && echo seen").run().ok().prints("seen\n");
    });
}

#[test]
fn nosuid_below_does_not_reach_the_guest() {
    need!(Root, Tool("busybox"));
    sandbox(|s| {
        fs::create_dir_all("/tmp/data").unwrap();
        let flags = rustix::mount::MountFlags::NOSUID
            | rustix::mount::MountFlags::NODEV
            | rustix::mount::MountFlags::NOEXEC;
        rustix::mount::mount("data", "/tmp/data", "tmpfs", flags, None).unwrap();
        make(s);
        // The program itself, as a guest's setuid program, tells who it is.
        let suid = s.rootfs("c").join("bin/cd-probe");
        copy_program("/tmp/bin/chroot-distro", &suid);
        for (mode, uid) in [(0o755, 1000), (0o4755, 0)] {
            fs::set_permissions(&suid, fs::Permissions::from_mode(mode)).unwrap();
            for options in MODES {
                let args =
                    ["login", "--user", "user", "c"].iter().chain(options).chain(&["--", "/bin/cd-probe"]);
                let seen: Value = serde_json::from_slice(&s.cd(args).run().ok().stdout).unwrap();
                assert_eq!(seen["uid"], uid, "{options:?}, mode {mode:o}");
                assert_eq!(seen["devices"]["null"], true, "{options:?}");
            }
        }
        assert!(s.settles());
        rustix::mount::unmount("/tmp/data", rustix::mount::UnmountFlags::empty()).unwrap();
    });
}

#[test]
fn a_shell_is_what_a_login_without_a_command_gets() {
    need!(Root, Tool("busybox"));
    on_both_kernels(|s| {
        make(s);
        // Not a terminal: the shell reads its commands from the pipe.
        s.cd(["login", "c"]).stdin("echo hello; pwd; exit 4\n").run().code(4).prints("hello\n/root\n");
        s.applet("cd-login", ["c"]).stdin("echo $0\n").run().ok();
        s.cd(["sh", "c", "--", "echo", "a b", "c"]).run().ok().prints("a b c\n");
        let fallback = s.rootfs("c").join("etc/passwd");
        fs::write(fallback, "root:x:0:0::/root:/bin/absent\n").unwrap();
        s.cd(["login", "c"]).stdin("echo still\n").run().ok().prints("still\n");
    });
}

#[test]
fn get_chroot_cmd_prints_and_does_nothing() {
    need!(Root, Tool("busybox"));
    sandbox(|s| {
        make(s);
        let ran = s.cd(["login", "c", "--get-chroot-cmd", "--", "/bin/touch", "/root/x"]).run().ok();
        assert!(ran.out().contains("chroot") && ran.out().contains("/bin/touch"), "{ran:?}");
        assert!(!s.rootfs("c").join("root/x").exists());
    });
}

#[test]
fn what_cannot_begin_says_why_and_exits_with_125() {
    need!(Root, Tool("busybox"));
    on_both_kernels(|s| {
        make(s);
        for mode in MODES {
            for (options, word) in [
                (["-u", "nobody-here"], "no user 'nobody-here'"),
                (["-u", "root:no-group"], "no group 'no-group'"),
                (["-w", "/no/dir"], "'/no/dir'"),
                (["-b", "/no/source:/mnt"], "'/no/source'"),
            ] {
                login(s, &[mode, &options].concat(), "true").run().code(125).says(&[word]);
            }
        }
        s.cd(["login", "absent"]).run().code(125).says(&["absent"]);
        let lock = fs::File::create(s.data().join("locks/c.lock")).unwrap();
        rustix::fs::flock(&lock, rustix::fs::FlockOperation::LockExclusive).unwrap();
        login(s, &[], "true").run().code(125).says(&["another chroot-distro", "wait"]);
    });
}
