//! A system call that this kernel, or a seccomp filter, may not have: found missing once, not asked again.

use std::sync::atomic::{AtomicU8, Ordering};

use rustix::io::{Errno, Result};

const UNKNOWN: u8 = 0;
const ASK: u8 = 1;
const MISSING: u8 = 2;

/// What this process knows of one modern system call. Lives in a `static` beside the function that makes it.
///
/// Without privileges it is never made: an Android app's seccomp filter answers a call it does not know with
/// SIGSYS, which kills, where a kernel would say `ENOSYS`.
#[derive(Debug)]
pub struct Modern(AtomicU8);

impl Modern {
    /// Nothing known yet.
    #[allow(clippy::new_without_default, reason = "a static needs a const")]
    pub const fn new() -> Modern {
        Modern(AtomicU8::new(UNKNOWN))
    }

    /// `modern`, or `old` where the kernel lacks it. Some container engines' filters answer an unknown call
    /// with `EPERM`: where `old` then succeeds, the refusal was of the call and not of what it was to do.
    pub fn or<T>(&self, modern: impl FnOnce() -> Result<T>, old: impl FnOnce() -> Result<T>) -> Result<T> {
        let asked = if self.missing() { Err(Errno::NOSYS) } else { modern() };
        let Err(refused @ (Errno::NOSYS | Errno::PERM)) = asked else { return asked };
        let done = old();
        if refused == Errno::NOSYS || done.is_ok() {
            self.0.store(MISSING, Ordering::Relaxed);
        }
        done
    }

    fn missing(&self) -> bool {
        if self.0.load(Ordering::Relaxed) == UNKNOWN {
            let state = if rustix::process::geteuid().is_root() { ASK } else { MISSING };
            self.0.store(state, Ordering::Relaxed);
        }
        self.0.load(Ordering::Relaxed) == MISSING
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known() -> Modern {
        Modern(AtomicU8::new(ASK))
    }

    #[test]
    fn asks_a_missing_call_once() {
        let call = known();
        assert_eq!(call.or(|| Err::<i32, _>(Errno::NOSYS), || Ok(1)), Ok(1));
        assert_eq!(call.or(|| Ok(2), || Ok(1)), Ok(1));
    }

    #[test]
    fn tells_a_filter_from_a_refusal() {
        let call = known();
        assert_eq!(call.or(|| Err::<i32, _>(Errno::PERM), || Err(Errno::PERM)), Err(Errno::PERM));
        assert_eq!(call.or(|| Ok(2), || Ok(1)), Ok(2), "both refused: the call is there");
        assert_eq!(call.or(|| Err(Errno::PERM), || Ok(1)), Ok(1));
        assert_eq!(call.or(|| Ok(2), || Ok(1)), Ok(1), "only the modern one refused: filtered");
    }

    #[test]
    fn passes_other_errors_on() {
        assert_eq!(known().or(|| Err::<i32, _>(Errno::NOENT), || Ok(1)), Err(Errno::NOENT));
    }
}
