//! `--isolated` as a boundary: a guest that tries every known way out, and one that only wants to work. The probe is
//! this test program itself, copied into the guest, where it runs the tests marked `#[ignore]`.

use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::Path;

use crate::support::prelude::*;
use crate::support::sys;

/// A busybox container `c` with the probe in it.
fn make(s: &Sandbox) {
    Image::busybox().write_layout(&s.path("layout"), "latest");
    s.cd(["install", "-q", "-n", "c", "/tmp/layout"]).run().ok();
    let probe = s.rootfs("c").join("bin/probe");
    fs::copy(std::env::current_exe().unwrap(), &probe).unwrap();
    fs::set_permissions(probe, fs::Permissions::from_mode(0o755)).unwrap();
}

/// `login --isolated`, options, and the named test of this file as the guest's program.
fn probe<'a>(s: &Sandbox, options: &[&'a str], test: &'a str) -> Cd {
    let words = ["login", "--isolated"].iter().chain(options);
    s.cd(words.chain(&["c", "--", "/bin/probe", "--ignored", "--exact", test, "--nocapture"]))
}

fn login<'a>(s: &Sandbox, options: &[&'a str], script: &'a str) -> Cd {
    s.cd(["login"].iter().chain(options).chain(&["c", "--", "/bin/sh", "-c", script]))
}

#[test]
fn there_is_no_way_out() {
    need!(Root, Tool("busybox"));
    on_both_kernels(|s| {
        make(s);
        // A node that an image ships, of a disk that the host has, and one that the guest may try to make.
        let disk = rustix::fs::makedev(disk().0, disk().1);
        let node = rustix::fs::Mode::from_raw_mode(0o666);
        rustix::fs::mknodat(
            rustix::fs::CWD,
            s.rootfs("c").join("disk"),
            rustix::fs::FileType::BlockDevice,
            node,
            disk,
        )
        .unwrap();
        let ran = probe(s, &[], "isolation::inside_every_way_out_is_closed").with_the_root_open(9).run();
        assert!(ran.code == Some(0) && ran.out().contains("1 passed"), "{ran:?}");
        s.assert_canaries();
    });
}

/// Major and minor number of a disk.
fn disk() -> (u32, u32) {
    let list = fs::read_to_string("/proc/partitions").unwrap();
    let numbers = |line: &str| {
        let mut fields = line.split_whitespace();
        Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
    };
    list.lines().find_map(numbers).unwrap_or((7, 0))
}

#[test]
#[ignore = "runs inside a guest"]
fn inside_every_way_out_is_closed() {
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
    for fd in names("/proc/self/fd") {
        let open = fs::read_link(format!("/proc/self/fd/{fd}")).unwrap_or_default();
        assert!(fd.parse::<u32>().unwrap() <= 2 || open.starts_with("/proc"), "{fd} is {open:?}");
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
    let (major, minor) = disk();
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
        assert!(errno == Some(EROFS) || errno == Some(libc::ENOENT), "{file}: {errno:?}");
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
