//! Several sessions of one container: what a later one shares with the first, adds to it, or is refused.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use crate::support::command::Running;
use crate::support::prelude::*;

/// A session with these options that goes on until it is ended.
fn stay(s: &Sandbox, options: &[&str]) -> Running {
    let _ = fs::remove_file(s.rootfs("c").join("root/stays"));
    let session = login(s, options, "echo > /root/stays; exec sleep 1000").spawn();
    written(s, "root/stays");
    session
}

#[test]
fn sessions_of_one_container_share_its_mounts_and_the_host_sees_none() {
    need!(Root, Tool("busybox"));
    on_both_kernels(|s| {
        make(s);
        let before = mounts();
        for mode in MODES {
            let first = login(s, mode, "readlink /proc/self/ns/mnt > /root/first; exec sleep 100").spawn();
            written(s, "root/first");
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
            written(s, "root/in");
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
            written(s, "root/stays");
            let look = "cat /mnt/in/f; echo $A $B $C";
            login(s, mode, look).run().ok().prints("host\nfirst from the environment\n");
            let second = login(
                s,
                &[mode, &["-e", "A=second", "-e", "C=c"]].concat(),
                "echo > /root/two; exec sleep 1000",
            )
            .spawn();
            written(s, "root/two");
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
            written(s, "root/began");
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
        let line = "/tmp/bin/chroot-distro login c -- /bin/echo in 2>/tmp/said";
        let mut waiting = s.world("/bin/sh").args(["-c", line]).spawn();
        let said = || fs::read_to_string(s.path("said")).unwrap_or_default();
        while !said().contains("Waiting for another session of 'c'") {
            assert!(waiting.is_running());
            std::thread::sleep(Duration::from_millis(10));
        }
        drop(held);
        waiting.wait().ok().prints("in\n");
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
        match (s.kernel, ran.code) {
            (Kernel::Running, Some(0)) => drop(ran.prints("one\n")),
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
            written(s, "root/stays");
            let ran = with(second, "readlink /proc/self/ns/pid | busybox cmp - /root/stays").run().ok();
            ran.says(&["warning", &format!("running {word} namespaces of its own")]);
            assert_eq!(with(first, "true").run().ok().err(), "");
            end(session);
            assert!(s.settles());
            fs::remove_file(s.rootfs("c").join("root/stays")).unwrap();
        }
    });
}
