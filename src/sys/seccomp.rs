//! seccomp(2) filters: a classic BPF program that the kernel runs before each system call (Linux 3.5).
#![allow(unsafe_code)]

use std::{io, ptr};

/// One instruction of it.
pub type Instruction = libc::sock_filter;

/// Whether the kernel has filters. With no program at all one that has them says `EFAULT`.
pub fn is_supported() -> bool {
    let program = ptr::null::<libc::sock_fprog>();
    // SAFETY: the kernel reads the program by its own means and refuses a null pointer; nothing is installed.
    let answer = unsafe { libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, program) };
    answer != 0 && io::Error::last_os_error().raw_os_error() == Some(libc::EFAULT)
}

/// Runs `program` before every system call of this thread and what it starts, for ever. Needs `CAP_SYS_ADMIN`:
/// `PR_SET_NO_NEW_PRIVS`, the other way to be allowed it, would take the guest's setuid programs away.
pub fn install(program: &[Instruction]) -> io::Result<()> {
    let len = u16::try_from(program.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
    let program = libc::sock_fprog { len, filter: program.as_ptr().cast_mut() };
    // SAFETY: the kernel copies `len` instructions, which outlive the call, and writes nothing.
    match unsafe { libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &program) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}
