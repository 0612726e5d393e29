//! Who is in a container: processes that changed their root, that moved to mounts of their own, that fork without end. `ps`
//! sees them and `kill`, `unmount` and `remove` end them, with each kind of cgroup hierarchy and with none.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::support::command::Running;
use crate::support::prelude::*;
use crate::support::sandbox::{mount_cgroups, sandbox_on};

/// With no other hierarchy than this: `cgroup2`, a controller of version 1, or none at all.
fn with_cgroups(name: Option<&str>, kernel: Kernel, body: impl FnOnce(&Sandbox) + Send) {
    sandbox_on(kernel, |s| {
        match name {
            Some(name) => mount_cgroups(name).unwrap(),
            None => mount("none", "/sys/fs/cgroup", "tmpfs", MountFlags::empty(), None).unwrap(),
        }
        make(s);
        body(s);
        assert_eq!(cgroups_of(s), [] as [PathBuf; 0]);
        s.cd(["remove", "c"]).run().ok();
        unmount("/sys/fs/cgroup", UnmountFlags::DETACH).unwrap();
    });
}

fn cgroup_name(s: &Sandbox) -> String {
    let root = fs::metadata(s.rootfs("c")).unwrap();
    format!("chroot-distro-{:x}-{:x}", root.dev(), root.ino())
}

/// The cgroups of the container `c`, wherever they are.
fn cgroups_of(s: &Sandbox) -> Vec<PathBuf> {
    let name = cgroup_name(s);
    let (mut left, mut found) = (vec![PathBuf::from("/sys/fs/cgroup")], Vec::new());
    while let Some(directory) = left.pop() {
        let entries = fs::read_dir(&directory).into_iter().flatten().flatten();
        left.extend(
            entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())).map(|e| e.path()),
        );
        if directory.file_name().is_some_and(|there| *there == *name) {
            found.push(directory);
        }
    }
    found
}

/// A number that no other process has among its arguments.
fn token() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    format!("9{}{:04}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
}

/// The processes that have it; zombies have none.
fn having(token: &str) -> Vec<(i32, Vec<String>)> {
    let line = |pid: i32| {
        let line = String::from_utf8_lossy(&fs::read(format!("/proc/{pid}/cmdline")).ok()?).into_owned();
        let words: Vec<String> = line.trim_end_matches('\0').split('\0').map(str::to_owned).collect();
        line.contains(token).then_some((pid, words))
    };
    let pids = fs::read_dir("/proc").unwrap().flatten();
    pids.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).filter_map(line).collect()
}

/// Those that are at the place where they are to stay.
fn settled(token: &str) -> Vec<i32> {
    let there = |words: &[String]| words.len() == 3 && words[0] == "/bin/busybox" && words[1] == "sleep";
    having(token).into_iter().filter(|(_, words)| there(words)).map(|(pid, _)| pid).collect()
}

/// In a chroot inside the guest.
const CHROOT: &str = "mkdir -p /jail/bin; cp /bin/busybox /jail/bin; \
    busybox chroot /jail /bin/busybox sleep TOKEN > /dev/null 2>&1 < /dev/null &\n";
/// In a chroot and a mount namespace of its own.
const NESTED: &str =
    "busybox unshare -m busybox chroot /jail /bin/busybox sleep TOKEN > /dev/null 2>&1 < /dev/null &\n";
/// In a tmpfs.
const TMPFS: &str = "mkdir -p /t; busybox mount -t tmpfs x /t; mkdir /t/bin; cp /bin/busybox /t/bin; \
    busybox chroot /t /bin/busybox sleep TOKEN > /dev/null 2>&1 < /dev/null &\n";
/// In a tmpfs that is the root of its mount namespace: nothing of the container is left there.
const PIVOTED: &str = "busybox unshare -m sh -c 'mkdir -p /p; busybox mount -t tmpfs x /p; mkdir /p/bin /p/old; \
    cp /bin/busybox /p/bin; cd /p; busybox pivot_root . old; exec busybox chroot . /bin/busybox sh -c \
    \"/bin/busybox umount -l /old; exec /bin/busybox sleep TOKEN\"' > /dev/null 2>&1 < /dev/null &\n";

/// The same with the session's own mount namespace: nobody has the container's root any more.
const MOVED: &str = "mkdir -p /m; busybox mount -t tmpfs x /m; mkdir /m/bin /m/old /m/dev; : > /m/dev/null; cp /bin/busybox /m/bin; cd /m; \
    busybox pivot_root . old; exec busybox chroot . /bin/busybox sh -c '/bin/busybox umount -l /old; \
    /bin/busybox sleep TOKEN >&- 2>&- & exec /bin/busybox sleep TOKEN'\n";

fn rows(s: &Sandbox) -> Vec<Value> {
    serde_json::from_slice(&s.cd(["ps", "--json"]).run().ok().stdout).unwrap()
}

/// A session with these options that starts `kinds` and waits for its end; the token of what it started.
fn start(s: &Sandbox, options: &[&str], kinds: &[&str], more: impl Fn(Cd) -> Cd) -> (Running, String) {
    let token = token();
    let script = kinds.concat().replace("TOKEN", &token) + "exec sleep 1000";
    let session = more(login(s, options, &script)).spawn();
    settles(&token, kinds.len());
    (session, token)
}

/// Waits until so many are where they are to stay.
#[track_caller]
fn settles(token: &str, count: usize) {
    let there = || {
        std::thread::sleep(Duration::from_millis(10));
        settled(token).len() == count
    };
    assert!((0..3000).any(|_| there()), "only these are there: {:?}", having(token));
}

/// `unseen`: how many of the four nobody can know of when their session is gone.
fn changed_roots(s: &Sandbox, unseen: usize, commands: &[&str]) {
    let kinds = [CHROOT, NESTED, TMPFS, PIVOTED];
    for mode in [&[][..], &["--minimal"]] {
        for &command in commands {
            // While the session is there all are its own; it is ended with them.
            let (session, token) = start(s, mode, &kinds, |cd| cd);
            assert_eq!(rows(s).len(), 1, "{mode:?}: {:#?}", rows(s));
            s.cd([command, "c"]).run().ok();
            session.wait();
            assert_eq!(having(&token), [], "{command}, {mode:?}");
            if command == "remove" {
                make(s);
            }
            // When it is gone they are nobody's.
            let (session, token) = start(s, mode, &kinds, |cd| cd);
            session.signal(Signal::KILL);
            session.wait();
            let rows = rows(s);
            assert_eq!(rows.len(), kinds.len() - unseen, "{mode:?}: {rows:#?}");
            assert!(rows.iter().all(|row| row["command"][2] == *token), "{rows:#?}");
            s.cd(["rename", "c", "d"]).run().fails(&["running"]);
            let ran = s.cd([command, "c"]).run().ok();
            assert_eq!(ran.err().contains("pivot_root"), unseen > 0, "{ran:?}");
            let left = having(&token);
            assert_eq!(left.len(), unseen, "{command}, {mode:?}: {left:?}");
            for (pid, _) in left {
                kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL).unwrap();
            }
            settles(&token, 0);
            if command == "remove" {
                make(s);
            }
        }
    }
    isolated_roots(s);
}

/// An isolated guest may change its root too. With a PID namespace all ends with the session.
fn isolated_roots(s: &Sandbox) {
    let (session, token) = start(s, &["--isolated"], &[CHROOT], |cd| cd);
    session.signal(Signal::TERM);
    session.wait();
    assert_eq!(having(&token), []);
    for command in ["kill", "unmount"] {
        let (session, token) =
            start(s, &["--isolated"], &[CHROOT], |cd| cd.without_namespaces(libc::CLONE_NEWPID));
        session.signal(Signal::TERM);
        session.wait();
        assert_eq!(rows(s).len(), 1, "{:#?}", rows(s));
        s.cd([command, "c"]).run().ok();
        assert_eq!(having(&token), [], "{command}");
    }
}

/// By its namespace alone, where the kernel has a number for that which is never given again.
fn moved_namespace(s: &Sandbox) {
    for command in ["kill", "unmount"] {
        let token = token();
        let session = login(s, &[], &MOVED.replace("TOKEN", &token)).spawn();
        settles(&token, 2);
        session.signal(Signal::KILL);
        session.wait();
        for _ in 0..2 {
            assert_eq!(rows(s).len(), 1, "{:#?}", rows(s));
        }
        s.cd([command, "c"]).run().ok();
        assert_eq!(having(&token), [], "{command}");
        assert_eq!(rows(s).len(), 0, "{:#?}", rows(s));
        let records = fs::read_dir(s.data().join("sessions")).unwrap().flatten();
        assert_eq!(records.filter(|entry| entry.path().extension() == Some("session".as_ref())).count(), 0);
    }
}

/// A program that forks a child and ends, again and again, and hears of nothing; beside it many that only wait.
fn fork_chain(s: &Sandbox, rounds: usize, mode: &[&str]) {
    for round in 0..rounds {
        let token = token();
        let others = if round % 10 == 9 { 100 } else { 0 };
        let script = format!(
            "trap '' TERM; i=0; while test $i -lt {others}; do sleep {token} & i=$((i+1)); done\n\
             f() {{ : {token}; busybox usleep 300; f & }}; f > /dev/null 2>&1 < /dev/null & : > /root/in.{token}; exec sleep 1000"
        );
        let session = login(s, mode, &script).spawn();
        appears(&s.rootfs("c").join(format!("root/in.{token}")));
        s.cd(["kill", "--time=0", "c"]).run().ok();
        session.wait();
        for _ in 0..20 {
            assert_eq!(having(&token), [], "round {round}, {mode:?}");
        }
    }
}

fn everything(name: Option<&str>, unseen: usize, rounds: usize) {
    with_cgroups(name, Kernel::Running, |s| {
        changed_roots(s, unseen, &["kill", "unmount", "remove"]);
        fork_chain(s, rounds, &[]);
        fork_chain(s, 3, &["--isolated"]);
        if name.is_some() || has_lasting_numbers() {
            moved_namespace(s);
        }
    });
    with_cgroups(name, Kernel::Old, |s| {
        changed_roots(s, unseen, &["kill"]);
        fork_chain(s, 3, &[]);
    });
}

/// NS_GET_MNTNS_ID: Linux 6.11.
fn has_lasting_numbers() -> bool {
    let release = rustix::system::uname().release().to_string_lossy().into_owned();
    let mut numbers = release.split(['.', '-']).map_while(|number| number.parse::<u32>().ok());
    (numbers.next(), numbers.next()) >= (Some(6), Some(11))
}

#[test]
fn who_changed_its_root_or_forks_without_end_is_ended_by_the_freezer() {
    need!(Root, Tool("busybox"), Cgroup("freezer"));
    everything(Some("freezer"), 0, 10);
}

#[test]
fn who_changed_its_root_or_forks_without_end_is_ended_by_cgroups_version_2() {
    need!(Root, Tool("busybox"), Cgroup("cgroup2"));
    everything(Some("cgroup2"), 0, 10);
}

#[test]
fn who_changed_its_root_or_forks_without_end_is_ended_by_any_other_hierarchy() {
    need!(Root, Tool("busybox"), Cgroup("pids"));
    everything(Some("pids"), 0, 10);
}

#[test]
fn who_changed_its_root_or_forks_without_end_is_ended_without_cgroups_too() {
    need!(Root, Tool("busybox"));
    everything(None, 1, 30);
}

#[test]
fn a_guest_gains_nothing_by_its_cgroup() {
    need!(Root, Tool("busybox"), Cgroup("cgroup2"));
    with_cgroups(Some("cgroup2"), Kernel::Running, |s| {
        // Its cgroup is the uppermost one that it sees.
        login(s, &["--isolated"], "grep 0:: /proc/self/cgroup").run().ok().prints("0::/\n");
        // An ordinary user cannot leave it, nor let others in.
        let script = "cd /sys/fs/cgroup$(sed -n s/^0:://p /proc/self/cgroup) && pwd && echo $$ > ../cgroup.procs; \
            echo $$ > cgroup.procs; mkdir x; echo 1 > cgroup.kill; sed -n s/^0:://p /proc/self/cgroup";
        let ran = login(s, &["--user", "user"], script).run().ok();
        let (out, name) = (ran.out(), cgroup_name(s));
        assert_eq!(out.lines().filter(|line| line.ends_with(&name)).count(), 2, "{ran:?}");
        assert_eq!(ran.err().matches("denied").count(), 4, "{ran:?}");
        s.cd(["ps"]).run().ok();
    });
}

#[test]
fn a_container_that_somebody_froze_can_be_entered_and_ended() {
    need!(Root, Tool("busybox"), Cgroup("freezer"));
    with_cgroups(Some("freezer"), Kernel::Running, |s| {
        let (session, token) = start(s, &[], &[CHROOT], |cd| cd);
        let state = cgroups_of(s)[0].join("freezer.state");
        fs::write(&state, "FROZEN").unwrap();
        login(s, &[], "echo in").run().ok().prints("in\n");
        fs::write(&state, "FROZEN").unwrap();
        s.cd(["kill", "c"]).run().ok();
        session.wait();
        assert_eq!(having(&token), []);
    });
}

/// Reported of runc (2105, 2298) and of login managers that move who changes user (systemd 22874).
#[test]
fn a_guest_may_do_to_its_cgroup_what_it_likes() {
    need!(Root, Tool("busybox"), Cgroup("cgroup2"), Cgroup("freezer"));
    for (cgroups, file, frozen) in [("freezer", "freezer.state", "FROZEN"), ("cgroup2", "cgroup.freeze", "1")]
    {
        with_cgroups(Some(cgroups), Kernel::Running, |s| {
            let (session, token) = start(s, &[], &[CHROOT, NESTED, TMPFS], |cd| cd);
            let [stopped, moved, _] = settled(&token)[..] else { panic!("three") };
            // Cgroups of its own, one of them stopped; and one that somebody has taken out.
            let own = cgroups_of(s).remove(0);
            fs::create_dir_all(own.join("a/b")).unwrap();
            fs::write(own.join("a/b/cgroup.procs"), stopped.to_string()).unwrap();
            fs::write(own.join("a/b").join(file), frozen).unwrap();
            fs::write("/sys/fs/cgroup/cgroup.procs", moved.to_string()).unwrap();
            if cgroups == "cgroup2" {
                refuse_inner_processes(&own);
            }
            login(s, &[], "grep -c chroot-distro- /proc/self/cgroup").run().ok().prints("1\n");
            assert_eq!(rows(s).len(), 1, "{:#?}", rows(s));
            s.cd(["kill", "c"]).run().ok();
            session.wait();
            assert_eq!(having(&token), []);
        });
    }
}

/// Enables a controller below, if there is one: then no process may be in the cgroup itself.
fn refuse_inner_processes(group: &Path) {
    let controllers = fs::read_to_string(group.join("cgroup.controllers")).unwrap();
    let Some(controller) = controllers.split_whitespace().next() else { return };
    fs::create_dir(group.join("leaf")).unwrap();
    for pid in fs::read_to_string(group.join("cgroup.procs")).unwrap().lines() {
        fs::write(group.join("leaf/cgroup.procs"), pid).unwrap();
    }
    fs::write(group.join("cgroup.subtree_control"), format!("+{controller}")).unwrap();
}

#[test]
fn a_container_ended_from_inside_takes_all_but_the_command() {
    need!(Root, Tool("busybox"), Cgroup("cgroup2"), Cgroup("freezer"));
    for cgroups in [Some("cgroup2"), Some("freezer"), None] {
        with_cgroups(cgroups, Kernel::Running, |s| {
            let (session, token) = start(s, &[], &[CHROOT], |cd| cd);
            // The guest sees the store, which lies in the shared /tmp.
            let script = "XDG_DATA_HOME=/tmp/data /tmp/bin/chroot-distro kill --time=0 c; echo not killed";
            login(s, &[], script).run().status(137).prints("");
            session.wait();
            assert_eq!(having(&token), []);
            s.cd(["ps"]).run().ok();
        });
    }
}
