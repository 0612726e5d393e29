//! What the OCI distribution spec (1.1) asks of clients that push and pull, sentence by sentence, on the requests that they
//! make. (What it asks of registries is not ours. Content discovery and management are in `remote`.)

use crate::push_table::{image, keep, push, says, script};
use crate::registry::small;
use crate::support::digest;
use crate::support::http::Request;
use crate::support::prelude::*;
use crate::support::scripted::Wrong::{Adds, Cut};
use crate::support::scripted::{Rule, Script, Scripted};

type Holds = fn(&[Request]) -> bool;

fn of<'a>(requests: &'a [Request], method: &'a str, part: &'a str) -> impl Iterator<Item = &'a Request> {
    requests.iter().filter(move |request| request.method == method && request.path.contains(part))
}

fn field<'a>(request: &'a Request, name: &str) -> &'a str {
    request.fields.get(name).unwrap_or_default()
}

#[track_caller]
fn all_hold(requests: &[Request], table: &[(&str, Holds)]) {
    for (sentence, holds) in table {
        assert!(holds(requests), "{sentence}: {requests:#?}");
    }
}

/// The requests of a push of 100 bytes to a registry that does this wrong.
fn pushed(s: &Sandbox, layer: &[u8], rules: &[Rule], mounts: bool) -> Vec<Request> {
    let image = image(layer);
    let registry = Scripted::start(Script { mounts, ..script(&image, rules) });
    let name = format!("127.0.0.1:{}/their/base:1", registry.port);
    keep(s, &image, mounts.then_some(&*name));
    push(s, &image, &registry).run().ok();
    registry.requests()
}

#[test]
fn pushing_a_blob_as_a_whole_and_the_manifest() {
    need!(Root);
    sandbox(|s| {
        let query = Adds("Location", "/v2/app/blobs/uploads/{session}?state=a%2Fb&x".into());
        let requests = pushed(s, &[b'x'; 100], &[("POST", 0, query)], false);
        let table: [(&str, Holds); 11] = [
            ("a client asks by HEAD whether a blob is there", |all| {
                of(all, "HEAD", "/v2/app/blobs/sha256:").next().is_some()
            }),
            ("an upload begins by POST to /v2/<name>/blobs/uploads/", |all| {
                of(all, "POST", "").all(|post| post.path == "/v2/app/blobs/uploads/")
            }),
            ("a POST without a body has Content-Length: 0", |all| {
                of(all, "POST", "").all(|post| field(post, "content-length") == "0")
            }),
            ("PUT goes to the Location, with its query as it is", |all| {
                of(all, "PUT", "/blobs/uploads/u1?state=a%2Fb&x&digest=").count() == 1
            }),
            ("PUT has the digest of the whole blob as query", |all| {
                let wanted = format!("digest={}", digest(&[b'x'; 100]));
                of(all, "PUT", "/blobs/").all(|put| put.path.ends_with(&wanted))
            }),
            ("PUT has Content-Type: application/octet-stream", |all| {
                of(all, "PUT", "/blobs/").all(|put| field(put, "content-type") == "application/octet-stream")
            }),
            ("PUT has the Content-Length of the blob", |all| {
                of(all, "PUT", "/blobs/").all(|put| field(put, "content-length") == "100")
            }),
            ("a manifest goes by PUT to /v2/<name>/manifests/<tag>", |all| {
                of(all, "PUT", "/manifests/").all(|put| put.path == "/v2/app/manifests/1")
            }),
            ("its Content-Type is its mediaType", |all| {
                let kind = "application/vnd.oci.image.manifest.v1+json";
                of(all, "PUT", "/manifests/").all(|put| field(put, "content-type") == kind)
            }),
            ("the manifest comes last, after all that it names", |all| {
                all.last().is_some_and(|last| last.path.contains("/manifests/"))
            }),
            ("a body has a length, and no transfer coding", |all| {
                all.iter().all(|request| field(request, "transfer-encoding").is_empty())
            }),
        ];
        all_hold(&requests, &table);
    });
}

#[test]
fn pushing_a_blob_in_pieces() {
    need!(Root);
    sandbox(|s| {
        let large = vec![b'x'; 4 << 20];
        let moves = |n: usize| -> Rule {
            ("PATCH", n, Adds("Location", format!("/v2/app/blobs/uploads/{{session}}?piece={n}")))
        };
        let least = Adds("OCI-Chunk-Min-Length", "1500000".into());
        let rules = [("POST", 0, least), ("PUT", 0, says(413)), moves(0), moves(1)];
        let requests = pushed(s, &large, &rules, false);
        let table: [(&str, Holds); 7] = [
            ("a piece goes by PATCH with Content-Type: application/octet-stream", |all| {
                of(all, "PATCH", "").all(|patch| field(patch, "content-type") == "application/octet-stream")
            }),
            ("its Content-Range is <start>-<end>, inclusive, and its Content-Length fits", |all| {
                of(all, "PATCH", "").all(|patch| {
                    let (start, end) = field(patch, "content-range").split_once('-').unwrap();
                    let length: u64 = field(patch, "content-length").parse().unwrap();
                    end.parse::<u64>().unwrap() + 1 - start.parse::<u64>().unwrap() == length
                })
            }),
            ("pieces come in order, without gaps", |all| {
                let mut at = 0;
                of(all, "PATCH", "").all(|patch| {
                    let start: u64 =
                        field(patch, "content-range").split('-').next().unwrap().parse().unwrap();
                    let begins = start == at;
                    at += field(patch, "content-length").parse::<u64>().unwrap();
                    begins
                })
            }),
            ("no piece but the last is shorter than OCI-Chunk-Min-Length", |all| {
                let lengths: Vec<u64> =
                    of(all, "PATCH", "").map(|p| field(p, "content-length").parse().unwrap()).collect();
                lengths.len() > 1 && lengths[..lengths.len() - 1].iter().all(|length| *length >= 1_500_000)
            }),
            ("each goes to the Location of the answer before", |all| {
                let paths: Vec<&str> = of(all, "PATCH", "").map(|patch| &*patch.path).collect();
                paths.len() == 2 && paths[1].ends_with("?piece=0")
            }),
            ("a PUT to the last Location, with the digest, closes the session", |all| {
                of(all, "PUT", "?piece=1&digest=sha256:").count() == 1
            }),
            ("a PUT without a body has Content-Length: 0", |all| {
                of(all, "PUT", "?piece=1").all(|put| field(put, "content-length") == "0")
            }),
        ];
        all_hold(&requests, &table);
        // After an error the upload goes on where GET says.
        let requests = pushed(s, &[b'x'; 100], &[("PUT", 0, Cut(30))], false);
        assert_eq!(of(&requests, "GET", "/v2/app/blobs/uploads/u1").count(), 1);
        assert!(of(&requests, "PATCH", "").all(|patch| field(patch, "content-range") == "30-99"));
    });
}

#[test]
fn mounting_a_blob() {
    need!(Root);
    sandbox(|s| {
        let requests = pushed(s, &[b'x'; 100], &[], true);
        let wanted = format!("/v2/app/blobs/uploads/?mount={}&from=their/base", digest(&[b'x'; 100]));
        let posts: Vec<&str> = of(&requests, "POST", "").map(|post| &*post.path).collect();
        assert_eq!(posts, [wanted], "a mount is a POST with mount and from");
        assert!(of(&requests, "POST", "").all(|post| field(post, "content-length") == "0"));
        assert_eq!(of(&requests, "PUT", "/blobs/").count(), 0, "201 ends it");
    });
}

#[test]
fn pulling() {
    need!(Root, Tool("docker-registry"));
    sandbox(|s| {
        let registry = Registry::start();
        let image = small("one");
        let pushed = image.push(&registry, "team/app:1");
        let seen = std::sync::Arc::new(std::sync::Mutex::new(Vec::<Request>::new()));
        let log = seen.clone();
        let proxy = Proxy::start(registry.port, move |request, nth| {
            log.lock().expect("log").push(request.clone());
            // The first time each blob breaks off.
            if request.is_blob() && nth == 0 { Fault::DropAfter(10) } else { Fault::None }
        });
        s.cd(["pull", &proxy.reference("team/app:1")]).run().ok();
        s.cd(["pull", &proxy.reference(&format!("team/app@{pushed}"))]).run().ok();
        let requests = seen.lock().unwrap().clone();
        let table: [(&str, Holds); 4] = [
            ("a manifest is fetched by GET /v2/<name>/manifests/<tag or digest>", |all| {
                of(all, "GET", "/v2/team/app/manifests/1").count() > 0
                    && of(all, "GET", "/v2/team/app/manifests/sha256:").count() > 0
            }),
            ("Accept names each type of manifest that the client knows", |all| {
                of(all, "GET", "/manifests/").all(|get| {
                    ["image.manifest.v1", "image.index.v1", "distribution.manifest.v2", "manifest.list.v2"]
                        .iter()
                        .all(|kind| field(get, "accept").contains(kind))
                })
            }),
            ("a blob is fetched by GET /v2/<name>/blobs/<digest>", |all| {
                of(all, "GET", "/v2/team/app/blobs/sha256:").count() > 0
            }),
            ("the rest of a blob is asked for by Range", |all| {
                of(all, "GET", "/blobs/").any(|get| field(get, "range") == "bytes=10-")
            }),
        ];
        all_hold(&requests, &table);
        // What comes is compared with the digest that was asked for.
        let other = Proxy::start(registry.port, |request, _| match request.is_manifest() {
            true => Fault::Answer(Answer::new(200, "{}")),
            false => Fault::None,
        });
        s.cd(["pull", &other.reference(&format!("team/app@{pushed}"))]).run().fails(&["another manifest"]);
    });
}
