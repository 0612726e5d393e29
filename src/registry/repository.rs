//! A repository as a registry has it, mostly one that is written to (distribution spec, "Push"): which blobs it has, where an upload goes on, manifests.
//!
//! Mirrors are never asked. One token, for all the actions that it is opened for, serves all that is said here.

use std::io::{self, Read};
use std::sync::Arc;

use ureq::http::{Method, StatusCode};

use super::client::{Client, content_digest, text};
use super::endpoint::{Answer, Endpoint};
use super::explain::{self, What};
use super::scope::{PULL, PUSH, Scope};
use crate::error::{Error, Kind, Result};
use crate::net::http::{self, Request};
use crate::net::payload::Payload;
use crate::net::retry::Failure;
use crate::net::url::{self, WebOrigin};
use crate::oci::{Descriptor, Digest, Reference};
use crate::report::Task;

/// A repository in its registry.
pub struct Repository<'c, 'a> {
    pub(super) client: &'c Client<'a>,
    pub(super) target: &'c Reference,
    endpoints: Arc<[Endpoint]>,
    actions: &'static str,
}

/// An upload as the registry knows it.
pub(super) struct Session {
    /// Where it goes on.
    pub url: String,
    /// Bytes that are there.
    pub offset: u64,
    /// No piece but the last may have fewer bytes (`OCI-Chunk-Min-Length`).
    pub least: u64,
    /// An earlier run began it: it may be over by now.
    pub recalled: bool,
}

impl Session {
    /// One that an earlier run remembered as `LEAST URL`.
    pub(super) fn again(to: &Repository<'_, '_>, place: String) -> Option<Session> {
        let (least, url) = place.split_once(' ')?;
        let url = to.allowed(url.to_owned()).ok()??;
        Some(Session { url, offset: 0, least: least.parse().ok()?, recalled: true })
    }

    /// What the next run is to know.
    pub(super) fn place(&self) -> String {
        format!("{} {}", self.least, self.url)
    }
}

/// A manifest as a request carries it.
struct Manifest<'a> {
    kind: &'a str,
    bytes: &'a [u8],
}

impl Payload for Manifest<'_> {
    fn content_type(&self) -> &str {
        self.kind
    }

    fn length(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn open(&self) -> io::Result<Box<dyn Read + '_>> {
        Ok(Box::new(self.bytes))
    }
}

impl<'c, 'a> Repository<'c, 'a> {
    /// The repository of `target`, to be written to; nothing is asked yet.
    pub fn new(client: &'c Client<'a>, target: &'c Reference) -> Repository<'c, 'a> {
        Repository::with(client, target, PUSH)
    }

    /// The same for other actions.
    pub(super) fn with(
        client: &'c Client<'a>,
        target: &'c Reference,
        actions: &'static str,
    ) -> Repository<'c, 'a> {
        Repository { client, target, endpoints: client.endpoints(&target.registry), actions }
    }

    /// Whether the repository has a blob of this digest and size; `None` where the registry does not let us ask.
    pub fn has(&self, blob: &Descriptor) -> Result<Option<bool>> {
        self.patiently(None, &mut || self.ask(blob))
    }

    /// Puts a manifest or an index: under its digest, or under `tag`. Whether the registry says that it lists it with its
    /// subject.
    pub(super) fn manifest(&self, document: &Descriptor, bytes: &[u8], tag: Option<&str>) -> Result<bool> {
        let rest = match tag {
            Some(tag) => format!("manifests/{tag}"),
            None => format!("manifests/{}", document.digest),
        };
        let payload = Manifest { kind: &document.media_type, bytes };
        self.patiently(None, &mut || {
            let answer = self.call(Method::PUT, self.url(&rest)?, Some(&payload))?;
            match answer.response.status() {
                StatusCode::CREATED | StatusCode::OK | StatusCode::ACCEPTED | StatusCode::NO_CONTENT => {
                    self.same(content_digest(&answer.response), bytes)?;
                    Ok(answer.response.headers().contains_key("oci-subject"))
                }
                _ => Err(self.refused(answer)),
            }
        })
    }

    /// That the registry has understood the bytes as they are.
    fn same(&self, told: Option<Digest>, bytes: &[u8]) -> Result<(), Failure> {
        match told {
            Some(told) if Digest::with(told.algorithm(), bytes) != told => {
                let error = format!("'{}' keeps the manifest as another one: {told}", self.endpoint()?);
                Err(Failure::fatal(Error::invalid(error)))
            }
            _ => Ok(()),
        }
    }

    /// Runs `attempt` with the user's patience.
    pub(super) fn patiently<T>(
        &self,
        task: Option<&dyn Task>,
        attempt: &mut dyn FnMut() -> Result<T, Failure>,
    ) -> Result<T> {
        let endpoint = self.endpoint()?;
        self.client.policy(endpoint, task).run(|| 0, || endpoint.was_reached(), attempt)
    }

    /// HEAD of a blob, once.
    pub(super) fn ask(&self, blob: &Descriptor) -> Result<Option<bool>, Failure> {
        let answer = self.call(Method::HEAD, self.url(&format!("blobs/{}", blob.digest))?, None)?;
        let size = text(&answer.response, "content-length").and_then(|text| text.trim().parse::<u64>().ok());
        match answer.response.status() {
            StatusCode::OK => Ok(Some(size.is_none_or(|size| size == blob.size))),
            StatusCode::NOT_FOUND | StatusCode::GONE | StatusCode::METHOD_NOT_ALLOWED => Ok(Some(false)),
            // It was sent on to where the blob is, by an address that is signed for GET alone.
            StatusCode::FORBIDDEN if !self.is_own(&http::origin(&answer.response)?)? => Ok(Some(true)),
            // Who refuses a HEAD cannot say why; who refuses the upload will.
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Ok(None),
            _ => Err(self.refused(answer)),
        }
    }

    /// The upload that an answer tells of.
    pub(super) fn session(&self, answer: &Answer) -> Result<Session, Failure> {
        let Some(url) = self.place(answer)? else {
            let error = format!("'{}' begins an upload but does not say where", self.endpoint()?);
            return Err(Failure::fatal(Error::invalid(error)));
        };
        let least = text(&answer.response, "oci-chunk-min-length");
        let least = least.and_then(|text| text.trim().parse().ok()).unwrap_or(0);
        Ok(Session { url, offset: 0, least, recalled: false })
    }

    /// Where an answer says to go on. A registry behind a proxy that ends TLS may name itself by plain http: it is asked
    /// as before. Another plain place is refused.
    pub(super) fn place(&self, answer: &Answer) -> Result<Option<String>, Failure> {
        match http::location(&answer.response)? {
            Some(url) => self.allowed(url),
            None => Ok(None),
        }
    }

    /// The place, unless it is a plain one that must not be.
    pub(super) fn allowed(&self, url: String) -> Result<Option<String>, Failure> {
        let (own, there) = (self.own()?, WebOrigin::of(&url)?);
        if own.scheme != "https" || there.scheme != "http" {
            return Ok(Some(url));
        }
        if there.host == own.host {
            let path = url.split_once("://").and_then(|(_, rest)| rest.split_once('/'));
            let base = self.url("")?;
            let base = base.split_once("/v2/").map_or("", |(base, _)| base);
            return Ok(path.map(|(_, path)| format!("{base}/{path}")));
        }
        if there.is_loopback() || self.client.http.is_insecure() {
            return Ok(Some(url));
        }
        let error = format!("'{}' wants the upload sent over plain http to '{}'", own.host, there.host);
        Err(Failure::fatal(Error::new(Kind::Denied, error)))
    }

    /// Sends a request for this repository.
    pub(super) fn call(
        &self,
        method: Method,
        url: String,
        payload: Option<&dyn Payload>,
    ) -> Result<Answer, Failure> {
        self.send(&[self.scope()], &Request { method, payload, ..Request::get(url) })
    }

    pub(super) fn send(&self, scopes: &[Scope], request: &Request<'_>) -> Result<Answer, Failure> {
        self.client.send(self.endpoint()?, scopes, request)
    }

    pub(super) fn scope(&self) -> Scope {
        Scope::new(&self.target.repository, self.actions)
    }

    pub(super) fn refused(&self, answer: Answer) -> Failure {
        match self.endpoint() {
            Ok(endpoint) => explain::status(answer, endpoint, self.what()),
            Err(error) => Failure::fatal(error),
        }
    }

    fn what(&self) -> What<'c> {
        match self.actions {
            PUSH => What::Push(self.target),
            PULL => What::Tags(self.target),
            _ => What::Deletion(self.target),
        }
    }

    pub(super) fn url(&self, rest: &str) -> Result<String, Failure> {
        self.endpoint()?.url(&self.client.http, &self.target.repository, rest)
    }

    fn own(&self) -> Result<WebOrigin, Failure> {
        Ok(WebOrigin::of(&self.url("")?)?)
    }

    fn is_own(&self, origin: &WebOrigin) -> Result<bool, Failure> {
        Ok(self.own()? == *origin)
    }

    /// The registry itself.
    pub(super) fn endpoint(&self) -> Result<&Endpoint> {
        self.endpoints.last().ok_or_else(|| Error::network("there is nowhere to push to"))
    }

    /// The registry's name, for messages.
    pub(super) fn shown(&self) -> String {
        url::shown(&self.target.registry)
    }
}
