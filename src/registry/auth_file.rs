//! The files of credentials: Docker's `config.json` and containers' `auth.json` (containers-auth.json(5)).
//!
//! Only the latter is written: with mode 0600, as a whole or not at all, and with all that others wrote into it.

use std::fs::{self, DirBuilder, File};
use std::io::ErrorKind;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Map, Value, json};

use crate::error::{Attempt, Error, Result};
use crate::host::Host;
use crate::host::files::replace;

/// One login that a file has.
pub struct Login {
    /// The registry, or a repository of it.
    pub registry: String,
    /// The user; none where a token or a program stands for it.
    pub user: Option<String>,
    /// Where it is written.
    pub file: PathBuf,
}

/// `~/.docker/config.json`
pub(super) fn docker(host: &Host) -> PathBuf {
    directory(host, "DOCKER_CONFIG").unwrap_or_else(|| home(host).join(".docker")).join("config.json")
}

/// The files of podman, skopeo and others, in the order in which they are read. The last one outlives a restart.
pub(super) fn containers(host: &Host) -> Vec<PathBuf> {
    if let Some(file) = directory(host, "REGISTRY_AUTH_FILE") {
        return vec![file];
    }
    let config = directory(host, "XDG_CONFIG_HOME").unwrap_or_else(|| home(host).join(".config"));
    let directories = [directory(host, "XDG_RUNTIME_DIR"), Some(config)].into_iter().flatten();
    directories.map(|directory| directory.join("containers/auth.json")).collect()
}

fn directory(host: &Host, key: &str) -> Option<PathBuf> {
    host.var(key).filter(|value| !value.is_empty()).map(PathBuf::from)
}

fn home(host: &Host) -> PathBuf {
    directory(host, "HOME").unwrap_or_else(|| "/root".into())
}

/// `https://index.docker.io/v1/` to `docker.io`, `https://r.io/` to `r.io`.
pub(super) fn normalize(key: &str) -> String {
    let key = key.strip_prefix("https://").or_else(|| key.strip_prefix("http://")).unwrap_or(key);
    let key = key.trim_end_matches('/');
    let key = key.strip_suffix("/v1").or_else(|| key.strip_suffix("/v2")).unwrap_or(key);
    match key {
        "index.docker.io" | "registry-1.docker.io" => "docker.io".to_owned(),
        key => key.to_owned(),
    }
}

/// Writes a login for `registry`; the file. One that has a login for it already is chosen before others.
pub fn add(host: &Host, registry: &str, user: &str, password: &str) -> Result<PathBuf> {
    let files = containers(host);
    let has = |path: &&PathBuf| read(host, path).is_ok_and(|json| key_of(&json, registry).is_some());
    let path = files.iter().find(has).or(files.last()).cloned().unwrap_or_default();
    change(host, &path, &mut |json| {
        let key = key_of(json, registry).unwrap_or_else(|| registry.to_owned());
        let entry = &mut json["auths"][&key];
        let fields = match entry.as_object_mut() {
            Some(fields) => fields,
            None => {
                *entry = json!({});
                return Ok(set(entry, user, password));
            }
        };
        // Each of them would go before the new one.
        ["identitytoken", "username", "password"].iter().for_each(|old| drop(fields.remove(*old)));
        Ok(set(entry, user, password))
    })?;
    Ok(path)
}

fn set(entry: &mut Value, user: &str, password: &str) -> bool {
    entry["auth"] = BASE64.encode(format!("{user}:{password}")).into();
    true
}

/// Takes the logins for `registry` out of containers' files; those that had one.
pub fn remove(host: &Host, registry: &str) -> Result<Vec<PathBuf>> {
    let mut changed = Vec::new();
    for path in containers(host) {
        let gone = change(host, &path, &mut |json| {
            let mut gone = false;
            while let Some(key) = key_of(json, registry) {
                gone |= json["auths"].as_object_mut().and_then(|auths| auths.shift_remove(&key)).is_some();
            }
            Ok(gone)
        })?;
        if gone {
            changed.push(path);
        }
    }
    if !changed.is_empty() {
        return Ok(changed);
    }
    let error = Error::not_found(format_args!("there is no login for '{registry}'"));
    let docker = docker(host);
    Err(match read(host, &docker).is_ok_and(|json| key_of(&json, registry).is_some()) {
        true => error.hint(format_args!("'{}' has one: 'docker logout' takes it away", docker.display())),
        false => error.hint("'chroot-distro auth list' shows those that there are"),
    })
}

/// Every login of all files, without its secret, in the order in which they are asked.
pub fn list(host: &Host) -> Result<Vec<Login>> {
    let mut logins = Vec::new();
    for file in [docker(host)].into_iter().chain(containers(host)) {
        let json = read(host, &file)?;
        for (registry, entry) in json["auths"].as_object().into_iter().flatten() {
            let decoded = entry["auth"].as_str().and_then(|auth| BASE64.decode(auth.trim()).ok());
            let decoded = decoded.and_then(|bytes| String::from_utf8(bytes).ok());
            let user =
                decoded.as_deref().and_then(|text| text.split_once(':')).map(|(user, _)| user.to_owned());
            let user = user.or(entry["username"].as_str().map(str::to_owned));
            logins.push(Login { registry: normalize(registry), user, file: file.clone() });
        }
    }
    Ok(logins)
}

/// The key of a registry's own login.
fn key_of(json: &Value, registry: &str) -> Option<String> {
    json["auths"].as_object()?.keys().find(|key| normalize(key) == registry).cloned()
}

/// The file; none is an empty one.
fn read(host: &Host, path: &Path) -> Result<Value> {
    let attempt = format_args!("read '{}'", path.display());
    let bytes = match fs::read(host.file(path)) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(json!({})),
        bytes => bytes.attempt(attempt)?,
    };
    if bytes.trim_ascii().is_empty() {
        return Ok(json!({}));
    }
    // serde_json's own message could quote the file.
    let json: Value = serde_json::from_slice(&bytes)
        .map_err(|error| Error::invalid(format_args!("it is not JSON (line {})", error.line())))
        .attempt(attempt)?;
    let is_map = |value: &Value| value.is_object();
    if !is_map(&json) || json.get("auths").is_some_and(|auths| !is_map(auths)) {
        return Err(Error::invalid("it is not a file of credentials")).attempt(attempt);
    }
    Ok(json)
}

/// Reads it, and writes it again where `change` says that it changed something.
fn change(host: &Host, path: &Path, change: &mut dyn FnMut(&mut Value) -> Result<bool>) -> Result<bool> {
    let mut json = read(host, path)?;
    if !json["auths"].is_object() && json.get("auths").is_none() {
        json["auths"] = Value::Object(Map::new());
    }
    if !change(&mut json)? {
        return Ok(false);
    }
    let path = host.file(path);
    // Who keeps it elsewhere, by a link, has it changed there.
    let path = path.canonicalize().unwrap_or(path);
    let parent = path.parent().unwrap_or(Path::new("/"));
    let made = DirBuilder::new().recursive(true).mode(0o700).create(parent);
    made.attempt(format_args!("make the directory '{}'", parent.display()))?;
    let text = format!("{json:#}\n");
    replace(&path, text.as_bytes(), 0o600, File::sync_all).map(|()| true)
}
