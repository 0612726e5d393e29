//! What is seen and deleted in a registry: `search --list-tags`, `rmi --remote`, and the lists of what belongs to an image that
//! `push` keeps. The distribution spec's sentences on content discovery and management, one by one.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::push_table::{keep, script};
use crate::registry::small;
use crate::support::http::{self, Request, Server};
use crate::support::image::descriptor;
use crate::support::prelude::*;
use crate::support::scripted::Scripted;
use crate::support::scripted::Wrong::Adds;
use crate::support::{digest, registry::basic};

/// A registry that answers by `answer`, and the requests that it had.
fn registry(
    answer: impl Fn(&Request) -> Answer + Send + Sync + 'static,
) -> (Server, Arc<Mutex<Vec<String>>>) {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let log = asked.clone();
    let server = Server::start(move |request, out| {
        if request.path == "/v2/" {
            Answer::new(200, "{}").write(request, out)?;
            return Ok(true);
        }
        log.lock().expect("a log").push(format!("{} {}", request.method, request.path));
        answer(request).write(request, out)?;
        Ok(true)
    });
    (server, asked)
}

fn of(asked: &Mutex<Vec<String>>) -> Vec<String> {
    std::mem::take(&mut asked.lock().unwrap())
}

fn tags(list: &[&str]) -> String {
    json!({"name": "app", "tags": list}).to_string()
}

#[test]
fn tags_are_listed_page_by_page() {
    let (server, asked) = registry(|request| {
        let more = |to: &str, list: &[&str]| Answer::new(200, tags(list)).with("Link", to);
        match &*request.path {
            "/v2/app/tags/list" => more("</v2/app/tags/list?last=b&n=2>; rel=\"next\"", &["a", "b"]),
            "/v2/app/tags/list?last=b&n=2" => {
                more("<http://other/>; rel=prev,<?last=c>; rel=next", &["c\u{1b}[2J"])
            }
            "/v2/app/tags/list?last=c" => Answer::new(200, tags(&["d"])),
            "/v2/app/tags/list?n=3" => more("<?last=c>; rel=\"next\"", &["a", "b"]),
            "/v2/ever/tags/list" => more("<?again>; rel=\"next\"", &["a"]),
            "/v2/ever/tags/list?again" => more("<?again>; rel=\"next\"", &["b"]),
            "/v2/round/tags/list" | "/v2/round/tags/list?b" => more("<?a>; rel=\"next\"", &["a", "b"]),
            "/v2/round/tags/list?a" => more("<?b>; rel=\"next\"", &["b", "a", "c"]),
            "/v2/none/tags/list" => Answer::new(200, r#"{"name": "none", "tags": null}"#),
            "/v2/odd/tags/list" => Answer::new(200, "<html>"),
            _ => Answer::new(404, r#"{"errors":[{"code":"NAME_UNKNOWN","message":"no such name"}]}"#),
        }
    });
    let list = |args: &[&str], image: &str| {
        let image = format!("{}/{image}", server.host());
        Cd::bare(["search", "--list-tags"]).args(args).arg(image).env("HOME", "/nonexistent").run()
    };
    let at = |tag: &str| format!("{}/app:{tag}\n", server.host());
    list(&[], "app").ok().prints(&["a", "b", "c\\u{1b}[2J", "d"].map(at).concat());
    let pages = ["", "?last=b&n=2", "?last=c"].map(|query| format!("GET /v2/app/tags/list{query}"));
    assert_eq!(of(&asked), pages);
    // The tag that is written is not asked for.
    list(&["--limit", "3"], "app:7").ok().prints(&["a", "b", "d"].map(at).concat());
    assert_eq!(of(&asked).len(), 2);
    let json: Value =
        serde_json::from_slice(&list(&["--json", "-l", "1"], "app").fails(&["no such name"]).stdout)
            .unwrap_or_default();
    assert!(json.is_null());
    let json: Value = serde_json::from_slice(&list(&["--json", "-l", "3"], "app").ok().stdout).unwrap();
    assert_eq!(json[2], json!({"name": at("d").trim(), "tag": "d"}));
    list(&[], "ever").ok().prints(&["a", "b"].map(|tag| at(tag).replace("/app", "/ever")).concat());
    // Pages that name each other, with the same tags.
    of(&asked);
    list(&[], "round").ok().prints(&["a", "b", "c"].map(|tag| at(tag).replace("/app", "/round")).concat());
    assert_eq!(of(&asked).len(), 3);
    list(&[], "none").ok().prints("").says(&["has no tags"]);
    list(&[], "odd").fails(&["not JSON"]);
    list(&[], "absent").fails(&["has no image 'absent'", "no such name"]);
    list(&[], "Odd Name").code(2);
}

#[test]
fn tags_and_images_are_deleted_in_the_registry_alone() {
    need!(Root, Tool("docker-registry"));
    sandbox(|s| {
        let registry = Registry::start();
        let image = small("one");
        let pushed = image.push(&registry, "app:1");
        image.push(&registry, "app:2");
        let (one, two) = (registry.reference("app:1"), registry.reference("app:2"));
        s.cd(["pull", "-q", &one]).run().ok();
        s.cd(["search", "--list-tags", &one]).run().ok().prints(&format!("{one}\n{two}\n"));
        // Nothing is deleted that was not named.
        s.cd(["rmi", "--remote", &registry.reference("app")])
            .run()
            .code(2)
            .says(&["has no tag", "--list-tags"]);
        s.cd(["rmi", "--remote", &registry.reference("app:3")]).run().fails(&[]);
        let by_digest = format!("{}@{pushed}", registry.reference("app"));
        // Debian's registry deletes no single tag: what to type instead is told.
        s.cd(["rmi", "--remote", &one]).run().fails(&["single tags", &format!("rmi --remote {by_digest}")]);
        s.cd(["pull", "-q", &two]).run().ok();
        s.cd(["rmi", "--remote", &by_digest]).run().ok().says(&["deleted"]);
        s.cd(["pull", "-q", &two]).run().fails(&["no such image"]);
        s.cd(["rmi", "--remote", &by_digest]).run().fails(&["check the name"]);
        // What is here stays.
        s.cd(["images", "-q"]).run().ok().prints(&format!("{pushed}\n"));
    });
}

#[test]
fn a_deletion_is_one_request_and_says_why_not() {
    need!(Root);
    sandbox(|s| {
        let digest = digest(b"x");
        let by_digest = format!("app@{digest}");
        for (status, image, words) in [
            (202, "app:1", &["Deleted"][..]),
            (405, &*by_digest, &["does not delete images by this interface"]),
            (400, &by_digest, &["does not delete images"]),
            (404, "app:1", &["has no '", "its own words"]),
            (401, "app:1", &["auth add", "its own words"]),
            (403, "app:1", &["auth add", "its own words"]),
        ] {
            let (server, asked) =
                registry(move |_| Answer::new(status, r#"{"errors":[{"message":"its own words"}]}"#));
            let ran = s.cd(["rmi", "--remote", &format!("{}/{image}", server.host())]).run();
            let ran = if status == 202 { ran.ok() } else { ran.code(1) };
            ran.says(words);
            let target = image.trim_start_matches("app").trim_start_matches([':', '@']);
            let mut asked = of(&asked);
            // Of an image it is looked first what it belongs to.
            if image.contains('@') {
                assert_eq!(asked.remove(0), format!("GET /v2/app/manifests/{target}"));
            }
            assert_eq!(asked, [format!("DELETE /v2/app/manifests/{target}")], "{status}");
        }
        // Not two things at once, nor the image where the tag alone may be meant.
        let (server, asked) = registry(|_| Answer::new(202, ""));
        let both = format!("{}/app:1@{digest}", server.host());
        s.cd(["rmi", "--remote", &both]).run().code(2).says(&["a tag and a digest", "leave out"]);
        assert_eq!(of(&asked), [""; 0]);
        // Credentials that nobody asked for were not refused either.
        for status in [401, 403] {
            let (server, asked) =
                registry(move |_| Answer::new(status, r#"{"errors":[{"message":"its own words"}]}"#));
            let name = format!("{}/app:1", server.host());
            for args in [["rmi", "--remote", &name].as_slice(), &["pull", &name], &["install", &name]] {
                let ran = s.cd(args).env("CD_DOCKER_AUTH", "a:b").run();
                let ran = ran.fails(&[
                    "its own words",
                    "does not say how to log in",
                    "CD_DOCKER_AUTH were not sent",
                ]);
                assert!(!ran.err().contains("refuses the credentials"), "{ran:?}");
                assert_eq!(of(&asked).len(), 1, "{args:?}");
            }
        }
        // A token for deletion is asked for; a registry that is busy is asked again.
        let busy = Mutex::new(true);
        let (server, asked) = registry(move |request| match request.fields.get("authorization") {
            _ if request.path.starts_with("/token") => Answer::new(200, r#"{"token": "t"}"#),
            None => {
                let realm = format!("Bearer realm=\"http://{}/token\"", request.host());
                Answer::new(401, "{}").with("WWW-Authenticate", realm)
            }
            Some(_) if std::mem::take(&mut *busy.lock().expect("it")) => {
                Answer::new(503, "{}").with("Retry-After", "0")
            }
            Some(_) => Answer::new(202, ""),
        });
        s.cd(["rmi", "--remote", &format!("{}/app:1", server.host())])
            .env("CD_DOCKER_AUTH", "a:b")
            .run()
            .ok();
        let asked = of(&asked);
        assert!(asked[1].contains("scope=repository%3Aapp%3Apull%2Cdelete"), "{asked:?}");
        assert_eq!(asked.len(), 4, "{asked:?}");
        assert!(basic("a", "b").starts_with("Basic"));
    });
}

/// An image that says that it belongs to another one.
fn signature(subject: &Value) -> (Image, Vec<u8>) {
    let image = Image::of([Entry::file("signature", "s")]);
    let mut manifest: Value = serde_json::from_slice(&image.manifest_bytes()).unwrap();
    manifest["subject"] = subject.clone();
    manifest["artifactType"] = "application/x-signature".into();
    manifest["annotations"] = json!({"by": "me"});
    (image, manifest.to_string().into_bytes())
}

#[test]
fn what_belongs_to_an_image_is_listed_where_the_registry_does_not() {
    need!(Root, Tool("docker-registry"));
    sandbox(|s| {
        let to = Registry::start();
        let subject = descriptor("application/vnd.oci.image.manifest.v1+json", b"the image");
        let tag = subject["digest"].as_str().unwrap().replace(':', "-");
        let list = || -> Value {
            let accept = [("accept", "application/vnd.oci.image.index.v1+json")];
            let answer = http::send(to.port, "GET", &format!("/v2/app/manifests/{tag}"), &accept, b"");
            serde_json::from_slice(&answer.body).unwrap()
        };
        let (image, manifest) = signature(&subject);
        keep(s, &image, None);
        let images = s.data().join("images");
        let write = |manifest: &[u8]| {
            let hex = digest(manifest).replace("sha256:", "");
            std::fs::write(images.join("blobs/sha256").join(hex), manifest).unwrap();
            let entry = descriptor("application/vnd.oci.image.manifest.v1+json", manifest);
            let index = json!({"schemaVersion": 2, "manifests": [entry]});
            std::fs::write(images.join("index.json"), index.to_string()).unwrap();
        };
        write(&manifest);
        let push = |name: &str| s.cd(["push", "-q", &digest(&manifest), &to.reference(name)]).run();
        push("app:sig").ok();
        let entry = json!({
            "mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": digest(&manifest),
            "size": manifest.len(), "artifactType": "application/x-signature", "annotations": {"by": "me"},
        });
        assert_eq!(list()["mediaType"], "application/vnd.oci.image.index.v1+json");
        assert_eq!(list()["manifests"], json!([entry]));
        // Twice in the list is once too often.
        push("app:sig").ok();
        assert_eq!(list()["manifests"], json!([entry]));
        // Another one is added; without a type of its own it has that of its config.
        let mut other: Value = serde_json::from_slice(&manifest).unwrap();
        other.as_object_mut().unwrap().retain(|key, _| key != "artifactType" && key != "annotations");
        let other = other.to_string().into_bytes();
        write(&other);
        s.cd(["push", "-q", &digest(&other), &to.reference("app:other")]).run().ok();
        assert_eq!(list()["manifests"][0], entry);
        assert_eq!(list()["manifests"][1]["artifactType"], "application/vnd.oci.image.config.v1+json");
        // One that is deleted goes from the list.
        s.cd(["rmi", "--remote", &format!("{}@{}", to.reference("app"), digest(&other))]).run().ok();
        assert_eq!(list()["manifests"], json!([entry]));
        s.cd(["push", "-q", &digest(&other), &to.reference("app:other")]).run().ok();
        assert_eq!(list()["manifests"].as_array().unwrap().len(), 2);
        // What is no list is left alone, and told.
        image.push(&to, &format!("app:{tag}"));
        s.cd(["push", "-q", &digest(&other), &to.reference("app:other")]).run().fails(&["something else"]);
        // A registry that lists it by itself says so.
        let says = Adds("OCI-Subject", subject["digest"].as_str().unwrap().to_owned());
        let lists = Scripted::start(script(&image, &[("M", 0, says)]));
        let target = format!("127.0.0.1:{}/app:1", lists.port);
        s.cd(["push", "-q", &digest(&other), &target]).env("CD_DOWNLOAD_WORKERS", "1").run().ok();
        assert_eq!(lists.log(), "L? POST PUT+".to_owned() + &format!("{} C? L? C? M", image.layers[0].len()));
    });
}

/// The distribution spec (1.1), "Content Discovery" and "Content Management", sentence by sentence.
#[test]
fn what_the_specification_asks_of_whoever_lists_and_deletes() {
    need!(Root);
    sandbox(|s| {
        let subject = descriptor("application/vnd.oci.image.manifest.v1+json", b"the image");
        let (_, signature) = signature(&subject);
        let (signed, list_tag) = (digest(&signature), subject["digest"].as_str().unwrap().replace(':', "-"));
        let entry = descriptor("application/vnd.oci.image.manifest.v1+json", &signature);
        let kind = "application/vnd.oci.image.index.v1+json";
        let list = json!({"schemaVersion": 2, "mediaType": kind, "manifests": [entry]}).to_string();
        let (by_digest, by_tag) =
            (format!("/v2/app/manifests/{signed}"), format!("/v2/app/manifests/{list_tag}"));
        let bodies = Arc::new(Mutex::new(Vec::new()));
        let (of_puts, paths) = (bodies.clone(), (by_digest.clone(), by_tag.clone()));
        let (server, asked) = registry(move |request| match (&*request.method, &*request.path) {
            ("GET", path) if *path == paths.0 => Answer::new(200, signature.clone()),
            ("GET", path) if *path == paths.1 => Answer::new(200, list.clone()),
            ("GET", "/v2/app/tags/list?n=2") => {
                Answer::new(200, tags(&["a"])).with("Link", "</v2/app/tags/list?n=2&last=a>; rel=\"next\"")
            }
            ("GET", "/v2/app/tags/list?n=2&last=a") => Answer::new(200, tags(&["b", "c"])),
            ("DELETE", _) => Answer::new(202, ""),
            ("PUT", _) => {
                let kind = request.fields.get("content-type").unwrap_or_default().to_owned();
                of_puts.lock().expect("bodies").push(kind);
                Answer::new(201, "")
            }
            _ => Answer::new(404, "{}"),
        });
        let (app, host) = (format!("{}/app", server.host()), server.host());
        let table: [(&str, Vec<String>, Vec<String>); 4] = [
            (
                "a tag is deleted by DELETE /v2/<name>/manifests/<tag>, and nothing else is",
                vec!["rmi".into(), "--remote".into(), format!("{app}:1")],
                vec!["DELETE /v2/app/manifests/1".into()],
            ),
            (
                "a manifest is deleted by its digest; one with a subject leaves the list of its tag schema",
                vec!["rmi".into(), "--remote".into(), format!("{app}@{signed}")],
                ["GET ", "DELETE "]
                    .map(|method| format!("{method}{by_digest}"))
                    .into_iter()
                    .chain(["GET ", "PUT "].map(|method| format!("{method}{by_tag}")))
                    .collect(),
            ),
            (
                "tags are listed with n, and go on at the Link, which is used as it stands",
                ["search", "--list-tags", "--limit", "2", &app].map(str::to_owned).into(),
                vec!["GET /v2/app/tags/list?n=2".into(), "GET /v2/app/tags/list?n=2&last=a".into()],
            ),
            (
                "a name that is not there is 404, and asked for once",
                ["search", "--list-tags", &format!("{host}/none")].map(str::to_owned).into(),
                vec!["GET /v2/none/tags/list".into()],
            ),
        ];
        for (sentence, args, requests) in table {
            let ran = s.cd(&args).run();
            assert_eq!(of(&asked), requests, "{sentence}: {ran:?}");
            assert_eq!(
                ran.code == Some(0),
                !args.iter().any(|arg| arg.ends_with("/none")),
                "{sentence}: {ran:?}"
            );
        }
        assert_eq!(*bodies.lock().unwrap(), [kind]);
    });
}
