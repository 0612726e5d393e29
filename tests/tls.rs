//! The TLS provider and connector against OpenSSL's server, on loopback.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use chroot_distro::error::Error;
use chroot_distro::host::Host;
use chroot_distro::tls;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{
    CipherSuite, ClientConfig, ClientConnection, HandshakeKind, NamedGroup, ProtocolVersion, RootCertStore,
    StreamOwned, SupportedProtocolVersion, version,
};
use ureq::unversioned::resolver::DefaultResolver;
use ureq::unversioned::transport::{Connector, TcpConnector};

use crate::support::need::need;

mod pki;

use pki::{HERE, Identity, Pki};

const VERSIONS: [&SupportedProtocolVersion; 2] = [&version::TLS13, &version::TLS12];

type Stream = StreamOwned<ClientConnection, TcpStream>;

/// A client of the provider that trusts the authorities.
fn client(
    pki: &Pki,
    authorities: &[&str],
    provider: Arc<CryptoProvider>,
    versions: &[&'static SupportedProtocolVersion],
) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    for authority in authorities {
        roots.add(CertificateDer::from_pem_file(pki.authority(authority)).unwrap()).unwrap();
    }
    let builder = ClientConfig::builder_with_provider(provider).with_protocol_versions(versions).unwrap();
    Arc::new(builder.with_root_certificates(roots).with_no_client_auth())
}

/// The provider with one suite left and one group preferred (TLS 1.2 also wants the certificate's curve offered).
fn only(suite: CipherSuite, group: NamedGroup) -> Arc<CryptoProvider> {
    let mut provider = (*tls::provider()).clone();
    provider.cipher_suites.retain(|candidate| candidate.suite() == suite);
    provider.kx_groups.sort_by_key(|candidate| candidate.name() != group);
    Arc::new(provider)
}

fn connect(config: &Arc<ClientConfig>, port: u16) -> io::Result<Stream> {
    let mut connection = ClientConnection::new(Arc::clone(config), "localhost".try_into().unwrap()).unwrap();
    let mut socket = TcpStream::connect(("127.0.0.1", port))?;
    socket.set_nodelay(true)?;
    connection.complete_io(&mut socket)?;
    Ok(StreamOwned::new(connection, socket))
}

/// With a server that reverses lines.
fn echo(stream: &mut Stream) {
    stream.write_all(b"desserts\n").unwrap();
    let mut answer = [0; 9];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"stressed\n");
}

/// The error of rustls inside.
fn refusal<T>(result: io::Result<T>) -> String {
    let error = result.err().expect("an error");
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    format!("{:?}", inner.unwrap_or_else(|| panic!("{error}")))
}

/// A pseudo-random text, so that a block that is lost or moved shows.
fn text(length: usize) -> Vec<u8> {
    let mut state = 1_u32;
    let next = |_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        b'a' + (state >> 24) as u8 % 26
    };
    (0..length).map(next).collect()
}

#[test]
fn every_suite_and_group_and_megabytes_both_ways() {
    need!(Tool("openssl"));
    let pki = Pki::new();
    let servers = ["p256", "rsa2048"].map(|kind| {
        let identity = pki.identity(kind, "p256", "-sha256", HERE);
        pki.serve(&identity, "-rev -groups X25519:P-256:P-384")
    });
    let mut count = 0;
    for suite in &tls::provider().cipher_suites {
        for group in [NamedGroup::X25519, NamedGroup::secp256r1, NamedGroup::secp384r1] {
            let rsa = suite.suite().as_str().unwrap().contains("_RSA_");
            let config = client(&pki, &["p256"], only(suite.suite(), group), &[suite.version()]);
            let mut stream = connect(&config, servers[usize::from(rsa)].port).unwrap();
            echo(&mut stream);
            assert_eq!(stream.conn.negotiated_cipher_suite(), Some(*suite));
            assert_eq!(stream.conn.negotiated_key_exchange_group().unwrap().name(), group);
            count += 1;
            if group == NamedGroup::X25519 {
                megabytes(&mut stream);
            }
        }
    }
    assert_eq!(count, 27);
}

/// Writes of every record size up to the largest, reads of whatever comes.
fn megabytes(stream: &mut Stream) {
    let text = text(16_000);
    let mut total = 0;
    for length in (0..text.len()).step_by(97) {
        let line = [&text[..length], b"\n"].concat();
        stream.write_all(&line).unwrap();
        let mut answer = vec![0; line.len()];
        stream.read_exact(&mut answer).unwrap();
        answer[..length].reverse();
        assert_eq!(answer, line);
        total += length;
    }
    assert!(total > 1_000_000);
    if stream.conn.protocol_version() == Some(ProtocolVersion::TLSv1_3) {
        // New keys in both directions, in the middle of things.
        stream.conn.refresh_traffic_keys().unwrap();
        echo(stream);
    }
}

#[test]
fn a_group_that_was_not_guessed_takes_one_more_round() {
    need!(Tool("openssl"));
    let pki = Pki::new();
    let identity = pki.identity("p256", "p256", "-sha256", HERE);
    for (groups, name) in [("P-256", NamedGroup::secp256r1), ("P-384:P-256", NamedGroup::secp384r1)] {
        let server = pki.serve(&identity, &format!("-rev -tls1_3 -groups {groups}"));
        let mut provider = (*tls::provider()).clone();
        provider.kx_groups.retain(|group| [NamedGroup::X25519, name].contains(&group.name()));
        let config = client(&pki, &["p256"], Arc::new(provider), &VERSIONS);
        let mut stream = connect(&config, server.port).unwrap();
        echo(&mut stream);
        assert_eq!(stream.conn.handshake_kind(), Some(HandshakeKind::FullWithHelloRetryRequest));
        assert_eq!(stream.conn.negotiated_key_exchange_group().unwrap().name(), name);
    }
}

#[test]
fn every_kind_of_certificate() {
    need!(Tool("openssl"));
    let pki = Pki::new();
    let kinds = [
        ("rsa2048", "p256", "-sha256"),
        ("rsa3072", "p256", "-sha384"),
        ("rsa4096", "p384", "-sha256"),
        ("p256", "p384", "-sha384"),
        ("p384", "rsa2048", "-sha256"),
        ("ed25519", "ed25519", ""),
        ("p256", "rsa3072", "-sha384"),
        ("p256", "rsa4096", "-sha512"),
        ("p256", "rsa2048", "-sha256 -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:digest"),
        ("p256", "rsa2048", "-sha384 -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:digest"),
        ("p256", "rsa2048", "-sha512 -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:digest"),
    ];
    for (kind, authority, options) in kinds {
        let server = pki.serve(&pki.identity(kind, authority, options, HERE), "-rev");
        for version in VERSIONS {
            let config = client(&pki, &[authority], tls::provider(), &[version]);
            let stream = connect(&config, server.port);
            echo(&mut stream.unwrap_or_else(|error| panic!("{kind} {authority} {options}: {error}")));
        }
    }
}

#[test]
fn every_kind_of_handshake_signature() {
    need!(Tool("openssl"));
    let pki = Pki::new();
    let schemes = [
        ("rsa2048", "RSA+SHA256", "tls1_2"),
        ("rsa2048", "RSA+SHA384", "tls1_2"),
        ("rsa2048", "RSA+SHA512", "tls1_2"),
        ("rsa2048", "rsa_pss_rsae_sha256", "tls1_2"),
        ("rsa2048", "rsa_pss_rsae_sha384", "tls1_3"),
        ("rsa2048", "rsa_pss_rsae_sha512", "tls1_3"),
        ("p256", "ECDSA+SHA384", "tls1_2"),
        ("p384", "ECDSA+SHA256", "tls1_2"),
        ("p384", "ECDSA+SHA384", "tls1_3"),
        ("ed25519", "ed25519", "tls1_2"),
    ];
    for (kind, scheme, version) in schemes {
        let identity = pki.identity(kind, "p256", "-sha256", HERE);
        let server = pki.serve(&identity, &format!("-rev -{version} -sigalgs {scheme}"));
        let stream = connect(&client(&pki, &["p256"], tls::provider(), &VERSIONS), server.port);
        echo(&mut stream.unwrap_or_else(|error| panic!("{kind} {scheme}: {error}")));
    }
}

#[test]
fn weak_signatures_and_keys_are_refused() {
    need!(Tool("openssl"));
    let pki = Pki::new();
    let refuse = |kind, authority, options| {
        let identity = pki.identity(kind, authority, options, HERE);
        let server = pki.serve(&identity, "-rev -cipher ALL:@SECLEVEL=0");
        refusal(connect(&client(&pki, &[authority], tls::provider(), &VERSIONS), server.port))
    };
    assert!(refuse("p256", "rsa2048", "-sha1").contains("UnsupportedSignatureAlgorithm"));
    assert!(refuse("p256", "rsa1024", "-sha256").contains("BadSignature"));
    assert!(refuse("rsa1024", "p256", "-sha256").contains("BadSignature"));
    let refused = refuse("p521", "p256", "-sha256");
    assert!(refused.contains("HandshakeFailure") || refused.contains("NoCipherSuitesInCommon"), "{refused}");
}

#[test]
fn sessions_are_resumed() {
    need!(Tool("openssl"));
    let pki = Pki::new();
    let server = pki.serve(&pki.identity("p256", "p256", "-sha256", HERE), "-rev");
    for version in VERSIONS {
        let config = client(&pki, &["p256"], tls::provider(), &[version]);
        for kind in [HandshakeKind::Full, HandshakeKind::Resumed] {
            let mut stream = connect(&config, server.port).unwrap();
            // TLS 1.3's tickets come after the handshake: they are read along with this.
            echo(&mut stream);
            assert_eq!(stream.conn.handshake_kind(), Some(kind), "{version:?}");
        }
    }
}

/// Passes bytes on both ways; once told so, flips a bit in what comes from the server.
fn tampering_proxy(server: u16, tamper: Arc<AtomicBool>) -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for client in listener.incoming().map_while(Result::ok) {
            let server = TcpStream::connect(("127.0.0.1", server)).unwrap();
            let (mut from, mut to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
            thread::spawn(move || io::copy(&mut from, &mut to));
            let (mut from, mut to, tamper) = (server, client, Arc::clone(&tamper));
            thread::spawn(move || {
                let mut bytes = [0; 65536];
                while let Ok(count @ 1..) = from.read(&mut bytes) {
                    if tamper.load(Ordering::SeqCst) {
                        bytes[count - 1] ^= 1;
                    }
                    if to.write_all(&bytes[..count]).is_err() {
                        break;
                    }
                }
            });
        }
    });
    port
}

#[test]
fn a_flipped_bit_ends_the_connection() {
    need!(Tool("openssl"));
    let pki = Pki::new();
    let server = pki.serve(&pki.identity("p256", "p256", "-sha256", HERE), "-rev");
    let tamper = Arc::new(AtomicBool::new(false));
    let port = tampering_proxy(server.port, Arc::clone(&tamper));
    for suite in
        tls::provider().cipher_suites.iter().filter(|suite| suite.usable_for_signature_algorithm(ECDSA))
    {
        tamper.store(false, Ordering::SeqCst);
        let provider = only(suite.suite(), NamedGroup::X25519);
        let mut stream = connect(&client(&pki, &["p256"], provider, &[suite.version()]), port).unwrap();
        echo(&mut stream);
        tamper.store(true, Ordering::SeqCst);
        stream.write_all(b"desserts\n").unwrap();
        assert_eq!(refusal(stream.read(&mut [0; 9])), "DecryptError", "{suite:?}");
    }
}
const ECDSA: rustls::SignatureAlgorithm = rustls::SignatureAlgorithm::ECDSA;

/// A host with this environment and no certificates of its own.
fn host(env: &[(&str, &str)]) -> Host {
    Host::at("/nonexistent", env.iter().copied())
}

/// Fetches a URL's body as the registry client does.
fn fetch(host: Host, insecure: bool, url: &str) -> Result<Vec<u8>, Error> {
    let chain = ().chain(TcpConnector::default()).chain(tls::Connector::new(host, insecure));
    let agent = ureq::Agent::with_parts(ureq::config::Config::default(), chain, DefaultResolver::default());
    match agent.get(url).call() {
        Ok(mut answer) => Ok(answer.body_mut().read_to_vec().unwrap()),
        Err(error) => Err(tls::failure(error).unwrap()),
    }
}

/// What the user reads when the connector, trusting the P-256 authority, meets the server under this name.
fn told(pki: &Pki, identity: &Identity, name: &str) -> (String, String) {
    let server = pki.serve(identity, "-www");
    let url = format!("https://{name}:{}/", server.port);
    let file = pki.authority("p256");
    let trusting = host(&[("SSL_CERT_FILE", file.to_str().unwrap())]);
    let error = fetch(trusting, false, &url).unwrap_err();
    assert!(fetch(host(&[]), true, &url).is_ok(), "--allow-insecure");
    (error.to_string(), error.hint_text().unwrap_or_default().to_owned())
}

#[test]
fn a_download_through_ureq() {
    need!(Tool("openssl"));
    let pki = Pki::new();
    let text = text(3_000_000);
    std::fs::write(pki.dir().join("layer"), &text).unwrap();
    let identity = pki.identity("rsa2048", "p256", "-sha256", HERE);
    let file = pki.authority("p256");
    let trusting = host(&[("SSL_CERT_FILE", file.to_str().unwrap())]);
    for version in ["tls1_2", "tls1_3"] {
        let server = pki.serve(&identity, &format!("-WWW -{version}"));
        for name in ["localhost", "127.0.0.1"] {
            let url = format!("https://{name}:{}/layer", server.port);
            assert!(fetch(trusting.clone(), false, &url).unwrap() == text);
        }
    }
}

#[test]
fn who_may_not_sign_certificates_is_no_authority() {
    need!(Tool("openssl"));
    let pki = Pki::new();
    let file = pki.authority("p256");
    let trusting = host(&[("SSL_CERT_FILE", file.to_str().unwrap())]);
    let asked = [
        ("none", true),
        ("keyCertSign", true),
        ("digitalSignature,keyCertSign,cRLSign", true),
        ("digitalSignature", false),
        ("digitalSignature,keyEncipherment,cRLSign", false),
    ];
    for (usage, accepted) in asked {
        let server = pki.serve(&pki.below_an_intermediate(usage), "-www -cert_chain intermediate.pem");
        let fetched = fetch(trusting.clone(), false, &format!("https://localhost:{}/", server.port));
        assert_eq!(fetched.is_ok(), accepted, "{usage}: {:?}", fetched.err());
    }
}

#[test]
fn a_refused_certificate_is_explained() {
    need!(Tool("openssl"));
    let pki = Pki::new();
    let refused = |identity: &Identity, reason: &str, hint: &str| {
        let (message, told_hint) = told(&pki, identity, "localhost");
        assert_eq!(message, reason);
        assert!(told_hint.contains(hint), "{told_hint}");
    };
    refused(
        &pki.identity("p256", "p384", "-sha384", HERE),
        "the certificate of 'localhost' comes from an unknown authority",
        "SSL_CERT_FILE",
    );
    refused(
        &pki.self_signed("p384", HERE),
        "the certificate of 'localhost' comes from an unknown authority",
        "SSL_CERT_FILE",
    );
    refused(
        &pki.identity("p256", "p256", "-sha256", "DNS:a.example,IP:192.0.2.1"),
        "the certificate of 'localhost' is for 'a.example', '192.0.2.1'",
        "--allow-insecure",
    );
    refused(
        &pki.identity("p256", "p256", "-sha256", "email:a@b.example"),
        "the certificate of 'localhost' is for no host at all",
        "--allow-insecure",
    );
    refused(
        &pki.identity_between("p256", "200101000000Z", "210101000000Z"),
        "the certificate of 'localhost' has expired",
        "clock",
    );
    refused(
        &pki.identity_between("p256", "450101000000Z", "460101000000Z"),
        "the certificate of 'localhost' is not valid yet",
        "clock",
    );
}

#[test]
fn a_self_signed_certificate_may_be_trusted_itself() {
    need!(Tool("openssl"));
    let pki = Pki::new();
    let identity = pki.self_signed("p256", HERE);
    let server = pki.serve(&identity, "-www");
    let trusting = host(&[("SSL_CERT_FILE", identity.certificate.to_str().unwrap())]);
    assert!(fetch(trusting.clone(), false, &format!("https://127.0.0.1:{}/", server.port)).is_ok());
    let elsewhere = pki.self_signed("p256", "DNS:a.example");
    let server = pki.serve(&elsewhere, "-www");
    let error = fetch(trusting, false, &format!("https://127.0.0.1:{}/", server.port)).unwrap_err();
    assert_eq!(error.to_string(), "the certificate of '127.0.0.1' is for 'a.example'");
}

#[test]
fn unreadable_roots_are_told_when_they_matter() {
    need!(Tool("openssl"));
    let pki = Pki::new();
    let server = pki.serve(&pki.identity("p256", "p256", "-sha256", HERE), "-www");
    let url = format!("https://localhost:{}/", server.port);
    let empty = pki.dir().join("empty");
    std::fs::write(&empty, "").unwrap();
    let hint =
        |key, value| fetch(host(&[(key, value)]), false, &url).unwrap_err().hint_text().unwrap().to_owned();
    assert_eq!(
        hint("SSL_CERT_FILE", "/no/such"),
        "cannot read SSL_CERT_FILE '/no/such': No such file or directory"
    );
    assert!(hint("SSL_CERT_FILE", empty.to_str().unwrap()).ends_with("/empty' holds no certificate"));
    assert!(hint("SSL_CERT_DIR", "/no/such:/nor").contains("; cannot read SSL_CERT_DIR '/nor': No such"));
}

#[test]
fn plain_http_on_the_port_is_recognised() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for mut client in listener.incoming().map_while(Result::ok) {
            let _ = client.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
        }
    });
    let error = fetch(host(&[]), false, &format!("https://127.0.0.1:{port}/")).unwrap_err();
    assert_eq!(error.to_string(), "'127.0.0.1' does not speak TLS on this port");
}
