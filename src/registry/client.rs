//! The client: manifests, blobs and URLs, from mirrors first and from the registry itself.
//!
//! Nothing is believed: a manifest asked for by digest is that digest's bytes, one asked for by tag is what
//! `Docker-Content-Digest` says, a blob has exactly its descriptor's size (its digest is the caller's to verify).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ureq::http::{Method, StatusCode, header};

use super::credential::Secret;
use super::endpoint::{Answer, Endpoint};
use super::explain::{self, What};
use super::keychain::Keychain;
use super::mirrors;
use super::scope::{PULL, Scope};
use crate::error::{Attempt, Error, Kind, Result};
use crate::host::Host;
use crate::net::Settings;
use crate::net::download::{Download, Policy, Sink};
use crate::net::http::{Http, Request, Response};
use crate::net::limiter::Limiter;
use crate::net::retry::{Failure, Retry, WAIT_MAX, is_passing, retry_after};
use crate::net::{body, url};
use crate::oci::{Descriptor, Digest, Reference, media_type};
use crate::report::{Report, Task};

/// The largest manifest read, in bytes. The distribution spec has registries take 4 MiB.
const MANIFEST_MAX: u64 = 8 << 20;

/// The longest `Retry-After` that is obeyed for a mirror. When it asks for more, the registry itself is asked instead.
const MIRROR_WAIT_MAX: Duration = Duration::from_secs(2);

/// What a manifest request brought.
#[derive(Debug)]
pub enum Fetched {
    /// The server still has `known`.
    Unchanged,
    /// Raw bytes, verified against the reference's digest if it has one.
    Document {
        /// The document, as the registry sent it.
        bytes: Vec<u8>,
        /// `Content-Type`, without parameters.
        content_type: Option<String>,
        /// Of the bytes.
        digest: Digest,
    },
}

/// A client for any number of registries; one a command. Shared between threads.
pub struct Client<'a> {
    settings: Settings,
    report: &'a dyn Report,
    host: Host,
    pub(super) http: Http,
    keychain: Keychain<'a>,
    limiter: Limiter,
    /// For each registry its mirrors, and itself last.
    endpoints: Mutex<HashMap<String, Arc<[Endpoint]>>>,
}

impl<'a> Client<'a> {
    /// A client whose files and environment are `host`'s. Credentials' sources, proxies and roots are read when they are
    /// needed.
    pub fn new(host: &Host, settings: Settings, report: &'a dyn Report) -> Client<'a> {
        Client {
            http: Http::new(host, &settings),
            keychain: Keychain::new(host.clone(), report),
            limiter: Limiter::new(settings.rate_limit),
            endpoints: Mutex::default(),
            settings,
            report,
            host: host.clone(),
        }
    }

    /// The settings in force.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Who hears of what goes on.
    pub(super) fn report(&self) -> &'a dyn Report {
        self.report
    }

    /// The manifest or index that `reference` names (its digest first, then its tag). With `known`, a HEAD or
    /// conditional request first.
    pub fn manifest(&self, reference: &Reference, known: Option<&Digest>) -> Result<Fetched> {
        // A malformed variable is told of even where no credentials are needed.
        self.keychain.of_registry(&reference.registry)?;
        self.keychain.in_environment()?;
        if known.is_some() && reference.digest.as_ref() == known {
            return Ok(Fetched::Unchanged);
        }
        self.try_each(reference, |endpoint| {
            self.policy(endpoint, None).run(
                || 0,
                || endpoint.was_reached(),
                || match known {
                    Some(known) if self.still_has(endpoint, reference, known)? => Ok(Fetched::Unchanged),
                    _ => self.get_manifest(endpoint, reference),
                },
            )
        })
    }

    /// One blob of the reference's repository into `sink`, resuming, retrying, obeying Retry-After and the rate
    /// limit. The caller verifies. A foreign layer that the registry does not have comes from its `urls`.
    pub fn blob(
        &self,
        reference: &Reference,
        blob: &Descriptor,
        sink: &mut dyn Sink,
        task: &dyn Task,
    ) -> Result<()> {
        let mut download =
            Download { sink, size: Some(blob.size), validator: None, validates: false, modified: None };
        let fetched = self.try_each(reference, |endpoint| {
            let what = What::Blob(&blob.digest);
            self.run(endpoint, &mut download, task, |offset| {
                let rest = format!("blobs/{}", blob.digest);
                let target = endpoint.url(&self.http, &reference.repository, &rest)?;
                let request = Request { offset: (offset > 0).then_some(offset), ..Request::get(target) };
                let answer = self.send(endpoint, &pulling(reference), &request)?;
                match answer.response.status() {
                    StatusCode::OK | StatusCode::PARTIAL_CONTENT | StatusCode::RANGE_NOT_SATISFIABLE => {
                        Ok((request.url, answer.response))
                    }
                    _ => Err(explain::status(answer, endpoint, what)),
                }
            })
        });
        match fetched {
            Err(error) if matches!(error.kind(), Kind::NotFound | Kind::Denied) && !blob.urls.is_empty() => {
                self.foreign(blob, &mut download, task).map_err(|_| error)
            }
            Err(error) if error.kind() == Kind::Network => {
                Err(error.hint("try again: what has arrived is kept"))
            }
            fetched => fetched,
        }
    }

    /// A plain `http://` or `https://` URL into `sink`, in the same manner. `task` may not know the total. What an
    /// earlier run left in the sink is dropped: nothing tells whether it is of the same file. Returns when the server says
    /// that it was modified last, in seconds since 1970.
    pub fn download(&self, url: &str, sink: &mut dyn Sink, task: &dyn Task) -> Result<Option<i64>> {
        if !sink.is_empty() {
            sink.restart()?;
        }
        let mut download = Download { sink, size: None, validator: None, validates: true, modified: None };
        self.url(url, &mut download, task).attempt(|| format!("download '{}'", url::shown(url)))?;
        Ok(download.modified)
    }

    fn foreign(&self, blob: &Descriptor, download: &mut Download, task: &dyn Task) -> Result<()> {
        let mut last = Error::not_found(format_args!("{} has no usable address", blob.short()));
        for url in &blob.urls {
            match self.url(url, download, task) {
                Ok(()) => return Ok(()),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    fn url(&self, url: &str, download: &mut Download, task: &dyn Task) -> Result<()> {
        let (url, user) = url::split_userinfo(&url::encoded(url));
        let authorization = user.map(|(user, password)| Secret::basic(&user, &password));
        let reached = std::cell::Cell::new(false);
        let progress = std::cell::Cell::new(0);
        self.patient(Some(task)).run(
            || progress.get(),
            || reached.get(),
            || {
                let Some(mut offset) = download.offset()? else { return Ok(()) };
                // Without a digest or a validator a resumed file could be two halves of different ones.
                if offset > 0 && download.validates && download.validator.is_none() {
                    download.sink.restart()?;
                    offset = 0;
                }
                let request = Request {
                    offset: (offset > 0).then_some(offset),
                    if_range: download.validator.clone().filter(|_| offset > 0),
                    authorization: authorization.clone(),
                    ..Request::get(&*url)
                };
                let response = self.http.send(request)?;
                reached.set(true);
                let status = response.status();
                let taken = match status {
                    StatusCode::OK | StatusCode::PARTIAL_CONTENT | StatusCode::RANGE_NOT_SATISFIABLE => {
                        download.take(response, &url, offset, &self.limiter, task)
                    }
                    _ => Err(url_status(response, &url)),
                };
                progress.set(download.sink.len());
                taken
            },
        )
    }

    /// A blob's download from one endpoint.
    fn run(
        &self,
        endpoint: &Endpoint,
        download: &mut Download,
        task: &dyn Task,
        mut request: impl FnMut(u64) -> Result<(String, Response), Failure>,
    ) -> Result<()> {
        let progress = std::cell::Cell::new(download.sink.len());
        self.policy(endpoint, Some(task)).run(
            || progress.get(),
            || endpoint.was_reached(),
            || {
                let Some(offset) = download.offset()? else { return Ok(()) };
                let (target, response) = request(offset)?;
                let taken = download.take(response, &target, offset, &self.limiter, task);
                progress.set(download.sink.len());
                taken
            },
        )
    }

    fn get_manifest(&self, endpoint: &Endpoint, reference: &Reference) -> Result<Fetched, Failure> {
        let request = self.manifest_request(endpoint, reference, Method::GET)?;
        let mut answer = self.send(endpoint, &pulling(reference), &request)?;
        if answer.response.status() != StatusCode::OK {
            return Err(explain::status(answer, endpoint, What::Image(reference)));
        }
        let content_type = text(&answer.response, header::CONTENT_TYPE.as_str());
        let content_type = content_type.and_then(|text| text.split(';').next().map(|t| t.trim().to_owned()));
        let promised = reference.digest.clone().or_else(|| content_digest(&answer.response));
        let bytes = body::read(&mut answer.response, &request.url, MANIFEST_MAX)?;
        let digest = match promised {
            None => Digest::of(&bytes),
            Some(promised) => {
                let found = Digest::with(promised.algorithm(), &bytes);
                if found != promised {
                    let error = format!(
                        "'{endpoint}' sent another manifest than asked for: its digest is {} instead of {}",
                        found.short(),
                        promised.short()
                    );
                    return Err(Failure::fatal(Error::invalid(error)));
                }
                found
            }
        };
        Ok(Fetched::Document { bytes, content_type, digest })
    }

    /// Whether a HEAD says so; a server that cannot tell is asked with GET. Docker Hub does not count HEADs
    /// against its rate limit.
    fn still_has(&self, endpoint: &Endpoint, reference: &Reference, known: &Digest) -> Result<bool, Failure> {
        let request = self.manifest_request(endpoint, reference, Method::HEAD)?;
        let answer = self.send(endpoint, &pulling(reference), &request)?;
        let has = answer.response.status() == StatusCode::OK;
        Ok(has && content_digest(&answer.response).as_ref() == Some(known))
    }

    fn manifest_request(
        &self,
        endpoint: &Endpoint,
        reference: &Reference,
        method: Method,
    ) -> Result<Request<'static>, Failure> {
        let rest = format!("manifests/{}", reference.target());
        let url = endpoint.url(&self.http, &reference.repository, &rest)?;
        let accept = [
            media_type::OCI_INDEX,
            media_type::OCI_MANIFEST,
            media_type::DOCKER_LIST,
            media_type::DOCKER_MANIFEST,
        ];
        Ok(Request { method, accept: Some(accept.join(", ")), ..Request::get(url) })
    }

    pub(super) fn send(
        &self,
        endpoint: &Endpoint,
        scopes: &[Scope],
        request: &Request<'_>,
    ) -> Result<Answer, Failure> {
        endpoint.send(&self.http, &self.keychain, self.report, scopes, request)
    }

    /// Tries each mirror, then the registry, whose error is the one that counts.
    fn try_each<T>(
        &self,
        reference: &Reference,
        mut attempt: impl FnMut(&Endpoint) -> Result<T>,
    ) -> Result<T> {
        let endpoints = self.endpoints(&reference.registry);
        let (registry, mirrors) =
            endpoints.split_last().ok_or_else(|| Error::network("there is nowhere to fetch from"))?;
        for mirror in mirrors.iter().filter(|mirror| !mirror.is_given_up()) {
            match attempt(mirror) {
                Ok(value) => return Ok(value),
                Err(error) => self.report.detail(&format!("mirror '{mirror}' is passed over: {error}")),
            }
            mirror.give_up_unless_reached();
        }
        attempt(registry)
    }

    pub(super) fn endpoints(&self, registry: &str) -> Arc<[Endpoint]> {
        let mut known = self.endpoints.lock().unwrap_or_else(PoisonError::into_inner);
        let endpoints = known.entry(registry.to_owned()).or_insert_with(|| {
            let list =
                self.host.var("CD_REGISTRY_MIRRORS").and_then(|list| list.to_str()).unwrap_or_default();
            let (mut endpoints, problems) = mirrors::parse(list, registry, self.settings.insecure);
            problems.iter().for_each(|problem| self.report.warn(problem));
            endpoints.push(Endpoint::registry(registry));
            endpoints.into()
        });
        Arc::clone(endpoints)
    }

    pub(super) fn policy<'t>(&self, endpoint: &Endpoint, task: Option<&'t dyn Task>) -> Policy<'t> {
        let policy = self.patient(task);
        match endpoint.is_mirror() {
            true => Policy { max_retries: policy.max_retries.min(1), wait_max: MIRROR_WAIT_MAX, ..policy },
            false => policy,
        }
    }

    fn patient<'t>(&self, task: Option<&'t dyn Task>) -> Policy<'t> {
        let backoff = self.settings.patience.backoff;
        Policy { max_retries: self.settings.max_retries, backoff, wait_max: WAIT_MAX, task }
    }
}

/// What a pull needs.
fn pulling(reference: &Reference) -> [Scope; 1] {
    [Scope::new(&reference.repository, PULL)]
}

fn url_status(response: Response, url: &str) -> Failure {
    let status = response.status();
    let error = format!("the server answers {status}");
    match status {
        StatusCode::NOT_FOUND | StatusCode::GONE => Failure::fatal(Error::not_found(error)),
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Failure::fatal(
            Error::new(Kind::Denied, error).hint(format_args!("is '{}' public?", url::shown(url))),
        ),
        status if is_passing(status) => Failure {
            retry: Retry::After(retry_after(response.headers(), std::time::SystemTime::now())),
            error: Error::network(error),
        },
        _ => Failure::fatal(Error::network(error)),
    }
}

pub(super) fn content_digest(response: &Response) -> Option<Digest> {
    Digest::parse(text(response, "docker-content-digest")?.trim()).ok()
}

pub(super) fn text(response: &Response, name: &str) -> Option<String> {
    response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
}
