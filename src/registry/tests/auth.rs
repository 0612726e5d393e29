//! Challenges, tokens, refusals, and what manifests must match.

use super::server::{Asked, Reply, Server, reply};
use super::{Told, client};
use crate::error::{Error, Kind};
use crate::oci::{Digest, Reference};
use crate::registry::Fetched;
use crate::report::Silent;

const MANIFEST: &[u8] = br#"{"schemaVersion":2}"#;

fn image(server: &Server) -> Reference {
    Reference::parse(&format!("{}/a/b:1", server.address)).unwrap()
}

fn bearer(asked: &Asked) -> &str {
    asked.header("authorization").and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default()
}

/// A registry and its token server in one: `token` answers `/token`, `accepted` is the good bearer token.
fn registry(
    token: impl Fn(&Asked, usize) -> Reply + Send + Sync + 'static,
    accepted: &'static str,
) -> Server {
    Server::start(move |asked, before| {
        let host = asked.header("host").unwrap_or_default();
        match bearer(asked) {
            _ if asked.line.contains("/token") => token(asked, before),
            token if token == accepted => reply("200 OK", &["Content-Type: x/y; charset=z"], MANIFEST),
            _ => {
                let basic = "WWW-Authenticate: BASIC realm=\"a, b\"";
                let bearer =
                    format!("WWW-Authenticate: bearer Realm=\"http://{host}/token?v=1\", service=\"s v\"");
                reply("401 Unauthorized", &[basic, &bearer], b"")
            }
        }
    })
}

#[track_caller]
fn fetched(result: Result<Fetched, Error>) {
    match result.unwrap() {
        Fetched::Document { bytes, content_type, digest } => {
            assert_eq!((bytes.as_slice(), digest), (MANIFEST, Digest::of(MANIFEST)));
            assert_eq!(content_type.as_deref(), Some("x/y"));
        }
        Fetched::Unchanged => panic!("unchanged"),
    }
}

#[test]
fn a_token_is_fetched_once_and_kept() {
    let server = registry(|_, _| reply("200 OK", &[], br#"{"access_token":"t","expires_in":300}"#), "t");
    let client = client(&[], &Silent);
    fetched(client.manifest(&image(&server), None));
    fetched(client.manifest(&image(&server), None));
    let token = "GET /token?v=1&service=s%20v&scope=repository%3Aa%2Fb%3Apull";
    let manifest = "GET /v2/a/b/manifests/1";
    assert_eq!(server.lines(), [manifest, token, manifest, manifest]);
    assert!(server.asked()[1].header("authorization").is_none());
}

#[test]
fn an_expired_token_is_renewed() {
    let server = Server::start(|asked, before| {
        let realm =
            format!("WWW-Authenticate: Bearer realm=\"http://{}/token\"", asked.header("host").unwrap());
        match (asked.line.as_str(), bearer(asked)) {
            (line, _) if line.contains("/token") => {
                reply("200 OK", &[], format!("{{\"token\":\"t{before}\"}}").as_bytes())
            }
            // The first token is taken once.
            (_, "t0") if before == 1 => reply("200 OK", &["Content-Type: x/y"], MANIFEST),
            (_, "t1") => reply("200 OK", &["Content-Type: x/y"], MANIFEST),
            _ => reply("401 Unauthorized", &[&realm], b""),
        }
    });
    let client = client(&[], &Silent);
    fetched(client.manifest(&image(&server), None));
    fetched(client.manifest(&image(&server), None));
    assert_eq!(server.lines().iter().filter(|line| line.contains("/token")).count(), 2);
}

#[test]
fn an_identity_token_is_posted() {
    let server = registry(
        |asked, _| match asked.body.contains("grant_type=refresh_token") && asked.body.ends_with("=id%2Bt") {
            true => reply("200 OK", &[], br#"{"access_token":"t"}"#),
            false => reply("401 Unauthorized", &[], b""),
        },
        "t",
    );
    let client = client(&[("CD_DOCKER_AUTH", "<token>:id+t")], &Silent);
    fetched(client.manifest(&image(&server), None));
    assert!(server.lines().contains(&"POST /token?v=1".to_owned()));
}

#[test]
fn refused_credentials_are_left_out_once_for_a_public_image() {
    for refusal in ["400 Bad Request", "401 Unauthorized", "403 Forbidden"] {
        let server = registry(
            move |asked, _| match asked.header("authorization") {
                Some(_) => reply(refusal, &[], b""),
                None => reply("200 OK", &[], br#"{"token":"t"}"#),
            },
            "t",
        );
        let told = Told::default();
        let client = client(&[("CD_DOCKER_AUTH", "user:hunter2")], &told);
        fetched(client.manifest(&image(&server), None));
        fetched(client.manifest(&image(&server), None));
        assert!(
            told.lines().contains("CD_DOCKER_AUTH") && !told.lines().contains("hunter2"),
            "{}",
            told.lines()
        );
        assert_eq!(told.lines().lines().count(), 1);
    }
}

#[test]
fn a_refusal_names_its_likely_cause() {
    let words = br#"{"errors":[{"code":"UNAUTHORIZED","message":"incorrect \u001b[31mpassword"}]}"#;
    let server = registry(|_, _| reply("401 Unauthorized", &[], words), "t");
    let wrong =
        client(&[("CD_DOCKER_AUTH", "user:hunter2")], &Silent).manifest(&image(&server), None).unwrap_err();
    assert_eq!(wrong.kind(), Kind::Denied);
    assert!(wrong.to_string().ends_with("from CD_DOCKER_AUTH (incorrect [31mpassword)"), "{wrong}");
    assert!(!format!("{wrong:?}").contains("hunter2"));
    let unknown = client(&[], &Silent).manifest(&image(&server), None).unwrap_err();
    assert!(unknown.to_string().contains("does not exist"), "{unknown}");
    assert!(unknown.hint_text().unwrap().contains("CD_DOCKER_AUTH"));
}

#[test]
fn manifests_are_what_their_digests_say() {
    let other = format!("Docker-Content-Digest: {}", Digest::of(b"other"));
    let lying = Server::start(move |_, _| reply("200 OK", &[&other], MANIFEST));
    let error = client(&[], &Silent).manifest(&image(&lying), None).unwrap_err();
    assert_eq!(error.kind(), Kind::Invalid, "{error}");

    let honest = Server::start(|_, _| reply("200 OK", &["Content-Type: x/y"], MANIFEST));
    let client = client(&[], &Silent);
    fetched(client.manifest(&image(&honest).at(&Digest::of(MANIFEST)), None));
    assert!(client.manifest(&image(&honest).at(&Digest::of(b"other")), None).is_err());
}

#[test]
fn a_known_manifest_is_asked_for_by_head() {
    let known = Digest::of(MANIFEST);
    let header = format!("Docker-Content-Digest: {known}");
    let server = Server::start(move |_, _| reply("200 OK", &[&header], b""));
    let client = client(&[], &Silent);
    assert!(matches!(client.manifest(&image(&server), Some(&known)).unwrap(), Fetched::Unchanged));
    assert!(matches!(client.manifest(&image(&server).at(&known), Some(&known)).unwrap(), Fetched::Unchanged));
    assert_eq!(server.lines(), ["HEAD /v2/a/b/manifests/1"]);

    let headless = Server::start(|asked, _| match asked.line.starts_with("HEAD") {
        true => reply("405 Method Not Allowed", &[], b""),
        false => reply("200 OK", &["Content-Type: x/y"], MANIFEST),
    });
    fetched(client.manifest(&image(&headless), Some(&known)));
}

#[test]
fn who_is_redirected_to_may_not_ask_for_the_registrys_credentials() {
    for scheme in ["Basic realm=\"x\"", "Bearer realm=\"http://HOST/token\""] {
        let elsewhere = Server::start(move |asked, _| {
            let challenge = scheme.replace("HOST", asked.header("host").unwrap());
            reply("401 Unauthorized", &[&format!("WWW-Authenticate: {challenge}")], b"")
        });
        let target = format!("Location: http://{}/x", elsewhere.address);
        let server = Server::start(move |_, _| reply("307 Temporary Redirect", &[&target], b""));
        let client = client(&[("CD_DOCKER_AUTH", "u:p")], &Silent);
        let error = client.manifest(&image(&server), None).unwrap_err();
        assert_eq!(error.kind(), Kind::Denied, "{error}");
        assert_eq!(elsewhere.lines(), ["GET /x"]);
        assert_eq!(server.lines(), ["GET /v2/a/b/manifests/1"]);
        let asked = [elsewhere.asked(), server.asked()].concat();
        assert!(asked.iter().all(|asked| asked.header("authorization").is_none()));
    }
}
