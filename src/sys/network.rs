//! The interfaces of a network namespace, whatever `/sys` shows: that may be another one's. The loopback interface begins its
//! life down (netdevice(7)).
#![allow(unsafe_code)]

use std::ffi::CStr;
use std::io;
use std::os::fd::AsRawFd;

use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with};

/// Brings `lo` up; the kernel then gives it its addresses. Needs `CAP_NET_ADMIN`.
pub fn loopback_up() -> io::Result<()> {
    let socket = socket_with(AddressFamily::INET, SocketType::DGRAM, SocketFlags::CLOEXEC, None)?;
    // SAFETY: all zeroes is a valid request.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (to, from) in request.ifr_name.iter_mut().zip(c"lo".to_bytes()) {
        *to = from.cast_signed() as libc::c_char;
    }
    request.ifr_ifru.ifru_flags = libc::IFF_UP as libc::c_short;
    // SAFETY: the request is of the type that this ioctl reads, and outlives the call.
    match unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS as _, &request) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}

/// The names of all interfaces, sorted (if_nameindex(3): the C library asks by rtnetlink(7)).
pub fn interfaces() -> io::Result<Vec<String>> {
    // SAFETY: no arguments.
    let all = unsafe { libc::if_nameindex() };
    if all.is_null() {
        return Err(io::Error::last_os_error());
    }
    let mut names = Vec::new();
    for at in 0.. {
        // SAFETY: the array ends with an entry whose index is 0, and no entry after that is read.
        let entry = unsafe { &*all.add(at) };
        if entry.if_index == 0 || entry.if_name.is_null() {
            break;
        }
        // SAFETY: a name is a NUL-terminated string that lives as long as the array.
        names.push(unsafe { CStr::from_ptr(entry.if_name) }.to_string_lossy().into_owned());
    }
    // SAFETY: what if_nameindex returned, once, and nothing refers to it any more.
    unsafe { libc::if_freenameindex(all) };
    names.sort();
    Ok(names)
}
