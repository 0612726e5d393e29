//! The process's own environment.
#![allow(unsafe_code)]

use std::ffi::OsStr;

/// setenv(3).
///
/// Only while the process is single-threaded: libc's environment has no lock that all its readers take.
pub fn set(name: &OsStr, value: &OsStr) {
    // SAFETY: callers are single-threaded, so nobody reads the environment meanwhile.
    unsafe { std::env::set_var(name, value) };
}
