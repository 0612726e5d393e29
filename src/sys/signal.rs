//! Signals as messages: blocked, then read (sigprocmask(2), signalfd(2)).
#![allow(unsafe_code)]

use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, FromRawFd, OwnedFd};
use std::{io, ptr};

use rustix::io::Errno;
use rustix::process::Signal;

/// Which signals a thread has blocked.
pub struct Mask(libc::sigset_t);

/// A signal that has come.
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

/// Has a blocked `signal` do to this process what it does: a stop is over when this returns.
pub fn undergo(signal: Signal) -> io::Result<()> {
    rustix::process::kill_process(rustix::process::getpid(), signal)?;
    // SAFETY: the set outlives the call.
    let unblocked = unsafe { libc::sigprocmask(libc::SIG_UNBLOCK, &set(&[signal]), ptr::null_mut()) };
    block(&[signal])?;
    if unblocked == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Blocked signals, to be read when they come: a descriptor that poll(2) knows (signalfd(2), Linux 2.6.27).
#[derive(Debug)]
pub struct Signals(OwnedFd);

impl Signals {
    /// Of `signals`, all of them blocked.
    pub fn of(signals: &[Signal]) -> io::Result<Signals> {
        // SAFETY: the set outlives the call; -1 asks for a new descriptor.
        match unsafe { libc::signalfd(-1, &set(signals), libc::SFD_CLOEXEC | libc::SFD_NONBLOCK) } {
            -1 => Err(io::Error::last_os_error()),
            // SAFETY: the kernel has just made it for us.
            fd => Ok(Signals(unsafe { OwnedFd::from_raw_fd(fd) })),
        }
    }

    /// The next one that has come, if any.
    pub fn next(&self) -> io::Result<Option<Received>> {
        // struct signalfd_siginfo begins with ssi_signo, ssi_errno and ssi_code.
        let mut info = [0; size_of::<libc::signalfd_siginfo>()];
        match rustix::io::read(&self.0, &mut info) {
            Ok(_) => {
                let [a, b, c, d, _, _, _, _, e, f, g, h, ..] = info;
                let code = i32::from_ne_bytes([e, f, g, h]);
                Ok(Some(Received { signal: i32::from_ne_bytes([a, b, c, d]), by_process: code <= 0 }))
            }
            Err(Errno::AGAIN | Errno::INTR) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
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
        let signals = Signals::of(&[Signal::USR1]).unwrap();
        let received = signals.next().unwrap();
        assert_eq!(received, Some(Received { signal: libc::SIGUSR1, by_process: true }));
        assert_eq!(signals.next().unwrap(), None);
        restore(&before).unwrap();
    }
}
