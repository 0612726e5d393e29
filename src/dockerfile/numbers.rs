//! Numbers as Go writes them: durations (`time.ParseDuration`) and sizes (`units.RAMInBytes`). Pure.

/// Nanoseconds of a duration such as `1h2m3.5s`, `300ms` or `0`. A sign may precede it.
pub(super) fn duration(text: &str) -> Option<i64> {
    let (negative, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Some(0);
    }
    if rest.is_empty() {
        return None;
    }
    let mut total: i64 = 0;
    while !rest.is_empty() {
        let (nanoseconds, after) = part(rest)?;
        total = total.checked_add(nanoseconds)?;
        rest = after;
    }
    Some(if negative { -total } else { total })
}

/// One number with its unit, in nanoseconds.
fn part(text: &str) -> Option<(i64, &str)> {
    let is_number = |c: char| c.is_ascii_digit() || c == '.';
    let end = text.find(|c: char| !is_number(c))?;
    let (number, rest) = text.split_at(end);
    let end = rest.find(is_number).unwrap_or(rest.len());
    let (unit, rest) = rest.split_at(end);
    let unit: i64 = match unit {
        "ns" => 1,
        "us" | "µs" | "μs" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        _ => return None,
    };
    Some((scaled(number, unit)?, rest))
}

/// A decimal number times `unit`, cut to a whole number.
fn scaled(number: &str, unit: i64) -> Option<i64> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if (whole.is_empty() && fraction.is_empty()) || !digits(whole) || !digits(fraction) {
        return None;
    }
    let whole: i64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    // More digits are less than a nanosecond, or a byte, of any unit here.
    let fraction = &fraction[..fraction.len().min(18)];
    let above: i64 = if fraction.is_empty() { 0 } else { fraction.parse().ok()? };
    let below = 10_i128.pow(fraction.len().try_into().ok()?);
    let part = i128::from(above) * i128::from(unit) / below;
    whole.checked_mul(unit)?.checked_add(part.try_into().ok()?)
}

/// Bytes of a size such as `64m`, `1.5 GB` or `100`; `k` is 1024.
pub(super) fn bytes(text: &str) -> Option<u64> {
    let end = text.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let unit = unit.strip_prefix(' ').unwrap_or(unit).to_ascii_lowercase();
    let unit = match unit.strip_suffix("ib") {
        Some(unit) => unit,
        None => unit.strip_suffix('b').unwrap_or(&unit),
    };
    let power = match unit {
        "" => 0,
        "k" => 10,
        "m" => 20,
        "g" => 30,
        "t" => 40,
        "p" => 50,
        _ => return None,
    };
    scaled(number, 1 << power)?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        let second = 1_000_000_000;
        for (text, expected) in [
            ("0", Some(0)),
            ("5s", Some(5 * second)),
            ("1m30s", Some(90 * second)),
            ("1.5h", Some(5400 * second)),
            ("300ms", Some(second * 3 / 10)),
            (".5s", Some(second / 2)),
            ("1.s", Some(second)),
            ("7ns", Some(7)),
            ("2us", Some(2000)),
            ("2µs", Some(2000)),
            ("-1s", Some(-second)),
            ("+1s", Some(second)),
            ("1.0000000000000000009s", Some(second)),
            ("", None),
            ("5", None),
            ("s", None),
            (".s", None),
            ("5 s", None),
            ("5x", None),
            ("1.2.3s", None),
            ("-", None),
            ("9999999999h", None),
            ("99999999999999999999s", None),
        ] {
            assert_eq!(duration(text), expected, "{text}");
        }
    }

    #[test]
    fn sizes() {
        for (text, expected) in [
            ("0", Some(0)),
            ("100", Some(100)),
            ("64m", Some(64 << 20)),
            ("64M", Some(64 << 20)),
            ("1kb", Some(1024)),
            ("1KiB", Some(1024)),
            ("1.5 GB", Some(3 << 29)),
            ("2t", Some(2 << 40)),
            ("1b", Some(1)),
            ("", None),
            ("m", None),
            ("-1", None),
            ("1x", None),
            ("1 0", None),
            ("99999p", None),
        ] {
            assert_eq!(bytes(text), expected, "{text}");
        }
    }
}
