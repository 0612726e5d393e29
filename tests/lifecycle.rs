//! The life of containers: ps, kill, unmount, logs; rename, reset; and fifty sessions at once.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::Duration;

use rustix::mount::{
    MountFlags, MountPropagationFlags, UnmountFlags, mount, mount_bind, mount_bind_recursive, mount_change,
    unmount,
};
use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use serde_json::{Value, json};

use crate::support::command::Running;
use crate::support::prelude::*;

/// The modes that differ in who is whose parent.
const MODES: [&[&str]; 2] = [&[], &["--isolated"]];

/// A session in `name` that has run `script` up to where it waits; `mark` tells it from others.
pub(crate) fn session(s: &Sandbox, mode: &[&str], name: &str, mark: &str, script: &str) -> Running {
    // Any user's marks.
    fs::create_dir_all(s.rootfs(name).join("mark")).unwrap();
    fs::set_permissions(s.rootfs(name).join("mark"), fs::Permissions::from_mode(0o1777)).unwrap();
    let script = format!("{script}\n: > /mark/in.{mark}; exec sleep 1000");
    let running = [&["login"], mode, &[name, "--", "/bin/sh", "-c", &script]].concat();
    let running = s.cd(running).spawn();
    appears(&in_file(s, name, mark));
    running
}

pub(crate) fn in_file(s: &Sandbox, name: &str, mark: &str) -> PathBuf {
    s.rootfs(name).join(format!("mark/in.{mark}"))
}

fn ps(s: &Sandbox, options: &[&str]) -> Vec<Value> {
    let ran = s.cd([&["ps", "--json"], options].concat()).run().ok();
    serde_json::from_slice(&ran.stdout).expect("an array")
}

fn runs(pid: &Value) -> bool {
    let pid = Pid::from_raw(pid.as_i64().expect("a PID") as i32).expect("a PID");
    test_kill_process(pid).is_ok()
}

fn records(s: &Sandbox) -> Vec<String> {
    let names = fs::read_dir(s.data().join("sessions")).into_iter().flatten().flatten();
    let names = names.map(|entry| entry.file_name().to_string_lossy().into_owned());
    names.filter(|name| name.ends_with(".session")).collect()
}

#[test]
fn ps_shows_sessions_and_what_they_left_behind() {
    need!(Root, Tool("busybox"));
    on_both_kernels(|s| {
        let none = s.cd(["ps"]).run().ok().prints("");
        assert!(none.err().contains("login"), "{none:?}");
        s.cd(["ps", "--json"]).run().ok().prints("[]\n");
        make_named(s, "c");
        make_named(s, "idle");
        for mode in MODES {
            let first = session(s, mode, "c", "a", "");
            let second = session(s, &[mode, &["--user", "user"]].concat(), "c", "b", "test -w / && exit 1");
            let rows = ps(s, &[]);
            assert_eq!(rows.len(), 2, "{mode:?}: {rows:#?}");
            for (row, user) in rows.iter().zip(["root", "user"]) {
                let isolated = mode == ["--isolated"];
                let expected = json!({"container": "c", "type": "login", "user": user, "detached": false,
                    "isolated": isolated});
                for (key, value) in expected.as_object().unwrap() {
                    assert_eq!(row[key], *value, "{mode:?}: {row:#}");
                }
                assert!(row["uptime"].as_u64().is_some_and(|seconds| seconds < 120), "{row:#}");
                assert_eq!(row["command"][0], "/bin/sh");
                assert!(runs(&row["pid"]));
            }
            let pids: Vec<String> = rows.iter().map(|row| format!("{}\n", row["pid"])).collect();
            s.cd(["ps", "-q"]).run().ok().prints(&pids.concat());
            let all = ps(s, &["--all"]);
            assert_eq!((all.len(), &all[2]["container"], &all[2]["pid"]), (3, &json!("idle"), &Value::Null));
            // Anybody may look.
            if s.kernel == Kernel::Running {
                assert_eq!(s.cd(["ps", "-q"]).uid(1000).run().ok().out(), pids.concat());
            }
            let table = s.cd(["ps"]).run().ok().out();
            assert!(table.starts_with("PID") && table.contains("login") && table.contains("user"), "{table}");
            for running in [first, second] {
                running.signal(Signal::TERM);
                running.wait();
            }
            assert!(s.settles());
            s.cd(["ps", "-q"]).run().ok().prints("");
            assert!(records(s).is_empty(), "{:?}", records(s));
            for mark in ["a", "b"] {
                fs::remove_file(in_file(s, "c", mark)).ok();
            }
        }
        let script = "sh -c ': > /root/in.bg; exec sleep 1000' > /dev/null 2>&1 < /dev/null &";
        s.cd(["login", "c", "--", "/bin/sh", "-c", script]).run().ok();
        appears(&s.rootfs("c").join("root/in.bg"));
        let rows = ps(s, &[]);
        assert_eq!(rows.len(), 1, "{rows:#?}");
        assert_eq!((&rows[0]["container"], &rows[0]["type"]), (&json!("c"), &Value::Null));
        assert_eq!((&rows[0]["user"], &rows[0]["command"]), (&json!("root"), &json!(["sleep", "1000"])));
        s.cd(["kill", &rows[0]["pid"].to_string()]).run().ok();
        assert!(s.processes().is_empty(), "{:?}", s.processes());
    });
}

#[test]
fn kill_ends_a_container_that_does_not_want_to() {
    need!(Root, Tool("busybox"));
    on_both_kernels(|s| {
        make_named(s, "c");
        let before = mounts();
        for mode in MODES {
            for name in ["kill", "k", "stop", "unmount", "umount", "um"] {
                // Deaf, stopped, and with a deaf child in a session of its own.
                let stubborn =
                    session(s, mode, "c", "a", "trap '' TERM HUP; sleep 1000 & setsid sleep 1000 &");
                let stopped = session(s, mode, "c", "b", "");
                let pid = ps(s, &[])[1]["pid"].as_i64().unwrap() as i32;
                kill_process(Pid::from_raw(pid).unwrap(), Signal::STOP).unwrap();
                s.cd([name, "c", "--time=0"]).run().ok();
                assert_eq!(ps(s, &[]), [] as [Value; 0], "{mode:?}");
                assert!(records(s).is_empty(), "{name}, {mode:?}: {:?}", records(s));
                stubborn.wait().status(137);
                stopped.wait();
                assert!(s.processes().is_empty(), "{name}, {mode:?}: {:?}", s.processes());
                assert_eq!(mounts(), before, "{name}, {mode:?}");
                fs::remove_file(in_file(s, "c", "a")).unwrap();
                fs::remove_file(in_file(s, "c", "b")).unwrap();
            }
        }
    });
}

#[test]
fn kill_asks_first_and_kill_of_a_pid_spares_the_others() {
    need!(Root, Tool("busybox"));
    on_both_kernels(|s| {
        make_named(s, "c");
        for mode in MODES {
            let polite =
                "trap 'echo bye > /root/bye; exit 5' TERM; : > /root/in.a; while :; do sleep 0.1; done";
            let asked = s.cd([&["login"], mode, &["c", "--", "/bin/sh", "-c", polite]].concat()).spawn();
            appears(&s.rootfs("c").join("root/in.a"));
            let mut other = session(s, mode, "c", "b", "");
            let pid = ps(s, &[])[0]["pid"].to_string();
            s.cd(["kill", &pid]).run().ok();
            asked.wait().code(5);
            assert!(s.rootfs("c").join("root/bye").exists(), "{mode:?}: it was not asked");
            assert!(other.is_running());
            let rows = ps(s, &[]);
            assert_eq!(rows.len(), 1, "{mode:?}: {rows:#?}");
            assert!(rows[0]["command"][2].as_str().unwrap().contains("in.b"));
            s.cd(["kill", &pid]).run().fails(&[&pid, "session"]);
            s.cd(["kill", "c"]).run().ok();
            other.wait();
            for file in ["root/bye", "root/in.a", "mark/in.b"] {
                fs::remove_file(s.rootfs("c").join(file)).unwrap();
            }
        }
        s.cd(["kill", "c"]).run().fails(&["'c' is not running"]);
        s.cd(["unmount", "c"]).run().ok();
        s.cd(["kill", "d"]).run().fails(&["no container 'd'"]);
        // Never one outside: init is nobody's session.
        s.cd(["kill", "1"]).run().fails(&["'1'", "session"]);
        s.cd(["kill", &std::process::id().to_string()]).run().fails(&["session"]);
        s.cd(["kill", "-1"]).run().code(2);
        s.cd(["kill", "../c"]).run().code(2);
        // A name goes before a PID.
        s.cd(["rename", "c", "1"]).run().ok();
        s.cd(["kill", "1"]).run().fails(&["'1' is not running"]);
    });
}

#[test]
fn unmount_undoes_what_the_python_tool_left_on_the_host_and_nothing_of_the_hosts_own() {
    need!(Root, Tool("busybox"));
    on_both_kernels(|s| {
        make_named(s, "c");
        // A host's /dev with mounts on it, shared with its peers as systemd has it.
        for dir in ["/tmp/dev", "/tmp/dev/pts", "/tmp/dev/pts/deep"] {
            fs::create_dir_all(dir).unwrap();
            mount("host", dir, "tmpfs", MountFlags::empty(), None).unwrap();
        }
        fs::write("/tmp/dev/pts/deep/keep", "x").unwrap();
        mount_change("/tmp/dev", MountPropagationFlags::SHARED | MountPropagationFlags::REC).unwrap();
        let before = mounts();
        let root = s.rootfs("c");
        let host = |points: Vec<String>| points.into_iter().filter(|point| !point.contains("rootfs")).count();
        let expected = host(mounts());
        for (source, target) in [("/tmp/canary", "tmp"), ("/tmp/canary", "tmp"), ("/tmp/dev", "dev")] {
            mount_bind_recursive(source, root.join(target)).unwrap();
        }
        mount_bind("/tmp/canary", root.join("dev/pts/deep")).unwrap();
        let propagated = mounts().iter().filter(|point| *point == "/tmp/dev/pts/deep").count();
        assert_eq!(propagated, 2, "no peers: nothing is tested");
        s.cd(["unmount", "c"]).run().ok();
        assert_eq!(host(mounts()), expected + 1, "something of the host's own is gone");
        unmount("/tmp/dev/pts/deep", UnmountFlags::empty()).unwrap();
        assert_eq!(mounts(), before);
        assert!(std::path::Path::new("/tmp/dev/pts/deep/keep").exists());
        s.assert_canaries();
        s.cd(["remove", "c"]).run().ok();
        unmount("/tmp/dev", UnmountFlags::DETACH).unwrap();
    });
}

#[test]
fn records_of_the_dead_are_no_sessions() {
    need!(Root, Tool("busybox"));
    sandbox(|s| {
        make_named(s, "c");
        let running = session(s, &[], "c", "a", "");
        let name = records(s).remove(0);
        let path = s.data().join("sessions").join(&name);
        let record: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        running.signal(Signal::KILL);
        running.wait();
        assert!(path.exists(), "nothing was there to take it away");
        // As before a reboot, and as of a number that has passed on to another process.
        let mut rebooted = record.clone();
        rebooted["boot_id"] = json!("00000000-0000-0000-0000-000000000000");
        rebooted["pid"] = json!(1);
        let mut passed_on = record.clone();
        passed_on["pid"] = json!(std::process::id());
        for (file, record) in [("c.1.1.session", &rebooted), ("c.2.1.session", &passed_on)] {
            fs::write(path.with_file_name(file), record.to_string()).unwrap();
        }
        fs::write(path.with_file_name("c.3.1.session"), "{").unwrap();
        s.cd(["kill", &std::process::id().to_string()]).run().fails(&["session"]);
        s.cd(["ps", "-q"]).run().ok().prints("");
        assert!(records(s).is_empty(), "{:?}", records(s));
        s.cd(["kill", "c"]).run().fails(&["not running"]);
        assert_eq!(
            serde_json::from_slice::<Value>(&s.cd(["list", "--json"]).run().ok().stdout).unwrap()[0]["status"],
            "idle"
        );
    });
}

/// What is known of one session in the storm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Seen {
    /// On its way in or out.
    Unknown,
    In,
    Out,
}

#[test]
fn fifty_sessions_come_and_go_and_twenty_are_killed() {
    need!(Root, Tool("busybox"));
    const SESSIONS: usize = 50;
    const KILLED: usize = 20;
    sandbox(|s| {
        let names = ["x", "y", "z"];
        names.iter().for_each(|name| make_named(s, name));
        let before = mounts();
        for mode in MODES {
            let seen = Mutex::new([Seen::Unknown; SESSIONS]);
            let set = |number: usize, state: Seen| seen.lock().unwrap()[number] = state;
            let one = |number: usize| {
                let (name, mark) = (names[number % names.len()], number.to_string());
                let mut running = session(s, mode, name, &mark, "");
                set(number, Seen::In);
                std::thread::sleep(Duration::from_millis(20 * (number as u64 % 10)));
                set(number, Seen::Unknown);
                if number < KILLED {
                    running.kill();
                    // Its guest goes with the container: the process that waited for it is gone.
                    running.wait();
                } else {
                    running.signal(Signal::TERM);
                    running.wait().status(143);
                    set(number, Seen::Out);
                }
                fs::remove_file(in_file(s, name, &mark)).unwrap();
            };
            let watch = |done: &dyn Fn() -> bool| {
                let mut looks = 0;
                while !done() || looks == 0 {
                    let earlier = *seen.lock().unwrap();
                    let rows = ps(s, &[]);
                    let later = *seen.lock().unwrap();
                    looks += 1;
                    assert!(rows.iter().all(|row| row["type"] == "login"), "{mode:?}: {}", json!(rows));
                    for number in 0..SESSIONS {
                        let mark = format!("/mark/in.{number};");
                        let of_it = |row: &&Value| row["command"][2].as_str().unwrap().contains(&mark);
                        let count = rows.iter().filter(of_it).count();
                        let right = match (earlier[number], later[number]) {
                            (Seen::In, Seen::In) => count == 1,
                            (Seen::Out, _) => count == 0,
                            _ => count <= 1,
                        };
                        assert!(right, "{mode:?}: session {number} stands {count} times in {}", json!(rows));
                    }
                }
            };
            std::thread::scope(|scope| {
                let one = &one;
                let sessions: Vec<_> = (0..SESSIONS).map(|number| scope.spawn(move || one(number))).collect();
                watch(&|| sessions.iter().all(|session| session.is_finished()));
            });
            assert!(s.settles(), "{mode:?} left {:?}", s.processes());
            s.cd(["ps", "-q"]).run().ok().prints("");
            assert!(records(s).is_empty(), "{mode:?}: {:?}", records(s));
            assert_eq!(mounts(), before, "{mode:?}");
        }
    });
}

#[test]
fn logs_are_printed_as_they_are() {
    need!(Root, Tool("busybox"));
    sandbox(|s| {
        make_named(s, "c");
        s.cd(["logs", "c"]).run().fails(&["no log", "--detach"]);
        s.cd(["logs", "absent"]).run().fails(&["absent"]);
        fs::create_dir_all(s.data().join("logs")).unwrap();
        let text = b"one\n\x1b[31mtwo\x1b[0m\n\xff\0three".to_vec();
        fs::write(s.data().join("logs/c.log"), &text).unwrap();
        assert_eq!(s.cd(["logs", "c"]).run().ok().stdout, text);
        assert_eq!(s.cd(["logs", "-n1", "c"]).run().ok().stdout, b"\xff\0three");
        assert_eq!(s.cd(["logs", "--tail", "2", "c"]).run().ok().stdout, text[4..]);
        // Nothing runs: there is nothing to wait for.
        assert_eq!(s.cd(["logs", "-f", "c"]).run().ok().stdout, text);
        s.cd(["logs", "-n", "x", "c"]).run().code(2);
        s.cd(["remove", "c"]).run().ok();
        assert!(!s.data().join("logs/c.log").exists());
    });
}

#[test]
fn a_detached_run_is_followed_to_its_end_and_asked_as_its_image_says() {
    need!(Root, Tool("busybox"));
    on_both_kernels(|s| {
        let image = Image::busybox().with("StopSignal", json!("SIGQUIT"));
        make_of(s, "c", &image.with("Entrypoint", json!(["/bin/sh", "-c"])));
        for mode in MODES {
            // A child that ends when it is asked itself would tell: the image's program ends it.
            let script = "sh -c 'trap \"echo child asked\" TERM QUIT; until test -e /gone; do sleep 0.05; done' & \
                trap 'echo asked; : > /gone; wait; echo end; exit' QUIT; echo ready; while :; do sleep 0.05; done";
            s.cd([&["run", "-d"], mode, &["c", "--", script]].concat()).run().ok();
            let follower = s.cd(["logs", "-f", "c"]).spawn();
            let tail = s.cd(["logs", "-f", "-n", "0", "c"]).spawn();
            let rows = ps(s, &[]);
            assert_eq!(rows.len(), 1, "{mode:?}: {}", json!(rows));
            assert_eq!((&rows[0]["type"], &rows[0]["detached"]), (&json!("run"), &json!(true)));
            let table = s.cd(["ps"]).run().ok().out();
            assert!(table.contains(&format!("{}*", rows[0]["pid"])), "{table}");
            let log = s.data().join("logs/c.log");
            while fs::read(&log).unwrap() != b"ready\n" {
                std::thread::sleep(Duration::from_millis(10));
            }
            s.cd(["stop", "-t", "60", "c"]).run().ok();
            follower.wait().ok().prints("ready\nasked\nend\n");
            assert!(tail.wait().ok().out().ends_with("asked\nend\n"));
            assert!(s.settles(), "{mode:?} left {:?}", s.processes());
            fs::remove_file(s.rootfs("c").join("gone")).unwrap();
        }
    });
}
