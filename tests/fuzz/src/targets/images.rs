//! References and documents of images.

use chroot_distro::oci::{Digest, Document, ImageConfig, Platform, Provenance, Reference};

use super::Target;

const DIGEST: &str = "sha256:356690ddb98895bf13c0aa2892cd268f73bc488440786b72e3faa1208287b772";

pub const REFERENCES: Target = Target {
    name: "references",
    seeds: || {
        let texts = [
            "ubuntu",
            "me/img:t",
            "MyHost/app",
            "ghcr.io/a/b:1",
            "localhost:5000/a",
            "[::1]:5000/a",
            "library/a/b",
            "docker.io/localhost/x",
            "index.docker.io/a",
        ];
        let digest = format!("r.io/a:t@{DIGEST}");
        texts.into_iter().map(str::to_owned).chain([digest]).map(String::into_bytes).collect()
    },
    words: &[
        "docker.io",
        "index.docker.io",
        "registry-1.docker.io",
        "library/",
        "localhost",
        "LocalHost",
        "/",
        ":",
        "@",
        ".",
        "__",
        "--",
        "[",
        "]",
        "::1",
        ":5000",
        "latest",
        "A",
        "sha256:",
        "sha512:",
        "linux/arm/v7",
        DIGEST,
    ],
    longest: 600,
    run: run_references,
};

/// What is shown of a reference parses to the same one. So do digests and platforms.
fn run_references(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    if let Ok(reference) = Reference::parse(text) {
        let shown = reference.to_string();
        assert_eq!(Reference::parse(&shown).ok(), Some(reference), "{text} is shown as {shown}");
    }
    if let Ok(digest) = Digest::parse(text) {
        assert_eq!(Digest::parse(&digest.to_string()).ok(), Some(digest));
    }
    if let Ok(platform) = Platform::parse(text) {
        assert_eq!(Platform::parse(&platform.to_string()).ok(), Some(platform));
    }
}

pub const DOCUMENTS: Target = Target {
    name: "documents",
    seeds: || {
        let descriptor = format!(
            r#"{{"mediaType":"application/vnd.oci.image.layer.v1.tar+gzip","digest":"{DIGEST}","size":2}}"#
        );
        let texts = [
            format!(r#"{{"schemaVersion":2,"config":{descriptor},"layers":[{descriptor}]}}"#),
            format!(
                r#"{{"manifests":[{{"digest":"{DIGEST}","size":1,"platform":{{"os":"linux","architecture":"arm","variant":"v7"}}}}]}}"#
            ),
            format!(
                r#"{{"os":"linux","architecture":"amd64","config":{{"User":"1000:","Env":["A=b"],"Cmd":["sh"],"Entrypoint":[""],"WorkingDir":"/x"}},"rootfs":{{"type":"layers","diff_ids":["{DIGEST}"]}}}}"#
            ),
            format!(
                r#"{{"image_ref":"tiny:1","arch":"x86_64","manifest":{{"config":{descriptor},"layers":[]}},"image_config":{{}}}}"#
            ),
        ];
        texts.map(String::into_bytes).into()
    },
    words: &[
        "null",
        "[]",
        "{}",
        "\"\"",
        "-1",
        "1e9",
        "18446744073709551616",
        "\"data\":\"aGk=\"",
        "\"urls\":[\"https://x/y\"]",
        "\"size\":",
        "\"digest\":",
        "\"layers\":",
        "\"manifests\":",
        "\"config\":",
        "\"platform\":",
        "\"mediaType\":",
        "\\ud800",
    ],
    longest: 4 << 10,
    run: run_documents,
};

fn run_documents(input: &[u8]) {
    // What it says of a document that is none of an image is its business; here it must not panic.
    let _ = Document::parse(input, None).map(|document| match document {
        Document::Manifest(manifest) => drop(manifest.refuse_artifact()),
        Document::Index(entries) => drop(Platform::host().choose(&entries).is_ok()),
    });
    if let Ok(config) = ImageConfig::parse(input) {
        let _ = (config.diff_ids(), config.platform(), config.entrypoint(), config.cmd(), config.env());
        let _ = (config.working_dir().map(str::len), config.user(), config.stop_signal().map(str::len));
    }
    if let Ok(provenance) = Provenance::parse(input) {
        let again = Provenance::parse(provenance.to_string().as_bytes()).expect("a document of ours");
        assert_eq!(told(&again), told(&provenance));
    }
}

/// What the program takes from a container's document. The rest is kept for others; of a number with a fraction, which no
/// such document has, the last digit may change.
fn told(provenance: &Provenance) -> impl PartialEq + std::fmt::Debug {
    (
        provenance.image_ref().map(str::to_owned),
        provenance.arch().map(str::to_owned),
        provenance.media_type().map(str::to_owned),
        (provenance.is_local(), provenance.is_of_image(), provenance.cpu()),
        provenance.platform().ok(),
        provenance.manifest().ok().map(|manifest| format!("{manifest:?}")),
    )
}
