//! Docker's credential helpers: `docker-credential-NAME get`, the server on stdin, JSON on stdout
//! (docker/docker-credential-helpers, README "Development").

use std::io::{ErrorKind, Write};
use std::process::{Command, Stdio};

use serde_json::Value;

use super::credential::Secret;
use crate::error::{Attempt, Error, Result};

/// The helper's secret for `server`; `None` when it has none. A missing helper is an error for the caller to
/// report as a warning: the config file was perhaps copied from another machine.
pub fn get(name: &str, server: &str) -> Result<Option<Secret>> {
    if name.contains('/') {
        return Err(Error::invalid(format_args!("credential helper '{name}' is not a plain name")));
    }
    let program = format!("docker-credential-{name}");
    let spawned = Command::new(&program)
        .arg("get")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn();
    let mut child = match spawned {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Err(Error::not_found(format_args!("credential helper '{program}' is not installed")));
        }
        spawned => spawned.attempt(format_args!("run '{program}'"))?,
    };
    if let Some(mut stdin) = child.stdin.take() {
        // A helper that does not read its input says so by its exit status.
        let _ = writeln!(stdin, "{server}");
    }
    let output = child.wait_with_output().attempt(format_args!("run '{program}'"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stdout);
        if said.contains("credentials not found") {
            return Ok(None);
        }
        return Err(Error::new(
            crate::error::Kind::Denied,
            format!("credential helper '{program}' failed ({})", output.status),
        ));
    }
    let json: Value = serde_json::from_slice(&output.stdout).map_err(|_| {
        Error::invalid(format_args!("credential helper '{program}' did not answer with JSON"))
    })?;
    match (json["Username"].as_str(), json["Secret"].as_str()) {
        (Some(user), Some(secret)) if !secret.is_empty() => Ok(Some(Secret::new(user, secret))),
        _ => Ok(None),
    }
}
