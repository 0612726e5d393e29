//! What a detached session prints, on its way to the log.
//!
//! The program has a pipe, not the log: it may open a pipe of its own user's again by name (`/dev/stdout`), it cannot cut
//! the log short, and nothing that it does to the file behind its descriptor is done to a file of the host's. A process
//! of ours copies. It ends when nobody has the other end any more, which is when the last process of the session has
//! ended that did not close it.

use std::os::fd::{AsFd, OwnedFd};

use rustix::io::{Errno, read};
use rustix::process::setsid;

use super::let_go::let_go;
use crate::store::LogWriter;
use crate::sys::process::{close_all_but, set_title};

/// Bytes that a pipe holds (pipe(7)).
const BUFFER: usize = 64 << 10;

/// What is seen of the process.
const TITLE: &[u8] = b"chroot-distro: log";

/// Copies what comes from `input` to `log` until there is no more. For a process of its own.
pub fn copy(input: &OwnedFd, log: &mut LogWriter) {
    // Signals to the session's process group are not for this process.
    let _ = setsid();
    let _ = let_go();
    set_title(TITLE);
    let [file, directory] = log.descriptors();
    close_all_but(vec![input.as_fd(), file, directory]);
    let mut buffer = vec![0; BUFFER];
    loop {
        match read(input, &mut buffer[..]) {
            Ok(0) => return,
            Ok(count) => log.write(buffer.get(..count).unwrap_or_default()),
            Err(Errno::INTR) => {}
            Err(_) => return,
        }
    }
}
