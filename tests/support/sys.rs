//! The few system calls that the tests make themselves and no crate has a safe form of.
#![allow(unsafe_code)]

use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// The first system call that Linux 3.10 did not have: all tables have grown at their ends since.
pub const FIRST_AFTER_3_10: u32 = if cfg!(target_arch = "x86_64") {
    314
} else if cfg!(target_arch = "x86") {
    351
} else if cfg!(target_arch = "arm") {
    380
} else {
    274
};

/// ARM's own calls, set_tls among them, are as old as they stand high.
const ARM_PRIVATE: u32 = 0x000f_0000;

/// What Android's policy for apps (bionic's SECCOMP_*.TXT) has blocked in one release or another: whatever changes
/// identities, mounts or the machine, and calls that its C library did not use yet.
#[rustfmt::skip]
const NOT_FOR_APPS: &[libc::c_long] = &[
    libc::SYS_acct, libc::SYS_chroot, libc::SYS_delete_module, libc::SYS_init_module, libc::SYS_mount,
    libc::SYS_reboot, libc::SYS_setdomainname, libc::SYS_setfsgid, libc::SYS_setfsuid, libc::SYS_setgid,
    libc::SYS_setgroups, libc::SYS_sethostname, libc::SYS_setregid, libc::SYS_setresgid, libc::SYS_setreuid,
    libc::SYS_settimeofday, libc::SYS_setuid, libc::SYS_swapon, libc::SYS_syslog, libc::SYS_umount2,
    libc::SYS_add_key, libc::SYS_bpf, libc::SYS_clone3, libc::SYS_close_range, libc::SYS_copy_file_range,
    libc::SYS_epoll_pwait2, libc::SYS_faccessat2, libc::SYS_fchmodat2, libc::SYS_fsconfig, libc::SYS_fsmount,
    libc::SYS_fsopen, libc::SYS_futex_waitv, libc::SYS_io_uring_setup, libc::SYS_kcmp, libc::SYS_keyctl,
    libc::SYS_landlock_create_ruleset, libc::SYS_mount_setattr, libc::SYS_move_mount, libc::SYS_open_by_handle_at,
    libc::SYS_open_tree, libc::SYS_openat2, libc::SYS_pidfd_getfd, libc::SYS_pidfd_open,
    libc::SYS_pidfd_send_signal, libc::SYS_pkey_alloc, libc::SYS_preadv2, libc::SYS_renameat2, libc::SYS_statx,
];

/// More of it, which glibc makes before `main`: none of its programs runs there.
const NOT_FOR_APPS_NOR_GLIBC: &[libc::c_long] = &[libc::SYS_rseq, libc::SYS_set_robust_list];

/// `command`, and all that it starts, will find `ENOSYS` where Linux 3.10 had nothing.
pub fn on_an_old_kernel(command: &mut Command) {
    refusing_what_is_younger(command, libc::ENOSYS);
}

/// It will find `EPERM` there: a container engine's filter of that age.
pub fn in_an_old_filter(command: &mut Command) {
    refusing_what_is_younger(command, libc::EPERM);
}

fn refusing_what_is_younger(command: &mut Command, errno: i32) {
    // Root needs no NO_NEW_PRIVS for it, and setuid programs in the guest must go on working.
    filter(
        command,
        vec![
            step(LOAD_NUMBER, 0, 0, 0),
            step(AT_LEAST, 0, 2, FIRST_AFTER_3_10),
            step(AT_LEAST, 1, 0, ARM_PRIVATE),
            step(RETURN, 0, 0, libc::SECCOMP_RET_ERRNO | errno as u32),
            step(RETURN, 0, 0, libc::SECCOMP_RET_ALLOW),
        ],
    );
}

/// `command`, and all that it starts, gets `errno` for each of `calls`.
pub fn refusing(command: &mut Command, calls: &[libc::c_long], errno: i32) {
    filter(command, refuse(calls, libc::SECCOMP_RET_ERRNO | errno as u32));
}

fn refuse(calls: &[libc::c_long], answer: u32) -> Vec<libc::sock_filter> {
    let mut program = vec![step(LOAD_NUMBER, 0, 0, 0)];
    for (index, call) in calls.iter().enumerate() {
        program.push(step(EQUALS, (calls.len() - index) as u8, 0, *call as u32));
    }
    program.push(step(RETURN, 0, 0, libc::SECCOMP_RET_ALLOW));
    program.push(step(RETURN, 0, 0, answer));
    program
}

/// As on a kernel that was built without these `CLONE_NEW*` namespaces, as far as unshare(2) tells.
pub fn without_namespaces(command: &mut Command, flags: libc::c_int) {
    filter(command, refuse_argument(libc::SYS_unshare, ANY_BIT, flags as u32));
}

/// As on a kernel that gives nobody a sibling (clone(2), CLONE_PARENT).
pub fn without_siblings(command: &mut Command) {
    filter(command, refuse_argument(libc::SYS_clone, ANY_BIT, libc::CLONE_PARENT as u32));
}

/// As on a kernel that was built without seccomp filters.
pub fn without_filters(command: &mut Command) {
    filter(command, refuse_argument(libc::SYS_prctl, EQUALS, libc::PR_SET_SECCOMP as u32));
}

/// Answers `call` with EINVAL when its first argument compares so.
fn refuse_argument(call: libc::c_long, comparison: u16, with: u32) -> Vec<libc::sock_filter> {
    const FIRST_ARGUMENT: u32 = 16;
    vec![
        step(LOAD_NUMBER, 0, 0, 0),
        step(EQUALS, 0, 2, call as u32),
        step(LOAD_NUMBER, 0, 0, FIRST_ARGUMENT),
        step(comparison, 1, 0, with),
        step(RETURN, 0, 0, libc::SECCOMP_RET_ALLOW),
        step(RETURN, 0, 0, libc::SECCOMP_RET_ERRNO | libc::EINVAL as u32),
    ]
}

/// `command` is killed with SIGSYS for what Android kills an app for. `glibc`: it is linked with that.
pub fn in_an_app_sandbox(command: &mut Command, glibc: bool) {
    let more = if glibc { &[] } else { NOT_FOR_APPS_NOR_GLIBC };
    let program = refuse(&[NOT_FOR_APPS, more].concat(), libc::SECCOMP_RET_TRAP);
    // SAFETY: prctl with plain numbers, in the child: an ordinary user's filter must not bind setuid programs.
    unsafe {
        command.pre_exec(|| match libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        });
    }
    filter(command, program);
}

pub const LOAD_NUMBER: u16 = (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16;
pub const EQUALS: u16 = (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16;
const AT_LEAST: u16 = (libc::BPF_JMP | libc::BPF_JGE | libc::BPF_K) as u16;
const ANY_BIT: u16 = (libc::BPF_JMP | libc::BPF_JSET | libc::BPF_K) as u16;
pub const RETURN: u16 = (libc::BPF_RET | libc::BPF_K) as u16;

/// An instruction of classic BPF; if it compares, how many to skip when it holds and when not.
pub fn step(code: u16, holds: u8, fails: u8, k: u32) -> libc::sock_filter {
    libc::sock_filter { code, jt: holds, jf: fails, k }
}

/// `command`, and all that it starts, runs under this filter (seccomp(2)).
fn filter(command: &mut Command, program: Vec<libc::sock_filter>) {
    // SAFETY: after the fork only prctl is called, on memory allocated before it.
    unsafe {
        command.pre_exec(move || {
            let program =
                libc::sock_fprog { len: program.len() as u16, filter: program.as_ptr().cast_mut().cast() };
            match libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &program) {
                0 => Ok(()),
                _ => Err(io::Error::last_os_error()),
            }
        });
    }
}

/// `command` is told by these signals, also where the tests themselves are not: nohup(1) ignores SIGHUP, a shell without
/// job control SIGINT and SIGQUIT of what it starts in the background, and that is inherited.
pub fn with_signals(command: &mut Command) {
    // SAFETY: signal(2) with plain numbers, in the child.
    unsafe {
        command.pre_exec(|| {
            for signal in [libc::SIGHUP, libc::SIGINT, libc::SIGQUIT, libc::SIGTERM, libc::SIGTSTP] {
                libc::signal(signal, libc::SIG_DFL);
            }
            Ok(())
        });
    }
}

/// `command` inherits `/` of the host as descriptor `fd`.
pub fn with_the_root_open(command: &mut Command, fd: i32) {
    // SAFETY: two system calls with plain arguments, in the child.
    unsafe {
        command.pre_exec(move || match libc::dup2(libc::open(c"/".as_ptr(), libc::O_RDONLY), fd) {
            -1 => Err(io::Error::last_os_error()),
            _ => Ok(()),
        });
    }
}

/// A system call with these arguments; its errno, 0 when it succeeded. For what a guest must not be able to do.
pub fn attempt(number: libc::c_long, arguments: [usize; 5]) -> i32 {
    let [a, b, c, d, e] = arguments;
    // SAFETY: callers pass null, plain numbers or strings that outlive the call.
    match unsafe { libc::syscall(number, a, b, c, d, e) } {
        -1 => io::Error::last_os_error().raw_os_error().unwrap_or(-1),
        _ => 0,
    }
}

/// The same by the 32-bit gate, with numbers of i386.
#[cfg(target_arch = "x86_64")]
pub fn attempt_32_bit(number: i32) -> i32 {
    let answer: i32;
    // SAFETY: a system call without arguments, that clobbers nothing else.
    unsafe {
        std::arch::asm!("xor ebx, ebx", "int 0x80", inlateout("eax") number => answer,
            in("ecx") 0, in("edx") 0, in("esi") 0, in("edi") 0, out("r8") _, out("r9") _, out("r10") _, out("r11") _);
    }
    -answer
}

/// `command` runs without the capabilities by which root passes over permission bits.
pub fn without_dac_override(command: &mut Command) {
    const CAP_DAC_OVERRIDE: libc::c_ulong = 1;
    const CAP_DAC_READ_SEARCH: libc::c_ulong = 2;
    // SAFETY: prctl with plain numbers, in the child; execve then takes the permitted set from the bounding set.
    unsafe {
        command.pre_exec(|| {
            for capability in [CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH] {
                if libc::prctl(libc::PR_CAPBSET_DROP, capability) != 0 {
                    return Err(io::Error::last_os_error());
                }
            }
            Ok(())
        });
    }
}

/// `command` gets at most `bytes` of address space.
pub fn limit_memory(command: &mut Command, bytes: u64) {
    let limit = rustix::process::Rlimit { current: Some(bytes), maximum: Some(bytes) };
    // SAFETY: one system call, in the child.
    unsafe {
        command.pre_exec(move || Ok(rustix::process::setrlimit(rustix::process::Resource::As, limit)?));
    }
}

/// `command` is killed when the thread that started it ends, however it ends.
pub fn die_with_this_thread(command: &mut Command) {
    // SAFETY: prctl with plain numbers, in the child.
    unsafe {
        command.pre_exec(|| match libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        });
    }
}

/// `command` leads a session of its own, whose terminal is its standard input.
pub fn on_its_terminal(command: &mut Command) {
    // SAFETY: two system calls with plain numbers, in the child.
    unsafe {
        command.pre_exec(|| {
            rustix::process::setsid()?;
            Ok(rustix::process::ioctl_tiocsctty(rustix::stdio::stdin())?)
        });
    }
}

/// Major and minor number of a disk.
pub fn disk() -> (u32, u32) {
    let list = std::fs::read_to_string("/proc/partitions").unwrap();
    let numbers = |line: &str| {
        let mut fields = line.split_whitespace();
        Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
    };
    list.lines().find_map(numbers).unwrap_or((7, 0))
}

/// Whether root here is another user outside.
pub fn has_own_users() -> bool {
    let map = std::fs::read_to_string("/proc/self/uid_map").unwrap();
    map.split_ascii_whitespace().nth(1) != Some("0")
}
