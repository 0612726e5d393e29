//! A push that was cut off in the middle of a large blob goes on in the next run where the registry says: a word a request, as
//! in `push_table`. What the earlier run began is not trusted: whatever became of it, the image arrives.

use std::fs;

use crate::push_table::{image, keep, push, says, script};
use crate::support::digest;
use crate::support::prelude::*;
use crate::support::scripted::Wrong::{Adds, Cut, Expires, Forgets, Lacks, Mute};
use crate::support::scripted::{Rule, Script, Scripted};

const MIB: usize = 1 << 20;
const PUT: &str = "POST PUT+3145728";

/// Uploads that are remembered.
fn remembered(s: &Sandbox) -> usize {
    fs::read_dir(s.cache().join("uploads")).map_or(0, Iterator::count)
}

/// The first run breaks off after 2 of 3 MiB.
fn begun(s: &Sandbox, image: &Image, rules: &[Rule], tokens: bool) -> Scripted {
    let cut = ("PUT", 0, Cut(2 * MIB));
    let rules = [&[cut][..], rules].concat();
    let before = remembered(s);
    let registry = Scripted::start(Script { tokens, ..script(image, &rules) });
    keep(s, image, None);
    push(s, image, &registry).env("CD_DOWNLOAD_MAX_RETRIES", "0").run().fails(&[]);
    assert_eq!(remembered(s), before + 1);
    registry.clear();
    registry
}

#[test]
fn the_next_run_sends_only_the_rest() {
    need!(Root);
    on_both_kernels(|s| {
        let image = image(&vec![b'x'; 3 * MIB]);
        let elsewhere = Adds("Location", "http://127.0.0.1:1/v2/app/blobs/uploads/u1".into());
        let rest = "GET PATCH2097152+1048576 PUT+0";
        let again = format!("GET {PUT}");
        let exchanges: [(&str, &[Rule], &str); 11] = [
            ("it goes on", &[], rest),
            ("no word of a place", &[("GET", 0, Lacks("Location"))], rest),
            ("another place", &[("GET", 0, Adds("Location", "/v2/app/blobs/uploads/u1?n=1".into()))], rest),
            ("no word of bytes", &[("GET", 0, Lacks("Range"))], &again),
            ("too many bytes", &[("GET", 0, Adds("Range", "0-4000000".into()))], &again),
            ("the session is over", &[("GET", 0, Forgets)], &again),
            ("416", &[("GET", 0, says(416))], &again),
            ("403, as a place that was signed says", &[("GET", 0, says(403))], &again),
            ("500", &[("GET", 0, says(500))], &again),
            ("no answer", &[("GET", 0, Mute)], &again),
            (
                "cut off again",
                &[("PATCH", 0, Cut(MIB / 2))],
                "GET PATCH2097152+1048576 GET PATCH2621440+524288 PUT+0",
            ),
        ];
        for (name, rules, asked) in exchanges {
            println!("{name}");
            let registry = begun(s, &image, rules, false);
            push(s, &image, &registry).run().ok();
            assert_eq!(registry.log(), format!("L? {asked} C? L? C? M"), "{name}");
            assert!(registry.has(&digest(&image.layers[0])), "{name}");
            assert_eq!(remembered(s), 0, "{name}");
        }
        // Nobody is there any more.
        let registry = Scripted::start(script(&image, &[("POST", 0, elsewhere)]));
        push(s, &image, &registry).env("CD_DOWNLOAD_MAX_RETRIES", "0").run().fails(&["127.0.0.1:1"]);
        registry.clear();
        push(s, &image, &registry).run().ok();
        assert_eq!(registry.log(), format!("L? {PUT} C? L? C? M"));
    });
}

#[test]
fn what_has_arrived_is_not_trusted() {
    need!(Root);
    sandbox(|s| {
        let image = image(&vec![b'x'; 3 * MIB]);
        // Other bytes: the registry refuses their sum.
        let registry = begun(s, &image, &[], false);
        registry.spoil("u1");
        push(s, &image, &registry).run().ok();
        let rest = "L? GET PATCH2097152+1048576 PUT+0 POST PUT+3145728 C? L? C? M";
        assert_eq!(registry.log(), rest);
        // The local blob, which is whole no more.
        let registry = begun(s, &image, &[], false);
        let blob = s.data().join("images/blobs").join(digest(&image.layers[0]).replace(':', "/"));
        fs::write(&blob, vec![b'y'; 3 * MIB]).unwrap();
        push(s, &image, &registry).run().fails(&["is damaged here"]);
        assert_eq!(registry.log(), "L? GET");
        assert!(registry.manifests().is_empty());
    });
}

#[test]
fn tokens_are_renewed_and_never_sent_elsewhere() {
    need!(Root);
    sandbox(|s| {
        let image = image(&vec![b'x'; 3 * MIB]);
        let registry = begun(s, &image, &[("GET", 0, Expires)], true);
        push(s, &image, &registry).run().ok();
        assert_eq!(registry.log(), "L? T L? GET T GET PATCH2097152+1048576 PUT+0 C? L? C? M");
        // An upload that goes on at another host goes on without them.
        let other = Scripted::start(script(&image, &[("PUT", 0, Cut(2 * MIB))]));
        other.begin("u1");
        let place = format!("http://127.0.0.1:{}/v2/app/blobs/uploads/u1", other.port);
        let rules = [("POST", 0, Adds("Location", place))];
        let registry = Scripted::start(Script { tokens: true, ..script(&image, &rules) });
        keep(s, &image, None);
        push(s, &image, &registry).env("CD_DOWNLOAD_MAX_RETRIES", "0").run().fails(&[]);
        // It keeps the blob, and not the registry.
        push(s, &image, &registry).env("CD_DOWNLOAD_MAX_RETRIES", "0").run().ok();
        assert_eq!(other.log(), "PUT+3145728 GET PATCH2097152+1048576 PUT+0");
        assert!(other.authorizations().is_empty());
    });
}

#[test]
fn only_the_same_blob_in_the_same_repository_goes_on() {
    need!(Root);
    sandbox(|s| {
        let image = image(&vec![b'x'; 3 * MIB]);
        let registry = begun(s, &image, &[], false);
        let other = format!("127.0.0.1:{}/other:1", registry.port);
        s.cd(["push", "-q", &image.digest(), &other]).env("CD_DOWNLOAD_WORKERS", "1").run().ok();
        assert_eq!(registry.log(), format!("L? {PUT} C? L? C? M"));
        assert_eq!(remembered(s), 1);
        // What the cache has forgotten begins anew.
        let registry = begun(s, &image, &[], false);
        s.cd(["clear-cache", "-q"]).run().ok();
        push(s, &image, &registry).run().ok();
        assert_eq!(registry.log(), format!("L? {PUT} C? L? C? M"));
        // Of a small blob nothing is remembered.
        let small = crate::push_table::image(&[b'x'; 100]);
        let registry = Scripted::start(script(&small, &[("PUT", 0, Cut(50))]));
        keep(s, &small, None);
        push(s, &small, &registry).env("CD_DOWNLOAD_MAX_RETRIES", "0").run().fails(&[]);
        assert_eq!(remembered(s), 0);
    });
}
