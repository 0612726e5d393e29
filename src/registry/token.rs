//! Bearer tokens: the distribution project's token specification (`GET realm?service=&scope=`, docs "auth/token")
//! and its OAuth2 variant for identity tokens (`POST`, docs "auth/oauth").

use std::time::{Duration, Instant};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use ureq::http::Method;

use super::challenge::Challenge;
use super::credential::{Credential, Secret};
use super::grants::Grant;
use crate::error::{Error, Kind};
use crate::net::body;
use crate::net::http::{Http, Request};
use crate::net::payload::Form;
use crate::net::retry::{self, Failure, Retry};
use crate::net::url::WebOrigin;

/// The most that a token server may say, in bytes.
const BODY_MAX: u64 = 1 << 20;

/// All but the unreserved characters (RFC 3986, section 2.3).
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// How long a token lives when its server does not say, and the least it is believed to live (token spec).
const LIFETIME: Duration = Duration::from_secs(60);

/// Why there is no token.
pub enum Refusal {
    /// The token server does not accept these credentials (or, without any, nobody).
    Denied(String),
    /// Something else failed.
    Failed(Failure),
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Refusal {
        Refusal::Failed(failure)
    }
}

/// Gets a token for all of `scopes` from where `challenge` says.
///
/// `registry` is the origin that challenged: credentials do not go to a plain http realm on another machine
/// unless the registry itself is spoken to that way.
pub fn fetch(
    http: &Http,
    challenge: &Challenge,
    registry: &WebOrigin,
    scopes: &[String],
    credential: Option<&Credential>,
) -> Result<Grant, Refusal> {
    let realm = challenge.param("realm").unwrap_or_default();
    let realm_origin = WebOrigin::of(realm).map_err(|error| {
        Failure::fatal(error.context(format_args!("the token server of '{}'", registry.host)))
    })?;
    if registry.scheme == "https" && realm_origin.scheme == "http" && !realm_origin.is_loopback() {
        return Err(Refusal::Failed(Failure::fatal(Error::new(
            Kind::Denied,
            format_args!(
                "'{}' wants tokens fetched over plain http from '{}'",
                registry.host, realm_origin.host
            ),
        ))));
    }
    let service = challenge.param("service").unwrap_or_default();
    let form;
    let request = match credential.map(|credential| &credential.secret) {
        Some(Secret::Identity(token)) => {
            form = Form(query(&[
                ("grant_type", "refresh_token"),
                ("service", service),
                ("client_id", "chroot-distro"),
                ("scope", &scopes.join(" ")),
                ("refresh_token", token),
            ]));
            Request { method: Method::POST, payload: Some(&form), ..Request::get(realm) }
        }
        secret => {
            let separator = if realm.contains('?') { '&' } else { '?' };
            let authorization = match secret {
                Some(Secret::Password(user, password)) => Some(Secret::basic(user, password)),
                _ => None,
            };
            let mut params: Vec<_> = scopes.iter().map(|scope| ("scope", scope.as_str())).collect();
            if !service.is_empty() {
                params.insert(0, ("service", service));
            }
            Request { authorization, ..Request::get(format!("{realm}{separator}{}", query(&params))) }
        }
    };
    let mut response = http.send(request)?;
    let status = response.status();
    if !status.is_success() {
        let said = body::error_message(&mut response);
        // Some servers call bad credentials a bad request.
        if matches!(status.as_u16(), 400 | 401 | 403) {
            return Err(Refusal::Denied(said));
        }
        let error =
            Error::network(format_args!("the token server '{}' answers {status}{said}", realm_origin.host));
        let after = retry::retry_after(response.headers(), std::time::SystemTime::now());
        let retry = if retry::is_passing(status) { Retry::After(after) } else { Retry::Never };
        return Err(Refusal::Failed(Failure { error, retry }));
    }
    let bytes = body::read(&mut response, realm, BODY_MAX)?;
    let unusable = || {
        let error =
            Error::invalid(format_args!("the token server '{}' sent no usable token", realm_origin.host));
        Refusal::Failed(Failure::fatal(error))
    };
    let json: Value = serde_json::from_slice(&bytes).map_err(|_| unusable())?;
    let token = ["token", "access_token"]
        .into_iter()
        .find_map(|key| json[key].as_str().filter(|token| !token.is_empty()))
        .filter(|token| token.bytes().all(|byte| byte.is_ascii_graphic()))
        .ok_or_else(unusable)?;
    let lifetime = json["expires_in"].as_u64().map_or(LIFETIME, Duration::from_secs).max(LIFETIME);
    // Renewed a little early, so that it does not expire on the way.
    let expires = Instant::now().checked_add(lifetime - lifetime / 10);
    Ok(Grant { authorization: format!("Bearer {token}"), expires })
}

fn query(params: &[(&str, &str)]) -> String {
    let encode = |text| utf8_percent_encode(text, ENCODED);
    params.iter().map(|(key, value)| format!("{key}={}", encode(value))).collect::<Vec<_>>().join("&")
}
