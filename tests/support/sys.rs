//! The few system calls that the tests make themselves and no crate has a safe form of.
#![allow(unsafe_code)]

use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// Calls newer than Linux 3.10 by which this program may be tempted.
#[cfg(target_pointer_width = "64")]
const AFTER_3_10: &[libc::c_long] = &[
    libc::SYS_renameat2,
    libc::SYS_getrandom,
    libc::SYS_memfd_create,
    libc::SYS_execveat,
    libc::SYS_copy_file_range,
    libc::SYS_statx,
    libc::SYS_pidfd_send_signal,
    libc::SYS_open_tree,
    libc::SYS_move_mount,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_pidfd_open,
    libc::SYS_clone3,
    libc::SYS_close_range,
    libc::SYS_openat2,
    libc::SYS_faccessat2,
    libc::SYS_mount_setattr,
];
#[cfg(not(target_pointer_width = "64"))]
const AFTER_3_10: &[libc::c_long] = &[libc::SYS_openat2, libc::SYS_statx, libc::SYS_close_range];

/// `command`, and all that it starts, will find `ENOSYS` where Linux 3.10 had nothing.
pub fn on_an_old_kernel(command: &mut Command) {
    let filter = refuse(AFTER_3_10);
    // SAFETY: after the fork only prctl is called, on memory allocated before it.
    unsafe {
        command.pre_exec(move || {
            let program =
                libc::sock_fprog { len: filter.len() as u16, filter: filter.as_ptr().cast_mut().cast() };
            // Root needs no NO_NEW_PRIVS for it, and setuid programs in the guest must go on working.
            match libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &program) {
                0 => Ok(()),
                _ => Err(io::Error::last_os_error()),
            }
        });
    }
}

/// A classic BPF program (seccomp(2)) that answers `calls` with ENOSYS.
fn refuse(calls: &[libc::c_long]) -> Vec<libc::sock_filter> {
    const LOAD_NUMBER: u16 = (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16;
    const EQUALS: u16 = (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16;
    const RETURN: u16 = (libc::BPF_RET | libc::BPF_K) as u16;
    let step = |code, jt, k| libc::sock_filter { code, jt, jf: 0, k };
    let mut program = vec![step(LOAD_NUMBER, 0, 0)];
    for (index, call) in calls.iter().enumerate() {
        program.push(step(EQUALS, (calls.len() - index) as u8, *call as u32));
    }
    program.push(step(RETURN, 0, libc::SECCOMP_RET_ALLOW));
    program.push(step(RETURN, 0, libc::SECCOMP_RET_ERRNO | libc::ENOSYS as u32));
    program
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
