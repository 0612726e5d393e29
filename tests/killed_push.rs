//! Kills of `push` at its named moments: no tag leads to an image that is not whole, and a rerun sends only what is missing,
//! also of a large blob that was on its way.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::push_table::{image, keep, push, script};
use crate::support::digest;
use crate::support::http;
use crate::support::prelude::*;
use crate::support::scripted::Scripted;

fn tags(registry: &Registry) -> Value {
    let answer = http::send(registry.port, "GET", "/v2/app/tags/list", &[], b"");
    serde_json::from_slice::<Value>(&answer.body).unwrap()["tags"].clone()
}

fn sent(proxy: &Proxy) -> (usize, usize) {
    let puts: Vec<_> = proxy.log().into_iter().filter(|seen| seen.method == "PUT").collect();
    let manifests = puts.iter().filter(|seen| seen.path.contains("/manifests/")).count();
    (puts.len() - manifests, manifests)
}

#[test]
fn a_push_that_is_killed_goes_on_with_what_is_missing() {
    need!(Root, Tool("docker-registry"));
    sandbox(|s| {
        let from = Registry::start();
        let layers: Vec<_> =
            (0..3).map(|n| (tar([Entry::file(format!("f{n}"), "x")]), Encoding::Gzip)).collect();
        let image = Image::new(&layers);
        image.push(&from, "app:1");
        let name = from.reference("app:1");
        s.cd(["pull", &name]).run().ok();
        // The moment, and how many blobs and manifests the rerun sends.
        for (moment, listed, rest) in [
            ("push.blob:0", false, (3, 1)),
            ("push.blob:2", false, (1, 1)),
            ("push.blobs", false, (0, 1)),
            ("push.manifest", true, (0, 1)),
        ] {
            let to = Registry::start();
            let proxy = Proxy::listening(to.port);
            let push = || s.cd(["push", &name, &proxy.reference("app:1")]).env("CD_DOWNLOAD_WORKERS", "1");
            let ran = push().env("CD_FAULT", moment).run();
            assert_eq!(ran.signal, Some(9), "{moment} was not reached: {ran:?}");
            assert_eq!(!tags(&to).is_null(), listed, "{moment}");
            proxy.clear();
            push().run().ok();
            assert_eq!(sent(&proxy), rest, "{moment}");
            s.cd(["clear-cache"]).run().ok();
            s.cd(["install", "-q", "-n", "c", &to.reference("app:1")]).run().ok();
            s.cd(["remove", "-q", "c"]).run().ok();
            let kept = s.data().join("images/blobs").join(digest(&image.layers[0]).replace(':', "/"));
            assert!(kept.exists(), "{moment}");
        }
    });
}

/// What nothing compresses, and no two parts of which are the same.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 1_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    (0..length).map(|_| next()).collect()
}

#[test]
fn a_push_that_is_killed_between_two_pieces_goes_on_with_the_next() {
    need!(Root, Tool("docker-registry"));
    sandbox(|s| {
        let image = Image::new(&[(tar([Entry::file("noise", noise(4 << 20))]), Encoding::Plain)]);
        keep(s, &image, None);
        // The moment, and the pieces of the rerun.
        for (moment, pieces) in [("push.piece:0", 1), ("push.piece:1", 0)] {
            let to = Registry::start();
            let large = |request: &http::Request| {
                request.fields.get("content-length").and_then(|n| n.parse().ok()).unwrap_or(0) > 3 << 20
            };
            let proxy = Proxy::start(to.port, move |request, _| match large(request) {
                true => Fault::Answer(Answer::new(413, "")),
                false => Fault::None,
            });
            let push = || {
                s.cd(["push", "-q", &image.digest(), &proxy.reference("app:1")])
                    .env("CD_DOWNLOAD_WORKERS", "1")
            };
            let ran = push().env("CD_FAULT", moment).run();
            assert_eq!(ran.signal, Some(9), "{moment} was not reached: {ran:?}");
            assert!(tags(&to).is_null(), "{moment}");
            proxy.clear();
            push().run().ok();
            let seen = proxy.log();
            let count = |method: &str| seen.iter().filter(|seen| seen.method == method).count();
            // One upload is begun: of the config.
            assert_eq!((count("PATCH"), count("POST")), (pieces, 1), "{moment}: {seen:?}");
            s.cd(["install", "-q", "-n", "c", &to.reference("app:1")]).run().ok();
            assert_eq!(std::fs::read(s.rootfs("c").join("noise")).unwrap(), noise(4 << 20), "{moment}");
            s.cd(["remove", "-q", "c"]).run().ok();
            s.cd(["clear-cache", "-q"]).run().ok();
        }
    });
}

#[test]
fn a_push_that_is_killed_amid_a_blob_sends_only_the_rest() {
    need!(Root);
    sandbox(|s| {
        let (size, image) = (3 << 20, image(&noise(3 << 20)));
        for moment in ["push.read:1", "push.read:9"] {
            keep(s, &image, None);
            let registry = Scripted::start(script(&image, &[]));
            let ran = push(s, &image, &registry).env("CD_FAULT", moment).run();
            assert_eq!(ran.signal, Some(9), "{moment} was not reached: {ran:?}");
            // The registry hears of the end of the connection a little later.
            let deadline = Instant::now() + Duration::from_secs(20);
            while !registry.log().contains("PUT") && Instant::now() < deadline {
                std::thread::yield_now();
            }
            registry.clear();
            push(s, &image, &registry).run().ok();
            let log = registry.log();
            let patch = log.split(' ').find_map(|word| word.strip_prefix("PATCH")).expect(&log);
            let (start, length) = patch.split_once('+').unwrap();
            let (start, length): (usize, usize) = (start.parse().unwrap(), length.parse().unwrap());
            assert!(start > 0 && start + length == size, "{moment}: {log}");
            assert_eq!(log, format!("L? GET PATCH{start}+{length} PUT+0 C? L? C? M"), "{moment}");
            assert!(registry.has(&digest(&image.layers[0])));
        }
    });
}
