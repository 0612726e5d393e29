//! Kills of `push` at its named moments: no tag leads to an image that is not whole, and a rerun sends only what is missing.

use serde_json::Value;

use crate::support::digest;
use crate::support::http;
use crate::support::prelude::*;

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
