//! Drops, stalls, ranges, busy servers, redirects, foreign layers, mirrors.

use super::server::{Asked, Reply, Server, raw, reply};
use super::{Memory, client};
use crate::error::{Kind, Result};
use crate::oci::{Descriptor, Digest, Reference};
use crate::registry::Fetched;
use crate::report::Silent;

const BLOB: &[u8] = b"0123456789abcdef";

fn descriptor(size: u64) -> Descriptor {
    Descriptor { media_type: String::new(), digest: Digest::of(BLOB), size, urls: Vec::new(), data: None }
}

fn image(server: &Server) -> Reference {
    Reference::parse(&format!("{}/a/b:1", server.address)).unwrap()
}

/// Fetches the blob; what the sink had at first is `kept`.
fn fetch(server: &Server, blob: &Descriptor, kept: &[u8]) -> Result<Memory> {
    let mut sink = Memory { bytes: kept.to_vec(), restarts: 0 };
    client(&[], &Silent).blob(&image(server), blob, &mut sink, &Silent)?;
    assert_eq!(sink.bytes, BLOB);
    Ok(sink)
}

fn offset(asked: &Asked) -> Option<usize> {
    asked.header("range")?.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok()
}

/// A server that knows ranges.
fn ranged(asked: &Asked) -> Reply {
    match offset(asked) {
        Some(from) if from < BLOB.len() => {
            let range = format!("Content-Range: bytes {from}-{}/{}", BLOB.len() - 1, BLOB.len());
            reply("206 Partial Content", &[&range], &BLOB[from..])
        }
        Some(_) => reply("416 Range Not Satisfiable", &[], b""),
        None => reply("200 OK", &[], BLOB),
    }
}

#[test]
fn a_dropped_connection_resumes_where_it_was() {
    let server = Server::start(|asked, before| match before {
        0 if asked.line.contains("blobs") => Reply::Drop(raw("200 OK", &[], BLOB.len(), &BLOB[..5])),
        _ => ranged(asked),
    });
    assert_eq!(fetch(&server, &descriptor(16), b"").unwrap().restarts, 0);
    let ranges: Vec<_> = server.asked().iter().map(offset).collect();
    assert_eq!(ranges, [None, Some(5)]);
}

#[test]
fn a_stall_is_a_drop() {
    let server = Server::start(|asked, before| match before {
        0 if asked.line.contains("blobs") => Reply::Stall(raw("200 OK", &[], BLOB.len(), &BLOB[..5])),
        _ => ranged(asked),
    });
    fetch(&server, &descriptor(16), b"").unwrap();
    assert_eq!(offset(&server.asked()[1]), Some(5));
}

#[test]
fn headers_that_drip_are_given_up() {
    let server = Server::start(|asked, before| match before {
        0 if asked.line.contains("blobs") => Reply::Drip(b"HTTP/1.1 200 OK\r\nX-Never-Ends: ".to_vec()),
        _ => ranged(asked),
    });
    fetch(&server, &descriptor(16), b"").unwrap();
    assert_eq!(server.asked().len(), 2);
}

#[test]
fn an_earlier_run_is_resumed_and_a_complete_one_asks_nothing() {
    let server = Server::start(|asked, _| ranged(asked));
    assert_eq!(fetch(&server, &descriptor(16), &BLOB[..9]).unwrap().restarts, 0);
    fetch(&server, &descriptor(16), BLOB).unwrap();
    assert_eq!(server.asked().iter().map(offset).collect::<Vec<_>>(), [Some(9)]);
    assert_eq!(fetch(&server, &descriptor(16), &[0; 20]).unwrap().restarts, 1);
}

#[test]
fn servers_without_ranges_start_over() {
    let whole = Server::start(|_, _| reply("200 OK", &[], BLOB));
    assert_eq!(fetch(&whole, &descriptor(16), &BLOB[..9]).unwrap().restarts, 1);
    let never = Server::start(|asked, _| match offset(asked) {
        Some(_) => reply("416 Range Not Satisfiable", &[], b""),
        None => reply("200 OK", &[], BLOB),
    });
    assert_eq!(fetch(&never, &descriptor(16), &BLOB[..9]).unwrap().restarts, 1);
    let other = Server::start(|asked, _| match offset(asked) {
        Some(_) => reply("206 Partial Content", &["Content-Range: bytes 0-15/16"], BLOB),
        None => reply("200 OK", &[], BLOB),
    });
    assert_eq!(fetch(&other, &descriptor(16), &BLOB[..9]).unwrap().restarts, 1);
}

#[test]
fn retries_end_but_progress_renews_them() {
    let drip = Server::start(|asked, _| {
        let from = offset(asked).unwrap_or(0);
        let range = format!("Content-Range: bytes {from}-15/16");
        let status = if from == 0 { "200 OK" } else { "206 Partial Content" };
        Reply::Drop(raw(status, &[&range], BLOB.len() - from, &BLOB[from..from + 1]))
    });
    fetch(&drip, &descriptor(16), b"").unwrap();
    assert_eq!(drip.asked().len(), 16);

    let dead = Server::start(|asked, _| match asked.line.contains("blobs") {
        true => Reply::Drop(raw("200 OK", &[], BLOB.len(), b"")),
        false => reply("200 OK", &[], b""),
    });
    assert_eq!(fetch(&dead, &descriptor(16), b"").err().unwrap().kind(), Kind::Network);
    assert_eq!(dead.asked().len(), 4);
}

#[test]
fn wrong_sizes_are_refused_at_once() {
    let server = Server::start(|_, _| reply("200 OK", &[], BLOB));
    for size in [15, 17] {
        let error = fetch(&server, &descriptor(size), b"").err().unwrap();
        assert_eq!(error.kind(), Kind::Invalid, "{error}");
    }
    assert_eq!(server.asked().len(), 2);
    let chunked = Server::start(|_, _| {
        Reply::Send(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10\r\n0123456789abcdef\r\n0\r\n\r\n"
                .to_vec(),
        )
    });
    fetch(&chunked, &descriptor(16), b"").unwrap();
    assert_eq!(fetch(&chunked, &descriptor(15), b"").err().unwrap().kind(), Kind::Invalid);
}

#[test]
fn busy_servers_are_asked_again() {
    for status in ["429 Too Many Requests", "503 Service Unavailable", "500 Oops"] {
        let server = Server::start(move |asked, before| match before {
            0 if asked.line.contains("blobs") => reply(status, &["Retry-After: 0"], b""),
            _ => reply("200 OK", &[], BLOB),
        });
        fetch(&server, &descriptor(16), b"").unwrap();
    }
    let long = Server::start(|_, _| reply("429 Too Many Requests", &["Retry-After: 100000"], b""));
    let error = fetch(&long, &descriptor(16), b"").err().unwrap();
    assert!(error.to_string().contains("100000 s"), "{error}");
    assert_eq!(long.asked().len(), 1);
}

#[test]
fn authorization_stays_with_its_origin() {
    let other = Server::start(|asked, _| match asked.line.as_str() {
        "GET /far" => reply("302 Found", &["Location: /near"], b""),
        _ => reply("200 OK", &[], BLOB),
    });
    let target = format!("Location: http://{}/far?sig=x", other.address).replace("?sig=x", "");
    let server = Server::start(move |asked, _| match asked.header("authorization") {
        None => reply("401 Unauthorized", &["WWW-Authenticate: Basic realm=\"x\""], b""),
        Some(_) if asked.line == "GET /here" => reply("307 Temporary Redirect", &[&target], b""),
        Some(_) => reply("307 Temporary Redirect", &["Location: /here"], b""),
    });
    let mut sink = Memory::default();
    let client = client(&[("CD_DOCKER_AUTH", "u:p")], &Silent);
    client.blob(&image(&server), &descriptor(16), &mut sink, &Silent).unwrap();
    assert_eq!(sink.bytes, BLOB);
    assert_eq!(other.lines(), ["GET /far", "GET /near"]);
    assert!(other.asked().iter().all(|asked| asked.header("authorization").is_none()));
    assert!(server.asked().last().unwrap().header("authorization").is_some());
}

#[test]
fn redirects_end() {
    let server = Server::start(|_, _| reply("302 Found", &["Location: /again"], b""));
    let error = fetch(&server, &descriptor(16), b"").err().unwrap();
    assert!(error.to_string().contains("redirects"), "{error}");
}

#[test]
fn foreign_layers_come_from_their_urls() {
    let elsewhere = Server::start(|asked, _| match asked.line.as_str() {
        "GET /gone" => reply("404 Not Found", &[], b""),
        _ => reply("200 OK", &[], BLOB),
    });
    let registry = Server::start(|_, _| reply("404 Not Found", &[], b""));
    let url = |path| format!("http://{}/{path}", elsewhere.address);
    let blob = Descriptor { urls: vec!["ftp://x/".into(), url("gone"), url("layer")], ..descriptor(16) };
    fetch(&registry, &blob, b"").unwrap();
    assert_eq!(elsewhere.lines(), ["GET /gone", "GET /layer"]);
    assert_eq!(fetch(&registry, &descriptor(16), b"").err().unwrap().kind(), Kind::NotFound);
}

#[test]
fn mirrors_come_first_without_the_users_secret_and_may_fail() {
    let manifest = br#"{"schemaVersion":2}"#;
    let mirror = Server::start(|asked, _| match asked.line.contains("manifests") {
        true => reply("401 Unauthorized", &["WWW-Authenticate: Basic realm=\"x\""], b""),
        false => reply("200 OK", &[], BLOB),
    });
    let origin = Server::start(|_, _| reply("200 OK", &[], manifest));
    let list = format!("{0}=127.0.0.1:1,{0}=http://{1}/pre", origin.address, mirror.address);
    let client = client(&[("CD_REGISTRY_MIRRORS", &list), ("CD_DOCKER_AUTH", "u:p")], &Silent);
    let fetched = client.manifest(&image(&origin), None).unwrap();
    assert!(matches!(fetched, Fetched::Document { bytes, .. } if bytes == manifest));
    let mut sink = Memory::default();
    client.blob(&image(&origin), &descriptor(16), &mut sink, &Silent).unwrap();
    let blob = format!("GET /v2/pre/a/b/blobs/{}", Digest::of(BLOB));
    assert_eq!(mirror.lines(), ["GET /v2/pre/a/b/manifests/1", &blob]);
    assert_eq!(origin.lines(), ["GET /v2/a/b/manifests/1"]);
    assert!(mirror.asked().iter().all(|asked| asked.header("authorization").is_none()));
}

#[test]
fn a_url_resumes_only_what_its_validator_vouches_for() {
    let server = Server::start(|asked, before| match (before, asked.header("if-range")) {
        (0, _) => Reply::Drop(raw("200 OK", &["ETag: \"1\""], BLOB.len(), &BLOB[..5])),
        (_, Some("\"1\"")) => ranged(asked),
        _ => reply("500 Oops", &[], b""),
    });
    let mut sink = Memory { bytes: b"older".to_vec(), restarts: 0 };
    let url = format!("http://u:pw@{}/rootfs.tar", server.address);
    client(&[], &Silent).download(&url, &mut sink, &Silent).unwrap();
    assert_eq!((sink.bytes.as_slice(), sink.restarts), (BLOB, 1));
    assert_eq!(server.asked()[1].header("authorization"), Some("Basic dTpwdw=="));

    let bare = Server::start(|_, before| match before {
        0 => Reply::Drop(raw("200 OK", &[], BLOB.len(), &BLOB[..5])),
        _ => reply("200 OK", &[], BLOB),
    });
    let mut sink = Memory::default();
    client(&[], &Silent).download(&format!("http://{}/x", bare.address), &mut sink, &Silent).unwrap();
    assert_eq!(sink.bytes, BLOB);
    assert_eq!(offset(&bare.asked()[1]), None);
}
