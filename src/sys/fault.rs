//! What is left of a panic in the programs that are handed out: they are built to stop where they are
//! (`-Cpanic=immediate-abort` in `cross/build`: no messages, 4 % less), by an instruction that no CPU carries out. The
//! place of it is what a report needs; `cross/README.md` tells how to read one.
#![allow(unsafe_code)]

use std::io::{self, Write};

use libc::{c_int, c_void, siginfo_t};

use super::trap::{handle, let_it_act};

/// From here on such an instruction says so on standard error before it ends the process by SIGABRT, as a panic does;
/// so in this process and those it forks.
pub fn report_faults() -> io::Result<()> {
    // BRK is the one that AArch64 has for it.
    handle(libc::SIGILL, report)?;
    handle(libc::SIGTRAP, report)
}

extern "C" fn report(signal: c_int, info: *mut siginfo_t, _context: *mut c_void) {
    // SAFETY: with SA_SIGINFO the kernel passes a siginfo_t.
    let info = unsafe { &*info };
    // Somebody sent it.
    if info.si_code <= 0 {
        return let_it_act(signal);
    }
    // SAFETY: for a fault, si_addr is where it happened.
    let place = unsafe { info.si_addr() } as usize;
    // No allocation and no lock: the thread may be anywhere.
    let mut line = [0; 160];
    let mut room = &mut line[..];
    let _ = write!(
        room,
        "chroot-distro: bug at {place:#x}\n  hint: please report this line, 'chroot-distro --version' and what you did\n"
    );
    let left = room.len();
    let _ = rustix::io::write(rustix::stdio::stderr(), &line[..line.len() - left]);
    // SAFETY: it takes no arguments and does not return.
    unsafe { libc::abort() }
}
