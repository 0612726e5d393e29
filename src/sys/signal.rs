//! Signals as messages: blocked, then waited for (sigprocmask(2), sigwaitinfo(2)).
#![allow(unsafe_code)]

use std::mem::MaybeUninit;
use std::{io, ptr};

use rustix::process::Signal;

/// Which signals a thread has blocked.
pub struct Mask(libc::sigset_t);

/// A signal that was waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Received {
    /// Its number.
    pub signal: i32,
    /// Sent by a process with kill(2) or alike; not by the kernel, as a terminal's Ctrl-C is.
    pub by_process: bool,
}

fn set(signals: &[Signal]) -> libc::sigset_t {
    let mut set = MaybeUninit::uninit();
    // SAFETY: sigemptyset initializes the set.
    let mut set = unsafe {
        libc::sigemptyset(set.as_mut_ptr());
        set.assume_init()
    };
    for signal in signals {
        // SAFETY: the set is initialized.
        unsafe { libc::sigaddset(&mut set, signal.as_raw()) };
    }
    set
}

/// Blocks `signals` too, in the calling thread; what was blocked before.
pub fn block(signals: &[Signal]) -> io::Result<Mask> {
    let mut before = MaybeUninit::uninit();
    // SAFETY: both sets outlive the call; on success the kernel has written the second.
    match unsafe { libc::sigprocmask(libc::SIG_BLOCK, &set(signals), before.as_mut_ptr()) } {
        // SAFETY: as said.
        0 => Ok(Mask(unsafe { before.assume_init() })),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Blocks exactly what `mask` says.
pub fn restore(mask: &Mask) -> io::Result<()> {
    // SAFETY: the set is initialized and outlives the call.
    match unsafe { libc::sigprocmask(libc::SIG_SETMASK, &mask.0, ptr::null_mut()) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Takes one of `signals`, all of them blocked, when it comes.
pub fn wait(signals: &[Signal]) -> io::Result<Received> {
    let mut info = MaybeUninit::<libc::siginfo_t>::zeroed();
    // SAFETY: set and info outlive the call.
    match unsafe { libc::sigwaitinfo(&set(signals), info.as_mut_ptr()) } {
        -1 => Err(io::Error::last_os_error()),
        signal => {
            // SAFETY: all zeroes is a valid siginfo_t, and the kernel has filled it in.
            let code = unsafe { info.assume_init() }.si_code;
            Ok(Received { signal, by_process: code <= 0 })
        }
    }
}

/// The generic numbers of signal(7), which all our architectures have, from 1 on.
const NAMES: [&str; 31] = [
    "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2", "PIPE",
    "ALRM", "TERM", "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG", "XCPU", "XFSZ",
    "VTALRM", "PROF", "WINCH", "IO", "PWR", "SYS",
];
/// The first and last real-time signals, as programs linked with glibc count them.
const REAL_TIME: (i32, i32) = (34, 64);

/// The signal that an image names: `SIGTERM`, `TERM`, `15`, `SIGRTMIN+3`.
pub fn named(text: &str) -> Option<Signal> {
    let upper = text.trim().to_ascii_uppercase();
    let name = upper.strip_prefix("SIG").unwrap_or(&upper);
    let offset = |text: &str, sign| match text {
        "" => Some(0),
        _ => text.strip_prefix(sign)?.parse::<u8>().ok().map(i32::from),
    };
    let number = if let Ok(number) = name.parse() {
        number
    } else if let Some(up) = name.strip_prefix("RTMIN") {
        REAL_TIME.0 + offset(up, '+')?
    } else if let Some(down) = name.strip_prefix("RTMAX") {
        REAL_TIME.1 - offset(down, '-')?
    } else {
        i32::try_from(NAMES.iter().position(|known| *known == name)?).ok()? + 1
    };
    // SAFETY: the number is one of the kernel's 64 signals; nothing here handles it.
    (1..=REAL_TIME.1).contains(&number).then(|| unsafe { Signal::from_raw_unchecked(number) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_name_signals_in_many_ways() {
        let number = |text| named(text).map(Signal::as_raw);
        for (text, expected) in [
            ("SIGTERM", 15),
            ("quit", 3),
            ("SIGWINCH", 28),
            ("SYS", 31),
            (" 9 ", 9),
            ("SIGRTMIN+3", 37),
            ("RTMIN", 34),
            ("RTMAX-1", 63),
        ] {
            assert_eq!(number(text), Some(expected), "{text}");
        }
        for bad in
            ["", "SIG", "0", "65", "-1", "SIGFOO", "RTMIN+31", "RTMIN-1", "RTMIN+2147483647", "99999999999"]
        {
            assert_eq!(number(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_blocked_signal_waits() {
        let before = block(&[Signal::USR1]).unwrap();
        // SAFETY: a signal to the calling thread, which has it blocked.
        unsafe { libc::pthread_kill(libc::pthread_self(), libc::SIGUSR1) };
        let received = wait(&[Signal::USR1]).unwrap();
        assert_eq!(received, Received { signal: libc::SIGUSR1, by_process: true });
        restore(&before).unwrap();
    }
}
