//! More exchanges of `push`, told as in `push_table`: tokens that expire, neighbours, uploads that go on elsewhere, the
//! manifest, blobs of odd sizes. Whatever happens, no credential goes to another host, port or scheme.

use crate::push_table::End::{self, Ill, Well};
use crate::push_table::{ALWAYS, HUNDRED, image, keep, later, push, run, says, script};
use crate::support::digest;
use crate::support::prelude::*;
use crate::support::registry::basic;
use crate::support::scripted::Wrong::{Adds, Cut, Expires, Lacks, Mute, Says};
use crate::support::scripted::{Rule, Script, Scripted, Wrong};

#[test]
fn tokens_that_expire_are_renewed() {
    need!(Root);
    sandbox(|s| {
        let unauthorized = |rule: &'static str, nth| -> Rule { (rule, nth, Expires) };
        run(
            s,
            &[b'x'; HUNDRED],
            true,
            &[
                ("one token for all", &[], "POST PUT+100", Well),
                ("at HEAD", &[unauthorized("HEAD", 2)], "=L? T L? POST PUT+100 C? L? T L? C? M", Well),
                ("at POST", &[unauthorized("POST", 0)], "POST T POST PUT+100", Well),
                ("at PUT", &[unauthorized("PUT", 0)], "POST PUT+100 T PUT+100", Well),
                (
                    "at the status",
                    &[("PUT", 0, Cut(40)), unauthorized("GET", 0)],
                    "POST PUT+100 GET T GET PATCH40+60 PUT+0",
                    Well,
                ),
                (
                    "at PATCH",
                    &[("PUT", 0, Cut(40)), unauthorized("PATCH", 0)],
                    "POST PUT+100 GET PATCH40+60 T PATCH40+60 PUT+0",
                    Well,
                ),
                (
                    "at the end",
                    &[("PUT", 0, Cut(40)), unauthorized("PUT", 1)],
                    "POST PUT+100 GET PATCH40+60 PUT+0 T PUT+0",
                    Well,
                ),
                ("at the manifest", &[unauthorized("M", 0)], "=L? T L? POST PUT+100 C? L? C? M T M", Well),
                (
                    "always: it is refused, not asked for ever",
                    &[("POST", ALWAYS, Expires)],
                    "=L? T L? POST T POST",
                    Ill(&["CD_DOCKER_AUTH"]),
                ),
            ],
        );
    });
}

#[test]
fn the_manifest() {
    need!(Root);
    sandbox(|s| {
        let all = "=L? POST PUT+100 C? L? C? M";
        let again = "=L? POST PUT+100 C? L? C? M M";
        let other = digest(b"other");
        run(
            s,
            &[b'x'; HUNDRED],
            false,
            &[
                ("an error", &[("M", 0, says(500))], again, Well),
                ("busy", &[("M", 0, later(503, "0"))], again, Well),
                ("without its digest", &[("M", 0, Lacks("Docker-Content-Digest"))], all, Well),
                ("a bad one", &[("M", 0, says(400))], all, Ill(&["400", "its own words"])),
                ("too large", &[("M", 0, says(413))], all, Ill(&["413"])),
                ("forbidden", &[("M", 0, says(403))], all, Ill(&["CD_DOCKER_AUTH", "its own words"])),
                ("no such repository", &[("M", 0, says(404))], all, Ill(&["its own words"])),
                (
                    "always an error",
                    &[("M", ALWAYS, says(500))],
                    "=L? POST PUT+100 C? L? C? M M M",
                    Ill(&["500"]),
                ),
                (
                    "the layer is gone again",
                    &[("HEAD", 1, says(404))],
                    "=L? POST PUT+100 C? L? POST PUT+100 L? C? M",
                    Well,
                ),
                (
                    "the layer never stays",
                    &[("HEAD", ALWAYS, says(404))],
                    "=L? POST PUT+100 C? L? POST PUT+100 L? POST PUT+100 L?",
                    Ill(&["does not keep it"]),
                ),
            ],
        );
        // What it has taken, under another digest or without an answer, it has.
        let image = image(&[b'x'; HUNDRED]);
        for (wrong, asked, code) in
            [(Mute, "M M", 0), (Adds("Docker-Content-Digest", other), "M", 1), (says(204), "M", 0)]
        {
            keep(s, &image, None);
            let registry = Scripted::start(script(&image, &[("M", 0, wrong)]));
            push(s, &image, &registry).run().code(code);
            assert_eq!(registry.log(), format!("L? POST PUT+100 C? L? C? {asked}"));
        }
    });
}

#[test]
fn odd_sizes_and_requests_that_are_too_large() {
    need!(Root);
    sandbox(|s| {
        run(
            s,
            b"",
            false,
            &[
                ("no byte", &[], "POST PUT+0", Well),
                ("no byte, no answer", &[("PUT", 0, Mute)], "POST PUT+0 GET L?", Well),
                ("no byte, an error", &[("PUT", 0, says(500))], "POST PUT+0 GET PUT+0", Well),
            ],
        );
        run(
            s,
            b"x",
            false,
            &[
                ("a byte", &[("PUT", 0, Cut(0))], "POST PUT+1 GET PATCH0+1 PUT+0", Well),
                (
                    "a byte that is there looks as none",
                    &[("PUT", 0, Cut(1))],
                    "POST PUT+1 GET PATCH0+1 POST PATCH0+1 PUT+0",
                    Well,
                ),
            ],
        );
        let large = vec![b'x'; 4 << 20];
        run(
            s,
            &large,
            false,
            &[
                ("whole", &[], "POST PUT+4194304", Well),
                (
                    "halves",
                    &[("PUT", 0, says(413))],
                    "POST PUT+4194304 GET PATCH0+2097152 PATCH2097152+2097152 PUT+0",
                    Well,
                ),
                (
                    "quarters",
                    &[("PUT", 0, says(413)), ("PATCH", 0, says(413))],
                    "POST PUT+4194304 GET PATCH0+2097152 GET PATCH0+1048576 PATCH1048576+1048576 \
                     PATCH2097152+1048576 PATCH3145728+1048576 PUT+0",
                    Well,
                ),
                (
                    "no smaller than the registry takes",
                    &[("POST", 0, Adds("OCI-Chunk-Min-Length", "3000000".into())), ("PUT", 0, says(413))],
                    "POST PUT+4194304 GET PATCH0+3000000 PATCH3000000+1194304 PUT+0",
                    Well,
                ),
                (
                    "never small enough",
                    &[("PUT", ALWAYS, says(413)), ("PATCH", ALWAYS, says(413))],
                    "POST PUT+4194304 GET PATCH0+2097152 GET PATCH0+1048576",
                    Ill(&["413", "no larger requests"]),
                ),
            ],
        );
    });
}

#[test]
fn neighbours_are_asked_and_whatever_they_say_the_blob_is_sent() {
    need!(Root);
    sandbox(|s| {
        let image = image(&[b'x'; HUNDRED]);
        let says = |status| -> Wrong { Says(status, Vec::new()) };
        for (name, mounts, wrong, asked) in [
            ("mounted", true, None, "MOUNT"),
            ("wants the bytes", false, None, "MOUNT PUT+100"),
            ("not allowed", true, Some(says(401)), "MOUNT POST PUT+100"),
            ("forbidden", true, Some(says(403)), "MOUNT POST PUT+100"),
            ("not there", true, Some(says(404)), "MOUNT POST PUT+100"),
            ("not known", true, Some(says(405)), "MOUNT POST PUT+100"),
            ("an error", true, Some(says(500)), "MOUNT POST PUT+100"),
            ("too many", true, Some(later(429, "31536000")), "MOUNT POST PUT+100"),
            ("no answer", false, Some(Mute), "MOUNT POST PUT+100"),
            ("says where, and loses it", false, Some(Lacks("Location")), "MOUNT POST PUT+100"),
        ] {
            let rules: Vec<Rule> = wrong.into_iter().map(|wrong| ("MOUNT", 0, wrong)).collect();
            for tokens in [false, true] {
                let registry = Scripted::start(Script { mounts, tokens, ..script(&image, &rules) });
                keep(s, &image, Some(&format!("127.0.0.1:{}/their/base:1", registry.port)));
                push(s, &image, &registry).run().ok();
                let log = registry.log();
                if !tokens {
                    assert_eq!(log, format!("L? {asked} C? L? C? M"), "{name}");
                }
                assert!(registry.has(&digest(&image.layers[0])), "{name}");
            }
        }
        // An image of another registry tells nothing.
        let registry = Scripted::start(Script { mounts: true, ..script(&image, &[]) });
        keep(s, &image, Some("localhost:1/their/base:1"));
        push(s, &image, &registry).run().ok();
        assert_eq!(registry.log(), "L? POST PUT+100 C? L? C? M");
    });
}

/// A registry whose upload goes on at another port, or at another name of this machine.
fn away(s: &Sandbox, host: &str, elsewhere: &[Rule], end: &End) -> (Scripted, Scripted) {
    let image = image(&[b'x'; HUNDRED]);
    keep(s, &image, None);
    // Whose session the other place knows as `u1`.
    let place = Scripted::start(script(&image, elsewhere));
    place.begin("u1");
    let location = format!("http://{host}:{}/v2/app/blobs/uploads/u1?signed=1", place.port);
    let rules = [("POST", 0, Adds("Location", location)), ("HEAD", 1, says(200))];
    let registry = Scripted::start(Script { tokens: true, ..script(&image, &rules) });
    let ran = push(s, &image, &registry).run();
    match end {
        Well => drop(ran.ok()),
        Ill(words) => drop(ran.fails(words)),
    }
    (registry, place)
}

#[test]
fn an_upload_elsewhere_goes_without_credentials() {
    need!(Root);
    sandbox(|s| {
        for host in ["127.0.0.1", "localhost"] {
            let challenge = Says(401, vec![("WWW-Authenticate", "Basic realm=\"x\"".into())]);
            for (name, rules, asked, end) in [
                ("taken", vec![], "PUT+100", Well),
                ("cut", vec![("PUT", 0, Cut(40))], "PUT+100 GET PATCH40+60 PUT+0", Well),
                ("an error", vec![("PUT", 0, says(500))], "PUT+100 GET PUT+100", Well),
                ("asks who", vec![("PUT", 0, challenge.clone())], "PUT+100", Ill(&["CD_DOCKER_AUTH"])),
                ("forbids", vec![("PUT", 0, says(403))], "PUT+100", Ill(&["CD_DOCKER_AUTH"])),
            ] {
                let (registry, place) = away(s, host, &rules, &end);
                assert_eq!(place.log(), asked, "{name}");
                assert_eq!(place.authorizations(), Vec::<String>::new(), "{name}");
                // The password goes to the token server alone, the token to the registry alone.
                let seen = registry.authorizations();
                assert_eq!(seen.iter().filter(|one| **one == basic("kit", "s3cret")).count(), 1, "{name}");
                assert!(seen.iter().skip(1).all(|one| one == "Bearer t1"), "{name}: {seen:?}");
            }
        }
    });
}

#[test]
fn a_redirect_takes_no_credentials_along() {
    need!(Root);
    sandbox(|s| {
        let image = image(&[b'x'; HUNDRED]);
        keep(s, &image, None);
        for (status, kind, code) in [
            (307, "PUT", 1),
            (308, "PUT", 1),
            (302, "PUT", 1),
            (307, "M", 1),
            (307, "POST", 1),
            (307, "HEAD", 0),
        ] {
            let place = Scripted::start(script(&image, &[("HEAD", 0, says(403))]));
            let to = format!("http://127.0.0.1:{}/v2/app/{}", place.port, digest(&image.layers[0]));
            let nth = usize::from(kind == "HEAD");
            let moved: Rule = (kind, nth, Says(status, vec![("Location", to)]));
            let registry = Scripted::start(Script { tokens: true, ..script(&image, &[moved]) });
            push(s, &image, &registry).run().code(code);
            assert_eq!(place.authorizations(), Vec::<String>::new(), "{status} {kind}");
            // What writes does not follow at all.
            assert_eq!(place.log(), if kind == "HEAD" { "L?" } else { "" }, "{status} {kind}");
        }
    });
}

#[test]
fn a_rerun_sends_only_what_is_missing() {
    need!(Root);
    sandbox(|s| {
        let image = image(&[b'x'; HUNDRED]);
        for (wrong, first, second) in
            [(Cut(40), "POST PUT+100", "L? POST PUT+100 C? L? C? M"), (Mute, "POST PUT+100", "L? C? L? C? M")]
        {
            keep(s, &image, None);
            let registry = Scripted::start(script(&image, &[("PUT", 0, wrong)]));
            push(s, &image, &registry).env("CD_DOWNLOAD_MAX_RETRIES", "0").run().fails(&[]);
            push(s, &image, &registry).run().ok();
            assert_eq!(registry.log(), format!("L? {first} {second}"));
        }
    });
}
