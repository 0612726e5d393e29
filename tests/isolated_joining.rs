//! Who comes into a running isolated container is in the guests' hands from the first moment, and has nothing of the host's
//! by then: no rights, no lock, no words of its command line.

use std::fs;

use rustix::process::{Pid, Signal, kill_process};

use crate::support::need::kernel;
use crate::support::prelude::*;

/// Stops all that is to be seen, over and over.
const STOPPING: &str = "echo > /root/stays; while :; do kill -STOP -1; done";

/// A process that a guest has stopped.
fn stopped(s: &Sandbox) -> i32 {
    let is_stopped =
        |pid: &i32| fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| stat.contains(") T "));
    loop {
        if let Some(pid) = s.processes().into_iter().find(is_stopped) {
            return pid;
        }
        std::thread::yield_now();
    }
}

#[test]
fn who_joins_is_never_inside_with_the_rights_of_the_host() {
    need!(Root, Tool("busybox"));
    on_both_kernels(|s| {
        make(s);
        for (users, user) in [("host", "root"), ("host", "user"), ("auto", "root")] {
            let first = ["--isolated", "--userns", users, "--cap-add=SYS_PTRACE"];
            let first = login(s, &first, STOPPING).spawn();
            written(s, "root/stays");
            for terminal in ["-t", "-T"] {
                let options = ["--isolated", terminal, "-u", user, "-e", "TOKEN=s3cret"];
                let joining = login(s, &options, "exec sleep 1000").spawn();
                let pid = stopped(s);
                let read = |file: &str| fs::read_to_string(format!("/proc/{pid}/{file}")).unwrap();
                let status = read("status");
                let own = users == "auto" && s.kernel == Kernel::Running && kernel() >= (6, 3);
                assert_eq!(status.contains("Uid:\t0\t"), user == "root" && !own, "{status}");
                assert!(status.contains("CapBnd:\t00000000a00425fb"), "{status}");
                assert!(user == "root" || status.contains("CapEff:\t0000000000000000"), "{status}");
                assert!(!read("cmdline").contains("s3cret"));
                for fd in fs::read_dir(format!("/proc/{pid}/fd")).unwrap().flatten() {
                    let open = fs::read_link(fd.path()).unwrap_or_default();
                    assert!(!open.to_string_lossy().ends_with(".lock"), "{open:?}");
                }
                kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL).unwrap();
                joining.wait().status(137);
            }
            end(first);
            assert!(s.settles());
            std::fs::remove_file(s.rootfs("c").join("root/stays")).unwrap();
        }
    });
}

#[test]
fn in_the_background_too() {
    need!(Root, Tool("busybox"));
    on_both_kernels(|s| {
        make(s);
        let first = login(s, &["--isolated"], STOPPING).spawn();
        written(s, "root/stays");
        let run = ["run", "-d", "--isolated", "--entrypoint", "/bin/sleep", "c", "--", "1000"];
        let joining = s.cd(run).spawn();
        let pid = stopped(s);
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        assert!(status.contains("CapBnd:\t00000000a00425fb"), "{status}");
        kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL).unwrap();
        joining.wait();
        end(first);
    });
}

#[test]
fn a_kernel_without_siblings_makes_no_difference() {
    need!(Root, Tool("busybox"));
    sandbox(|s| {
        make(s);
        let isolated = |options: &[&'static str], script: &str| {
            login(s, &[&["--isolated"], options].concat(), script).without_siblings()
        };
        let lives = || {
            isolated(&[], "cat; echo $$ >&2; exit 3").stdin("through").run().code(3).prints("through");
            isolated(&["-t"], "tty; exit 4").run().code(4);
            isolated(&["-u", "user"], "kill -TERM $$").run().status(143);
            isolated(&[], "kill -SEGV $$").run().status(139);
            isolated(&[], "exec /bin/absent").run().status(127);
            s.cd(["login", "--isolated", "c", "--", "/bin/absent"]).without_siblings().run().code(127);
            let _ = fs::remove_file(s.rootfs("c").join("root/in"));
            let session = isolated(&[], "echo > /root/in; exec sleep 1000").spawn();
            written(s, "root/in");
            let listed = s.cd(["ps"]).run().ok().out();
            assert!(listed.contains("sleep 1000"), "{listed}");
            session.signal(Signal::TERM);
            session.wait().status(143);
            let _ = fs::remove_file(s.rootfs("c").join("root/in"));
            let mut killed = isolated(&[], "echo > /root/in; exec sleep 1234").spawn();
            written(s, "root/in");
            killed.kill();
            killed.wait();
            let sleeps = |pid: &i32| {
                fs::read_to_string(format!("/proc/{pid}/cmdline")).is_ok_and(|line| line.contains("1234"))
            };
            while s.processes().iter().any(sleeps) {
                std::thread::yield_now();
            }
        };
        lives();
        assert!(s.settles());
        let first = isolated(&[], "echo > /root/stays; exec sleep 1000").spawn();
        written(s, "root/stays");
        lives();
        end(first);
    });
}
