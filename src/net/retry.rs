//! When to try again: which failures pass, how long to wait, and what `Retry-After` asks for.

use std::time::{Duration, SystemTime};

use ureq::http::{HeaderMap, StatusCode, header};

use crate::error::Error;

/// When a server asks for a longer wait, the command fails, and the user decides whether to wait.
pub const WAIT_MAX: Duration = Duration::from_secs(600);

/// The longest pause of our own choice.
const BACKOFF_MAX: Duration = Duration::from_secs(30);

/// A request that failed.
pub struct Failure {
    /// What to tell if it was the last attempt.
    pub error: Error,
    /// Whether another attempt may succeed.
    pub retry: Retry,
}

/// Whether another attempt may succeed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// No: the same request gets the same answer.
    Never,
    /// Only if this server has answered before: else it is the name or the address that is wrong.
    IfReached,
    /// Yes, after this long if the server said.
    After(Option<Duration>),
}

impl Failure {
    /// Not worth another attempt.
    pub fn fatal(error: Error) -> Failure {
        Failure { error, retry: Retry::Never }
    }

    /// A passing fault.
    pub fn passing(error: Error) -> Failure {
        Failure { error, retry: Retry::After(None) }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        Failure::fatal(error)
    }
}

/// Whether a status speaks of a passing fault (RFC 9110, section 15; 429 is RFC 6585).
pub fn is_passing(status: StatusCode) -> bool {
    matches!(status.as_u16(), 408 | 425 | 429 | 500 | 502 | 503 | 504)
}

/// How long `Retry-After` asks to wait: seconds or an HTTP date (RFC 9110, section 10.2.3).
pub fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    match text.parse::<u64>() {
        Ok(seconds) => Some(Duration::from_secs(seconds)),
        Err(_) => Some(parse_http_date(text)?.duration_since(now).unwrap_or_default()),
    }
}

/// `Last-Modified` (RFC 9110, section 8.8.2), in seconds since 1970.
pub fn last_modified(headers: &HeaderMap) -> Option<i64> {
    let time = parse_http_date(headers.get(header::LAST_MODIFIED)?.to_str().ok()?.trim())?;
    time.duration_since(SystemTime::UNIX_EPOCH).ok()?.as_secs().try_into().ok()
}

/// The pause before attempt `n` (1 is the first retry): doubling, of which a random half is taken off so that
/// workers do not come back all at once.
pub fn backoff(first: Duration, n: u32) -> Duration {
    let full = first.saturating_mul(1 << n.saturating_sub(1).min(16)).min(BACKOFF_MAX);
    full.mul_f64(0.5 + f64::from(random()) / f64::from(u16::MAX) / 2.0)
}

/// 16 random bits, for what needs no secrecy: the kernel seeds the hasher's keys.
pub fn random() -> u16 {
    use std::hash::{BuildHasher, Hasher};
    std::collections::hash_map::RandomState::new().build_hasher().finish() as u16
}

/// `Sun, 06 Nov 1994 08:49:37 GMT`: the one form that servers may still send.
fn parse_http_date(text: &str) -> Option<SystemTime> {
    const MONTHS: &str = "JanFebMarAprMayJunJulAugSepOctNovDec";
    let mut words = text.split_once(", ")?.1.split(' ');
    let day: u64 = words.next()?.parse().ok().filter(|day| (1..=31).contains(day))?;
    let month = words.next().filter(|name| name.len() == 3)?;
    let month = MONTHS.find(month).filter(|at| at % 3 == 0)? as u64 / 3 + 1;
    let year: u64 = words.next()?.parse().ok().filter(|year| (1970..=9999).contains(year))?;
    let mut clock = words.next()?.split(':').map(|part| part.parse::<u64>().ok());
    let (hours, minutes, seconds) = (clock.next()??, clock.next()??, clock.next()??);
    if words.next() != Some("GMT") || hours > 23 || minutes > 59 || seconds > 60 {
        return None;
    }
    // Days from the civil calendar, years beginning in March so that the leap day is the last one.
    let (y, m) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1;
    let since_epoch = days.checked_sub(719_468)?;
    let time = since_epoch * 86_400 + hours * 3600 + minutes * 60 + seconds;
    Some(SystemTime::UNIX_EPOCH + Duration::from_secs(time))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(value: &str, now: u64) -> Option<u64> {
        let headers = HeaderMap::from_iter([(header::RETRY_AFTER, value.parse().unwrap())]);
        retry_after(&headers, SystemTime::UNIX_EPOCH + Duration::from_secs(now)).map(|d| d.as_secs())
    }

    #[test]
    fn retry_after_in_seconds_or_as_a_date() {
        assert_eq!(asked("7", 0), Some(7));
        assert_eq!(asked("Sun, 06 Nov 1994 08:49:37 GMT", 784_111_770), Some(7));
        assert_eq!(asked("Thu, 29 Feb 2024 00:00:00 GMT", 1_709_164_800 - 5), Some(5));
        assert_eq!(asked("Sun, 06 Nov 1994 08:49:37 GMT", 800_000_000), Some(0));
        for bad in
            ["", "soon", "-1", "Sun, 99 Nov 1994 08:49:37 GMT", "Sun, 06 anF 1994 08:49:37 GMT", "a, b"]
        {
            assert_eq!(asked(bad, 0), None, "{bad}");
        }
    }

    #[test]
    fn pauses_double_up_to_a_limit() {
        let first = Duration::from_millis(500);
        for (n, full) in [(1, 500), (2, 1000), (3, 2000), (40, 30_000)] {
            let full = Duration::from_millis(full);
            let pause = backoff(first, n);
            assert!(pause >= full / 2 && pause <= full, "{n}: {pause:?}");
        }
    }
}
