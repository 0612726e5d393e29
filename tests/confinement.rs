//! What an isolated guest may ask the kernel for, as root and as a user, in a first session and in one that joins: sockets,
//! system calls, files of the kernel.

use std::fs;

use crate::isolation::{inside, make_with_probe, probe};
use crate::support::prelude::*;
use crate::support::sys::{attempt, has_own_users};

/// Runs the named test of this file inside, in each kind of session.
fn in_each_session(options: &[&str], test: &str) {
    need!(Root, Tool("busybox"));
    on_both_kernels(|s| {
        make_with_probe(s);
        let passes = |more: &[&str]| {
            let ran = probe(s, &[&["--isolated"], options, more].concat(), test).run();
            assert!(ran.code == Some(0) && ran.out().contains("1 passed"), "{more:?}: {ran:?}");
        };
        passes(&[]);
        passes(&["--user", "user"]);
        let first = login(s, &["--isolated"], "echo in > /root/in; exec sleep 100").spawn();
        written(s, "root/in");
        passes(&[]);
        passes(&["--user", "user"]);
        end(first);
        assert!(s.settles());
        passes(&["--userns", "auto"]);
    });
}

/// Of old; linux/net.h.
const SOCK_PACKET: i32 = 10;

fn socket(family: i32, kind: i32, protocol: i32) -> i32 {
    attempt(libc::SYS_socket, [family as usize, kind as usize, protocol as usize, 0, 0])
}

#[test]
fn sockets_are_for_a_network_not_for_its_packets() {
    if !inside() {
        return in_each_session(&[], "confinement::sockets_are_for_a_network_not_for_its_packets");
    }
    use libc::{AF_INET, AF_INET6, AF_NETLINK, AF_UNIX, SOCK_DGRAM, SOCK_RAW, SOCK_STREAM};
    use libc::{EAFNOSUPPORT, EPERM, EPROTONOSUPPORT};
    // Where the kernel has IPv6 is its own business: it is not the filter that says no.
    for (family, kind) in
        [(AF_UNIX, SOCK_STREAM), (AF_UNIX, SOCK_DGRAM), (AF_INET, SOCK_STREAM), (AF_INET, SOCK_DGRAM)]
    {
        assert_eq!(socket(family, kind | libc::SOCK_CLOEXEC, 0), 0);
    }
    assert_eq!(socket(AF_NETLINK, SOCK_RAW, libc::NETLINK_ROUTE), 0);
    let is_root = rustix::process::geteuid().is_root() && !has_own_users();
    assert_eq!(socket(AF_INET, SOCK_RAW, libc::IPPROTO_ICMP), if is_root { 0 } else { EPERM });
    // Packets of the host's network: this way, and the one of old.
    let all = 0x0300;
    assert_eq!(socket(libc::AF_PACKET, SOCK_RAW, all), EAFNOSUPPORT);
    assert_eq!(socket(libc::AF_PACKET, SOCK_DGRAM, 0), EAFNOSUPPORT);
    assert_eq!(socket(AF_INET, SOCK_PACKET, all), EPROTONOSUPPORT);
    for protocol in [libc::IPPROTO_TCP, libc::IPPROTO_UDP, libc::IPPROTO_RAW] {
        assert_eq!(socket(AF_INET, SOCK_RAW, protocol), EPROTONOSUPPORT, "raw {protocol}");
        assert_eq!(socket(AF_INET6, SOCK_RAW, protocol), EPROTONOSUPPORT, "raw {protocol}");
    }
    for protocol in (1..=22).filter(|&protocol| protocol != libc::NETLINK_ROUTE) {
        assert_eq!(socket(AF_NETLINK, SOCK_RAW, protocol), EPROTONOSUPPORT, "netlink {protocol}");
    }
    for family in (0..64).filter(|family| ![AF_UNIX, AF_INET, AF_INET6, AF_NETLINK].contains(family)) {
        assert_eq!(socket(family, SOCK_STREAM, 0), EAFNOSUPPORT, "family {family}");
        let mut pair = [0u64; 2];
        let pair = [family as usize, 1, 0, pair.as_mut_ptr() as usize, 0];
        assert_eq!(attempt(libc::SYS_socketpair, pair), EAFNOSUPPORT, "pair of {family}");
    }
    #[cfg(target_arch = "x86_64")]
    {
        use crate::support::sys::attempt_32_bit;
        if attempt_32_bit(20) <= 0 {
            // socketcall; and socket, of no family.
            assert_eq!([attempt_32_bit(102), attempt_32_bit(359)], [libc::ENOSYS, EAFNOSUPPORT]);
        }
    }
}

#[test]
fn who_administers_the_network_sees_its_packets() {
    if !inside() {
        need!(Root, Tool("busybox"));
        return sandbox(|s| {
            make_with_probe(s);
            let options = ["--isolated", "--network=none", "--cap-add", "NET_ADMIN"];
            let ran = probe(s, &options, "confinement::who_administers_the_network_sees_its_packets").run();
            assert!(ran.code == Some(0) && ran.out().contains("1 passed"), "{ran:?}");
        });
    }
    assert_eq!(socket(libc::AF_NETLINK, libc::SOCK_RAW, libc::NETLINK_ROUTE), 0);
    assert_eq!(socket(libc::AF_INET, libc::SOCK_RAW, libc::IPPROTO_RAW), 0);
    assert_ne!(socket(libc::AF_PACKET, libc::SOCK_RAW, 0), libc::EPERM);
    assert_eq!(socket(libc::AF_ALG, libc::SOCK_SEQPACKET, 0), libc::EAFNOSUPPORT);
}

#[test]
fn calls_that_nobody_knows_are_missing_and_known_ones_are_refused() {
    if !inside() {
        let test = "confinement::calls_that_nobody_knows_are_missing_and_known_ones_are_refused";
        return in_each_session(&["-e", "A=b"], test);
    }
    use libc::{ENOSYS, EPERM};
    // file_getattr and file_setattr, of Linux 6.17; listns, of 6.19; and one that is to come.
    for call in [468, 469, 470, 511, 600] {
        assert_eq!(attempt(call, [0; 5]), ENOSYS, "call {call}");
    }
    for call in [
        libc::SYS_syslog,
        libc::SYS_kcmp,
        libc::SYS_process_madvise,
        libc::SYS_mbind,
        libc::SYS_set_mempolicy,
        libc::SYS_move_pages,
        libc::SYS_fanotify_init,
        libc::SYS_setns,
        libc::SYS_reboot,
        libc::SYS_swapon,
        libc::SYS_vhangup,
        libc::SYS_clock_settime,
        libc::SYS_settimeofday,
        libc::SYS_pivot_root,
    ] {
        assert_eq!(attempt(call, [0; 5]), EPERM, "call {call}");
    }
    // Without address space randomization, say.
    assert_eq!(attempt(libc::SYS_personality, [0x4_0000, 0, 0, 0, 0]), EPERM);
    assert_eq!(attempt(libc::SYS_personality, [0xffff_ffff, 0, 0, 0, 0]), 0);
    for flags in [libc::CLONE_NEWNS, libc::CLONE_NEWPID, libc::CLONE_NEWNET, libc::CLONE_NEWUSER] {
        assert_eq!(attempt(libc::SYS_clone, [(flags | libc::SIGCHLD) as usize, 0, 0, 0, 0]), EPERM);
    }
    assert_eq!(attempt(libc::SYS_unshare, [libc::CLONE_FILES as usize, 0, 0, 0, 0]), 0);
}

#[test]
fn the_kernel_s_own_files_tell_nothing_and_take_nothing() {
    if !inside() {
        return in_each_session(&[], "confinement::the_kernel_s_own_files_tell_nothing_and_take_nothing");
    }
    for file in ["/proc/kpagecount", "/proc/kpageflags", "/proc/kpagecgroup", "/proc/kmsg"] {
        let read = fs::File::open(file).and_then(|mut file| std::io::Read::read(&mut file, &mut [0; 8]));
        assert_eq!(read.unwrap_or(0), 0, "{file}");
    }
    for file in ["cpu", "memory", "io", "irq"] {
        let opened = fs::OpenOptions::new().write(true).open(format!("/proc/pressure/{file}")).map(drop);
        assert!(opened.is_err(), "/proc/pressure/{file}");
    }
}

#[test]
fn what_one_user_was_told_is_not_for_another() {
    need!(Root, Tool("busybox"));
    on_both_kernels(|s| {
        make_with_probe(s);
        let first =
            login(s, &["--isolated", "-e", "TOKEN=secret"], "echo in > /root/in; exec sleep 100").spawn();
        written(s, "root/in");
        login(s, &["--isolated"], "echo ${TOKEN-none}").run().ok().prints("secret\n");
        login(s, &["--isolated", "--user", "user"], "echo ${TOKEN-none}").run().ok().prints("none\n");
        end(first);
        assert!(s.settles());
    });
}

#[test]
fn a_container_can_always_be_isolated() {
    need!(Root, Tool("busybox"));
    sandbox(|s| {
        make(s);
        let isolated = |name: &str, options: &[&str]| {
            let words =
                [&["login"], options, &[name, "--", "/bin/sh", "-c", "grep -c Seccomp:.2 /proc/self/status"]];
            let ran = s.cd(words.concat()).run();
            assert_eq!(ran.err(), "", "{options:?}");
            ran.out() == "1\n"
        };
        let setting = |name: &str| {
            let rows: serde_json::Value =
                serde_json::from_slice(&s.cd(["list", "--json"]).run().ok().stdout).unwrap();
            let row = rows.as_array().unwrap().iter().find(|row| row["name"] == name).unwrap().clone();
            (row["isolated"].as_bool().unwrap(), row["isolation"].as_str().unwrap().to_owned())
        };
        assert!(!isolated("c", &[]));
        assert_eq!(setting("c"), (false, "none".to_owned()));
        s.cd(["set", "c", "isolated"]).run().ok().says(&["'c' are isolated"]);
        assert!(isolated("c", &[]) && isolated("c", &["--isolated"]) && !isolated("c", &["--no-isolated"]));
        assert_eq!(setting("c"), (true, "no user namespace".to_owned()));
        assert!(s.cd(["list", "-v"]).run().ok().out().contains("no user namespace"));
        s.cd(["login", "--minimal", "c", "--", "true"])
            .run()
            .code(2)
            .says(&["always isolated", "--no-isolated"]);
        assert!(!isolated("c", &["--minimal", "--no-isolated"]));
        // It follows the container wherever it goes.
        s.cd(["rename", "c", "d"]).run().ok();
        s.cd(["clone", "d", "e"]).run().ok();
        assert!(isolated("d", &[]) && isolated("e", &[]));
        s.cd(["remove", "d"]).run().ok();
        Image::busybox().write_layout(&s.path("again"), "latest");
        s.cd(["install", "-q", "-n", "d", "/tmp/again"]).run().ok();
        assert!(!isolated("d", &[]) && setting("e").0);
        s.cd(["install", "-q", "--isolated", "-n", "f", "/tmp/again"]).run().ok();
        assert!(isolated("f", &[]));
        s.cd(["set", "f", "not-isolated"]).run().ok();
        assert!(!isolated("f", &[]));
        s.cd(["set", "f", "open"]).run().code(2).says(&["not-isolated"]);
        s.cd(["set", "x", "isolated"]).run().fails(&["no container 'x'"]);
        s.cd(["login", "--isolated", "--no-isolated", "e"]).run().code(2);
        let ran = s.cd(["login", "--no-isolated", "e", "--", "true"]).env("CD_USE_ISOLATION", "1").run();
        ran.ok();
    });
}

#[test]
fn without_a_pid_namespace_it_is_no_boundary_and_says_so_each_time() {
    need!(Root, Tool("busybox"));
    sandbox(|s| {
        make_with_probe(s);
        let without = |cd: Cd| cd.without_namespaces(libc::CLONE_NEWPID);
        let script = "echo in > /root/in; exec sleep 100";
        let first = without(login(s, &["--isolated"], script)).spawn();
        written(s, "root/in");
        let rows: serde_json::Value =
            serde_json::from_slice(&s.cd(["ps", "--json"]).run().ok().stdout).unwrap();
        assert_eq!(rows[0]["isolation"], "no PID namespace");
        assert!(s.cd(["ps"]).run().ok().out().contains("isolated (no PID namespace)"));
        let joined = without(login(s, &["--isolated"], "echo in")).run().ok().prints("in\n");
        assert_eq!(joined.err().lines().count(), 1, "{joined:?}");
        joined.says(&["not a boundary"]);
        end(first);
        assert!(s.settles());
        without(login(s, &["--isolated"], "true")).run().ok().says(&["not a boundary"]);
        without(login(s, &["--isolated", "--strict"], "true")).run().code(125).says(&["PID namespaces"]);
        // What would look into processes of the host is refused all the same.
        let test = "confinement::nothing_looks_into_other_processes";
        let ran = without(probe(s, &["--isolated"], test)).run();
        assert!(ran.out().contains("1 passed"), "{ran:?}");
    });
}

#[test]
fn nothing_looks_into_other_processes() {
    if !inside() {
        return;
    }
    for call in [
        libc::SYS_ptrace,
        libc::SYS_process_vm_readv,
        libc::SYS_process_vm_writev,
        libc::SYS_kcmp,
        438, // pidfd_getfd
    ] {
        assert_eq!(attempt(call, [0; 5]), libc::EPERM, "call {call}");
    }
}
