//! One place to fetch from, a registry or a mirror of it: its address, its scheme, and its authentication.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ureq::http::{StatusCode, header};

use super::challenge::{self, Challenge};
use super::credential::{Credential, Secret};
use super::grants::{Grant, Grants};
use super::keychain::Keychain;
use super::realm;
use super::scope::{self, Scope};
use super::token::{self, Refusal};
use crate::error::Result;
use crate::net::http::{self, Http, Request, Response};
use crate::net::retry::{Failure, Retry};
use crate::net::url::{self, WebOrigin};
use crate::report::Report;

/// A local server that does not answer a plain http request within this time is taken to speak https.
const PROBE: Duration = Duration::from_secs(5);

/// A registry or a mirror.
pub struct Endpoint {
    /// As references name it: `docker.io`, `localhost:5000`.
    pub registry: String,
    /// `host[:port]` to connect to.
    authority: String,
    /// `http` or `https`, where the user wrote it before a mirror; else it is found out.
    scheme: Option<&'static str>,
    /// In front of every repository (a mirror below a path).
    prefix: String,
    /// A mirror is not shown the user's `CD_DOCKER_AUTH`.
    is_mirror: bool,
    found_scheme: OnceLock<&'static str>,
    reached: AtomicBool,
    given_up: AtomicBool,
    credentials_refused: AtomicBool,
    realm_told: AtomicBool,
    grants: Grants,
}

/// A response, and what became of the credentials on the way.
pub struct Answer {
    /// The server's response, whatever its status.
    pub response: Response,
    /// The source of credentials that were refused.
    pub refused: Option<String>,
    /// The source of credentials that were not sent, as the refusal did not say how (`WWW-Authenticate`).
    pub unsent: Option<String>,
    /// What the token server said when it refused.
    pub said: String,
}

impl Answer {
    fn of(response: Response, said: String) -> Answer {
        Answer { response, refused: None, unsent: None, said }
    }
}

impl Endpoint {
    /// The registry that references name `registry`.
    pub fn registry(registry: &str) -> Endpoint {
        let authority = if registry == "docker.io" { "registry-1.docker.io" } else { registry };
        Endpoint::new(registry, authority, None, "", false)
    }

    /// A mirror at `authority`, whose repositories are below `prefix`.
    pub fn mirror(authority: &str, scheme: Option<&'static str>, prefix: &str) -> Endpoint {
        Endpoint::new(authority, authority, scheme, prefix, true)
    }

    fn new(
        registry: &str,
        authority: &str,
        scheme: Option<&'static str>,
        prefix: &str,
        is_mirror: bool,
    ) -> Endpoint {
        Endpoint {
            registry: registry.to_owned(),
            authority: authority.to_owned(),
            scheme,
            prefix: prefix.to_owned(),
            is_mirror,
            found_scheme: OnceLock::new(),
            reached: AtomicBool::new(false),
            given_up: AtomicBool::new(false),
            credentials_refused: AtomicBool::new(false),
            realm_told: AtomicBool::new(false),
            grants: Grants::default(),
        }
    }

    /// Whether it is a mirror: what it fails at, the registry itself may still do.
    pub fn is_mirror(&self) -> bool {
        self.is_mirror
    }

    /// Whether it has ever answered.
    pub fn was_reached(&self) -> bool {
        self.reached.load(Ordering::Relaxed)
    }

    /// Whether it is not worth another attempt in this process.
    pub fn is_given_up(&self) -> bool {
        self.given_up.load(Ordering::Relaxed)
    }

    /// After a failure: gives up a mirror that has never answered, so that its timeouts are waited for only once.
    pub fn give_up_unless_reached(&self) {
        self.given_up.fetch_or(!self.was_reached(), Ordering::Relaxed);
    }

    /// The repository's name there.
    pub fn repository(&self, repository: &str) -> String {
        format!("{}{repository}", self.prefix)
    }

    /// `https://host[:port]/v2/REPOSITORY/REST`.
    pub fn url(&self, http: &Http, repository: &str, rest: &str) -> Result<String, Failure> {
        Ok(format!("{}/v2/{}/{rest}", self.base(http)?, self.repository(repository)))
    }

    /// `https://host[:port]`
    pub(super) fn base(&self, http: &Http) -> Result<String, Failure> {
        Ok(format!("{}://{}", self.scheme(http)?, self.authority))
    }

    /// https; plain http only where the server speaks nothing else and is on this machine, or the user allows it.
    fn scheme(&self, http: &Http) -> Result<&'static str, Failure> {
        let may_be_plain =
            http.is_insecure() || WebOrigin::of(&format!("https://{}", self.authority))?.is_loopback();
        match (self.scheme, self.found_scheme.get()) {
            (Some(scheme), _) => Ok(scheme),
            (None, Some(scheme)) => Ok(scheme),
            (None, None) if !may_be_plain => Ok("https"),
            (None, None) => {
                let scheme = self.probe(http)?;
                self.found_scheme.get_or_init(|| scheme);
                Ok(scheme)
            }
        }
    }

    /// Asks in plain http, which carries no secret: a TLS server answers with an alert, silence or status 400.
    /// (Asking the other way round hangs where a plain server waits for the end of the line.)
    fn probe(&self, http: &Http) -> Result<&'static str, Failure> {
        let explicit_port = WebOrigin::of(&format!("http://{}", self.authority))?.port != 80;
        if !explicit_port {
            // Two ports: https is tried first, as Docker does for insecure registries.
            let secure = Request::get(format!("https://{}/v2/", self.authority));
            if http.probe(&secure, PROBE).is_ok() {
                return Ok("https");
            }
        }
        let plain = Request::get(format!("http://{}/v2/", self.authority));
        match http.probe(&plain, PROBE) {
            Ok(response) if response.status() != StatusCode::BAD_REQUEST => Ok("http"),
            Err(failure) if failure.retry == Retry::IfReached => Err(failure),
            _ => Ok("https"),
        }
    }

    /// Sends a request, authenticating as the server asks; `scopes` is what the request needs, first of all on the
    /// repository that it is about.
    ///
    /// Credentials that are refused are left out once where nothing is written: a public image needs none. A request
    /// to another origin (an upload may go on at such a place) is sent without authorization.
    pub fn send(
        &self,
        http: &Http,
        keychain: &Keychain,
        report: &dyn Report,
        scopes: &[Scope],
        request: &Request<'_>,
    ) -> Result<Answer, Failure> {
        let scopes: Vec<Scope> =
            scopes.iter().map(|scope| scope.on(self.repository(&scope.repository))).collect();
        let own = WebOrigin::of(&self.base(http)?)?;
        let authorization = match WebOrigin::of(&request.url)? == own {
            true => self.grants.get(&scopes),
            false => None,
        };
        let attempt = |authorization| {
            let response = http.send(Request { authorization, ..request.clone() })?;
            self.reached.store(true, Ordering::Relaxed);
            Ok::<_, Failure>(response)
        };
        let response = attempt(authorization)?;
        // Who answers from another place may not say where the registry's credentials go (as in CVE-2020-15157).
        if !is_refusal(response.status()) || http::origin(&response)? != own {
            return Ok(Answer::of(response, String::new()));
        }
        let credential = match self.credentials_refused.load(Ordering::Relaxed) {
            true => None,
            false => self.credential(keychain, &scopes)?,
        };
        self.grants.forget(&scopes);
        let challenges = challenges(&response);
        let authorize =
            |credential: Option<&Credential>| self.authorize(http, report, &challenges, &scopes, credential);

        let (response, said) = match authorize(credential.as_ref()) {
            Ok(Some(authorization)) => (attempt(Some(authorization))?, String::new()),
            Ok(None) => {
                let unsent = credential.map(|credential| credential.source);
                return Ok(Answer { unsent, ..Answer::of(response, String::new()) });
            }
            Err(Refusal::Denied(said)) => (response, said),
            Err(Refusal::Failed(failure)) => return Err(failure),
        };
        let Some(credential) = credential.filter(|_| is_refusal(response.status())) else {
            return Ok(Answer::of(response, said));
        };

        self.grants.forget(&scopes);
        if !scopes.iter().all(Scope::only_reads) {
            return Ok(Answer { refused: Some(credential.source), ..Answer::of(response, said) });
        }
        let anonymous = match authorize(None) {
            Ok(authorization) => attempt(authorization)?,
            Err(Refusal::Denied(_)) => response,
            Err(Refusal::Failed(failure)) => return Err(failure),
        };
        let refused = is_refusal(anonymous.status());
        if !refused && !self.credentials_refused.swap(true, Ordering::Relaxed) {
            let (registry, source) = (&self.registry, &credential.source);
            report
                .warn(&format!("'{registry}' refuses the credentials from {source}: going on without them"));
        }
        Ok(Answer { refused: refused.then_some(credential.source), ..Answer::of(anonymous, said) })
    }

    /// Says, once and before it happens, where credentials go when nobody would expect it.
    fn tell_realm(
        &self,
        report: &dyn Report,
        own: &WebOrigin,
        realm: &str,
        credential: &Credential,
    ) -> Result<(), Refusal> {
        let there = WebOrigin::of(realm).map_err(Failure::fatal)?;
        realm::refuse_downgrade(own, &there)?;
        realm::refuse_plain(&there)?;
        if !realm::is_expected(&self.registry, own, &there) && !self.realm_told.swap(true, Ordering::Relaxed)
        {
            let (source, url) = (&credential.source, url::shown(realm));
            report.warn(&format!(
                "'{self}' wants the credentials from {source} sent to the token server '{url}'"
            ));
        }
        Ok(())
    }

    fn credential(&self, keychain: &Keychain, scopes: &[Scope]) -> Result<Option<Credential>> {
        if let Some(own) = keychain.of_registry(&self.registry)? {
            return Ok(Some(own));
        }
        let of_the_user = if self.is_mirror { None } else { keychain.in_environment()? };
        let repository = scopes.first().map_or("", |scope| &scope.repository);
        let in_files = || keychain.in_files(&self.registry, repository);
        Ok(of_the_user.or_else(in_files))
    }

    /// Answers the first challenge that can be answered, Bearer before Basic; `None` where none can.
    pub(super) fn authorize(
        &self,
        http: &Http,
        report: &dyn Report,
        challenges: &[Challenge],
        scopes: &[Scope],
        credential: Option<&Credential>,
    ) -> Result<Option<String>, Refusal> {
        let own = WebOrigin::of(&self.base(http)?).map_err(Failure::fatal)?;
        let by_scheme = |scheme| challenges.iter().find(|challenge| challenge.scheme == scheme);
        let grant = if let Some(bearer) = by_scheme("bearer").filter(|bearer| bearer.param("realm").is_some())
        {
            let asked = scope::to_ask_for(scopes, bearer.param("scope").unwrap_or_default());
            if let Some(credential) = credential {
                self.tell_realm(report, &own, bearer.param("realm").unwrap_or_default(), credential)?;
            }
            token::fetch(http, bearer, &own, &asked, credential)?
        } else if let (Some(_), Some(Secret::Password(user, password))) =
            (by_scheme("basic"), credential.map(|credential| &credential.secret))
        {
            realm::refuse_plain(&own)?;
            Grant { authorization: Secret::basic(user, password), expires: None }
        } else {
            return Ok(None);
        };
        let authorization = grant.authorization.clone();
        self.grants.put(scopes, grant);
        Ok(Some(authorization))
    }
}

pub(super) fn is_refusal(status: StatusCode) -> bool {
    matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN)
}

pub(super) fn challenges(response: &Response) -> Vec<Challenge> {
    let headers = response.headers().get_all(header::WWW_AUTHENTICATE).into_iter();
    headers.filter_map(|value| value.to_str().ok()).flat_map(challenge::parse).collect()
}

/// The shown form of an endpoint, for messages.
impl std::fmt::Display for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&url::shown(&self.registry))
    }
}
