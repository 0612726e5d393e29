//! How much of the machine a container may have: memory, CPU time, processes, against programs that want all of it.

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::prelude::*;

/// What the cgroups that process `pid` is in say in this file, where one of ours has it.
fn of_cgroup(pid: &str, file: &str) -> Option<String> {
    let text = fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap();
    let places =
        text.lines().filter_map(|line| line.splitn(3, ':').nth(2)).map(|path| path.trim_matches('/'));
    let mounts = fs::read_dir("/sys/fs/cgroup").unwrap().flatten().map(|entry| entry.path());
    let mounts: Vec<PathBuf> = mounts.chain([Path::new("/sys/fs/cgroup").to_owned()]).collect();
    let of = |place: &str| {
        let there = mounts.iter().find_map(|mount| fs::read_to_string(mount.join(place).join(file)).ok());
        there.filter(|_| place.contains("chroot-distro-"))
    };
    places.filter_map(of).map(|text| text.trim().to_owned()).next()
}

/// Whether this machine has a cgroup with `pids` to offer: else there is nothing to test.
fn can_limit(s: &Sandbox) -> bool {
    let can = login(s, &["--pids-limit", "99"], "true").run().code == Some(0);
    if !can {
        println!("SKIPPED: no cgroup can be had");
        assert!(std::env::var_os("CD_MUST_RUN").is_none());
    }
    can
}

/// The pid, outside, of a session that waits in `c`.
fn waiting(s: &Sandbox, options: &[&str]) -> (crate::support::command::Running, String) {
    let _ = fs::remove_file(s.rootfs("c").join("root/in"));
    let session = login(s, options, "echo in > /root/in; exec sleep 100").spawn();
    written(s, "root/in");
    let rows: serde_json::Value = serde_json::from_slice(&s.cd(["ps", "--json"]).run().ok().stdout).unwrap();
    (session, rows[0]["pid"].to_string())
}

#[test]
fn a_fork_bomb_ends_at_the_limit() {
    need!(Root, Tool("busybox"));
    on_both_kernels(|s| {
        make(s);
        if !can_limit(s) {
            return;
        }
        // The shell gives up when it cannot fork: with the number of those that it could.
        let bomb = "i=0; while [ $i -lt 200 ]; do sleep 100 > /dev/null 2>&1 & i=$((i + 1)); echo $i > /root/count; done; echo all";
        for options in [&["--isolated", "--pids-limit", "30"][..], &["--pids-limit=30"]] {
            let (first, _) = waiting(s, options);
            // It holds for whoever joins.
            let mode = if options.len() > 1 { &options[..1] } else { &[] };
            let ran = login(s, mode, bomb).run();
            assert!(ran.code != Some(0) && !ran.out().contains("all"), "{ran:?}");
            let count: u32 =
                fs::read_to_string(s.rootfs("c").join("root/count")).unwrap().trim().parse().unwrap();
            assert!((10..30).contains(&count), "{count}");
            if mode.contains(&"--isolated") {
                login(s, mode, "true").run().code(125).says(&["as many processes", "--pids-limit"]);
                login(s, &["--isolated", "--pids-limit", "60"], "true").run().ok();
            }
            end(first);
            s.cd(["kill", "c"]).run();
            assert!(s.settles());
        }
    });
}

#[test]
fn a_memory_bomb_is_killed() {
    need!(Root, Tool("busybox"));
    on_both_kernels(|s| {
        make(s);
        if !can_limit(s) {
            return;
        }
        let bomb = "busybox dd if=/dev/zero of=/dev/null bs=300M count=1; echo $?";
        let ran = login(s, &["--isolated", "--memory", "32M"], bomb).run().ok();
        assert!(ran.out().contains("137"), "{ran:?}");
        let ran = login(s, &["--isolated", "--memory=1g"], bomb).run().ok();
        assert_eq!(ran.out(), "0\n");
        assert!(s.settles());
    });
}

#[test]
fn limits_are_what_was_asked_and_a_later_session_changes_them() {
    need!(Root, Tool("busybox"));
    on_both_kernels(|s| {
        make(s);
        if !can_limit(s) {
            return;
        }
        let (first, pid) = waiting(s, &["--isolated"]);
        assert_eq!(of_cgroup(&pid, "pids.max").as_deref(), Some("2048"), "the default");
        login(s, &["--isolated"], "true").run().ok();
        assert_eq!(of_cgroup(&pid, "pids.max").as_deref(), Some("2048"));
        login(s, &["--isolated", "--pids-limit", "77"], "true").run().ok();
        assert_eq!(of_cgroup(&pid, "pids.max").as_deref(), Some("77"));
        login(s, &["--isolated"], "true").run().ok();
        assert_eq!(
            of_cgroup(&pid, "pids.max").as_deref(),
            Some("77"),
            "who asks for nothing changes nothing"
        );
        end(first);
        assert!(s.settles());
        let (first, pid) =
            waiting(s, &["--isolated", "--pids-limit", "0", "--cpus", "1.5", "--memory", "64M"]);
        assert!(of_cgroup(&pid, "pids.max").is_none_or(|max| max == "max"));
        let quota = of_cgroup(&pid, "cpu.max").or(of_cgroup(&pid, "cpu.cfs_quota_us")).unwrap();
        assert!(quota.starts_with("150000"), "{quota}");
        let memory = of_cgroup(&pid, "memory.max").or(of_cgroup(&pid, "memory.limit_in_bytes")).unwrap();
        assert_eq!(memory, "67108864");
        end(first);
        assert!(s.settles());
        let (first, pid) = waiting(s, &[]);
        assert!(of_cgroup(&pid, "pids.max").is_none_or(|max| max == "max"), "the default mode has no limits");
        end(first);
    });
}

#[test]
fn where_there_is_no_cgroup_what_was_asked_is_an_error_and_the_default_a_warning() {
    need!(Root, Tool("busybox"));
    sandbox(|s| {
        make(s);
        let none = rustix::mount::MountFlags::empty();
        rustix::mount::mount("none", "/sys/fs/cgroup", "tmpfs", none, None).unwrap();
        for (option, what) in
            [("--memory=64M", "memory"), ("--cpus=1", "CPU time"), ("--pids-limit=9", "processes")]
        {
            for mode in [&[][..], &["--isolated"]] {
                let ran = login(s, &[mode, &[option]].concat(), "echo in").run();
                ran.code(125).prints("").says(&[what, "cgroup"]);
            }
        }
        let ran = login(s, &["--isolated"], "echo in").run().ok().prints("in\n");
        assert_eq!(ran.err().lines().count(), 1, "{ran:?}");
        assert!(ran.err().contains("number of processes cannot be limited"), "{ran:?}");
        login(s, &["--isolated", "--strict"], "echo in").run().code(125).says(&["number of processes"]);
        assert_eq!(login(s, &["--isolated", "--pids-limit=0"], "echo in").run().ok().err(), "");
        assert_eq!(login(s, &[], "echo in").run().ok().err(), "");
        rustix::mount::unmount("/sys/fs/cgroup", rustix::mount::UnmountFlags::DETACH).unwrap();
    });
}

#[test]
fn what_is_no_limit_is_refused() {
    need!(Root, Tool("busybox"));
    sandbox(|s| {
        make(s);
        for option in ["--memory=x", "--memory=1", "--memory=-5M", "--cpus=0", "--cpus=x", "--pids-limit=x"] {
            let name = option.split('=').next().unwrap();
            login(s, &[option], "true").run().code(2).says(&[name]);
        }
    });
}
