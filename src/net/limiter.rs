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

/// The slowest that a body may come, in bytes a second: a twentieth of what GPRS gave. One that drips would hold a worker for
/// ever, and no retry helps.
const LEAST: u64 = 100;
/// How long it may be slower.
const WINDOW: Duration = Duration::from_secs(60);

/// How fast one body comes.
pub struct Pace {
    /// Bytes a second, where the user's own limit is not lower.
    pub least: u64,
    since: Instant,
    bytes: u64,
}

impl Pace {
    /// Of a body that begins `now`.
    pub fn new(limiter: &Limiter, now: Instant) -> Pace {
        // All workers share the limit.
        let own = if limiter.rate == 0 { u64::MAX } else { limiter.rate / 20 };
        Pace { least: LEAST.min(own), since: now, bytes: 0 }
    }

    /// After `count` more bytes: whether it was too slow for a whole minute.
    pub fn is_too_slow(&mut self, count: usize, now: Instant) -> bool {
        self.bytes += count as u64;
        let elapsed = now.saturating_duration_since(self.since);
        if elapsed < WINDOW {
            return false;
        }
        let slow = self.bytes < self.least.saturating_mul(elapsed.as_secs());
        (self.since, self.bytes) = (now, 0);
        slow
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_link_lives_and_a_drip_does_not() {
        let begun = Instant::now();
        let fed = |rate: u64, each: Duration, bytes: usize| {
            let mut pace = Pace::new(&Limiter::new(rate), begun);
            (1..200).any(|step| pace.is_too_slow(bytes, begun + each * step))
        };
        let second = Duration::from_secs(1);
        assert!(!fed(0, second, 100) && !fed(0, second * 29, 3000));
        assert!(fed(0, second, 99) && fed(0, second * 29, 1));
        assert!(!fed(200, second, 20), "the user's own limit over ten workers");
        assert!(fed(200, second, 9));
    }

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
