//! What servers answer: DNS messages, challenges, and addresses to go on to.

use chroot_distro::net::dns::{RecordType, answer, question};
use chroot_distro::net::url;

use super::Target;

/// Private to its block, and pure: compiled here too, since nothing should be public for fuzzing alone.
#[path = "../../../../src/registry/challenge.rs"]
#[allow(dead_code)]
mod challenge;

pub const DNS: Target = Target {
    name: "dns",
    seeds: || {
        let question = question(7, "a.example", RecordType::A).expect("a name");
        let response = |records: &[&[u8]]| {
            let mut message = question.clone();
            message[2] |= 0x80;
            message[7] = records.len() as u8;
            message.extend(records.concat());
            message
        };
        let address = b"\xc0\x0c\0\x01\0\x01\0\0\0\x3c\0\x04\x0a\0\0\x01";
        let alias = b"\xc0\x0c\0\x05\0\x01\0\0\0\x3c\0\x04\x01b\xc0\x0e";
        let aliased = b"\x01b\xc0\x0e\0\x01\0\x01\0\0\0\x3c\0\x04\x0a\0\0\x01";
        vec![response(&[address]), response(&[alias, aliased]), response(&[])]
    },
    words: &[
        "\u{0}\u{1}\u{0}\u{1}",
        "\u{0}\u{5}\u{0}\u{1}",
        "\u{0}\u{1c}\u{0}\u{1}",
        "\u{1}a",
        "\u{7}example",
        "\u{0}\u{4}",
    ],
    longest: 1 << 10,
    run: |input| {
        for record_type in [RecordType::A, RecordType::Aaaa] {
            let _ = answer(input, 7, "a.example", record_type);
        }
    },
};

pub const CHALLENGES: Target = Target {
    name: "challenges",
    seeds: || {
        let texts = [
            r#"Bearer realm="https://a/token",service="r",scope="repository:x:pull,push""#,
            r#"Basic realm="a \"b\"", Negotiate abc=="#,
        ];
        texts.map(|text| text.as_bytes().to_vec()).into()
    },
    words: &["Bearer ", "Basic ", "realm=", "scope=", "error=", "\"", "\\", ", ", "=", "\t"],
    longest: 1 << 10,
    run: |input| {
        let text = String::from_utf8_lossy(input);
        for challenge in challenge::parse(&text) {
            assert_eq!(challenge.scheme, challenge.scheme.to_ascii_lowercase());
            let _ = challenge.param("realm");
        }
    },
};

pub const URLS: Target = Target {
    name: "urls",
    seeds: || {
        let texts = [
            "https://u:p%40@a.example:8443/v2/?x=1\0/blobs/uploads/",
            "http://[::1]:5000/a b\0../c#d",
            "https://a\0//b/c",
        ];
        texts.map(|text| text.as_bytes().to_vec()).into()
    },
    words: &[
        "http://",
        "https://",
        "//",
        "/",
        "..",
        "?",
        "#",
        "@",
        ":",
        "%40",
        "%",
        "[::1]",
        " ",
        "\u{0}",
        "127.0.0.1",
    ],
    longest: 600,
    run: run_urls,
};

/// An encoded address that is one stays as it is when it is encoded again, and one that is shown shows no password.
fn run_urls(input: &[u8]) {
    let [base, location] = super::parts(input).map(String::from_utf8_lossy);
    let encoded = url::encoded(&base);
    if url::WebOrigin::of(&encoded).is_ok() {
        assert_eq!(url::encoded(&encoded), encoded);
    }
    let _ = url::join(&base, &location);
    let (plain, credentials) = url::split_userinfo(&base);
    if credentials.is_some() {
        let (_, more) = url::split_userinfo(&plain);
        assert!(more.is_none(), "{base}: {plain} has a password still");
    }
    let _ = url::shown(&base);
}
