//! Small bodies, read whole up to a limit, and what servers say in their error bodies.

use std::io::{self, Read};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::http::{self, Response};
use super::retry::Failure;
use crate::error::Error;

/// For all of a document. 4 MiB at 40 kB a second.
const PATIENCE: Duration = Duration::from_secs(100);

/// How much of a server's own words is shown, in characters.
const MESSAGE_MAX: usize = 200;

/// The whole body; more than `limit` bytes are refused.
pub fn read(response: &mut Response, target: &str, limit: u64) -> Result<Vec<u8>, Failure> {
    let bytes = read_until(&mut response.body_mut().as_reader(), limit + 1, Instant::now() + PATIENCE)
        .map_err(|error| Failure::passing(http::reading(target, error)))?;
    if bytes.len() as u64 > limit {
        let shown = super::url::shown(target);
        return Err(Failure::fatal(Error::invalid(format_args!("'{shown}' is larger than {limit} bytes"))));
    }
    Ok(bytes)
}

/// At most `most` bytes, all of them before `end`: a server that sends one now and then would hold us for ever.
fn read_until(reader: &mut dyn Read, most: u64, end: Instant) -> io::Result<Vec<u8>> {
    let (mut bytes, mut buffer) = (Vec::new(), [0; 8 << 10]);
    let mut reader = reader.take(most);
    loop {
        match reader.read(&mut buffer) {
            Ok(0) => return Ok(bytes),
            Ok(count) => bytes.extend_from_slice(&buffer[..count]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
        if Instant::now() > end {
            return Err(io::ErrorKind::TimedOut.into());
        }
    }
}

/// What the server says was wrong, as ` (its words)`, or nothing: the message of the distribution spec's error
/// document, or an OAuth2 `error_description`.
pub fn error_message(response: &mut Response) -> String {
    let read = read_until(&mut response.body_mut().as_reader(), 64 << 10, Instant::now() + PATIENCE);
    let json: Value = match read {
        Ok(bytes) => serde_json::from_slice(&bytes).unwrap_or_default(),
        Err(_) => return String::new(),
    };
    let said =
        [&json["errors"][0]["message"], &json["error_description"], &json["details"], &json["message"]];
    match said.into_iter().find_map(Value::as_str).map(clean).filter(|text| !text.is_empty()) {
        Some(text) => format!(" ({text})"),
        None => String::new(),
    }
}

/// A server's words may not drive the terminal.
fn clean(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(MESSAGE_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_that_never_ends_ends() {
        let late = read_until(&mut io::repeat(0), u64::MAX, Instant::now()).unwrap_err();
        assert_eq!(late.kind(), io::ErrorKind::TimedOut);
        let whole = read_until(&mut &b"all of it"[..], 5, Instant::now() + PATIENCE).unwrap();
        assert_eq!(whole, b"all o");
    }
}
