//! Limits and patience for downloads, from the environment and the command line.
//!
//! A value that makes no sense is the default, one out of range is clamped: a typing error in a profile must not
//! stop an install.

use std::time::Duration;

use crate::host::Host;

/// What the environment and the command line say about downloads.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `--allow-insecure`: no certificate checks, and plain HTTP for any registry.
    pub insecure: bool,
    /// `CD_DOWNLOAD_WORKERS`: 1 to 10, default 4.
    pub workers: usize,
    /// `CD_DOWNLOAD_RATE_LIMIT`: bytes a second over all downloads, 0 = unlimited.
    pub rate_limit: u64,
    /// `CD_DOWNLOAD_MAX_RETRIES`: 0 to 20, default 3.
    pub max_retries: u32,
    /// How long to wait for the network.
    pub patience: Patience,
}

/// How long to wait for the network. No variable changes it; tests do.
#[derive(Debug, Clone)]
pub struct Patience {
    /// For one connection, all its addresses, and the TLS handshake.
    pub connect: Duration,
    /// For the next bytes: longer than this is a stall, and the connection is given up.
    pub read: Duration,
    /// For all of an answer's headers, however they drip.
    pub answer: Duration,
    /// Before the first retry; doubled for each further one.
    pub backoff: Duration,
}

impl Default for Patience {
    fn default() -> Patience {
        Patience {
            connect: Duration::from_secs(20),
            read: Duration::from_secs(30),
            answer: Duration::from_secs(120),
            backoff: Duration::from_millis(500),
        }
    }
}

impl Settings {
    /// Reads `host`'s environment; invalid values use the default, out-of-range ones are clamped.
    pub fn of(host: &Host, insecure: bool) -> Settings {
        let var = |key| host.var(key).and_then(|value| value.to_str()).map(str::trim);
        let number = |key, default: i64, least, most| {
            var(key).and_then(|text| text.parse().ok()).unwrap_or(default).clamp(least, most)
        };
        Settings {
            insecure,
            workers: number("CD_DOWNLOAD_WORKERS", 4, 1, 10) as usize,
            rate_limit: var("CD_DOWNLOAD_RATE_LIMIT").and_then(parse_rate).unwrap_or(0),
            max_retries: number("CD_DOWNLOAD_MAX_RETRIES", 3, 0, 20) as u32,
            patience: Patience::default(),
        }
    }
}

/// `512K`, `5M`, `1.5G`, or bare bytes: powers of 1024 a second.
fn parse_rate(text: &str) -> Option<u64> {
    let upper = text.to_ascii_uppercase();
    let (digits, factor) = match upper.strip_suffix(['K', 'M', 'G']) {
        Some(digits) if upper.ends_with('K') => (digits, 1u64 << 10),
        Some(digits) if upper.ends_with('M') => (digits, 1 << 20),
        Some(digits) => (digits, 1 << 30),
        None => (&*upper, 1),
    };
    // By hand: reading an f64 takes 14 KB of code and tables.
    let count = |text: &str| if text.is_empty() { Some(0) } else { text.parse::<u64>().ok() };
    let (whole, part) = digits.trim().split_once('.').unwrap_or((digits.trim(), ""));
    let scale = 10u64.checked_pow(part.len() as u32).filter(|_| part.len() <= 9)?;
    Some(count(whole)?.saturating_mul(factor).saturating_add(count(part)? * factor / scale))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(key: &str, value: &str) -> Settings {
        Settings::of(&Host::at("/nonexistent", [(key, value)]), false)
    }

    #[test]
    fn odd_values_are_defaults_and_large_ones_are_clamped() {
        for (text, workers) in [("", 4), ("x", 4), ("0", 1), ("-3", 1), ("7", 7), ("99", 10)] {
            assert_eq!(with("CD_DOWNLOAD_WORKERS", text).workers, workers, "{text}");
        }
        for (text, retries) in [("0", 0), ("21", 20), ("1.5", 3)] {
            assert_eq!(with("CD_DOWNLOAD_MAX_RETRIES", text).max_retries, retries, "{text}");
        }
        for (text, rate) in [
            ("5M", 5 << 20),
            ("512k", 512 << 10),
            ("1.5G", 3 << 29),
            ("0.250 m", 1 << 18),
            (".5G", 1 << 29),
            ("5.M", 5 << 20),
            ("18446744073709551615.999999999G", u64::MAX),
            ("1.x", 0),
            ("1.0000000000", 0),
            ("900", 900),
            ("-1", 0),
            ("M", 0),
            ("x", 0),
        ] {
            assert_eq!(with("CD_DOWNLOAD_RATE_LIMIT", text).rate_limit, rate, "{text}");
        }
    }
}
