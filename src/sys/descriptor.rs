//! Descriptors, for calls that take paths only.

use std::os::fd::{AsFd, AsRawFd};

/// A path to what `fd` has open: procfs's magic link (proc_pid_fd(5)). It leads nowhere on a host without /proc.
pub fn through(fd: impl AsFd) -> String {
    format!("/proc/self/fd/{}", fd.as_fd().as_raw_fd())
}
