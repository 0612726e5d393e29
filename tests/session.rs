//! `login`: what a guest sees in each mode, whose exit code comes back, and that nothing is ever left in the
//! host's mount table.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::command::Running;
use crate::support::prelude::*;

const MODES: [&[&str]; 3] = [&[], &["--isolated"], &["--minimal"]];

/// A busybox container named `c`.
fn make(s: &Sandbox) {
    make_of(s, &Image::busybox());
}

fn make_of(s: &Sandbox, image: &Image) {
    image.write_layout(&s.path("layout"), "latest");
    s.cd(["install", "-q", "-n", "c", "/tmp/layout"]).run().ok();
}

/// `login`, options, the container, and a shell script.
fn login<'a>(s: &Sandbox, options: &[&'a str], script: &'a str) -> Cd {
    let mut args = vec!["login"];
    args.extend(options);
    args.extend(["c", "--", "/bin/sh", "-c", script]);
    s.cd(args)
}

/// Each mode on each kernel.
fn in_every_mode(image: &Image, body: impl Fn(&Sandbox, &'static [&'static str]) + Send + Sync) {
    on_both_kernels(|s| {
        make_of(s, image);
        for mode in MODES {
            body(s, mode);
            assert!(s.settles(), "{mode:?} left {:?}", s.processes());
        }
    });
}

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
fn our_own_failures_are_125_or_1_and_say_so() {
    need!(Root, Tool("busybox"));
    sandbox(|s| {
        make(s);
        s.cd(["login", "absent", "--", "/bin/true"]).run().code_in(&[1, 125]).says(&["absent"]);
        login(s, &["--user", "nobody-here"], "true").run().code_in(&[1, 125]).says(&["nobody-here"]);
        login(s, &["--bind", "/absent-on-host:/mnt"], "true")
            .run()
            .code_in(&[1, 125])
            .says(&["absent-on-host"]);
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
        login(s, &["--user", "user"], "true").run().code_in(&[1, 125]);
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
        login(s, &[&["-e", "no-equals-sign"], mode].concat(), "true").run().code_in(&[1, 2, 125]);
    });
}

#[test]
fn the_working_directory_is_home_or_what_was_asked_for() {
    need!(Root, Tool("busybox"));
    in_every_mode(&Image::busybox(), |s, mode| {
        let run = |dir: &str| login(s, &[&["--work-dir", dir], mode].concat(), "pwd").run();
        run("/etc").ok().prints("/etc\n");
        run("/").ok().prints("/\n");
        run("/absent").code_in(&[1, 125]).says(&["/absent"]);
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
        login(s, &["-b", "/tmp/shared:relative"], "true").run().code_in(&[1, 2, 125]);
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
        fs::copy("/tmp/bin/chroot-distro", &suid).unwrap();
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

/// Waits until a guest's script has written `file`.
fn appears(s: &Sandbox, file: &str) {
    let path = s.rootfs("c").join(file);
    for _ in 0..3000 {
        if fs::metadata(&path).is_ok_and(|found| found.len() > 0) {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("{} did not appear", path.display());
}

#[test]
fn sessions_of_one_container_share_its_mounts_and_the_host_sees_none() {
    need!(Root, Tool("busybox"));
    on_both_kernels(|s| {
        make(s);
        let before = mounts();
        for mode in MODES {
            let first = login(s, mode, "readlink /proc/self/ns/mnt > /root/first; exec sleep 100").spawn();
            appears(s, "root/first");
            let ours = fs::read_link("/proc/thread-self/ns/mnt").unwrap();
            let second = login(s, mode, "cat /root/first; readlink /proc/self/ns/mnt").run().ok().out();
            let lines: Vec<&str> = second.lines().collect();
            assert_eq!(lines[0], lines[1], "{mode:?}: two mount namespaces");
            assert_ne!(lines[0], ours.to_str().unwrap(), "{mode:?}: the host's own mount namespace");
            assert_eq!(mounts(), before, "{mode:?}");
            first.signal(rustix::process::Signal::TERM);
            first.wait();
            assert!(s.settles(), "{mode:?} left {:?}", s.processes());
            fs::remove_file(s.rootfs("c").join("root/first")).unwrap();
        }
    });
}

#[test]
fn a_killed_session_leaves_no_mount_and_the_next_one_works() {
    need!(Root, Tool("busybox"));
    on_both_kernels(|s| {
        make(s);
        let before = mounts();
        for mode in MODES {
            // The parent alone: what it left behind may live on, but not in the host's table.
            let mut session = login(s, mode, "echo $$ > /root/in; exec sleep 100").spawn();
            appears(s, "root/in");
            session.kill();
            assert_eq!(mounts(), before, "{mode:?}");
            login(s, mode, "echo again").run().ok().prints("again\n");
            for pid in s.processes() {
                let pid = rustix::process::Pid::from_raw(pid).unwrap();
                let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
            }
            session.wait();
            assert!(s.settles(), "{mode:?} left {:?}", s.processes());
            assert_eq!(mounts(), before, "{mode:?}");
            fs::remove_file(s.rootfs("c").join("root/in")).unwrap();
        }
        s.cd(["remove", "c"]).run().ok();
    });
}

#[test]
fn a_background_process_keeps_its_world_until_it_ends() {
    need!(Root, Tool("busybox"));
    sandbox(|s| {
        make(s);
        login(s, &[], "sleep 3 > /dev/null 2>&1 < /dev/null & echo done").run().ok().prints("done\n");
        login(s, &[], "echo more").run().ok().prints("more\n");
        assert!(s.settles(), "{:?}", s.processes());
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

/// A session with these options that goes on until it is ended.
fn stay(s: &Sandbox, options: &[&str]) -> Running {
    let _ = fs::remove_file(s.rootfs("c").join("root/stays"));
    let session = login(s, options, "echo > /root/stays; exec sleep 1000").spawn();
    appears(s, "root/stays");
    session
}

fn end(session: Running) {
    session.signal(rustix::process::Signal::TERM);
    session.wait();
}

#[test]
fn a_session_that_joins_has_the_others_binds_and_variables() {
    need!(Root, Tool("busybox"));
    on_both_kernels(|s| {
        make(s);
        fs::create_dir(s.path("shared")).unwrap();
        fs::write(s.path("shared/f"), "host\n").unwrap();
        for mode in MODES {
            let options = ["-b", "/tmp/shared:/mnt/in", "-e", "A=first", "-e", "SECRET=s3cret"];
            let first = login(s, &[mode, &options].concat(), "echo > /root/stays; exec sleep 1000")
                .env("CD_ENV", "B=from the environment")
                .spawn();
            appears(s, "root/stays");
            let look = "cat /mnt/in/f; echo $A $B $C";
            login(s, mode, look).run().ok().prints("host\nfirst from the environment\n");
            let second = login(
                s,
                &[mode, &["-e", "A=second", "-e", "C=c"]].concat(),
                "echo > /root/two; exec sleep 1000",
            )
            .spawn();
            appears(s, "root/two");
            login(s, mode, look).run().ok().prints("host\nsecond from the environment c\n");
            login(s, &[mode, &["-e", "A=mine"]].concat(), "echo $A").run().ok().prints("mine\n");
            // What the first one brought stays while the container runs.
            end(first);
            login(s, mode, look).run().ok().prints("host\nsecond from the environment c\n");
            for entry in fs::read_dir(s.data().join("sessions")).unwrap().flatten() {
                let readable = entry.metadata().unwrap().permissions().mode() & 0o044 != 0;
                let text = fs::read_to_string(entry.path()).unwrap();
                assert!(!(readable && text.contains("s3cret")), "{:?} tells everyone", entry.path());
            }
            end(second);
            assert!(s.settles());
            login(s, mode, "echo $A$B$C").run().ok().prints("\n");
            for file in ["stays", "two"] {
                fs::remove_file(s.rootfs("c").join("root").join(file)).unwrap();
            }
        }
    });
}

#[test]
fn what_a_session_asks_for_on_top_is_added_to_the_running_container() {
    need!(Root, Tool("busybox"));
    sandbox(|s| {
        make(s);
        for name in ["one", "two"] {
            fs::create_dir(s.path(name)).unwrap();
            fs::write(s.path(name).join("f"), format!("{name}\n")).unwrap();
        }
        for mode in MODES {
            let first = stay(s, &[mode, &["-b", "/tmp/one:/mnt/one"]].concat());
            let run = |options: &[&'static str], script: &'static str| {
                login(s, &[mode, options].concat(), script).run()
            };
            let ran = run(&["-b", "/tmp/two:/mnt/two:ro"], "cat /mnt/one/f /mnt/two/f; touch /mnt/two/x");
            assert_eq!((ran.code, ran.out().as_str()), (Some(1), "one\ntwo\n"), "{mode:?}: {ran:?}");
            // It stays, for those who do not ask for it too.
            run(&[], "cat /mnt/two/f").ok().prints("two\n");
            // The same once more is as it should be, also by another session.
            let again = run(&["-b", "/tmp/one:/mnt/one", "-b", "/tmp/two:/mnt/two:ro"], "true").ok();
            assert_eq!(again.err(), "", "{mode:?}");
            // Something else is not.
            let other = run(&["-b", "/tmp/two:/mnt/one"], "cat /mnt/one/f").ok().prints("one\n");
            other.says(&["warning", "/tmp/two", "/mnt/one", "something else"]);
            let freer = run(&["-b", "/tmp/one:/mnt/one:ro"], "true").ok();
            freer.says(&["warning", "fewer restrictions"]);
            end(first);
            assert!(s.settles());
        }
    });
}

/// A user namespace lets anybody mount, over programs and accounts too.
#[test]
fn nobody_joins_a_world_that_a_user_has_mounted() {
    need!(Root, Tool("busybox"));
    on_both_kernels(|s| {
        make(s);
        let script = "exec unshare -U -r -m /bin/sh -c 'mkdir -p /mnt; mount -t tmpfs x /mnt; echo trap > /mnt/f; \
                      echo > /root/began; until test -e /root/stop; do sleep 0.05; done'";
        for background in [false, true] {
            let stop = s.rootfs("c").join("root/stop");
            let script =
                if background { format!("({script}) > /dev/null 2>&1 &") } else { script.to_owned() };
            let first = login(s, &[], &script).spawn();
            appears(s, "root/began");
            login(s, &[], "echo here; cat /mnt/f").run().code(1).prints("here\n");
            fs::write(&stop, "").unwrap();
            first.wait().ok();
            assert!(s.settles());
            fs::remove_file(&stop).unwrap();
            fs::remove_file(s.rootfs("c").join("root/began")).unwrap();
        }
    });
}

#[test]
fn a_running_container_keeps_its_hostname_and_says_so() {
    need!(Root, Tool("busybox"));
    sandbox(|s| {
        make(s);
        for mode in [&[][..], &["--isolated"]] {
            let first = stay(s, &[mode, &["--hostname", "one"]].concat());
            let run = |name: &'static str| {
                login(s, &[mode, &["--hostname", name]].concat(), "hostname").run().ok().prints("one\n").err()
            };
            assert_eq!(run("one"), "", "{mode:?}");
            assert!(run("two").contains("with the hostname 'one'"), "{mode:?}");
            end(first);
            assert!(s.settles());
        }
    });
}

#[test]
fn who_waits_for_a_session_that_does_not_come_about_is_told() {
    need!(Root, Tool("busybox"));
    on_both_kernels(|s| {
        make(s);
        login(s, &[], "true").run().ok();
        let held = fs::File::open(s.data().join("sessions/c.lock")).unwrap();
        assert_eq!(held.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        rustix::fs::flock(&held, rustix::fs::FlockOperation::LockExclusive).unwrap();
        let mut waiting = login(s, &[], "echo in").spawn();
        let pid = format!(" {} ", waiting.pid());
        let waits = |line: &str| line.contains("-> FLOCK") && line.contains(&pid);
        while !fs::read_to_string("/proc/locks").unwrap().lines().any(waits) {
            assert!(waiting.is_running());
            std::thread::sleep(Duration::from_millis(10));
        }
        drop(held);
        waiting.wait().ok().prints("in\n").says(&["Waiting", "'c'"]);
    });
}

/// What is to be read-only is so before anybody inside can see it.
#[test]
fn what_is_added_read_only_never_is_writable() {
    need!(Root, Tool("busybox"));
    sandbox(|s| {
        make(s);
        fs::create_dir(s.path("one")).unwrap();
        fs::write(s.path("one/f"), "one\n").unwrap();
        let first = stay(s, &["--isolated"]);
        let add = |script: &'static str| login(s, &["--isolated", "-b", "/tmp/one:/mnt/one:ro"], script);
        add("true").refusing(&[libc::SYS_mount], libc::EPERM).run().code(125);
        login(s, &["--isolated"], "test ! -e /mnt/one/f").run().ok();
        add("cat /mnt/one/f; touch /mnt/one/g").run().code(1).prints("one\n");
        end(first);
    });
}

#[test]
fn an_old_kernel_cannot_add_to_a_running_container_and_says_what_to_do() {
    need!(Root, Tool("busybox"));
    on_both_kernels(|s| {
        make(s);
        fs::create_dir(s.path("one")).unwrap();
        let first = stay(s, &[]);
        fs::write(s.path("one/f"), "one\n").unwrap();
        let ran = login(s, &["-b", "/tmp/one:/mnt/one"], "cat /mnt/one/f").run();
        match ran.code {
            Some(0) => drop(ran.prints("one\n")),
            _ => drop(ran.code(125).says(&["kernel", "other sessions first"])),
        }
        login(s, &[], "echo joined").run().ok().prints("joined\n");
        end(first);
    });
}

#[test]
fn isolated_and_not_do_not_mix() {
    need!(Root, Tool("busybox"));
    sandbox(|s| {
        make(s);
        for (first, second) in
            [(&[][..], &["--isolated"][..]), (&["--isolated"], &[]), (&["--isolated"], &["--minimal"])]
        {
            let session = stay(s, first);
            let refused = login(s, second, "true").run().code(125);
            refused.says(&["'c' is running with", "isolation", "chroot-distro unmount c"]);
            login(s, first, "true").run().ok();
            end(session);
            assert!(s.settles());
        }
    });
}

#[test]
fn a_container_keeps_its_namespaces_whatever_a_later_session_asks_for() {
    need!(Root, Tool("busybox"));
    sandbox(|s| {
        make(s);
        for (first, second, word) in [("0", "1", "without"), ("1", "0", "with")] {
            let with = |namespaces, script| login(s, &[], script).env("CD_USE_NS", namespaces);
            let session = with(first, "readlink /proc/self/ns/pid > /root/stays; exec sleep 1000").spawn();
            appears(s, "root/stays");
            let ran = with(second, "readlink /proc/self/ns/pid | busybox cmp - /root/stays").run().ok();
            ran.says(&["warning", &format!("running {word} namespaces of its own")]);
            assert_eq!(with(first, "true").run().ok().err(), "");
            end(session);
            assert!(s.settles());
            fs::remove_file(s.rootfs("c").join("root/stays")).unwrap();
        }
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
