//! Randomness from the kernel: getrandom(2), or `/dev/urandom` where a kernel before 3.17 has none.
//!
//! The getrandom crate chooses (its Linux backend falls back after one ENOSYS or EPERM) and reports a failure;
//! nothing here substitutes a weaker source.

use rustls::crypto::{GetRandomFailed, SecureRandom};

/// The kernel's generator.
#[derive(Debug)]
pub(super) struct Kernel;

impl SecureRandom for Kernel {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), GetRandomFailed> {
        getrandom::fill(bytes).map_err(|_| GetRandomFailed)
    }
}
