//! One HTTP request: timeouts, proxies, redirects of our own, and failures that say whether to try again.
//!
//! Authorization is dropped at any change of scheme, host or port and never comes back (CVE-2020-15157). A
//! redirect from https to plain http is refused, except to loopback or with `--allow-insecure`.

use std::io;
use std::time::Duration;

use ureq::http::{HeaderValue, Method, Request as HttpRequest, Response as HttpResponse, StatusCode, header};
use ureq::unversioned::transport::{ConnectProxyConnector, Connector as _, TcpConnector};
use ureq::{Agent, AsSendBody, Body, ResponseExt as _, SendBody};

use super::payload::{Outgoing, Payload};
use super::proxy::Proxies;
use super::resolver::{self, NO_SOCKETS, Resolver};
use super::retry::{Failure, Retry};
use super::settings::Settings;
use super::socks::Socks;
use super::url::{self, WebOrigin};
use crate::error::{Error, Kind, reason};
use crate::host::Host;
use crate::tls;

const REDIRECTS_MAX: u32 = 10;

/// A response with its body still to be read.
pub type Response = HttpResponse<Body>;

/// What to ask.
#[derive(Clone, Default)]
pub struct Request<'a> {
    /// The absolute URL.
    pub url: String,
    /// GET by default.
    pub method: Method,
    /// `Accept`.
    pub accept: Option<String>,
    /// `Range: bytes=N-`.
    pub offset: Option<u64>,
    /// `If-Range`: the validator of what there is up to `offset`.
    pub if_range: Option<String>,
    /// `Content-Range: FIRST-LAST`, both inclusive, as uploads in pieces have it (distribution spec, "Pushing a blob in
    /// chunks").
    pub content_range: Option<String>,
    /// `Authorization`.
    pub authorization: Option<String>,
    /// What a POST, PUT or PATCH carries, where it carries something.
    pub payload: Option<&'a dyn Payload>,
}

impl Request<'_> {
    /// A GET.
    pub fn get(url: impl Into<String>) -> Self {
        Request { url: url.into(), ..Request::default() }
    }

    fn only_reads(&self) -> bool {
        self.method == Method::GET || self.method == Method::HEAD
    }
}

/// The HTTP client, shared by all threads.
pub struct Http {
    agent: Agent,
    proxies: Proxies,
    insecure: bool,
}

impl Http {
    /// No I/O happens before the first request.
    pub fn new(host: &Host, settings: &Settings) -> Http {
        let patience = &settings.patience;
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .user_agent(concat!("chroot-distro/", env!("CARGO_PKG_VERSION")))
            .proxy(None)
            .accept_encoding("identity")
            .timeout_resolve(Some(patience.connect))
            .timeout_connect(Some(patience.connect))
            .timeout_recv_response(Some(patience.answer))
            .timeout_per_read(Some(patience.read))
            .timeout_per_write(Some(patience.read))
            .input_buffer_size(128 << 10)
            .max_idle_connections_per_host(settings.workers)
            .build();
        let chain =
            ().chain(ConnectProxyConnector::default())
                .chain(Socks)
                .chain(TcpConnector::default())
                .chain(tls::Connector::new(host.clone(), settings.insecure));
        let agent = Agent::with_parts(config, chain, Resolver::of(host));
        Http { agent, proxies: Proxies::of(host), insecure: settings.insecure }
    }

    /// Sends it and follows redirects; any final status is `Ok`. A redirect of what writes is followed only where it
    /// keeps the method (307, 308) and the origin; others are the caller's answer.
    pub fn send(&self, mut request: Request<'_>) -> Result<Response, Failure> {
        for _ in 0..=REDIRECTS_MAX {
            let origin = WebOrigin::of(&request.url)?;
            let response = self.send_once(&request, &origin, None)?;
            if !redirects(response.status(), request.only_reads()) {
                return Ok(response);
            }
            let Some(next) = location(&response)? else { return Ok(response) };
            let next_origin = WebOrigin::of(&next)?;
            // A payload may be a secret as well: an identity token is sent in a form.
            if next_origin != origin && !request.only_reads() {
                return Ok(response);
            }
            if origin.scheme == "https"
                && next_origin.scheme == "http"
                && !self.insecure
                && !next_origin.is_loopback()
            {
                return Err(Failure::fatal(Error::new(
                    Kind::Denied,
                    format_args!(
                        "'{}' redirects from https to plain http, which is refused",
                        url::shown(&request.url)
                    ),
                )));
            }
            if next_origin != origin {
                request.authorization = None;
            }
            request.url = next;
        }
        let shown = url::shown(&request.url);
        Err(Failure::fatal(Error::network(format_args!("'{shown}': more than {REDIRECTS_MAX} redirects"))))
    }

    /// Whether the user allows plain http and unchecked certificates.
    pub fn is_insecure(&self) -> bool {
        self.insecure
    }

    /// Sends it without following redirects, waiting at most `wait` for an answer.
    pub fn probe(&self, request: &Request<'_>, wait: Duration) -> Result<Response, Failure> {
        self.send_once(request, &WebOrigin::of(&request.url)?, Some(wait))
    }

    fn send_once(
        &self,
        request: &Request<'_>,
        origin: &WebOrigin,
        wait: Option<Duration>,
    ) -> Result<Response, Failure> {
        let proxy = self.proxies.of_origin(origin)?;
        let way = match &proxy {
            Some(proxy) => {
                format!(
                    "'{}:{}' through the proxy '{}:{}'",
                    origin.host,
                    origin.port,
                    proxy.host(),
                    proxy.port()
                )
            }
            None => format!("'{}:{}'", origin.host, origin.port),
        };
        let (range, length) = (
            request.offset.map(|offset| format!("bytes={offset}-")),
            (!request.only_reads()).then(|| request.payload.map_or(0, Payload::length).to_string()),
        );
        let mut builder = HttpRequest::builder().uri(&request.url).method(&request.method);
        for (name, value) in [
            (header::ACCEPT, request.accept.as_deref()),
            (header::RANGE, range.as_deref()),
            (header::IF_RANGE, request.if_range.as_deref()),
            (header::AUTHORIZATION, request.authorization.as_deref()),
            (header::CONTENT_TYPE, request.payload.map(Payload::content_type)),
            (header::CONTENT_LENGTH, length.as_deref()),
            (header::CONTENT_RANGE, request.content_range.as_deref()),
        ] {
            if let Some(value) = value {
                builder = builder.header(name, value);
            }
        }
        let shown = || url::shown(&request.url);
        let unusable = |_| Error::invalid(format_args!("'{}' is not a usable URL", shown()));
        let unread =
            |error| Failure::fatal(Error::io(format_args!("read what is sent to '{}'", shown()), error));
        let sent = if request.only_reads() {
            self.run(builder.body(()).map_err(unusable)?, proxy, wait)
        } else {
            let mut outgoing = Outgoing::open(request.payload).map_err(unread)?;
            let body = builder.body(SendBody::from_reader(&mut outgoing)).map_err(unusable)?;
            let sent = self.run(body, proxy, wait);
            if let Some(error) = outgoing.failure() {
                return Err(unread(error));
            }
            sent
        };
        sent.map_err(|error| failure(&request.url, &way, error))
    }

    fn run<B: AsSendBody>(
        &self,
        request: HttpRequest<B>,
        proxy: Option<ureq::Proxy>,
        wait: Option<Duration>,
    ) -> Result<Response, ureq::Error> {
        let mut config = self.agent.configure_request(request).proxy(proxy);
        if wait.is_some() {
            config = config.timeout_connect(wait).timeout_per_read(wait);
        }
        self.agent.run(config.build())
    }
}

/// Who answered: after redirects, another than was asked.
pub fn origin(response: &Response) -> Result<WebOrigin, Failure> {
    Ok(WebOrigin::of(&response.get_uri().to_string())?)
}

/// Where the answer says to go on, as an absolute URL.
pub fn location(response: &Response) -> Result<Option<String>, Failure> {
    // It should be ASCII. Some servers send names as they are, in UTF-8.
    let location = response.headers().get(header::LOCATION).map(HeaderValue::as_bytes);
    match location.map(String::from_utf8_lossy) {
        Some(location) => Ok(Some(url::join(&response.get_uri().to_string(), &location)?)),
        None => Ok(None),
    }
}

/// Whether a status has the same request sent elsewhere; 301 to 303 may make a GET of it (RFC 9110, section 15.4).
fn redirects(status: StatusCode, only_reads: bool) -> bool {
    match status {
        StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND | StatusCode::SEE_OTHER => only_reads,
        StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT => true,
        _ => false,
    }
}

/// What a request failed of, in our words; `way` is the place, and the proxy before it.
fn failure(target: &str, way: &str, error: ureq::Error) -> Failure {
    let error = match tls::failure(error) {
        Ok(ours) if ours.kind() == Kind::Network => return Failure::passing(ours),
        Ok(ours) => return Failure::fatal(ours),
        Err(error) => error,
    };
    let error = match resolver::failure(error) {
        Ok(ours) => return Failure { error: ours, retry: Retry::IfReached },
        Err(error) => error,
    };
    let hint = match &error {
        ureq::Error::Io(error) if error.kind() == io::ErrorKind::PermissionDenied => NO_SOCKETS,
        _ => "check the network",
    };
    match error {
        ureq::Error::Timeout(ureq::Timeout::Connect | ureq::Timeout::Resolve) => Failure {
            error: Error::network(format_args!("cannot connect to {way}: no answer in time")).hint(hint),
            retry: Retry::IfReached,
        },
        ureq::Error::Timeout(ureq::Timeout::RecvResponse) => {
            Failure::passing(Error::network(format!("{way} did not answer in time")).hint(hint))
        }
        ureq::Error::ConnectionFailed => Failure {
            error: Error::network(format_args!("cannot connect to {way}")).hint(hint),
            retry: Retry::IfReached,
        },
        ureq::Error::Io(error) if is_unreachable(&error) => Failure {
            error: Error::network(format_args!("cannot connect to {way}: {}", reason(&error))).hint(hint),
            retry: Retry::IfReached,
        },
        ureq::Error::ConnectProxyFailed(why) => Failure {
            error: Error::network(format_args!("cannot connect to {way}: {why}")).hint(hint),
            retry: Retry::IfReached,
        },
        error @ (ureq::Error::BadUri(_) | ureq::Error::Http(_) | ureq::Error::InvalidProxyUrl) => {
            Failure::fatal(Error::invalid(format_args!("'{}': {error}", url::shown(target))))
        }
        error => Failure::passing(reading(target, error.into_io())),
    }
}

/// The error of a body that broke off.
pub fn reading(target: &str, error: io::Error) -> Error {
    let why = match error.kind() {
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => "it stalled".to_owned(),
        io::ErrorKind::UnexpectedEof => "the connection was closed early".to_owned(),
        _ => reason(&error),
    };
    Error::network(format_args!("reading '{}' failed: {why}", url::shown(target)))
}

fn is_unreachable(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused
            | io::ErrorKind::HostUnreachable
            | io::ErrorKind::NetworkUnreachable
            | io::ErrorKind::NetworkDown
            | io::ErrorKind::AddrNotAvailable
            | io::ErrorKind::PermissionDenied
    )
}
