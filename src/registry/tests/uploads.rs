//! What writes: payloads that are sent again, scopes that a call names, and where authorization stays away.

use std::cell::Cell;
use std::io::{self, Read};

use ureq::http::{Method, StatusCode};

use super::server::{Asked, Reply, Server, reply};
use super::{Told, client, host, settings};
use crate::error::Kind;
use crate::net::http::{Http, Request, location};
use crate::net::payload::Payload;
use crate::net::retry::Failure;
use crate::oci::Reference;
use crate::registry::endpoint::{Answer, Endpoint};
use crate::registry::keychain::Keychain;
use crate::registry::scope::{PULL, Scope};
use crate::report::Silent;

const PUSH: &str = "pull,push";
const TEXT: &[u8] = b"0123456789";

/// Bytes that come three at a time, in all as many as `TEXT` has less `lack`.
#[derive(Default)]
struct Pieces {
    opened: Cell<usize>,
    lack: usize,
}

struct Piecemeal<'a>(&'a [u8]);

impl Read for Piecemeal<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = buffer.len().min(3);
        self.0.read(&mut buffer[..count])
    }
}

impl Payload for Pieces {
    fn content_type(&self) -> &str {
        "application/octet-stream"
    }
    fn length(&self) -> u64 {
        TEXT.len() as u64
    }
    fn open(&self) -> io::Result<Box<dyn Read + '_>> {
        self.opened.set(self.opened.get() + 1);
        Ok(Box::new(Piecemeal(&TEXT[..TEXT.len() - self.lack])))
    }
}

/// One registry, as an upload speaks to it.
struct Caller {
    endpoint: Endpoint,
    http: Http,
    keychain: Keychain<'static>,
    told: Told,
}

impl Caller {
    fn new(server: &Server, env: &[(&str, &str)]) -> Caller {
        let host = host(env);
        Caller {
            endpoint: Endpoint::registry(&server.address),
            http: Http::new(&host, &settings(&host)),
            keychain: Keychain::new(host, &Silent),
            told: Told::default(),
        }
    }

    fn send(&self, scopes: &[Scope], request: &Request<'_>) -> Result<Answer, Failure> {
        self.endpoint.send(&self.http, &self.keychain, &self.told, scopes, request)
    }

    /// The status, and where to go on.
    fn call(
        &self,
        scopes: &[Scope],
        method: Method,
        url: &str,
        payload: Option<&dyn Payload>,
    ) -> (StatusCode, String) {
        let answer = self.send(scopes, &Request { method, payload, ..Request::get(url) });
        let response = answer.unwrap_or_else(|failure| panic!("{}", failure.error)).response;
        let at = location(&response).unwrap_or_else(|failure| panic!("{}", failure.error));
        (response.status(), at.unwrap_or_default())
    }

    /// Begins an upload to `a/b`.
    fn begin(&self, scopes: &[Scope]) -> (StatusCode, String) {
        let url = self.endpoint.url(&self.http, "a/b", "blobs/uploads/");
        let url = url.unwrap_or_else(|failure| panic!("{}", failure.error));
        self.call(scopes, Method::POST, &url, None)
    }
}

fn authorization(asked: &Asked) -> &str {
    asked.header("authorization").unwrap_or_default()
}

/// A registry that takes the token whose number it is told, and its token server, which numbers its tokens.
fn numbered(good: impl Fn(&Asked, &str) -> bool + Send + Sync + 'static, begun: &'static str) -> Server {
    let given = std::sync::atomic::AtomicUsize::new(1);
    Server::start(move |asked, _| {
        if asked.line.contains("/token") {
            let number = given.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            return reply("200 OK", &[], format!("{{\"token\":\"t{number}\"}}").as_bytes());
        }
        let realm = format!("Bearer realm=\"http://{}/token\"", asked.header("host").unwrap());
        match authorization(asked).strip_prefix("Bearer ") {
            Some(token) if good(asked, token) => match asked.line.split(' ').next() {
                Some("POST") => reply("202 Accepted", &[&format!("Location: {begun}")], b""),
                Some("PUT" | "PATCH") => reply("201 Created", &[], b""),
                _ => reply("200 OK", &[], b""),
            },
            _ => reply("401 Unauthorized", &[&format!("WWW-Authenticate: {realm}")], b""),
        }
    })
}

fn tokens(server: &Server) -> Vec<String> {
    server.lines().into_iter().filter(|line| line.contains("/token")).collect()
}

#[test]
fn an_upload_has_one_token_for_its_scope_and_a_pull_another() {
    let server = numbered(|_, _| true, "/v2/a/b/blobs/uploads/1?state=x");
    let caller = Caller::new(&server, &[]);
    let push = [Scope::new("a/b", PUSH)];

    let (status, at) = caller.begin(&push);
    assert_eq!(status, StatusCode::ACCEPTED);
    assert_eq!(at, format!("http://{}/v2/a/b/blobs/uploads/1?state=x", server.address));
    let pieces = Pieces::default();
    for method in [Method::PATCH, Method::PUT] {
        let (status, _) = caller.call(&push, method, &format!("{at}&digest=sha256:0"), Some(&pieces));
        assert_eq!(status, StatusCode::CREATED);
    }
    let head = caller.call(&[Scope::new("a/b", PULL)], Method::HEAD, &at, None);
    let again = caller.call(&push, Method::PUT, &at, None);
    assert_eq!((head.0, again.0), (StatusCode::OK, StatusCode::CREATED));
    // What it would take to mount a blob of another repository.
    caller.begin(&[push[0].clone(), Scope::new("c", PULL)]);

    let (to, from) = ("scope=repository%3Aa%2Fb%3Apull%2Cpush", "scope=repository%3Ac%3Apull");
    assert_eq!(
        tokens(&server),
        [
            format!("GET /token?{to}"),
            "GET /token?scope=repository%3Aa%2Fb%3Apull".to_owned(),
            format!("GET /token?{to}&{from}"),
        ]
    );
    let (post, put) = ("POST /v2/a/b/blobs/uploads/", "PUT /v2/a/b/blobs/uploads/1?state=x");
    let sent: Vec<_> = server.asked().into_iter().filter(|asked| !asked.line.contains("/token")).collect();
    let shown: Vec<_> = sent.iter().map(|asked| (asked.line.as_str(), authorization(asked))).collect();
    let whole = format!("{put}&digest=sha256:0");
    let patch = whole.replace("PUT", "PATCH");
    let (head, t1, none) = ("HEAD /v2/a/b/blobs/uploads/1?state=x", "Bearer t1", "");
    assert_eq!(shown[..2], [(post, none), (post, t1)]);
    assert_eq!(shown[2..4], [(patch.as_str(), t1), (whole.as_str(), t1)]);
    assert_eq!(shown[4..7], [(head, none), (head, "Bearer t2"), (put, t1)]);
    assert_eq!(shown[7..], [(post, none), (post, "Bearer t3")]);

    let carried = |asked: &Asked| (asked.body.clone(), asked.header("content-length").map(str::to_owned));
    assert_eq!(carried(&sent[0]), (String::new(), Some("0".to_owned())));
    for whole in &sent[2..4] {
        assert_eq!(carried(whole), ("0123456789".to_owned(), Some("10".to_owned())));
        assert_eq!(whole.header("content-type"), Some("application/octet-stream"));
        assert_eq!(whole.header("transfer-encoding"), None);
    }
    assert_eq!(sent[4].header("content-length"), None);
}

#[test]
fn a_token_that_expires_under_way_is_renewed_and_the_payload_sent_again() {
    let server = numbered(|asked, token| asked.line.starts_with("POST") || token != "t1", "/u");
    let (caller, push, pieces) = (Caller::new(&server, &[]), [Scope::new("a/b", PUSH)], Pieces::default());
    let (_, at) = caller.begin(&push);
    assert_eq!(caller.call(&push, Method::PUT, &at, Some(&pieces)).0, StatusCode::CREATED);
    assert_eq!(pieces.opened.get(), 2);
    let puts: Vec<_> = server.asked().into_iter().filter(|asked| asked.line == "PUT /u").collect();
    assert_eq!(puts.iter().map(authorization).collect::<Vec<_>>(), ["Bearer t1", "Bearer t2"]);
    assert!(puts.iter().all(|put| put.body.as_bytes() == TEXT));
    assert_eq!(tokens(&server).len(), 2);
}

#[test]
fn a_location_elsewhere_gets_no_authorization_and_no_answer_to_its_challenge() {
    let other = Server::start(|asked, before| match before {
        0 => reply("201 Created", &[], b""),
        _ => {
            let realm = format!("Bearer realm=\"http://{}/token\"", asked.header("host").unwrap());
            reply("401 Unauthorized", &[&format!("WWW-Authenticate: {realm}")], b"")
        }
    });
    let server = numbered(|_, _| true, "/here");
    let caller = Caller::new(&server, &[("CD_DOCKER_AUTH", "u:p")]);
    let (push, pieces) = ([Scope::new("a/b", PUSH)], Pieces::default());
    caller.begin(&push);
    let elsewhere = format!("http://{}/u", other.address);
    assert_eq!(caller.call(&push, Method::PUT, &elsewhere, Some(&pieces)).0, StatusCode::CREATED);
    assert_eq!(caller.call(&push, Method::PUT, &elsewhere, Some(&pieces)).0, StatusCode::UNAUTHORIZED);
    assert_eq!(other.lines(), ["PUT /u", "PUT /u"]);
    assert!(other.asked().iter().all(|asked| asked.header("authorization").is_none()));
    // The registry itself is authorized as before.
    assert_eq!(caller.begin(&push).0, StatusCode::ACCEPTED);
    assert_eq!(tokens(&server).len(), 1);
}

#[test]
fn another_scheme_is_elsewhere_too() {
    let server = numbered(|_, _| true, "/u");
    let plain = format!("http://{}/u", server.address);
    let mut caller = Caller::new(&server, &[]);
    let push = [Scope::new("a/b", PUSH)];
    assert_eq!(caller.call(&push, Method::POST, &plain, None).0, StatusCode::ACCEPTED);
    assert_eq!(tokens(&server).len(), 1);
    caller.endpoint = Endpoint::mirror(&server.address, Some("https"), "");
    assert_eq!(caller.call(&push, Method::POST, &plain, None).0, StatusCode::UNAUTHORIZED);
    assert_eq!(tokens(&server).len(), 1);
}

#[test]
fn what_writes_follows_a_redirect_only_within_its_origin_and_with_its_method() {
    let other = Server::start(|_, _| reply("201 Created", &[], b""));
    let away = format!("Location: http://{}/u", other.address);
    let server = Server::start(move |asked, _| match asked.line.as_str() {
        "PUT /moved" => reply("308 Permanent Redirect", &["Location: /u"], b""),
        "PUT /seen" => reply("303 See Other", &["Location: /u"], b""),
        "PUT /away" => reply("307 Temporary Redirect", &[&away], b""),
        _ => reply("201 Created", &[], b""),
    });
    let (caller, pieces) = (Caller::new(&server, &[]), Pieces::default());
    let put = |path: &str| {
        let url = format!("http://{}/{path}", server.address);
        caller.call(&[Scope::new("a/b", PUSH)], Method::PUT, &url, Some(&pieces)).0.as_u16()
    };
    assert_eq!([put("moved"), put("seen"), put("away")], [201, 303, 307]);
    assert_eq!(server.lines(), ["PUT /moved", "PUT /u", "PUT /seen", "PUT /away"]);
    assert!(server.asked().iter().all(|asked| asked.body.as_bytes() == TEXT));
    assert!(other.asked().is_empty());
}

#[test]
fn an_identity_token_does_not_follow_a_redirect_of_its_token_server() {
    let other = Server::start(|_, _| reply("200 OK", &[], br#"{"access_token":"t"}"#));
    let away = format!("Location: http://{}/token", other.address);
    let server = Server::start(move |asked, _| match asked.line.contains("/token") {
        true => reply("307 Temporary Redirect", &[&away], b""),
        false => {
            let realm = format!("Bearer realm=\"http://{}/token\"", asked.header("host").unwrap());
            reply("401 Unauthorized", &[&format!("WWW-Authenticate: {realm}")], b"")
        }
    });
    let reference = Reference::parse(&format!("{}/a/b:1", server.address)).unwrap();
    let client = client(&[("CD_DOCKER_AUTH", "<token>:identity")], &Silent);
    assert!(client.manifest(&reference, None).is_err());
    assert!(server.lines().contains(&"POST /token".to_owned()));
    assert!(other.asked().is_empty());
}

#[test]
fn what_writes_is_never_tried_without_refused_credentials() {
    let server = Server::start(|asked, _| match authorization(asked) {
        "" => reply("401 Unauthorized", &["WWW-Authenticate: Basic realm=\"x\""], b""),
        _ => reply("403 Forbidden", &[], b""),
    });
    let caller = Caller::new(&server, &[("CD_DOCKER_AUTH", "u:p")]);
    let request = Request { method: Method::POST, ..Request::get(format!("http://{}/u", server.address)) };
    let answer = caller.send(&[Scope::new("a/b", PUSH)], &request);
    let answer = answer.unwrap_or_else(|failure| panic!("{}", failure.error));
    assert_eq!(answer.response.status(), StatusCode::FORBIDDEN);
    assert_eq!(answer.refused.as_deref(), Some("CD_DOCKER_AUTH"));
    assert_eq!(server.lines(), ["POST /u", "POST /u"]);
    assert_eq!(caller.told.lines(), "");
}

#[test]
fn a_payload_that_ends_early_is_an_error_that_is_not_the_networks() {
    let server = Server::start(|_, _| Reply::Drop(Vec::new()));
    let (caller, pieces) = (Caller::new(&server, &[]), Pieces { lack: 4, ..Pieces::default() });
    let request = Request {
        method: Method::PUT,
        payload: Some(&pieces),
        ..Request::get(format!("http://{}/u?secret", server.address))
    };
    // So that no probe opens it.
    let Err(failure) = caller.http.send(request) else { panic!("it was sent") };
    assert_ne!(failure.error.kind(), Kind::Network);
    let told = failure.error.to_string();
    assert!(told.contains("read what is sent to") && !told.contains("secret"), "{told}");
    assert_eq!(pieces.opened.get(), 1);
}
