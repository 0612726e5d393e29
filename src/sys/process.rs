//! Processes: fork(2), execve(2), and the signal dispositions that a program inherits.
#![allow(unsafe_code)]

use std::ffi::{CStr, CString, c_char};
use std::os::fd::{AsRawFd, BorrowedFd};
use std::{io, ptr};

use rustix::process::{Pid, Signal, WaitOptions, WaitStatus, waitpid};

/// Which side of a fork one is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fork {
    /// The new process.
    Child,
    /// The old one, with the new one's number.
    Parent(Pid),
}

/// Splits the process in two.
///
/// Only while it is single-threaded: in the child, a lock that another thread held stays locked for ever.
pub fn fork() -> io::Result<Fork> {
    // SAFETY: callers are single-threaded, so the child has everything its parent had.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        pid => Ok(Pid::from_raw(pid).map_or(Fork::Child, Fork::Parent)),
    }
}

/// As [`fork`], but the new process is a child of this one's parent (`CLONE_PARENT`, clone(2)): it is who waits for it.
/// `EINVAL` from QEMU's user mode, and from Linux 3.11 and 3.12 where children are born in another PID namespace.
pub fn fork_sibling() -> io::Result<Fork> {
    let flags = libc::c_long::from(libc::CLONE_PARENT | libc::SIGCHLD);
    let none: libc::c_long = 0;
    // SAFETY: no memory is shared and no stack is named, so it is fork(2). What the C library misses of it are thread
    // numbers, which nobody asks for before the program is executed.
    match unsafe { libc::syscall(libc::SYS_clone, flags, none, none, none, none) } {
        -1 => Err(io::Error::last_os_error()),
        pid => Ok(i32::try_from(pid).ok().and_then(Pid::from_raw).map_or(Fork::Child, Fork::Parent)),
    }
}

/// Waits until `child` has ended (waitpid(2)), whatever signals come meanwhile. `ECHILD`: where SIGCHLD is ignored
/// nobody hears how it ended.
pub fn wait(child: Pid) -> rustix::io::Result<WaitStatus> {
    loop {
        match waitpid(Some(child), WaitOptions::empty()) {
            Ok(Some((_, status))) => return Ok(status),
            Ok(None) | Err(rustix::io::Errno::INTR) => {}
            Err(errno) => return Err(errno),
        }
    }
}

/// Becomes the program at `path`. Returns only to say why not.
pub fn execve(path: &CStr, argv: &[CString], environment: &[CString]) -> io::Error {
    let pointers = |strings: &[CString]| -> Vec<*const c_char> {
        strings.iter().map(|string| string.as_ptr()).chain([ptr::null()]).collect()
    };
    let (argv, environment) = (pointers(argv), pointers(environment));
    // SAFETY: both arrays end in a null pointer, and what they point to outlives the call.
    unsafe { libc::execve(path.as_ptr(), argv.as_ptr(), environment.as_ptr()) };
    io::Error::last_os_error()
}

/// From now on uname(2) tells of the 32-bit machine that a 64-bit one also is, as setarch(8) has it (personality(2)).
/// What is executed later inherits it. A kernel without 32-bit programs refuses, and nothing changes.
pub fn be_narrow() {
    /// Asks without changing anything; the bits of the machine among the flags, and one of them (linux/personality.h).
    const QUERY: libc::c_ulong = 0xffff_ffff;
    const MACHINE: i32 = 0xff;
    const LINUX32: i32 = 8;
    // SAFETY: neither call has a pointer; what changes is what uname(2) answers.
    unsafe {
        let flags = libc::personality(QUERY) & !MACHINE;
        libc::personality((flags | LINUX32) as libc::c_ulong);
    }
}

/// What happens to a signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disposition {
    /// What signal(7) says.
    Default,
    /// Nothing. An ignored SIGCHLD also reaps children.
    Ignore,
}

/// Sets it. A program executed later inherits it.
pub fn on_signal(signal: Signal, disposition: Disposition) -> io::Result<()> {
    let handler = match disposition {
        Disposition::Default => libc::SIG_DFL,
        Disposition::Ignore => libc::SIG_IGN,
    };
    // SAFETY: neither disposition runs code of ours.
    match unsafe { libc::signal(signal.as_raw(), handler) } {
        libc::SIG_ERR => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}

/// Closes every descriptor from `first` on: close_range(2), or before Linux 5.9 one by one.
///
/// Only where none of them is used again, not even by a destructor.
pub fn close_from(first: u32) {
    close(first, u32::MAX);
}

/// Closes every descriptor but standard input, output and error and those `kept`. The contract of [`close_from`].
pub fn close_all_but(kept: Vec<BorrowedFd<'_>>) {
    let mut kept: Vec<u32> = kept.iter().filter_map(|fd| fd.as_raw_fd().try_into().ok()).collect();
    kept.sort_unstable();
    let mut first = 3;
    for fd in kept.into_iter().filter(|&fd| fd >= 3) {
        if first < fd {
            close(first, fd - 1);
        }
        first = fd + 1;
    }
    close(first, u32::MAX);
}

/// Closes what this process was given: every descriptor but standard input, output and error that a program executed
/// from here would have too. Ours never are such (`O_CLOEXEC`).
pub fn close_given() {
    let entries = std::fs::read_dir("/proc/self/fd").into_iter().flatten().flatten();
    let numbers: Vec<i32> = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    for fd in numbers.into_iter().filter(|&fd| fd > 2) {
        // SAFETY: neither call has a pointer, and nothing of ours refers to what is closed.
        unsafe {
            if libc::fcntl(fd, libc::F_GETFD) == 0 {
                libc::close(fd);
            }
        }
    }
}

/// Has ps(1) show `title` instead of this process's arguments, cut to their length, and wipes the environment that it was
/// started with. Nothing changes where /proc does not tell where they are (proc_pid_stat(5): Linux 3.5). Only where nobody
/// asks for arguments and variables any more.
pub fn set_title(title: &[u8]) {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // Fields 48 to 51; the second is a name in parentheses, perhaps with blanks.
    let mut fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields).split_ascii_whitespace().skip(45);
    let mut next = || fields.next().and_then(|field| field.parse::<usize>().ok()).unwrap_or_default();
    for (start, end, title) in [(next(), next(), title), (next(), next(), &[])] {
        let Some(room) = end.checked_sub(start).filter(|&room| start > 0 && room > 0) else { continue };
        let words = ptr::with_exposed_provenance_mut::<u8>(start);
        let shown = title.len().min(room - 1);
        // SAFETY: the kernel put them there, to be written by the process as it likes, and by this function's contract
        // nobody reads them any more.
        unsafe {
            ptr::write_bytes(words, 0, room);
            ptr::copy_nonoverlapping(title.as_ptr(), words, shown);
        }
    }
}

fn close(first: u32, last: u32) {
    if close_range(first, last).is_ok() {
        return;
    }
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current.unwrap_or(4096);
    let last = u32::try_from(limit).unwrap_or(4096).min(last.saturating_add(1));
    for fd in first..last {
        // SAFETY: by this function's contract nobody uses what is closed.
        unsafe { libc::close(fd as i32) };
    }
}

/// close_range(2), Linux 5.9. The contract of [`close_from`].
pub fn close_range(first: u32, last: u32) -> io::Result<()> {
    // SAFETY: by this function's contract nobody uses what is closed.
    match unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}

/// Whether clone3(2), Linux 5.3, is there: `EINVAL` for arguments of no size.
pub fn probe_clone3() -> io::Result<()> {
    // SAFETY: a size of 0 is refused before anything is read or made.
    let answer = match unsafe { libc::syscall(libc::SYS_clone3, ptr::null::<u8>(), 0) } {
        -1 => io::Error::last_os_error(),
        _ => return Ok(()),
    };
    if answer.raw_os_error() == Some(libc::EINVAL) { Ok(()) } else { Err(answer) }
}
