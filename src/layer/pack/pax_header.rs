//! The extended header for what a ustar header cannot hold (POSIX.1-2001, pax, "pax Extended Header").

use crate::rootfs::Timestamp;

/// The greatest number in a field of 12 bytes.
pub(super) const MAX_11_DIGITS: u64 = 0o77_777_777_777;

/// The extended header of one entry: records, sorted when they are encoded.
#[derive(Default)]
pub(super) struct PaxHeader(Vec<(Vec<u8>, Vec<u8>)>);

impl PaxHeader {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds a record.
    pub(super) fn push(&mut self, key: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>) {
        self.0.push((key.into(), value.into()));
    }

    /// Fills a text field, with what fits at least. What does not fit becomes a record, or is given back when it is no
    /// UTF-8: then no reader would understand the record without a warning.
    pub(super) fn text<'t>(&mut self, key: &str, field: &mut [u8], text: &'t [u8]) -> Option<&'t [u8]> {
        let fits = text.len().min(field.len());
        field[..fits].copy_from_slice(&text[..fits]);
        if fits == text.len() {
            return None;
        }
        if str::from_utf8(text).is_err() {
            return Some(text);
        }
        self.push(key, text);
        None
    }

    pub(super) fn number(&mut self, key: &str, value: u64, max: u64) -> u64 {
        if value <= max {
            return value;
        }
        self.push(key, value.to_string());
        0
    }

    pub(super) fn time(&mut self, time: Timestamp) -> u64 {
        match u64::try_from(time.seconds) {
            Ok(seconds) if time.nanoseconds == 0 && seconds <= MAX_11_DIGITS => return seconds,
            _ => {}
        }
        // 0.75 after -2 is -1.25.
        let (sign, whole, nanoseconds) = match (time.seconds < 0, time.nanoseconds) {
            (true, 0) => ("-", time.seconds.unsigned_abs(), 0),
            (true, after) => ("-", time.seconds.unsigned_abs() - 1, 1_000_000_000 - after),
            (false, after) => ("", time.seconds.unsigned_abs(), after),
        };
        let text = format!("{sign}{whole}.{nanoseconds:09}");
        self.push("mtime", text.trim_end_matches('0').trim_end_matches('.'));
        u64::try_from(time.seconds).unwrap_or(0).min(MAX_11_DIGITS)
    }

    pub(super) fn encode(mut self) -> Vec<u8> {
        self.0.sort();
        let mut body = Vec::new();
        for (key, value) in &self.0 {
            // Space, `=` and line feed, and the length's own digits.
            let rest = key.len() + value.len() + 3;
            let mut length = rest + 1;
            while rest + length.to_string().len() != length {
                length = rest + length.to_string().len();
            }
            body.extend_from_slice(format!("{length} ").as_bytes());
            body.extend_from_slice(key);
            body.push(b'=');
            body.extend_from_slice(value);
            body.push(b'\n');
        }
        body
    }
}
