//! The rate limit over all downloads of a client: a token bucket that every worker draws from.

use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// How far the bucket fills while nobody draws.
const BURST: Duration = Duration::from_millis(200);

/// Shared by all workers.
pub struct Limiter {
    /// Bytes a second; 0 = unlimited.
    rate: u64,
    /// When what has been drawn so far is paid for.
    paid_until: Mutex<Instant>,
}

impl Limiter {
    /// `rate` is in bytes a second, 0 = unlimited.
    pub fn new(rate: u64) -> Limiter {
        Limiter { rate, paid_until: Mutex::new(Instant::now()) }
    }

    /// How many bytes to read at once, so that a slow rate stays smooth.
    pub fn chunk(&self) -> usize {
        const MOST: u64 = 64 << 10;
        if self.rate == 0 { MOST as usize } else { (self.rate / 10).clamp(512, MOST) as usize }
    }

    /// Waits until `bytes` more may pass.
    pub fn draw(&self, bytes: usize) {
        if self.rate > 0 {
            thread::sleep(self.debt(bytes, Instant::now()));
        }
    }

    fn debt(&self, bytes: usize, now: Instant) -> Duration {
        let cost = Duration::from_secs_f64(bytes as f64 / self.rate as f64);
        let mut paid_until = self.paid_until.lock().unwrap_or_else(PoisonError::into_inner);
        let start = (*paid_until).max(now.checked_sub(BURST).unwrap_or(now));
        *paid_until = start + cost;
        paid_until.saturating_duration_since(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_drawn_is_paid_for_at_the_rate() {
        let limiter = Limiter::new(1000);
        let start = Instant::now() + Duration::from_secs(1);
        assert_eq!(limiter.debt(200, start), Duration::ZERO);
        assert_eq!(limiter.debt(1000, start), Duration::from_secs(1));
        assert_eq!(limiter.debt(500, start), Duration::from_millis(1500));
        let later = start + Duration::from_secs(60);
        assert_eq!(limiter.debt(1200, later), Duration::from_secs(1));
        assert_eq!(Limiter::new(1000).chunk(), 512);
        assert_eq!(Limiter::new(0).chunk(), 64 << 10);
    }
}
