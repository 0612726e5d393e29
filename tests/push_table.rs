//! What `push` asks of a registry that goes wrong, exchange by exchange: a word a request, and nothing else is asked.
//!
//! `L?` and `C?` are the HEADs of the layer and the config (which is there already), `PATCH0+50` carries 50 bytes from the
//! first on, `PUT+0` none, `GET` asks how far an upload is, `T` fetches a token, `M` is the manifest. An exchange that
//! succeeds begins with `L?` and ends with `C? L? C? M`: the blobs are looked at again before the manifest.

use std::fs;

use serde_json::{Value, json};

use crate::support::digest;
use crate::support::prelude::*;
use crate::support::scripted::Wrong::{Adds, Cut, Forgets, Lacks, Mute, Says, Takes};
use crate::support::scripted::{Rule, Script, Scripted, Wrong};

/// How an exchange ends.
pub(crate) enum End {
    Well,
    /// With these words on stderr, and without a manifest.
    Ill(&'static [&'static str]),
}
use End::{Ill, Well};

/// A name, what goes wrong, what is asked between the first HEAD and the last ones, and how it ends.
pub(crate) type Exchange<'a> = (&'static str, &'a [Rule], &'static str, End);

pub(crate) const HUNDRED: usize = 100;
pub(crate) const ALWAYS: usize = usize::MAX;

pub(crate) fn says(status: u16) -> Wrong {
    Says(status, Vec::new())
}

pub(crate) fn later(status: u16, after: &str) -> Wrong {
    Says(status, vec![("Retry-After", after.to_owned())])
}

pub(crate) fn image(layer: &[u8]) -> Image {
    Image::new(&[(layer.to_vec(), Encoding::Plain)])
}

/// The images that are kept: this one, without a name or with one.
pub(crate) fn keep(s: &Sandbox, image: &Image, name: Option<&str>) {
    let images = s.data().join("images");
    let _ = fs::remove_dir_all(&images);
    image.write_layout(&images, "x");
    if let Some(name) = name {
        let mut index: Value = serde_json::from_slice(&fs::read(images.join("index.json")).unwrap()).unwrap();
        index["manifests"][0]["annotations"] =
            json!({"io.containerd.image.name": name, "io.github.chroot-distro.pulled": "true"});
        fs::write(images.join("index.json"), index.to_string()).unwrap();
    }
}

pub(crate) fn script(image: &Image, rules: &[Rule]) -> Script {
    Script {
        rules: rules.to_vec(),
        blobs: vec![image.config_bytes()],
        layer: digest(&image.layers[0]),
        ..Script::default()
    }
}

pub(crate) fn push(s: &Sandbox, image: &Image, registry: &Scripted) -> Cd {
    let cd = s.cd(["push", &image.digest(), &format!("127.0.0.1:{}/app:1", registry.port)]);
    cd.env("CD_DOWNLOAD_WORKERS", "1").env("CD_DOWNLOAD_MAX_RETRIES", "2").env("CD_DOCKER_AUTH", "kit:s3cret")
}

pub(crate) fn run(s: &Sandbox, layer: &[u8], tokens: bool, exchanges: &[Exchange<'_>]) {
    for (name, rules, asked, end) in exchanges {
        println!("{name}");
        let image = image(layer);
        keep(s, &image, None);
        let registry = Scripted::start(Script { tokens, ..script(&image, rules) });
        let ran = push(s, &image, &registry).run();
        let log = registry.log();
        let asked = if asked.is_empty() { String::new() } else { format!(" {asked}") };
        match end {
            Well => {
                ran.ok();
                // What has a token begins by fetching one.
                let (begin, again) = if tokens { ("L? T L?", "C? L? C? M") } else { ("L?", "C? L? C? M") };
                match asked.strip_prefix(" =") {
                    Some(whole) => assert_eq!(log, whole, "{name}"),
                    None => assert_eq!(log, format!("{begin}{asked} {again}"), "{name}"),
                }
                assert_eq!(registry.manifests(), [("1".to_owned(), image.manifest_bytes())], "{name}");
                assert!(registry.has(&digest(layer)), "{name}");
            }
            Ill(words) => {
                let ran = ran.fails(words);
                assert!(!ran.err().contains("s3cret"), "{name}: {ran:?}");
                assert_eq!(
                    log,
                    asked.strip_prefix(" =").map_or(format!("L?{asked}"), str::to_owned),
                    "{name}"
                );
                assert!(registry.manifests().is_empty(), "{name}");
            }
        }
    }
}

#[test]
fn before_an_upload() {
    need!(Root);
    sandbox(|s| {
        run(
            s,
            &[b'x'; HUNDRED],
            false,
            &[
                ("nothing goes wrong", &[], "POST PUT+100", Well),
                ("HEAD is not known", &[("HEAD", 0, says(405))], "POST PUT+100", Well),
                ("HEAD is not allowed", &[("HEAD", 0, says(401))], "POST PUT+100", Well),
                ("HEAD is forbidden", &[("HEAD", ALWAYS, says(403))], "POST PUT+100", Well),
                ("HEAD: busy", &[("HEAD", 0, says(503))], "L? POST PUT+100", Well),
                ("HEAD: in no seconds", &[("HEAD", 0, later(503, "0"))], "L? POST PUT+100", Well),
                (
                    "HEAD: after a date",
                    &[("HEAD", 0, later(429, "Sun, 06 Nov 1994 08:49:37 GMT"))],
                    "L? POST PUT+100",
                    Well,
                ),
                ("HEAD: in a year", &[("HEAD", 0, later(429, "31536000"))], "", Ill(&["limits the rate"])),
                ("HEAD: always busy", &[("HEAD", ALWAYS, says(502))], "L? L?", Ill(&["502"])),
                ("HEAD: no answer", &[("HEAD", 0, Mute)], "L? POST PUT+100", Well),
                ("another size is there", &[("HEAD", 0, says(200))], "POST PUT+100", Well),
                ("POST: an error", &[("POST", 0, says(500))], "POST POST PUT+100", Well),
                ("POST: too many", &[("POST", 0, later(429, "0"))], "POST POST PUT+100", Well),
                ("POST: no answer", &[("POST", 0, Mute)], "POST POST PUT+100", Well),
                ("POST: always an error", &[("POST", ALWAYS, says(504))], "POST POST POST", Ill(&["504"])),
                (
                    "POST: forbidden",
                    &[("POST", 0, says(403))],
                    "POST",
                    Ill(&["its own words", "CD_DOCKER_AUTH"]),
                ),
                (
                    "POST: not allowed",
                    &[("POST", 0, says(401))],
                    "POST",
                    Ill(&["its own words", "CD_DOCKER_AUTH"]),
                ),
                ("POST: no such repository", &[("POST", 0, says(404))], "POST", Ill(&["its own words"])),
                ("POST: a bad request", &[("POST", 0, says(400))], "POST", Ill(&["400", "its own words"])),
                ("POST: without Location", &[("POST", 0, Lacks("Location"))], "POST", Ill(&["say where"])),
                (
                    "POST: Location for another scheme",
                    &[("POST", 0, Adds("Location", "ftp://127.0.0.1/u".into()))],
                    "POST",
                    Ill(&["neither http nor https"]),
                ),
                (
                    "Location has a query",
                    &[("POST", 0, Adds("Location", "/v2/app/blobs/uploads/{session}?a=b&c=d".into()))],
                    "POST PUT+100",
                    Well,
                ),
                (
                    "Location is relative",
                    &[("POST", 0, Adds("Location", "{session}".into()))],
                    "POST PUT+100",
                    Well,
                ),
                (
                    "Location has a fragment and blanks",
                    &[("POST", 0, Adds("Location", " /v2/app/blobs/uploads/{session}#x ".into()))],
                    "POST PUT+100",
                    Well,
                ),
            ],
        );
    });
}

#[test]
fn the_whole_in_one_request() {
    need!(Root);
    sandbox(|s| {
        let other = digest(b"other");
        run(
            s,
            &[b'x'; HUNDRED],
            false,
            &[
                ("cut in the middle", &[("PUT", 0, Cut(40))], "POST PUT+100 GET PATCH40+60 PUT+0", Well),
                ("cut at once", &[("PUT", 0, Cut(0))], "POST PUT+100 GET PATCH0+100 PUT+0", Well),
                ("cut at the end", &[("PUT", 0, Cut(100))], "POST PUT+100 GET PUT+0", Well),
                (
                    "cut, and lost",
                    &[("PUT", 0, Cut(40)), ("GET", 0, Forgets)],
                    "POST PUT+100 GET L? POST PATCH0+100 PUT+0",
                    Well,
                ),
                (
                    "cut, and nobody says how far",
                    &[("PUT", 0, Cut(40)), ("GET", 0, Lacks("Range"))],
                    "POST PUT+100 GET L? POST PATCH0+100 PUT+0",
                    Well,
                ),
                (
                    "cut, and more is there than was sent",
                    &[("PUT", 0, Cut(40)), ("GET", 0, Adds("Range", "0-200".into()))],
                    "POST PUT+100 GET L? POST PATCH0+100 PUT+0",
                    Well,
                ),
                (
                    "cut, and the status is busy",
                    &[("PUT", 0, Cut(40)), ("GET", 0, says(503))],
                    "POST PUT+100 GET GET PATCH40+60 PUT+0",
                    Well,
                ),
                (
                    "cut, and the status moves on",
                    &[
                        ("PUT", 0, Cut(40)),
                        ("GET", 0, Adds("Location", "/v2/app/blobs/uploads/{session}?n=2".into())),
                    ],
                    "POST PUT+100 GET PATCH40+60 PUT+0",
                    Well,
                ),
                ("the answer is lost", &[("PUT", 0, Mute)], "POST PUT+100 GET L?", Well),
                ("an error", &[("PUT", 0, says(500))], "POST PUT+100 GET PUT+100", Well),
                ("busy", &[("PUT", 0, later(503, "0"))], "POST PUT+100 GET PUT+100", Well),
                ("too many", &[("PUT", 0, later(429, "0"))], "POST PUT+100 GET PUT+100", Well),
                (
                    "always an error",
                    &[("PUT", ALWAYS, says(500))],
                    "POST PUT+100 GET PUT+100 GET PUT+100",
                    Ill(&["500", "its own words"]),
                ),
                (
                    "always cut",
                    &[("PUT", ALWAYS, Cut(0)), ("PATCH", ALWAYS, Cut(0))],
                    "POST PUT+100 GET PATCH0+100 GET PATCH0+100",
                    Ill(&[]),
                ),
                ("lost", &[("PUT", 0, Forgets)], "POST PUT+100 GET L? POST PATCH0+100 PUT+0", Well),
                ("another range", &[("PUT", 0, says(416))], "POST PUT+100 GET PATCH0+100 PUT+0", Well),
                ("too large", &[("PUT", 0, says(413))], "POST PUT+100", Ill(&["413", "larger"])),
                ("a wrong digest", &[("PUT", 0, says(400))], "POST PUT+100", Ill(&["400", "its own words"])),
                ("forbidden", &[("PUT", 0, says(403))], "POST PUT+100", Ill(&["CD_DOCKER_AUTH"])),
                ("accepted, not created", &[("PUT", 0, says(202))], "POST PUT+100", Ill(&["202"])),
                (
                    "kept as another",
                    &[("PUT", 0, Adds("Docker-Content-Digest", other))],
                    "POST PUT+100",
                    Ill(&["another one"]),
                ),
            ],
        );
    });
}

#[test]
fn the_rest_in_pieces() {
    need!(Root);
    sandbox(|s| {
        let cut = ("PUT", 0, Cut(40));
        run(
            s,
            &[b'x'; HUNDRED],
            false,
            &[
                (
                    "cut again",
                    &[cut.clone(), ("PATCH", 0, Cut(20))],
                    "POST PUT+100 GET PATCH40+60 GET PATCH60+40 PUT+0",
                    Well,
                ),
                (
                    "cut again and again: progress counts",
                    &[
                        cut.clone(),
                        ("PATCH", 0, Cut(1)),
                        ("PATCH", 1, Cut(1)),
                        ("PATCH", 2, Cut(1)),
                        ("PATCH", 3, Cut(1)),
                    ],
                    "POST PUT+100 GET PATCH40+60 GET PATCH41+59 GET PATCH42+58 GET PATCH43+57 GET PATCH44+56 PUT+0",
                    Well,
                ),
                (
                    "the answer is lost",
                    &[cut.clone(), ("PATCH", 0, Mute)],
                    "POST PUT+100 GET PATCH40+60 GET PUT+0",
                    Well,
                ),
                (
                    "another range",
                    &[cut.clone(), ("PATCH", 0, says(416))],
                    "POST PUT+100 GET PATCH40+60 GET PATCH40+60 PUT+0",
                    Well,
                ),
                (
                    "fewer bytes",
                    &[cut.clone(), ("PATCH", 0, Takes(10))],
                    "POST PUT+100 GET PATCH40+60 PATCH50+50 PUT+0",
                    Well,
                ),
                (
                    "no bytes",
                    &[cut.clone(), ("PATCH", 0, Takes(0))],
                    "POST PUT+100 GET PATCH40+60 GET PATCH40+60 PUT+0",
                    Well,
                ),
                (
                    "no word of bytes",
                    &[cut.clone(), ("PATCH", 0, Lacks("Range"))],
                    "POST PUT+100 GET PATCH40+60 PUT+0",
                    Well,
                ),
                (
                    "more bytes than there are",
                    &[cut.clone(), ("PATCH", 0, Adds("Range", "0-150".into()))],
                    "POST PUT+100 GET PATCH40+60 GET PUT+0",
                    Well,
                ),
                (
                    "Range with its unit",
                    &[cut.clone(), ("PATCH", 0, Adds("Range", "bytes=0-99".into()))],
                    "POST PUT+100 GET PATCH40+60 PUT+0",
                    Well,
                ),
                (
                    "lost",
                    &[cut.clone(), ("PATCH", 0, Forgets)],
                    "POST PUT+100 GET PATCH40+60 GET L? POST PATCH0+100 PUT+0",
                    Well,
                ),
                (
                    "always lost",
                    &[cut.clone(), ("PATCH", ALWAYS, Forgets)],
                    "POST PUT+100 GET PATCH40+60 GET L? POST PATCH0+100 GET L? POST PATCH0+100",
                    Ill(&["lost the upload"]),
                ),
                (
                    "an error",
                    &[cut.clone(), ("PATCH", 0, says(500))],
                    "POST PUT+100 GET PATCH40+60 GET PATCH40+60 PUT+0",
                    Well,
                ),
                (
                    "too many",
                    &[cut.clone(), ("PATCH", 0, later(429, "0"))],
                    "POST PUT+100 GET PATCH40+60 GET PATCH40+60 PUT+0",
                    Well,
                ),
                (
                    "forbidden",
                    &[cut.clone(), ("PATCH", 0, says(403))],
                    "POST PUT+100 GET PATCH40+60",
                    Ill(&["CD_DOCKER_AUTH"]),
                ),
                (
                    "Location moves on",
                    &[
                        cut.clone(),
                        ("PATCH", 0, Adds("Location", "/v2/app/blobs/uploads/{session}?n=2".into())),
                    ],
                    "POST PUT+100 GET PATCH40+60 PUT+0",
                    Well,
                ),
                (
                    "no Location any more",
                    &[cut.clone(), ("PATCH", 0, Lacks("Location"))],
                    "POST PUT+100 GET PATCH40+60 PUT+0",
                    Well,
                ),
                (
                    "the end's answer is lost",
                    &[cut.clone(), ("PUT", 1, Mute)],
                    "POST PUT+100 GET PATCH40+60 PUT+0 GET L?",
                    Well,
                ),
                (
                    "the sum is wrong: from the start",
                    &[cut.clone(), ("PUT", 1, says(400))],
                    "POST PUT+100 GET PATCH40+60 PUT+0 POST PATCH0+100 PUT+0",
                    Well,
                ),
            ],
        );
    });
}
