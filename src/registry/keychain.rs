//! Where credentials come from, in order: `CD_REGISTRY_AUTH`, `CD_DOCKER_AUTH`, `PD_DOCKER_AUTH`, Docker's `config.json`, containers'
//! `auth.json` (containers-auth.json(5)). Files are read at the first question.
//!
//! Secrets are never printed, never in an argument vector, and have no `Debug`.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::Value;

use super::auth_file::{self, normalize};
use super::credential::{Credential, Secret};
use super::helper;
use crate::error::{Error, Result};
use crate::host::Host;
use crate::report::Report;

/// Docker Hub's key in `config.json`, and what its helpers are asked for.
const HUB_KEY: &str = "https://index.docker.io/v1/";

/// The user's credentials, from all sources.
pub struct Keychain<'a> {
    host: Host,
    report: &'a dyn Report,
    files: OnceLock<Vec<(PathBuf, Value)>>,
    /// By registry and repository: helpers may ask the user, so they are asked once.
    found: Mutex<HashMap<(String, String), Option<Credential>>>,
}

impl<'a> Keychain<'a> {
    /// Reads nothing yet.
    pub fn new(host: Host, report: &'a dyn Report) -> Keychain<'a> {
        Keychain { host, report, files: OnceLock::new(), found: Mutex::default() }
    }

    /// What `CD_REGISTRY_AUTH` has for this registry alone: `registry=user:password`, one a line.
    pub fn of_registry(&self, registry: &str) -> Result<Option<Credential>> {
        const KEY: &str = "CD_REGISTRY_AUTH";
        let Some(value) = self.host.var(KEY) else { return Ok(None) };
        let text = value.to_str().ok_or_else(|| Error::invalid(format_args!("{KEY} is not UTF-8")))?;
        let mut found = None;
        for (n, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let parts =
                line.trim().split_once('=').and_then(|(of, secret)| Some((of, secret.split_once(':')?)));
            match parts {
                Some((of, (user, password))) if !of.is_empty() && !user.is_empty() => {
                    if found.is_none() && normalize(&of.to_ascii_lowercase()) == registry.to_ascii_lowercase()
                    {
                        found = Some(Secret::new(user, password));
                    }
                }
                // The line itself may be a secret.
                _ => {
                    let error =
                        format!("line {} of {KEY} is not of the form 'registry=user:password'", n + 1);
                    return Err(Error::invalid(error)
                        .hint(format_args!("set it like {KEY}=ghcr.io=me:token, one a line")));
                }
            }
        }
        Ok(found.map(|secret| Credential { secret, source: KEY.to_owned() }))
    }

    /// What the environment has: it is for whatever registry the user's reference names.
    pub fn in_environment(&self) -> Result<Option<Credential>> {
        for key in ["CD_DOCKER_AUTH", "PD_DOCKER_AUTH"] {
            let Some(value) = self.host.var(key) else { continue };
            return match value.to_str().and_then(|text| text.split_once(':')) {
                Some((user, password)) if !user.is_empty() => {
                    Ok(Some(Credential { secret: Secret::new(user, password), source: key.to_owned() }))
                }
                _ => Err(Error::invalid(format_args!("{key} is not of the form 'user:password'"))
                    .hint(format_args!("set it like {key}=myuser:mypassword, or unset it"))),
            };
        }
        Ok(None)
    }

    /// What the files have for a repository of a registry.
    pub fn in_files(&self, registry: &str, repository: &str) -> Option<Credential> {
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (registry.to_owned(), repository.to_owned());
        let search = || {
            let files = self.files.get_or_init(|| self.read_files());
            files.iter().find_map(|(path, json)| self.look_up(path, json, registry, repository))
        };
        found.entry(key).or_insert_with(search).clone()
    }

    fn look_up(&self, path: &Path, json: &Value, registry: &str, repository: &str) -> Option<Credential> {
        let found = |secret| Some(Credential { secret, source: format!("'{}'", path.display()) });
        let keys = keys(registry, repository);
        let of_registry = |map: &'_ Value| {
            let map = map.as_object()?;
            keys.iter()
                .find_map(|key| map.iter().find(|(name, _)| normalize(name) == *key))
                .map(|(_, v)| v.clone())
        };
        let helper = of_registry(&json["credHelpers"]).unwrap_or_else(|| json["credsStore"].clone());
        if let Some(helper) = helper.as_str().filter(|name| !name.is_empty()) {
            let server = if registry == "docker.io" { HUB_KEY } else { registry };
            match helper::get(helper, server) {
                Ok(Some(secret)) => return found(secret),
                Ok(None) => {}
                Err(error) => self.report.warn(&error.to_string()),
            }
        }
        let entry = of_registry(&json["auths"])?;
        let text = |key: &str| entry[key].as_str().filter(|text| !text.is_empty());
        if let Some(token) = text("identitytoken") {
            return found(Secret::Identity(token.to_owned()));
        }
        if let (Some(user), Some(password)) = (text("username"), text("password")) {
            return found(Secret::new(user, password));
        }
        let decoded = text("auth").and_then(|auth| BASE64.decode(auth.trim()).ok())?;
        let decoded = String::from_utf8(decoded).ok()?;
        let (user, password) = decoded.trim_end_matches('\0').split_once(':')?;
        found(Secret::new(user, password))
    }

    fn read_files(&self) -> Vec<(PathBuf, Value)> {
        let mut paths = vec![auth_file::docker(&self.host)];
        paths.extend(auth_file::containers(&self.host));
        paths
            .into_iter()
            .filter_map(|path| Some((self.read_file(&path)?, path)).map(|(v, p)| (p, v)))
            .collect()
    }

    fn read_file(&self, path: &Path) -> Option<Value> {
        let shown = path.display();
        match std::fs::read(self.host.file(path)) {
            Ok(bytes) => match serde_json::from_slice(&bytes) {
                Ok(json) => return Some(json),
                // serde_json's own message could quote the file.
                Err(error) => self.report.warn(&format!(
                    "'{shown}' is not used for credentials: it is not JSON (line {})",
                    error.line()
                )),
            },
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => self.report.warn(&Error::io(format_args!("read '{shown}'"), error).to_string()),
        }
        None
    }
}

/// The normalized keys that may stand for a repository, most specific first: `ghcr.io/a/b`, `ghcr.io/a`, `ghcr.io`.
fn keys(registry: &str, repository: &str) -> Vec<String> {
    let mut key = format!("{registry}/{repository}");
    let mut keys = vec![key.clone()];
    while let Some(slash) = key.rfind('/') {
        key.truncate(slash);
        keys.push(key.clone());
    }
    keys
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Silent;
    use serde_json::json;

    fn shown(credential: Option<Credential>) -> Option<String> {
        Some(match credential?.secret {
            Secret::Password(user, password) => format!("{user}:{password}"),
            Secret::Identity(token) => format!("identity {token}"),
        })
    }

    fn in_file(json: &Value, registry: &str, repository: &str) -> Option<String> {
        let keychain = Keychain::new(Host::at("/nonexistent", [("HOME", "/h")]), &Silent);
        shown(keychain.look_up(Path::new("f"), json, registry, repository))
    }

    #[test]
    fn the_environment_needs_its_colon_and_keeps_its_secret() {
        let env = |vars: &[(&str, &str)]| {
            Keychain::new(Host::at("/nonexistent", vars.iter().copied()), &Silent).in_environment()
        };
        assert_eq!(shown(env(&[("PD_DOCKER_AUTH", "p:q")]).unwrap()).unwrap(), "p:q");
        let both = [("PD_DOCKER_AUTH", "p:q"), ("CD_DOCKER_AUTH", "a:b:c")];
        assert_eq!(shown(env(&both).unwrap()).unwrap(), "a:b:c");
        assert!(env(&[]).unwrap().is_none());
        let error = env(&[("CD_DOCKER_AUTH", "hunter2")]).err().unwrap();
        assert!(!format!("{error:?}").contains("hunter2"));
    }

    #[test]
    fn one_registry_s_own_line() {
        let of = |text: &str, registry: &str| {
            let host = Host::at("/nonexistent", [("CD_REGISTRY_AUTH", text)]);
            Keychain::new(host, &Silent).of_registry(registry)
        };
        let lines =
            "ghcr.io=me:a:b=c\n\n  https://index.docker.io/v1/=hub:pw\nlocalhost:5000=u:p\nghcr.io=later:x";
        assert_eq!(shown(of(lines, "ghcr.io").unwrap()).unwrap(), "me:a:b=c");
        assert_eq!(shown(of(lines, "docker.io").unwrap()).unwrap(), "hub:pw");
        assert_eq!(shown(of(lines, "localhost:5000").unwrap()).unwrap(), "u:p");
        assert!(of(lines, "localhost").unwrap().is_none() && of(lines, "quay.io").unwrap().is_none());
        for bad in ["hunter2", "ghcr.io=hunter2", "=u:hunter2", "r.io=u:p\nr2.io=:hunter2", "r.io:hunter2"] {
            let error = of(bad, "r.io").err().unwrap();
            assert!(!format!("{error:?}").contains("hunter2"), "{bad}");
        }
    }

    #[test]
    fn keys_of_all_kinds() {
        let file = json!({"auths": {
            HUB_KEY: {"auth": BASE64.encode("hub:pw:x")},
            "ghcr.io": {"username": "u", "password": "p"},
            "ghcr.io/team": {"username": "t", "password": "p"},
            "https://quay.io/v2/": {"identitytoken": "tok", "auth": BASE64.encode("x:y")},
            "localhost:5000": {"auth": "***"},
        }});
        assert_eq!(in_file(&file, "docker.io", "library/a").unwrap(), "hub:pw:x");
        assert_eq!(in_file(&file, "ghcr.io", "other/a").unwrap(), "u:p");
        assert_eq!(in_file(&file, "ghcr.io", "team/a/b").unwrap(), "t:p");
        assert_eq!(in_file(&file, "ghcr.io", "teamwork/a").unwrap(), "u:p");
        assert_eq!(in_file(&file, "quay.io", "a").unwrap(), "identity tok");
        assert_eq!(in_file(&file, "localhost:5000", "a"), None);
        assert_eq!(in_file(&json!([]), "quay.io", "a"), None);
    }
}
