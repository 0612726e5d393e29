//! SIGSYS as ENOSYS: the filter that Android puts around an app kills it for a system call that the policy does not
//! list (`SECCOMP_RET_TRAP`, seccomp(2)), where a kernel that lacks the call would only say so. C library and std then
//! go their old ways round.
#![allow(unsafe_code)]

use std::{io, mem, ptr};

use libc::{c_int, c_long, c_void, siginfo_t};

/// `si_code` of a filter's SIGSYS; the libc crate has no name for it.
const SYS_SECCOMP: c_int = 1;

/// From here on a trapped call returns `ENOSYS`, in this process and those it forks; a program that is executed
/// starts without. A SIGSYS that somebody sent kills as ever.
pub fn answer_enosys() -> io::Result<()> {
    handle(libc::SIGSYS, answer)
}

/// What sigaction(2) wants with `SA_SIGINFO`.
pub(super) type Handler = extern "C" fn(c_int, *mut siginfo_t, *mut c_void);

/// Has `handler`, which may call only what is async-signal-safe, meet a signal.
pub(super) fn handle(signal: c_int, handler: Handler) -> io::Result<()> {
    // SAFETY: all zeroes is a valid sigaction.
    let mut action: libc::sigaction = unsafe { mem::zeroed() };
    action.sa_sigaction = handler as usize;
    action.sa_flags = libc::SA_SIGINFO | libc::SA_RESTART;
    // SAFETY: the handler has the type that SA_SIGINFO asks for.
    match unsafe { libc::sigaction(signal, &action, ptr::null_mut()) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// For a handler: the signal does what it does without one, when the handler has returned.
pub(super) fn let_it_act(signal: c_int) {
    // SAFETY: the default disposition runs no code of ours.
    unsafe { libc::signal(signal, libc::SIG_DFL) };
    // SAFETY: it is blocked while its handler runs.
    unsafe { libc::raise(signal) };
}

extern "C" fn answer(signal: c_int, info: *mut siginfo_t, context: *mut c_void) {
    // SAFETY: with SA_SIGINFO the kernel passes a siginfo_t.
    if unsafe { (*info).si_code } != SYS_SECCOMP {
        return let_it_act(signal);
    }
    // SAFETY: with SA_SIGINFO the kernel passes its ucontext_t, from which the registers are restored, and nobody else
    // has it meanwhile. The kernel has left the call undone, and its return value stands in this register.
    unsafe { *returned(context) = -c_long::from(libc::ENOSYS) as _ };
}

/// Where the return value of a system call stands in a context.
#[cfg(target_arch = "x86_64")]
unsafe fn returned(context: *mut c_void) -> *mut libc::greg_t {
    // SAFETY: the caller passes a context.
    unsafe { &raw mut (*context.cast::<libc::ucontext_t>()).uc_mcontext.gregs[libc::REG_RAX as usize] }
}

/// Where the return value of a system call stands in a context.
#[cfg(target_arch = "x86")]
unsafe fn returned(context: *mut c_void) -> *mut c_int {
    // EAX is the twelfth of the registers, which follow flags, link and stack: five words. libc has them for glibc alone.
    // SAFETY: the caller passes a context.
    unsafe { context.cast::<c_int>().add(5 + 11) }
}

/// Where the return value of a system call stands in a context.
#[cfg(target_arch = "aarch64")]
unsafe fn returned(context: *mut c_void) -> *mut libc::c_ulong {
    // SAFETY: the caller passes a context.
    unsafe { &raw mut (*context.cast::<libc::ucontext_t>()).uc_mcontext.regs[0] }
}

/// Where the return value of a system call stands in a context.
#[cfg(target_arch = "arm")]
unsafe fn returned(context: *mut c_void) -> *mut libc::c_ulong {
    // SAFETY: the caller passes a context.
    unsafe { &raw mut (*context.cast::<libc::ucontext_t>()).uc_mcontext.arm_r0 }
}

/// Where the return value of a system call stands in a context: A0.
#[cfg(target_arch = "riscv64")]
unsafe fn returned(context: *mut c_void) -> *mut libc::c_ulong {
    // SAFETY: the caller passes a context.
    unsafe { &raw mut (*context.cast::<libc::ucontext_t>()).uc_mcontext.__gregs[10] }
}
