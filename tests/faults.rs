//! A registry that drops, stalls, lies and throttles: the install succeeds, or fails cleanly and a healthy retry
//! succeeds. Secrets never follow a redirect to another host.

use std::fs;

use crate::support::http::Request;
use crate::support::prelude::*;

const SIZE: usize = 400_000;

/// One layer that does not compress: what is sent is what is counted.
fn image() -> Image {
    let mut seed = 1_u32;
    let noise: Vec<u8> = std::iter::repeat_with(|| {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (seed >> 24) as u8
    })
    .take(SIZE)
    .collect();
    Image::new(&[(tar([Entry::file("noise", noise)]), Encoding::Plain)])
}

/// Whether this is the request for the layer (the config is small and comes whole).
fn is_layer(request: &Request) -> bool {
    let config = crate::support::digest(&image().config_bytes());
    request.is_blob() && !request.path.ends_with(&config)
}

/// Installs through a proxy that does `fault` to the first `times` requests for the layer; then, when that
/// failed, again. The proxy, and whether the first attempt succeeded.
fn against(s: &Sandbox, fault: Fault, times: usize) -> (Proxy, Registry, bool) {
    let registry = Registry::start();
    image().push(&registry, "app:1");
    let proxy = Proxy::start(registry.port, move |request, nth| match is_layer(request) && nth < times {
        true => fault.clone(),
        false => Fault::None,
    });
    let first = s.cd(["install", &proxy.reference("app:1")]).deadline(300).run();
    if first.code != Some(0) {
        let first = first.fails(&[]);
        assert!(!first.err().contains("panicked"), "{}", first.err());
        assert_eq!(s.names(), Vec::<String>::new());
        s.assert_store();
    }
    let succeeded = !s.names().is_empty();
    (proxy, registry, succeeded)
}

fn assert_installed(s: &Sandbox) {
    assert_eq!(fs::metadata(s.rootfs("app").join("noise")).expect("noise").len(), SIZE as u64);
    s.assert_store();
}

#[test]
fn a_dropped_connection_resumes_where_it_was() {
    need!(Root, Tool("docker-registry"));
    sandbox(|s| {
        let (proxy, _registry, succeeded) = against(s, Fault::DropAfter(150_000), 1);
        assert!(succeeded);
        assert_installed(s);
        let log = proxy.log();
        assert!(
            log.iter().any(|seen| seen.range.as_deref().is_some_and(|r| r.starts_with("bytes=1"))),
            "{log:?}"
        );
        assert!(proxy.blob_bytes() < SIZE as u64 + 50_000, "{} bytes were sent", proxy.blob_bytes());
    });
}

#[test]
fn a_connection_that_always_drops_still_gets_there() {
    need!(Root, Tool("docker-registry"));
    sandbox(|s| {
        // Progress each time: what was had need not come again.
        let (_proxy, _registry, succeeded) = against(s, Fault::DropAfter(150_000), usize::MAX);
        assert!(succeeded);
        assert_installed(s);
    });
}

#[test]
fn a_killed_download_goes_on_in_the_next_run() {
    need!(Root, Tool("docker-registry"));
    sandbox(|s| {
        let registry = Registry::start();
        image().push(&registry, "app:1");
        let stalling = std::sync::atomic::AtomicBool::new(true);
        let stalling = std::sync::Arc::new(stalling);
        let rule = stalling.clone();
        let proxy = Proxy::start(registry.port, move |request, _| {
            match is_layer(request) && rule.load(std::sync::atomic::Ordering::SeqCst) {
                true => Fault::StallAfter(250_000),
                false => Fault::None,
            }
        });
        let mut run = s.cd(["install", &proxy.reference("app:1")]).spawn();
        while proxy.blob_bytes() < 250_000 {
            assert!(run.is_running(), "it ended early");
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        // The last bytes are on their way through the loopback.
        std::thread::sleep(std::time::Duration::from_millis(300));
        run.kill();
        run.wait();
        assert_eq!(s.names(), Vec::<String>::new());
        stalling.store(false, std::sync::atomic::Ordering::SeqCst);
        proxy.clear();
        s.cd(["install", &proxy.reference("app:1")]).run().ok();
        assert_installed(s);
        assert!(proxy.blob_bytes() < 300_000, "{} bytes came again", proxy.blob_bytes());
    });
}

#[test]
fn a_server_without_range_starts_over() {
    need!(Root, Tool("docker-registry"));
    sandbox(|s| {
        let registry = Registry::start();
        image().push(&registry, "app:1");
        let proxy = Proxy::start(registry.port, |request, nth| match (is_layer(request), nth) {
            (true, 0) => Fault::DropAfter(150_000),
            (true, _) => Fault::NoRange,
            _ => Fault::None,
        });
        s.cd(["install", &proxy.reference("app:1")]).run().ok();
        assert_installed(s);
    });
}

#[test]
fn a_stalled_connection_is_given_up_and_tried_again() {
    need!(Root, Tool("docker-registry"));
    sandbox(|s| {
        let (_proxy, _registry, succeeded) = against(s, Fault::StallAfter(100_000), 1);
        assert!(succeeded);
        assert_installed(s);
    });
}

#[test]
fn retry_after_is_obeyed() {
    need!(Root, Tool("docker-registry"));
    sandbox(|s| {
        let busy = Answer::new(429, "{\"errors\":[{\"code\":\"TOOMANYREQUESTS\"}]}").with("Retry-After", "1");
        let start = std::time::Instant::now();
        let (_proxy, _registry, succeeded) = against(s, Fault::Answer(busy), 1);
        assert!(succeeded);
        assert_installed(s);
        // No upper bound: a loaded machine may take its time. A lower one is what the server asked for.
        assert!(start.elapsed().as_millis() >= 1000, "it did not wait");
    });
}

#[test]
fn a_busy_server_is_asked_again_and_not_for_ever() {
    need!(Root, Tool("docker-registry"));
    sandbox(|s| {
        let unwell = Fault::Answer(Answer::new(503, ""));
        let (_proxy, _registry, succeeded) = against(s, unwell.clone(), 1);
        assert!(succeeded);
        assert_installed(s);
        s.cd(["remove", "app"]).run().ok();
        s.cd(["clear-cache"]).run().ok();
        let (proxy, registry, succeeded) = against(s, unwell, usize::MAX);
        assert!(!succeeded);
        let asked = proxy.log().iter().filter(|seen| seen.status == 503).count();
        assert_eq!(asked, 4, "one attempt and CD_DOWNLOAD_MAX_RETRIES = 3 more");
        s.cd(["install", &registry.reference("app:1")]).run().ok();
        assert_installed(s);
    });
}

#[test]
fn a_corrupt_byte_is_never_installed() {
    need!(Root, Tool("docker-registry"));
    sandbox(|s| {
        for times in [1, usize::MAX] {
            let (_proxy, registry, succeeded) = against(s, Fault::Corrupt(200_000), times);
            assert_eq!(succeeded, times == 1, "corrupt {times} times");
            if !succeeded {
                s.cd(["install", "-n", "app", &registry.reference("app:1")]).run().ok();
            }
            assert_installed(s);
            s.cd(["remove", "app"]).run().ok();
            s.cd(["clear-cache"]).run().ok();
        }
    });
}

#[test]
fn a_body_shorter_than_the_manifest_says_is_not_a_layer() {
    need!(Root, Tool("docker-registry"));
    sandbox(|s| {
        let (_proxy, registry, succeeded) = against(s, Fault::Shorten(100_000), usize::MAX);
        assert!(!succeeded);
        s.cd(["install", &registry.reference("app:1")]).run().ok();
        assert_installed(s);
    });
}

#[test]
fn a_body_of_unannounced_length_is_read() {
    need!(Root, Tool("docker-registry"));
    sandbox(|s| {
        let (_proxy, _registry, succeeded) = against(s, Fault::Chunked, usize::MAX);
        assert!(succeeded);
        assert_installed(s);
    });
}

#[test]
fn a_redirect_to_another_port_gets_the_bytes_and_no_secret() {
    need!(Root, Tool("docker-registry"));
    sandbox(|s| {
        let registry = Registry::start();
        image().push(&registry, "app:1");
        // A presigned store refuses a request that is authorized twice, as Amazon's does.
        let store = Proxy::start(registry.port, |request, _| match request.fields.get("authorization") {
            Some(_) => Fault::Answer(Answer::new(400, "Only one auth mechanism allowed")),
            None => Fault::None,
        });
        let port = store.port();
        let tokens = Tokens::new(Some(("kit", "s3cret")));
        let front = Proxy::start(registry.port, move |request, _| match tokens.rule(request) {
            Fault::None if request.is_blob() => {
                let to = format!("http://127.0.0.1:{port}{}?sig=presigned", request.path);
                Fault::Answer(Answer::new(307, "").with("Location", to))
            }
            other => other,
        });
        let install = s.cd(["install", &front.reference("app:1")]).env("CD_DOCKER_AUTH", "kit:s3cret");
        install.run().ok();
        assert_installed(s);
        let log = store.log();
        assert!(log.iter().any(|seen| seen.is_blob() && seen.path.ends_with("?sig=presigned")), "{log:?}");
        assert!(log.iter().all(|seen| seen.authorization.is_none()), "{log:?}");
    });
}

#[test]
fn a_redirect_may_be_relative_and_not_without_end() {
    need!(Root, Tool("docker-registry"));
    sandbox(|s| {
        let registry = Registry::start();
        image().push(&registry, "app:1");
        let relative = Proxy::start(registry.port, |request, _| {
            match is_layer(request) && !request.path.contains('?') {
                true => {
                    Fault::Answer(Answer::new(302, "").with("Location", format!("{}?again", request.path)))
                }
                false => Fault::None,
            }
        });
        s.cd(["install", &relative.reference("app:1")]).run().ok();
        assert_installed(s);
        s.cd(["clear-cache"]).run().ok();
        let endless = Proxy::start(registry.port, |request, _| match is_layer(request) {
            true => Fault::Answer(Answer::new(302, "").with("Location", request.path.clone())),
            false => Fault::None,
        });
        s.cd(["install", "-n", "b", &endless.reference("app:1")]).run().fails(&["redirect"]);
    });
}

#[test]
fn the_rate_limit_slows_a_download_and_its_absence_does_not() {
    need!(Root, Tool("docker-registry"));
    sandbox(|s| {
        let registry = Registry::start();
        image().push(&registry, "app:1");
        let start = std::time::Instant::now();
        s.cd(["install", &registry.reference("app:1")]).env("CD_DOWNLOAD_RATE_LIMIT", "150k").run().ok();
        assert_installed(s);
        // 400 kB at 150 KiB/s take 2.6 s; a burst at the start is allowed.
        assert!(start.elapsed().as_millis() >= 1000, "it was not slowed");
    });
}
