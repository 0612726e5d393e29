//! Small bodies, read whole up to a limit, and what servers say in their error bodies.

use std::io::Read;

use serde_json::Value;

use super::http::{self, Response};
use super::retry::Failure;
use crate::error::Error;

/// How much of a server's own words is shown, in characters.
const MESSAGE_MAX: usize = 200;

/// The whole body; more than `limit` bytes are refused.
pub fn read(response: &mut Response, target: &str, limit: u64) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let mut reader = response.body_mut().as_reader().take(limit + 1);
    reader.read_to_end(&mut bytes).map_err(|error| Failure::passing(http::reading(target, error)))?;
    if bytes.len() as u64 > limit {
        let shown = super::url::shown(target);
        return Err(Failure::fatal(Error::invalid(format!("'{shown}' is larger than {limit} bytes"))));
    }
    Ok(bytes)
}

/// What the server says was wrong, as ` (its words)`, or nothing: the message of the distribution spec's error
/// document, or an OAuth2 `error_description`.
pub fn error_message(response: &mut Response) -> String {
    let mut bytes = Vec::new();
    let read = response.body_mut().as_reader().take(64 << 10).read_to_end(&mut bytes);
    let json: Value = match read {
        Ok(_) => serde_json::from_slice(&bytes).unwrap_or_default(),
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
