//! The guest's null device: what stands for no stream, of which nothing is the host's.

use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{CWD, FileType, Mode, OFlags, fcntl_getfl, fcntl_setfl, fstat, makedev, openat};
use rustix::pipe::{PipeFlags, pipe_with};

/// Opens `/dev/null` of the root that the process is in. Where that has none, a pipe at its end.
pub fn nothing() -> rustix::io::Result<OwnedFd> {
    // Whatever the guest has put there: a FIFO does not block, a terminal does not become ours.
    let flags = OFlags::RDWR | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    if let Ok(found) = openat(CWD, c"/dev/null", flags, Mode::empty())
        && is_null(&found)
    {
        fcntl_setfl(&found, fcntl_getfl(&found)?.difference(OFlags::NONBLOCK))?;
        return Ok(found);
    }
    pipe_with(PipeFlags::CLOEXEC).map(|(end, _)| end)
}

/// Whether it is the null device (devices.txt of the kernel's documentation: 1:3), by whichever name.
pub fn is_null(stream: impl AsFd) -> bool {
    fstat(stream).is_ok_and(|found| {
        FileType::from_raw_mode(found.st_mode) == FileType::CharacterDevice && found.st_rdev == makedev(1, 3)
    })
}
