//! Who a registry is told that one is: passwords, tokens, and where they are found.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use serde_json::json;

use crate::registry::{assert_nothing, hello, small};
use crate::support::prelude::*;
use crate::support::registry::{base64, basic};

#[test]
fn basic_credentials_come_from_the_environment() {
    need!(Root, Tool("docker-registry"), Tool("htpasswd"));
    sandbox(|s| {
        let plain = Registry::start();
        small("private").push(&plain, "app:1");
        let registry = plain.disguised(Guise { basic: Some(("kit", "s3:cret")), ..Guise::default() });
        let install = |name: &str| s.cd(["install", "-n", name, &registry.reference("app:1")]);
        install("a").run().fails(&["CD_DOCKER_AUTH"]);
        install("a").env("CD_DOCKER_AUTH", "kit:wrong").run().fails(&[]);
        let malformed = install("a").env("CD_DOCKER_AUTH", "s3cret").run().fails(&["user:password"]);
        assert!(!malformed.err().contains("s3cret"), "a secret was printed");
        assert_nothing(s);
        // Only the first colon separates.
        install("a").env("CD_DOCKER_AUTH", "kit:s3:cret").run().ok();
        s.cd(["clear-cache"]).run().ok();
        install("b").env("PD_DOCKER_AUTH", "kit:s3:cret").run().ok();
        s.cd(["clear-cache"]).run().ok();
        install("c").env("CD_DOCKER_AUTH", "kit:s3:cret").env("PD_DOCKER_AUTH", "kit:wrong").run().ok();
        assert_eq!(s.names(), ["a", "b", "c"]);
    });
}

#[test]
fn basic_credentials_come_from_dockers_and_containers_files() {
    need!(Root, Tool("docker-registry"), Tool("htpasswd"));
    sandbox(|s| {
        let plain = Registry::start();
        small("private").push(&plain, "app:1");
        let registry = plain.disguised(Guise { basic: Some(("kit", "s3cret")), ..Guise::default() });
        let host = format!("127.0.0.1:{}", registry.port);
        let count = std::cell::Cell::new(0);
        // A fresh name and an empty cache each time: only the credentials make the difference.
        let install = || {
            count.set(count.get() + 1);
            s.cd(["clear-cache"]).run().ok();
            s.cd(["install", "-n", &format!("c{}", count.get()), &registry.reference("app:1")])
        };
        let auths = json!({"auths": {&host: {"auth": base64(b"kit:s3cret")}}}).to_string();
        let write = |file: &str, text: &str| {
            let path = s.path(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write("home/.docker/config.json", &auths);
        install().run().ok();
        fs::remove_dir_all(s.path("home/.docker")).unwrap();
        install().run().fails(&[]);

        write("docker/config.json", &auths);
        install().env("DOCKER_CONFIG", s.path("docker")).run().ok();
        write("auth.json", &auths);
        install().env("REGISTRY_AUTH_FILE", s.path("auth.json")).run().ok();
        write("runtime/containers/auth.json", &auths);
        install().env("XDG_RUNTIME_DIR", s.path("runtime")).run().ok();

        // A helper program: told the server on stdin, it answers with the secret (docker-credential-helpers).
        let helper = format!(
            "#!/bin/sh\n[ \"$1\" = get ] && read -r server && [ \"$server\" = {host} ] &&\n\
             echo '{{\"ServerURL\":\"x\",\"Username\":\"kit\",\"Secret\":\"s3cret\"}}'\n"
        );
        write("helpers/docker-credential-test", &helper);
        let file = s.path("helpers/docker-credential-test");
        fs::set_permissions(file, fs::Permissions::from_mode(0o755)).unwrap();
        let path = format!("{}:/usr/bin:/bin", s.path("helpers").display());
        for config in [json!({"credHelpers": {&host: "test"}}), json!({"credsStore": "test"})] {
            write("docker/config.json", &config.to_string());
            install().env("DOCKER_CONFIG", s.path("docker")).env("PATH", &path).run().ok();
        }
        // The environment goes before files.
        write("docker/config.json", &auths);
        let mistaken = install().env("DOCKER_CONFIG", s.path("docker")).env("CD_DOCKER_AUTH", "kit:wrong");
        mistaken.run().fails(&[]);
        write("docker/config.json", "{ not json");
        let broken = install().env("DOCKER_CONFIG", s.path("docker")).run();
        assert_eq!(broken.code, Some(1), "{broken:?}");
    });
}

#[test]
fn bearer_tokens_are_fetched_for_whoever_may_have_one() {
    need!(Root, Tool("docker-registry"));
    sandbox(|s| {
        let plain = Registry::start();
        small("token").push(&plain, "deep/app:1");
        let anybody = Tokens { field: "access_token", ..Tokens::new(None) };
        let anonymous = Proxy::start(plain.port, move |request, _| anybody.rule(request));
        s.cd(["install", "-n", "a", &anonymous.reference("deep/app:1")]).run().ok();
        let log = anonymous.log();
        let asked = log.iter().find(|seen| seen.path.starts_with("/token")).expect("a token was asked for");
        assert!(
            asked.path.contains("service=a%2C%20b") || asked.path.contains("service=a%2C+b"),
            "{}",
            asked.path
        );
        assert!(
            asked.path.contains("scope=repository%3Adeep%2Fapp%3Apull")
                || asked.path.contains("scope=repository:deep/app:pull"),
            "{}",
            asked.path
        );

        s.cd(["clear-cache"]).run().ok();
        let known = Tokens::new(Some(("kit", "s3cret")));
        let private = Proxy::start(plain.port, move |request, _| known.rule(request));
        let install = |name: &str| s.cd(["install", "-n", name, &private.reference("deep/app:1")]);
        install("b").run().fails(&["CD_DOCKER_AUTH"]);
        install("b").env("CD_DOCKER_AUTH", "kit:wrong").run().fails(&[]);
        assert_eq!(s.names(), ["a"]);
        install("b").env("CD_DOCKER_AUTH", "kit:s3cret").run().ok();
        let sent = basic("kit", "s3cret");
        for seen in private.log().iter().filter(|seen| seen.authorization.as_deref() == Some(&sent)) {
            assert!(seen.path.starts_with("/token"), "the password went to {}", seen.path);
        }
    });
}

#[test]
fn a_token_that_expires_in_the_middle_is_renewed() {
    need!(Root, Tool("docker-registry"));
    sandbox(|s| {
        let plain = Registry::start();
        let layers: Vec<_> =
            (0..6).map(|n| (tar([Entry::file(format!("f{n}"), "x")]), Encoding::Gzip)).collect();
        Image::new(&layers).push(&plain, "app:1");
        let tokens = Tokens { uses: 2, ..Tokens::new(None) };
        let proxy = Proxy::start(plain.port, move |request, _| tokens.rule(request));
        s.cd(["install", &proxy.reference("app:1")]).run().ok();
        assert!(proxy.log().iter().filter(|seen| seen.path.starts_with("/token")).count() > 1);
    });
}

#[test]
fn mistaken_credentials_do_not_shut_out_a_public_image() {
    need!(Root, Tool("docker-registry"));
    sandbox(|s| {
        let plain = Registry::start();
        small("public").push(&plain, "app:1");
        let tokens = Tokens::new(None);
        let proxy = Proxy::start(plain.port, move |request, _| {
            // As Docker Hub does: 401 for a wrong password, a token for nobody at all.
            if request.path.starts_with("/token") && request.fields.get("authorization").is_some() {
                return Fault::Answer(Answer::new(401, "{\"details\":\"incorrect username or password\"}"));
            }
            tokens.rule(request)
        });
        s.cd(["install", &proxy.reference("app:1")]).env("CD_DOCKER_AUTH", "kit:wrong").run().ok();
        assert_eq!(hello(s, "app"), "public");
    });
}
