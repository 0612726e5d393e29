//! `--isolated` as a boundary: a guest that tries every known way out, and one that only wants to work. The probe is
//! this test program itself, copied into the guest, where the test that sent it does its other half (see [`INSIDE`]).

use std::fs;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::Path;

use crate::support::prelude::*;
use crate::support::sys;

/// A busybox container `c` with the probe in it.
pub(crate) fn make_with_probe(s: &Sandbox) {
    make(s);
    let probe = s.rootfs("c").join("bin/probe");
    copy_program(std::env::current_exe().unwrap(), &probe);
    fs::set_permissions(probe, fs::Permissions::from_mode(0o755)).unwrap();
}

/// Ends a session, and waits until all of it is gone.
fn ended(s: &Sandbox, session: crate::support::command::Running) {
    end(session);
    assert!(s.settles(), "{:?}", s.processes());
}

/// A variable that only the probe has.
pub(crate) const INSIDE: &str = "CD_TEST_INSIDE";

pub(crate) fn inside() -> bool {
    std::env::var_os(INSIDE).is_some()
}

/// `login`, options, and the named test of this program as the guest's program.
pub(crate) fn probe<'a>(s: &Sandbox, options: &[&'a str], test: &'a str) -> Cd {
    let words = ["login", "-e", "CD_TEST_INSIDE=1"].iter().chain(options);
    s.cd(words.chain(&["c", "--", "/bin/probe", "--exact", test, "--nocapture"]))
}

#[test]
fn there_is_no_way_out() {
    if inside() {
        return every_way_out_is_closed();
    }
    need!(Root, Tool("busybox"));
    on_both_kernels(|s| {
        make_with_probe(s);
        // A node that an image ships, of a disk that the host has, and one that the guest may try to make.
        let disk = rustix::fs::makedev(sys::disk().0, sys::disk().1);
        let node = rustix::fs::Mode::from_raw_mode(0o666);
        rustix::fs::mknodat(
            rustix::fs::CWD,
            s.rootfs("c").join("disk"),
            rustix::fs::FileType::BlockDevice,
            node,
            disk,
        )
        .unwrap();
        // With users of its own too, where the kernel has them.
        for users in ["host", "auto"] {
            let options = ["--isolated", "--userns", users];
            let ran = probe(s, &options, "isolation::there_is_no_way_out").with_the_root_open(9).run();
            assert!(ran.code == Some(0) && ran.out().contains("1 passed"), "{ran:?}");
        }
        s.assert_canaries();
    });
}

fn every_way_out_is_closed() {
    // Nothing of the host's is there to be taken.
    let mounts: Vec<String> = crate::support::sandbox::mounts();
    let known = ["/", "/proc", "/sys", "/dev"];
    let ours = |point: &str| {
        known.contains(&point) || known[1..].iter().any(|above| point.starts_with(&format!("{above}/")))
    };
    assert!(mounts.iter().all(|point| ours(point)), "{mounts:?}");
    let names = |dir: &str| -> Vec<String> {
        let mut names: Vec<_> =
            fs::read_dir(dir).unwrap().flatten().map(|e| e.file_name().into_string().unwrap()).collect();
        names.sort();
        names
    };
    let mut dev = names("/dev");
    dev.retain(|name| name != "mqueue");
    let nodes = ["fd", "full", "null", "ptmx", "pts", "random", "shm", "stderr", "stdin", "stdout", "tty"];
    assert_eq!(dev, [&nodes[..], &["urandom", "zero"]].concat());
    let processes = names("/proc").iter().filter(|name| name.parse::<u32>().is_ok()).count();
    assert!(processes <= 2, "{processes} processes");
    for fd in names("/proc/self/fd").iter().filter(|fd| fd.parse::<u32>().unwrap() > 2) {
        // The listing's own is gone by now.
        let open = fs::read_link(format!("/proc/self/fd/{fd}"));
        assert!(open.is_err(), "{fd} is {open:?}");
    }
    // The first process is the host's program, and gives nothing away.
    for name in ["root", "cwd", "exe", "ns/mnt", "fd/0"] {
        let seen = fs::read_link(format!("/proc/1/{name}"));
        assert!(seen.is_err(), "/proc/1/{name} is {seen:?}");
    }
    assert!(fs::read("/proc/1/environ").is_err() && fs::read_dir("/proc/1/root/").is_err());

    // Devices, mounts, the kernel.
    use libc::{ENOSYS, EPERM, EROFS};
    let text = |text: &'static std::ffi::CStr| text.as_ptr() as usize;
    let (major, minor) = sys::disk();
    let device = libc::makedev(major, minor) as usize;
    let block = (libc::S_IFBLK | 0o666) as usize;
    let at = libc::AT_FDCWD as usize;
    assert_eq!(sys::attempt(libc::SYS_mknodat, [at, text(c"/tmp/disk"), block, device, 0]), EPERM);
    assert_eq!(sys::attempt(libc::SYS_mknodat, [at, text(c"/dev/disk"), block, device, 0]), EPERM);
    assert!(fs::metadata("/disk").unwrap().file_type().is_block_device());
    let opened = fs::File::open("/disk").map(drop).map_err(|error| error.raw_os_error());
    assert_eq!(opened, Err(Some(libc::EACCES)));
    let mount = |kind: &'static std::ffi::CStr| {
        sys::attempt(libc::SYS_mount, [text(kind), text(c"/tmp"), text(kind), 0, 0])
    };
    for kind in [c"tmpfs", c"devtmpfs", c"proc", c"sysfs", c"ext4", c"cgroup", c"binfmt_misc"] {
        assert_eq!(mount(kind), EPERM, "{kind:?}");
    }
    for masked in [c"/proc/sys", c"/sys", c"/proc", c"/dev/shm"] {
        assert_eq!(sys::attempt(libc::SYS_umount2, [text(masked), 0, 0, 0, 0]), EPERM, "{masked:?}");
    }
    let writable = libc::MS_REMOUNT as usize | libc::MS_BIND as usize;
    assert_eq!(sys::attempt(libc::SYS_mount, [0, text(c"/proc/sys"), 0, writable, 0]), EPERM);
    assert_eq!(sys::attempt(libc::SYS_pivot_root, [text(c"/"), text(c"/tmp"), 0, 0, 0]), EPERM);
    assert_eq!(sys::attempt(libc::SYS_sethostname, [text(c"x"), 1, 0, 0, 0]), EPERM);
    for namespace in [libc::CLONE_NEWUSER, libc::CLONE_NEWNS, libc::CLONE_NEWNET, libc::CLONE_NEWPID] {
        assert_eq!(sys::attempt(libc::SYS_unshare, [namespace as usize, 0, 0, 0, 0]), EPERM);
    }
    let user = (libc::CLONE_NEWUSER | libc::SIGCHLD) as usize;
    assert_eq!(sys::attempt(libc::SYS_clone, [user, 0, 0, 0, 0]), EPERM);
    #[cfg(target_pointer_width = "64")]
    assert_eq!(sys::attempt(libc::SYS_clone3, [0; 5]), ENOSYS);
    let mut calls = vec![
        libc::SYS_bpf,
        libc::SYS_keyctl,
        libc::SYS_add_key,
        libc::SYS_request_key,
        libc::SYS_perf_event_open,
        libc::SYS_init_module,
        libc::SYS_finit_module,
        libc::SYS_delete_module,
        libc::SYS_kexec_load,
        libc::SYS_userfaultfd,
        libc::SYS_open_by_handle_at,
        libc::SYS_acct,
        libc::SYS_quotactl,
        425,
        426,
        427,
    ];
    #[cfg(target_arch = "x86_64")]
    calls.extend([libc::SYS_iopl, libc::SYS_ioperm, libc::SYS_kexec_file_load]);
    for call in calls {
        assert_eq!(sys::attempt(call, [0; 5]), EPERM, "call {call}");
    }
    #[cfg(target_arch = "x86_64")]
    if sys::attempt_32_bit(20) <= 0 {
        // getpid answers, so the kernel runs 32-bit programs: keyctl, bpf and init_module of theirs.
        assert_eq!([288, 357, 128].map(sys::attempt_32_bit), [EPERM; 3]);
    }
    for request in [libc::TIOCSTI, libc::TIOCLINUX] {
        assert_eq!(sys::attempt(libc::SYS_ioctl, [0, request as usize, text(c"x"), 0, 0]), EPERM);
    }
    for file in ["/proc/sys/kernel/core_pattern", "/proc/sys/kernel/modprobe", "/proc/sysrq-trigger"] {
        let opened = fs::OpenOptions::new().write(true).open(file).map(drop);
        let errno = opened.expect_err(file).raw_os_error();
        let refused = if sys::has_own_users() { libc::EACCES } else { EROFS };
        assert!(errno == Some(refused) || errno == Some(libc::ENOENT), "{file}: {errno:?}");
    }
    assert!(fs::write("/sys/kernel/uevent_helper", "x").is_err());
    for file in ["/proc/kcore", "/proc/keys", "/proc/timer_list", "/proc/sched_debug", "/proc/interrupts"] {
        assert!(fs::read(file).unwrap_or_default().is_empty(), "{file}");
    }
    assert!(names("/sys/firmware").is_empty());

    // Other processes. The second is whoever started this one, outside.
    assert_eq!(sys::attempt(libc::SYS_ptrace, [libc::PTRACE_ATTACH as usize, 1, 0, 0, 0]), EPERM);
    assert_eq!(std::os::unix::process::parent_id(), 0);

    // A root above the root: the way out of a chroot that is nothing but one.
    fs::write("/marker", "").unwrap();
    fs::create_dir_all("/tmp/jail").unwrap();
    let saved = fs::File::open("/").unwrap();
    std::os::unix::fs::chroot("/tmp/jail").unwrap();
    rustix::process::fchdir(&saved).unwrap();
    for _ in 0..50 {
        std::env::set_current_dir("..").unwrap();
    }
    std::os::unix::fs::chroot(".").unwrap();
    assert!(Path::new("/marker").exists() && Path::new("/bin/probe").exists());
}

#[test]
fn no_path_leads_through_what_the_program_has_open() {
    need!(Root, Tool("busybox"));
    on_both_kernels(|s| {
        make_with_probe(s);
        let session = login(s, &["--isolated"], "echo in > /root/in; exec sleep 100").spawn();
        written(s, "root/in");
        // The program's own file, as a guest would find it, cannot be written: not outside, not as PID 1.
        for pid in s.processes() {
            let exe = format!("/proc/{pid}/exe");
            let name = fs::read_link(&exe).unwrap();
            if !name.ends_with("busybox") {
                let flags = rustix::fs::statvfs(&exe).unwrap().f_flag;
                assert!(flags.contains(rustix::fs::StatVfsMountFlags::RDONLY), "{name:?}");
            }
        }
        for fd in 3..20 {
            let directory = format!("/proc/self/fd/{fd}");
            for mode in
                [&["--isolated", "-w", &directory][..], &["--isolated", "-w", &format!("{directory}/..")]]
            {
                login(s, mode, "pwd").with_the_root_open(9).run().code(125);
            }
            let program = format!("{directory}/bin/sh");
            s.cd(["login", "--isolated", "c", "--", &program]).with_the_root_open(9).run().code(127);
            fs::write(s.rootfs("c").join("bin/script"), format!("#!{directory}/bin/sh\n")).unwrap();
            fs::set_permissions(s.rootfs("c").join("bin/script"), fs::Permissions::from_mode(0o755)).unwrap();
            s.cd(["login", "--isolated", "c", "--", "/bin/script"]).with_the_root_open(9).run().code(127);
        }
        ended(s, session);
    });
}

#[test]
fn the_first_process_is_nobodys_to_end_or_to_read() {
    need!(Root, Tool("busybox"));
    on_both_kernels(|s| {
        make_with_probe(s);
        let script = "for signal in SEGV BUS ILL TRAP SYS TERM KILL STOP SEGV BUS ILL TRAP; do kill -$signal 1; done; sleep 0.1; echo alive; tr -d '\\0' < /proc/1/cmdline";
        login(s, &["--isolated", "-e", "PASSWORD=secret"], script)
            .run()
            .ok()
            .prints("alive\nchroot-distro: init");
    });
}

#[test]
fn what_docker_gives_a_guest_is_given_and_more_when_asked_for() {
    need!(Root, Tool("busybox"));
    sandbox(|s| {
        make_with_probe(s);
        let status = |options: &[&str]| {
            let ran = login(s, options, "cat /proc/self/status").run().ok();
            let text = ran.out();
            let field = |name: &str| {
                let value = text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
                value.trim().to_owned()
            };
            (field("CapBnd:"), field("CapEff:"), field("CapInh:"), field("Seccomp:"), field("NoNewPrivs:"))
        };
        let is = |caps: &str, inherited: &str, seccomp: &str| {
            let caps = format!("{caps:0>16}");
            (caps.clone(), caps, format!("{inherited:0>16}"), seccomp.to_owned(), "0".to_owned())
        };
        // Docker's a80425fb without MKNOD.
        assert_eq!(status(&["--isolated"]), is("a00425fb", "0", "2"));
        assert_eq!(
            status(&["--isolated", "--cap-add", "CAP_NET_ADMIN", "--cap-add=mknod"]),
            is("a80435fb", "0", "2")
        );
        let host = fs::read_to_string("/proc/self/status").unwrap();
        let all = host.lines().find_map(|line| line.strip_prefix("CapBnd:\t")).unwrap();
        assert_eq!(status(&["--isolated", "--cap-add=ALL"]), is(all, "0", "2"));
        assert_eq!(status(&[]).0, all, "the default mode takes nothing");
        assert_eq!(status(&[]).3, "0");
        let ran =
            login(s, &["--isolated"], "grep Seccomp: /proc/self/status").env("CD_NO_SECCOMP", "1").run();
        ran.ok().prints("Seccomp:\t0\n");
        login(s, &["--isolated", "--user", "user"], "grep CapEff /proc/self/status")
            .run()
            .ok()
            .prints("CapEff:\t0000000000000000\n");
        login(s, &["--isolated", "--cap-add", "NET"], "true").run().code(2).says(&["NET", "capabilities(7)"]);
        login(s, &["--cap-add", "NET_ADMIN"], "true").run().code(2).says(&["--isolated"]);
        // What it is for.
        login(s, &["--isolated"], "mount -t tmpfs x /tmp").run().code(1);
        login(s, &["--isolated", "--cap-add", "SYS_ADMIN"], "mount -t tmpfs x /tmp && umount /tmp")
            .run()
            .ok();
        // What a package manager does.
        login(
            s,
            &["--isolated"],
            "cd /tmp && touch f && chmod 4711 f && chown 12:34 f && ln f g && mkdir -p d/e && rm -r d f g && \
             echo x > /dev/null && : > /dev/shm/x && rm /dev/shm/x",
        )
        .run()
        .ok();
    });
}

#[test]
fn a_guest_without_a_network_reaches_nobody() {
    if inside() {
        return is_the_host_reached();
    }
    need!(Root, Tool("busybox"));
    on_both_kernels(|s| {
        make_with_probe(s);
        use std::os::linux::net::SocketAddrExt;
        let name = format!("cd-test-{}-{:?}", std::process::id(), s.kernel);
        let address = std::os::unix::net::SocketAddr::from_abstract_name(&name).unwrap();
        let _abstract = std::os::unix::net::UnixListener::bind_addr(&address).unwrap();
        let tcp = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = tcp.local_addr().unwrap().port().to_string();
        let test = "isolation::a_guest_without_a_network_reaches_nobody";
        let reached = |mode: &[&str], network: &str| {
            let ran = probe(s, &[mode, &["--network", network]].concat(), test)
                .env("CD_ENV", format!("SOCKET={name}\nPORT={port}"))
                .run();
            assert!(ran.out().contains("1 passed"), "{ran:?}");
            ran.out().contains("reached: [true, true]")
        };
        for mode in [&[][..], &["--isolated"], &["--minimal"]] {
            assert!(reached(mode, "host"), "{mode:?}");
            assert!(!reached(mode, "none"), "{mode:?}");
            let session =
                login(s, &[&["--network=none"], mode].concat(), "echo in > /root/in; exec sleep 100");
            let session = session.spawn();
            written(s, "root/in");
            let namespace =
                |options: &[&str]| login(s, &[options, mode].concat(), "readlink /proc/self/ns/net").run();
            let joined = namespace(&[]).ok().out();
            assert_ne!(joined.trim(), fs::read_link("/proc/self/ns/net").unwrap().to_str().unwrap());
            assert_eq!(namespace(&["--network=none"]).ok().out(), joined);
            namespace(&["--network=host"]).code(125).says(&["network of its own", "leave"]);
            ended(s, session);
            fs::remove_file(s.rootfs("c").join("root/in")).unwrap();
            let session = login(s, mode, "echo in > /root/in; exec sleep 100").spawn();
            written(s, "root/in");
            namespace(&["--network=none"]).code(125).says(&["host's network"]);
            ended(s, session);
            fs::remove_file(s.rootfs("c").join("root/in")).unwrap();
        }
        login(s, &["--network=bridge"], "true").run().code(2);
    });
}

fn is_the_host_reached() {
    use std::os::linux::net::SocketAddrExt;
    let name = std::env::var("SOCKET").unwrap();
    let address = std::os::unix::net::SocketAddr::from_abstract_name(name).unwrap();
    let unix = std::os::unix::net::UnixStream::connect_addr(&address).is_ok();
    let port: u16 = std::env::var("PORT").unwrap().parse().unwrap();
    let tcp = std::net::TcpStream::connect(("127.0.0.1", port)).is_ok();
    assert_eq!(unix, tcp);
    // Its own loopback interface is up either way.
    let own = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    std::net::TcpStream::connect(own.local_addr().unwrap()).unwrap();
    println!("reached: {:?}", [unix, tcp]);
}

const TYPES: [&str; 4] = ["pid", "uts", "ipc", "cgroup"];

fn namespaces() -> Vec<String> {
    let link = |name: &&str| fs::read_link(format!("/proc/self/ns/{name}")).unwrap().display().to_string();
    TYPES.iter().map(link).collect()
}

#[test]
fn namespaces_can_be_had_with_the_shared_folders() {
    need!(Root, Tool("busybox"));
    on_both_kernels(|s| {
        make_with_probe(s);
        fs::write(s.path("on-host"), "").unwrap();
        let script = "for t in pid uts ipc cgroup; do readlink /proc/self/ns/$t; done; hostname; ls /tmp/on-host; \
                      ls -d /proc/[0-9]* | wc -l; grep -c Cap /proc/self/status";
        let ran = login(s, &[], script).env("CD_USE_NS", "1").run().ok();
        let out = ran.out();
        let lines: Vec<&str> = out.lines().collect();
        for (seen, host) in lines.iter().zip(namespaces()) {
            assert_ne!(*seen, host);
        }
        assert_eq!(lines[4], fs::read_to_string("/proc/sys/kernel/hostname").unwrap().trim());
        assert_eq!(lines[5], "/tmp/on-host");
        assert!(lines[6].parse::<u32>().unwrap() < 8, "{out}");
        // Later sessions go along with what there is, whichever way they ask.
        let first =
            login(s, &[], "readlink /proc/self/ns/pid > /root/in; exec sleep 100").env("CD_USE_NS", "1");
        let first = first.spawn();
        let pids = written(s, "root/in");
        login(s, &[], "readlink /proc/self/ns/pid").run().ok().prints(&pids);
        login(s, &[], "readlink /proc/self/ns/pid").env("CD_USE_NS", "1").run().ok().prints(&pids);
        login(s, &["--isolated"], "true").run().code(125).says(&["without isolation"]);
        ended(s, first);
        fs::remove_file(s.rootfs("c").join("root/in")).unwrap();
        let first = login(s, &[], "readlink /proc/self/ns/pid > /root/in; exec sleep 100").spawn();
        let pids = written(s, "root/in");
        let ran = login(s, &[], "readlink /proc/self/ns/pid").env("CD_USE_NS", "1").run();
        ran.ok().prints(&pids).says(&["without namespaces of its own"]);
        ended(s, first);
        // The same as --isolated, by the environment; that wins over CD_USE_NS.
        let ran = login(s, &[], "ls /tmp/on-host || echo hidden").env("CD_USE_ISOLATION", "1");
        ran.env("CD_USE_NS", "1").run().ok().prints("hidden\n");
    });
}

#[test]
fn what_a_kernel_lacks_is_named_once_or_an_error() {
    need!(Root, Tool("busybox"));
    sandbox(|s| {
        make_with_probe(s);
        let lacks = [
            ("PID namespaces", libc::CLONE_NEWPID),
            ("UTS namespaces", libc::CLONE_NEWUTS),
            ("IPC namespaces", libc::CLONE_NEWIPC),
            ("cgroup namespaces", libc::CLONE_NEWCGROUP),
        ];
        let all = lacks.iter().fold(libc::CLONE_NEWUSER, |flags, (_, flag)| flags | flag);
        for (name, flags) in lacks.into_iter().chain([("PID namespaces, UTS namespaces", all)]) {
            for (option, variable) in [(&["--isolated"][..], "CD_NOTHING"), (&[], "CD_USE_NS")] {
                let session = |options: &[&str]| {
                    login(s, &[option, options].concat(), "echo in; test -e /dev/null && test -d /proc/self")
                        .env(variable, "1")
                        .without_namespaces(flags)
                };
                let ran = session(&[]).run().ok().prints("in\n");
                let lines = ran.err();
                assert_eq!(lines.lines().count(), 1, "{lines}");
                assert!(lines.contains(name) && lines.contains("goes without"), "{name}: {lines}");
                // The first that is found missing is reason enough.
                let first = name.split(',').next().unwrap();
                let ran = session(&["--strict"]).run().code(125).says(&[first]).prints("");
                assert_eq!(ran.err().matches(first).count(), 1, "{ran:?}");
                assert!(s.settles());
            }
        }
        let ran = login(s, &["--network=none"], "true").without_namespaces(libc::CLONE_NEWNET).run();
        ran.code(125).says(&["network namespaces", "--network none"]);
        // One without seccomp filters.
        let no_filters = |options: &[&'static str]| {
            login(s, &[&["--isolated"], options].concat(), "grep Seccomp: /proc/self/status")
                .without_filters()
        };
        no_filters(&["--strict"]).run().code(125).says(&["seccomp filters"]);
        // (The test's own filter is one that is there.)
        let ran = no_filters(&[]).run().ok().prints("Seccomp:\t2\n").says(&["seccomp filters"]);
        assert_eq!(ran.err().lines().count(), 1);
        if login(s, &["--isolated", "--strict"], "echo in").run().code == Some(0) {
            let ran = login(s, &["--isolated"], "echo in").run().ok();
            assert_eq!(ran.err(), "");
        }
    });
}

#[test]
fn sessions_need_no_younger_call() {
    need!(Root, Tool("busybox"));
    let calls: [(&str, &[libc::c_long]); 7] = [
        ("openat2", &[libc::SYS_openat2]),
        ("pidfd_open", &[libc::SYS_pidfd_open]),
        ("clone3", &[libc::SYS_clone3]),
        ("statx", &[libc::SYS_statx]),
        ("close_range", &[libc::SYS_close_range]),
        ("mount_setattr", &[442]),
        (
            "the mount API",
            &[
                libc::SYS_open_tree,
                libc::SYS_move_mount,
                libc::SYS_fsopen,
                libc::SYS_fsconfig,
                libc::SYS_fsmount,
                442,
            ],
        ),
    ];
    sandbox(|s| {
        make_with_probe(s);
        fs::create_dir(s.path("shared")).unwrap();
        let life = |what: &str, on: &dyn Fn(Cd) -> Cd| {
            for mode in [&[][..], &["--isolated"], &["--minimal"]] {
                let options = [&["--bind", "/tmp/shared:/mnt:ro", "--network=none"], mode].concat();
                let script = "readlink /proc/self/ns/mnt > /root/in; touch /mnt/x || exec sleep 100";
                let first = on(login(s, &options, script)).spawn();
                let there = written(s, "root/in");
                let ran = on(login(s, mode, "readlink /proc/self/ns/mnt")).run();
                assert!(ran.code == Some(0) && ran.out() == there, "{what} {mode:?}: {ran:?}");
                ended(s, first);
                fs::remove_file(s.rootfs("c").join("root/in")).unwrap();
            }
        };
        for (name, calls) in calls {
            for errno in [libc::ENOSYS, libc::EPERM] {
                life(name, &|cd| cd.refusing(calls, errno));
            }
        }
        life("Linux 3.10", &|cd| cd.on_an_old_kernel());
        life("an old filter", &|cd| cd.in_an_old_filter());
        let no_namespaces = libc::CLONE_NEWPID | libc::CLONE_NEWUSER;
        life("no PID and user namespaces", &|cd| cd.without_namespaces(no_namespaces));
        life("all of it", &|cd| cd.on_an_old_kernel().without_namespaces(no_namespaces));
    });
}
