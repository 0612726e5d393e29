//! Numbers for people.

use std::time::Duration;

/// Bytes in binary units: `517 B`, `1.5 KiB`, `117 MiB`.
pub fn size(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    // In 1024ths of the unit: reading an f64 takes 14 KB of code and tables, and to write one is not free.
    let (mut value, mut unit) = (bytes, 0);
    while value >= 1023 * 1024 + 512 && unit + 1 < UNITS.len() {
        value /= 1024;
        unit += 1;
    }
    let tenths = (value.saturating_mul(10) + 512) / 1024;
    match tenths < 1000 {
        true => format!("{}.{} {}", tenths / 10, tenths % 10, UNITS[unit]),
        false => format!("{} {}", (value + 512) / 1024, UNITS[unit]),
    }
}

/// The bytes that people mean: `500M`, `1.5GiB`, `1024`. Units are binary, in any case.
pub fn bytes(text: &str) -> Option<u64> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let unit = unit.trim_start().to_ascii_lowercase();
    let power = match unit.strip_suffix("ib").or(unit.strip_suffix('b')).unwrap_or(&unit) {
        "" if !unit.starts_with('i') => 0,
        "k" => 10,
        "m" => 20,
        "g" => 30,
        "t" => 40,
        _ => return None,
    };
    let (whole, part) = number.split_once('.').unwrap_or((number, ""));
    if number.len() < 2 && whole.is_empty() || part.contains('.') {
        return None;
    }
    // More digits of the part would change nothing that anybody means.
    let part = &part[..part.len().min(6)];
    let part = (count(part) << power) / 10u64.pow(part.len() as u32);
    Some(count(whole).saturating_mul(1 << power).saturating_add(part))
}

/// A number of digits alone. What is too large becomes the greatest number.
fn count(digits: &str) -> u64 {
    digits.bytes().fold(0, |count: u64, digit| {
        count.saturating_mul(10).saturating_add(u64::from(digit.wrapping_sub(b'0')))
    })
}

/// A duration in whole seconds: `42s`, `3m07s`, `2h05m`.
pub fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m{:02}s", seconds / 60, seconds % 60),
        _ => format!("{}h{:02}m", seconds / 3600, seconds % 3600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        let shown = [0, 1023, 1024, 1536, 102_348, 102_400, 1_048_575, 1 << 20, u64::MAX].map(size);
        let expected =
            ["0 B", "1023 B", "1.0 KiB", "1.5 KiB", "99.9 KiB", "100 KiB", "1.0 MiB", "1.0 MiB", "16.0 EiB"];
        assert_eq!(shown, expected);
    }

    #[test]
    fn sizes_are_read() {
        let read = ["0", "1024", "1k", "500M", "1.5GiB", "2 gb", "7B", "1T"].map(|text| bytes(text).unwrap());
        let expected = [0, 1024, 1024, 500 << 20, 3 << 29, 2 << 30, 7, 1 << 40];
        assert_eq!(read, expected);
        let read = [".5k", "2.", "0.1234567T", "99999999999999999999", "9e18T"].map(bytes);
        let expected = [Some(512), Some(2), Some(135_741_307_518), Some(u64::MAX), None];
        assert_eq!(read, expected);
        for bad in ["", ".", ".M", "M", "-1", "1x", "1ib", "1..2", "1.2.3", "1e9", "1 M x"] {
            assert_eq!(bytes(bad), None, "{bad}");
        }
    }

    #[test]
    fn durations() {
        assert_eq!(
            [0, 59, 60, 187, 7500].map(|s| duration(Duration::from_secs(s))),
            ["0s", "59s", "1m00s", "3m07s", "2h05m"]
        );
    }
}
