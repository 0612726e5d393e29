//! What older kernels do otherwise, and no refused call shows: mounts before Linux 3.12, one devpts for all before 4.7,
//! storage that is locked.

use std::fs;
use std::path::Path;
use std::sync::Mutex;

use rustix::mount::{MountFlags, mount};

use crate::support::answered::{Answer, Call, run};
use crate::support::prelude::*;

/// Of the way into a root.
const SWITCH: [libc::c_long; 4] =
    [libc::SYS_pivot_root, libc::SYS_fchdir, libc::SYS_umount2, libc::SYS_chdir];

/// Sees to the way as Linux before 3.12 does: umount2(2) takes "." for the directory, not for what is mounted over it.
fn before_3_12(call: &Call) -> Answer {
    if call.number == libc::SYS_umount2 && call.text(0) == "." && call.is_at_its_root() {
        call.lose_its_mounts();
    }
    Answer::Go
}

fn told(call: &Call) -> String {
    match call.number {
        libc::SYS_pivot_root => format!("pivot_root {} {}", call.text(0), call.text(1)),
        libc::SYS_fchdir => "fchdir".to_owned(),
        libc::SYS_umount2 => format!("umount2 {}", call.text(0)),
        _ => format!("chdir {}", call.text(0)),
    }
}

#[test]
fn the_old_root_is_entered_before_it_is_let_go_of() {
    need!(Root);
    sandbox(|s| {
        make(s);
        for mode in MODES {
            let trace = Mutex::new(Vec::new());
            let look = "test -e /proc/self/stat && test -c /dev/null && test -d /sys/kernel";
            run(login(s, mode, look), &SWITCH, &|call| {
                trace.lock().unwrap().push((call.pid, told(call)));
                before_3_12(call)
            })
            .ok();
            let trace = trace.into_inner().unwrap();
            let start = trace.iter().position(|(_, told)| told == "pivot_root . .").unwrap();
            let pid = trace[start].0;
            let after = trace[start..].iter().filter(|(by, _)| *by == pid).map(|(_, told)| told.as_str());
            let after: Vec<_> = after.take(4).collect();
            assert_eq!(after, ["pivot_root . .", "fchdir", "umount2 .", "chdir /"], "{mode:?}");
        }
    });
}

#[test]
fn a_session_that_lost_its_mounts_does_not_start() {
    need!(Root);
    sandbox(|s| {
        make(s);
        for mode in MODES {
            run(login(s, mode, "touch /started"), &[libc::SYS_umount2], &|call| {
                if call.text(0) == "." {
                    call.lose_its_mounts();
                }
                Answer::Go
            })
            .code(125)
            .says(&["was mounted on '/", "is not there", "hint"]);
            assert!(!s.rootfs("c").join("started").exists(), "{mode:?}");
        }
    });
}

#[test]
fn a_program_on_an_initramfs_before_3_12_goes_on_from_a_copy() {
    need!(Root);
    sandbox(|s| {
        make(s);
        let copied = Mutex::new(false);
        let calls = [libc::SYS_mount, libc::SYS_open_tree];
        let login = login(s, &["--isolated"], "echo in; test -c /dev/null");
        let ran = run(login, &calls, &|call| {
            if call.number == libc::SYS_open_tree {
                return Answer::Errno(libc::ENOSYS);
            }
            if call.text(1) == "/dev" && call.text(2) == "tmpfs" {
                *copied.lock().unwrap() = true;
            }
            // MS_NOUSER of the superblock.
            let of_itself = call.text(0) == call.text(1) && call.text(0) == "/tmp/bin/chroot-distro";
            if of_itself && call.number(3) & libc::MS_BIND != 0 {
                Answer::Errno(libc::EINVAL)
            } else {
                Answer::Go
            }
        });
        assert_eq!(ran.ok().out(), "in\n");
        assert!(copied.into_inner().unwrap(), "it was bound all the same");
    });
}

/// The sandbox's /dev has a /dev/pts that is one for all: it has no `ptmx`.
fn one_devpts_for_all() {
    mount("one", "/dev/pts", "tmpfs", MountFlags::empty(), Some(c"mode=755")).unwrap();
    fs::write("/dev/pts/the-hosts", "").unwrap();
}

#[test]
fn one_devpts_for_all_is_left_as_it_is_and_told() {
    need!(Root);
    sandbox(|s| {
        make(s);
        one_devpts_for_all();
        let look = login(s, &["--isolated"], "ls /dev/pts; stat -c %t:%T /dev/ptmx");
        let calls = Mutex::new(Vec::new());
        let ran = run(look, &[libc::SYS_mount], &|call| {
            calls.lock().unwrap().push(call.text(2));
            Answer::Go
        });
        assert_eq!(
            ran.ok().says(&["no private terminals: the session goes without"]).out(),
            "the-hosts\n5:2\n"
        );
        assert!(!calls.into_inner().unwrap().contains(&"devpts".to_owned()));
        s.cd(["login", "--isolated", "--strict", "c"]).run().code(125).says(&["private terminals"]);
        for command in [&["info"][..], &["selftest"]] {
            let told = run(s.cd(command), &[libc::SYS_mount], &|call| {
                assert_ne!(call.text(2), "devpts", "{command:?}");
                Answer::Go
            });
            let told = told.out();
            let line = told.lines().find(|line| line.starts_with("private terminals")).unwrap();
            assert!(line.contains("no (") && line.contains("the host's terminals"), "{line}");
        }
        rustix::mount::unmount("/dev/pts", rustix::mount::UnmountFlags::DETACH).unwrap();
    });
}

#[test]
fn locked_storage_is_told_and_not_taken_for_empty() {
    need!(Root);
    sandbox(|s| {
        fs::create_dir_all("/tmp/data").unwrap();
        // Its directory without the key: no name is ours, and nothing can be made (fscrypt).
        let locked = |call: &Call| {
            let in_data = Path::new(&call.text(1)).starts_with("/tmp/data");
            let makes = call.number(2) & libc::O_CREAT as u64 != 0 || call.number(2) & TMPFILE == TMPFILE;
            if in_data && makes { Answer::Errno(libc::ENOKEY) } else { Answer::Go }
        };
        for line in [&["list"][..], &["ps"], &["login", "c"]] {
            run(s.cd(line), &[libc::SYS_openat], &locked).says(&[
                "'/tmp/data'",
                "locked",
                "unlock the device",
            ]);
        }
        s.cd(["list"]).run().ok();
    });
}

const TMPFILE: u64 = libc::O_TMPFILE as u64;

#[test]
fn the_self_test_asks_the_kernel_for_interfaces() {
    need!(Root, Tool("unshare"));
    sandbox(|s| {
        // Its /sys shows the interfaces of the network namespace that it was mounted in.
        s.world("unshare").args(["--net", "/tmp/bin/chroot-distro", "selftest"]).run().ok();
    });
}

#[test]
fn a_machine_without_proc_is_told_what_is_missing() {
    need!(Root, Tool("unshare"));
    sandbox(|s| {
        make(s);
        let script = "umount -l /proc; exec /tmp/bin/chroot-distro \"$@\"";
        let without = |words: &[&str]| {
            let shell = ["-m", "--propagation", "private", "sh", "-c", script, "sh"];
            s.world("unshare").args([&shell, words].concat()).run()
        };
        let missing = "'/proc' is not mounted here";
        for words in
            [&["login", "c"][..], &["login", "--isolated", "c"], &["ps"], &["list"], &["remove", "c"]]
        {
            assert_ne!(without(words).says(&[missing, "mount -t proc"]).code, Some(0), "{words:?}");
        }
        assert!(without(&["info"]).ok().out().contains("'/proc' is not mounted here"));
        assert!(!without(&["login", "--no-such-option"]).err().contains(missing));
        s.cd(["list", "-q"]).run().ok().prints("c\n");
    });
}
