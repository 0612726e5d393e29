//! What registries hold that is no container image, told by the media types of its config and layers.

use super::documents::ImageManifest;
use crate::error::{Error, Result};

/// How a media type begins, and what it belongs to.
const CONFIGS: [(&str, &str); 5] = [
    ("application/vnd.cncf.helm.", "a Helm chart"),
    ("application/vnd.cncf.flux.", "a Flux artifact"),
    ("application/vnd.wasm.", "a WebAssembly module"),
    ("application/vnd.dev.cosign.", "a signature"),
    ("application/vnd.devcontainers", "a dev container feature"),
];
const LAYERS: [(&str, &str); 6] = [
    ("application/vnd.ollama.", "an Ollama model"),
    ("application/vnd.dev.cosign.", "a signature"),
    ("application/vnd.dev.sigstore.", "a signature"),
    ("application/vnd.in-toto", "an attestation"),
    ("application/vnd.cncf.helm.", "a Helm chart"),
    ("application/wasm", "a WebAssembly module"),
];
/// How types of encrypted layers end (containers/ocicrypt).
const ENCRYPTED: &str = "+encrypted";
/// The config of artifacts that have none (manifest.md, "Guidance for an Empty Descriptor").
const EMPTY: &str = "application/vnd.oci.empty.v1+json";

impl ImageManifest {
    /// An error of kind `Unsupported` that says what this is, when it is no image that could be unpacked.
    pub fn refuse_artifact(&self) -> Result<()> {
        let config = &*self.config.media_type;
        let types = || self.layers.iter().map(|layer| &*layer.media_type);
        if types().any(|layer| layer.contains(ENCRYPTED)) {
            return Err(Error::unsupported("the image's layers are encrypted")
                .hint("decrypt it first, for example with 'skopeo copy --decryption-key'"));
        }
        let begins = |table: &[(&str, &'static str)], text: &str| {
            table.iter().find(|(start, _)| text.starts_with(start)).map(|&(_, what)| what)
        };
        let what = begins(&CONFIGS, config)
            .or_else(|| types().find_map(|layer| begins(&LAYERS, layer)))
            .or_else(|| (config == EMPTY).then_some("an artifact of another program"));
        match what {
            Some(what) => Err(Error::unsupported(format_args!("it is {what}, not a container image"))),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::oci::digest::Digest;
    use crate::oci::documents::Document;

    fn told(config: &str, layers: &[&str]) -> String {
        let described =
            |kind: &str| json!({"mediaType": kind, "size": 1, "digest": Digest::of(b"x").to_string()});
        let layers: Vec<Value> = layers.iter().map(|layer| described(layer)).collect();
        let json = json!({"schemaVersion": 2, "config": described(config), "layers": layers}).to_string();
        let Document::Manifest(manifest) = Document::parse(json.as_bytes(), None).unwrap() else { panic!() };
        manifest.refuse_artifact().err().map(|error| error.to_string()).unwrap_or_default()
    }

    #[test]
    fn artifacts_are_told_by_their_types() {
        let image = "application/vnd.oci.image.config.v1+json";
        let docker = "application/vnd.docker.container.image.v1+json";
        let layer = "application/vnd.oci.image.layer.v1.tar+gzip";
        for (config, layers, what) in [
            (image, &[layer, layer][..], ""),
            (docker, &["application/vnd.docker.image.rootfs.diff.tar.gzip"], ""),
            ("", &[""], ""),
            (image, &[], ""),
            ("application/vnd.cncf.helm.config.v1+json", &[layer], "a Helm chart"),
            (docker, &["application/vnd.ollama.image.model", layer], "an Ollama model"),
            (image, &["application/vnd.dev.cosign.simplesigning.v1+json"], "a signature"),
            (image, &["application/vnd.oci.image.layer.v1.tar+gzip+encrypted"], "encrypted"),
            (EMPTY, &["text/plain"], "an artifact"),
        ] {
            let told = told(config, layers);
            assert!(told.contains(what) && told.is_empty() == what.is_empty(), "{config}: {told}");
        }
    }
}
