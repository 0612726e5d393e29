//! `auth` and `CD_REGISTRY_AUTH`: logins that are tried first, kept in a file of one's own, and are for one registry.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use serde_json::{Value, json};

use crate::registry::small;
use crate::support::prelude::*;
use crate::support::registry::{base64, basic};

/// A registry for `kit` alone, and its `host:port`.
fn private(plain: &Registry) -> (Registry, String) {
    let registry = plain.disguised(Guise { basic: Some(("kit", "s3:cret")), ..Guise::default() });
    let host = format!("127.0.0.1:{}", registry.port);
    (registry, host)
}

#[test]
fn a_login_is_tried_kept_shown_and_taken_away() {
    need!(Root, Tool("docker-registry"), Tool("htpasswd"));
    sandbox(|s| {
        let plain = Registry::start();
        small("private").push(&plain, "app:1");
        let (registry, host) = private(&plain);
        let file = s.path("home/.config/containers/auth.json");
        let add = |user: &str, password: &str| {
            s.cd(["auth", "add", &host, "--user", user]).stdin(format!("{password}\n")).run()
        };
        let refused = add("kit", "wrong").fails(&["refuses", "token"]);
        assert!(!refused.err().contains("wrong") && !file.exists(), "{refused:?}");
        s.cd(["auth", "list"]).run().ok().prints("");
        s.cd(["install", &registry.reference("app:1")]).run().fails(&["private"]);

        let kept = add("kit", "s3:cret").ok().prints("");
        assert!(!kept.err().contains("s3:cret") && kept.err().contains("auth.json"), "{kept:?}");
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o7777, 0o600);
        assert_eq!(fs::metadata(file.parent().unwrap()).unwrap().permissions().mode() & 0o777, 0o700);
        let json: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
        assert_eq!(json, json!({"auths": {&host: {"auth": base64(b"kit:s3:cret")}}}));
        s.cd(["install", &registry.reference("app:1")]).run().ok();
        s.cd(["push", &registry.reference("app:1"), &registry.reference("two:1")]).run().ok();
        let shown = s.cd(["auth", "list"]).run().ok().out();
        assert!(shown.contains(&host) && shown.contains("kit") && !shown.contains("cret"), "{shown}");

        // As it stands in an address.
        let address = format!("http://{host}/");
        s.cd(["auth", "add", &address, "-u", "kit"]).stdin("s3:cret\n").run().ok();
        s.cd(["auth", "remove", &host]).run().ok().prints("");
        s.cd(["auth", "remove", &host]).run().fails(&["no login", &host]);
        let json: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
        assert_eq!(json, json!({"auths": {}}));
    });
}

#[test]
fn what_others_wrote_into_the_file_stays() {
    need!(Root, Tool("docker-registry"), Tool("htpasswd"));
    sandbox(|s| {
        let plain = Registry::start();
        let (_registry, host) = private(&plain);
        let file = s.path("linked/auth.json");
        fs::create_dir(s.path("linked")).unwrap();
        std::os::unix::fs::symlink(&file, s.path("auth.json")).unwrap();
        let before = json!({
            "x": [1, {"y": null}],
            "auths": {"quay.io": {"auth": base64(b"q:p"), "z": 1}, &host: {"identitytoken": "t", "email": "e"}},
            "credHelpers": {"gcr.io": "gcloud"},
        });
        fs::write(&file, before.to_string()).unwrap();
        let run =
            |args: &[&str]| s.cd(args).env("REGISTRY_AUTH_FILE", s.path("auth.json")).stdin("s3:cret").run();
        run(&["auth", "add", &host, "-u", "kit"]).ok();
        let read = || serde_json::from_slice::<Value>(&fs::read(&file).unwrap()).unwrap();
        let mut after = before.clone();
        after["auths"][&host] = json!({"email": "e", "auth": base64(b"kit:s3:cret")});
        assert_eq!(read(), after);
        assert!(s.path("auth.json").is_symlink());
        run(&["auth", "remove", &host]).ok();
        after["auths"].as_object_mut().unwrap().remove(&host);
        assert_eq!(read(), after);
        let shown = run(&["auth", "list"]).ok().out();
        assert!(shown.contains("quay.io") && !shown.contains("127.0.0.1"), "{shown}");
        for broken in ["{ not json", "[]", r#"{"auths": []}"#] {
            fs::write(&file, broken).unwrap();
            run(&["auth", "add", &host, "-u", "kit"]).fails(&["auth.json"]);
            assert_eq!(fs::read_to_string(&file).unwrap(), broken);
        }
        // One that is read before it is told of.
        fs::write(&file, "").unwrap();
        fs::create_dir_all(s.path("docker")).unwrap();
        fs::write(s.path("docker/config.json"), before.to_string()).unwrap();
        let told = s
            .cd(["auth", "add", &host, "-u", "kit"])
            .env("REGISTRY_AUTH_FILE", s.path("auth.json"))
            .env("DOCKER_CONFIG", s.path("docker"))
            .stdin("s3:cret");
        told.run().ok().says(&["docker/config.json", "used before"]);
    });
}

#[test]
fn mistakes_are_told_and_nothing_is_asked() {
    need!(Root);
    sandbox(|s| {
        for (args, words) in [
            (&["auth"][..], &["OPERATION"][..]),
            (&["auth", "add"], &["REGISTRY is missing"]),
            (&["auth", "list", "ghcr.io"], &["takes no registry"]),
            (&["auth", "show"], &["unknown action", "add, remove, list"]),
            (&["auth", "add", "ghcr.io"], &["--user"]),
            (&["auth", "add", "ghcr.io", "-u", "a:b"], &["colon"]),
            (&["auth", "add", "ghcr.io", "-u", "me"], &["password is empty"]),
            (&["auth", "add", "ghcr.io/me", "-u", "me"], &["not a registry"]),
            (&["auth", "add", "me", "-u", "me"], &["not a registry"]),
        ] {
            s.cd(args).run().code(2).says(words);
        }
        let gone = format!("127.0.0.1:{}", crate::support::registry::free_port());
        s.cd(["auth", "add", &gone, "-u", "me"]).stdin("pw").run().fails(&["cannot connect"]);
    });
}

#[test]
fn a_password_that_is_typed_shows_nowhere() {
    need!(Root, Tool("docker-registry"), Tool("htpasswd"));
    sandbox(|s| {
        let plain = Registry::start();
        let (_registry, host) = private(&plain);
        let mut terminal = s.on_terminal(["auth", "add", &host]);
        terminal.expect("User of");
        terminal.types("kit\r");
        terminal.expect("Password or token: ");
        terminal.types("s3:crex\x7ft\r");
        let screen = terminal.expect("Kept the login of 'kit'");
        assert!(!screen.contains("s3:cre"), "{screen}");
        terminal.assert_restored();
        assert_eq!(terminal.ends(), 0);
        // Ctrl-C gives the terminal back.
        let mut terminal = s.on_terminal(["auth", "add", &host, "-u", "kit"]);
        terminal.expect("Password or token: ");
        terminal.types("s3\x03");
        terminal.until("the settings are back", |terminal| !terminal.is_raw());
        assert_eq!(terminal.ends(), 130);
    });
}

#[test]
fn a_line_of_the_environment_is_for_its_registry_alone() {
    need!(Root, Tool("docker-registry"));
    sandbox(|s| {
        let plain = Registry::start();
        small("x").push(&plain, "app:1");
        let front = |user: &'static str, password: &'static str| {
            let tokens = Tokens::new(Some((user, password)));
            Proxy::start(plain.port, move |request, _| tokens.rule(request))
        };
        let (one, two) = (front("one", "p1"), front("two", "p2"));
        let lines = format!("127.0.0.1:{}=one:p1\n\n127.0.0.1:{}=two:p2\n", one.port(), two.port());
        let install = |name: &str, from: &Proxy| {
            let cd = s.cd(["install", "-n", name, &from.reference("app:1")]);
            cd.env("CD_REGISTRY_AUTH", &lines).env("CD_DOCKER_AUTH", "some:body")
        };
        install("a", &one).run().ok();
        install("b", &two).run().ok();
        for (proxy, secret) in [(&one, basic("one", "p1")), (&two, basic("two", "p2"))] {
            let seen = proxy.log();
            let secrets = seen.iter().filter_map(|seen| seen.authorization.as_deref());
            let basics: Vec<&str> = secrets.filter(|text| text.starts_with("Basic")).collect();
            assert!(!basics.is_empty() && basics.iter().all(|text| *text == secret), "{basics:?}");
        }
        // Without a line of its own the other one is shown.
        let third = front("some", "body");
        install("c", &third).run().ok();
        let bad = install("d", &one).env("CD_REGISTRY_AUTH", "127.0.0.1=hunter2").run();
        let bad = bad.fails(&["CD_REGISTRY_AUTH", "registry=user:password"]);
        assert!(!bad.err().contains("hunter2"), "{bad:?}");
    });
}

#[test]
fn a_token_server_elsewhere_is_named_where_it_got_credentials() {
    need!(Root, Tool("docker-registry"));
    sandbox(|s| {
        let plain = Registry::start();
        small("x").push(&plain, "app:1");
        let other = crate::support::http::Server::start(|request, out| {
            Answer::new(200, "{\"token\":\"t\"}").write(request, out).map(|()| true)
        });
        let other = format!("127.0.0.1:{}", other.port);
        for (host, told) in [("localhost".to_owned(), true), ("127.0.0.1".to_owned(), false), (other, true)] {
            let named = host.clone();
            let proxy = Proxy::start(plain.port, move |request, _| {
                if request.path.starts_with("/token") {
                    return Fault::Answer(Answer::new(200, "{\"token\":\"t\"}"));
                }
                if request.fields.get("authorization") == Some("Bearer t") {
                    return Fault::None;
                }
                let port = request.host().rsplit(':').next().unwrap_or_default();
                let at = if host.contains(':') { host.clone() } else { format!("{host}:{port}") };
                let realm = format!("Bearer realm=\"http://{at}/token\"");
                Fault::Answer(Answer::new(401, "{}").with("WWW-Authenticate", realm))
            });
            let name = named.replace(':', "-");
            let install = |name: &str| s.cd(["install", "-n", name, &proxy.reference("app:1")]);
            let ran = install(&format!("a-{name}")).env("CD_DOCKER_AUTH", "kit:pw").run().ok();
            let words = format!("CD_DOCKER_AUTH sent to the token server 'http://{named}");
            let warned = ran.err().matches(&words).count();
            assert_eq!(warned, usize::from(told), "{ran:?}");
            s.cd(["clear-cache"]).run().ok();
            let ran = install(&format!("b-{name}")).run().ok();
            assert!(!ran.err().contains("token server"), "{ran:?}");
        }
    });
}

#[test]
fn no_credential_goes_over_plain_http_to_another_machine() {
    need!(Root, Tool("docker-registry"));
    sandbox(|s| {
        let plain = Registry::start();
        let tokens = Tokens::new(Some(("kit", "pw")));
        let front = Proxy::start(plain.port, move |request, _| tokens.rule(request));
        // A name that is not this machine's own leads there through a proxy.
        let address = format!("http://127.0.0.1:{}", front.port());
        let tunnel = crate::support::http::Server::start(move |_, out| {
            use std::io::Write;
            let mut to = crate::support::http::connect(front.port())?;
            out.write_all(b"HTTP/1.1 200 OK\r\n\r\n")?;
            let (mut from, mut back) = (out.try_clone()?, to.try_clone()?);
            std::thread::spawn(move || std::io::copy(&mut from, &mut back));
            std::io::copy(&mut to, out)?;
            assert!(front.log().iter().all(|seen| seen.authorization.is_none()), "{:?}", front.log());
            Ok(false)
        });
        let ran = s
            .cd(["install", "--allow-insecure", "registry.test:5000/app:1"])
            .env("http_proxy", format!("http://127.0.0.1:{}", tunnel.port))
            .env("CD_DOCKER_AUTH", "kit:pw")
            .run()
            .fails(&["plain http", "registry.test"]);
        assert!(!ran.err().contains(&address), "{ran:?}");
    });
}
