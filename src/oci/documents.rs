//! Manifests and indexes: typed views over JSON whose unknown fields survive in `json`.
//!
//! Refused: schema 1, a document that is a manifest and an index at once (CVE-2021-41190), sizes that are not
//! sizes, one digest with two sizes, inline data that is not what its digest says.

use std::collections::HashMap;

use serde_json::Value;

use super::descriptor::Descriptor;
use super::media_type;
use super::platform::{IndexEntry, Offered};
use crate::error::{Error, Result};

/// The most descriptors read from one document. The largest real indexes have a few dozen; the kernel's
/// overlayfs stops at 500 layers, Docker at 127.
const DESCRIPTORS_MAX: usize = 4096;

/// What a manifest's bytes turned out to be.
#[derive(Debug)]
pub enum Document {
    /// One image.
    Manifest(ImageManifest),
    /// Several; [`Platform::choose`](super::Platform::choose) picks one, which may be an index again.
    Index(Vec<IndexEntry>),
}

impl Document {
    /// Parses raw bytes; `content_type` is believed only where the document names none. Schema 1 is refused.
    pub fn parse(bytes: &[u8], content_type: Option<&str>) -> Result<Document> {
        let json: Value = serde_json::from_slice(bytes)
            .map_err(|error| Error::invalid(format_args!("the manifest is not JSON: {error}")))?;
        if !json.is_object() {
            return Err(Error::invalid("the manifest is not a JSON object"));
        }
        let kind = json["mediaType"].as_str().or(content_type).unwrap_or_default();
        if json["schemaVersion"] == 1 || kind.starts_with(media_type::DOCKER_SCHEMA_1) {
            return Err(Error::unsupported("the image has a schema 1 manifest, a format retired in 2017")
                .hint("pull and push it once with a recent Docker or skopeo, which converts it"));
        }
        let is_index = json["manifests"].is_array();
        let is_manifest = json["config"].is_object() || json["layers"].is_array();
        match (is_index, is_manifest) {
            (true, true) => Err(Error::invalid("the manifest claims to be an index and an image at once")),
            (true, false) => read_index(&json),
            (false, true) => ImageManifest::read(json).map(Document::Manifest),
            (false, false) if matches!(kind, media_type::OCI_INDEX | media_type::DOCKER_LIST) => {
                Ok(Document::Index(Vec::new()))
            }
            (false, false) => {
                let what = if kind.is_empty() { "of no known type" } else { kind };
                Err(Error::invalid(format_args!("the manifest is not that of an image ({what})")))
            }
        }
    }
}

/// An image manifest (manifest.md), OCI or Docker schema 2.
#[derive(Debug, Clone)]
pub struct ImageManifest {
    /// The whole document.
    pub json: Value,
    /// The config blob.
    pub config: Descriptor,
    /// Bottom layer first; one may stand there twice.
    pub layers: Vec<Descriptor>,
}

impl ImageManifest {
    fn read(json: Value) -> Result<ImageManifest> {
        let config = Descriptor::parse(&json["config"], "the manifest's config")?;
        let layers = descriptors(&json["layers"])?
            .iter()
            .enumerate()
            .map(|(n, layer)| Descriptor::parse(layer, &format!("the manifest's layer {}", n + 1)))
            .collect::<Result<Vec<_>>>()?;
        let mut sizes = HashMap::from([(&config.digest, config.size)]);
        for layer in &layers {
            if *sizes.entry(&layer.digest).or_insert(layer.size) != layer.size {
                return Err(Error::invalid(format_args!("the manifest gives {} two sizes", layer.short())));
            }
        }
        Ok(ImageManifest { json, config, layers })
    }
}

fn read_index(json: &Value) -> Result<Document> {
    let entries = descriptors(&json["manifests"])?.iter().enumerate().map(|(n, entry)| {
        let platform = &entry["platform"];
        let text = |key: &str| platform[key].as_str();
        Ok(IndexEntry {
            descriptor: Descriptor::parse(entry, &format!("the index's entry {}", n + 1))?,
            platform: match text("architecture").filter(|architecture| !architecture.is_empty()) {
                Some(architecture) => {
                    Offered::from_spec(text("os").unwrap_or_default(), architecture, text("variant"))
                }
                None => Offered::Unnamed,
            },
        })
    });
    Ok(Document::Index(entries.collect::<Result<_>>()?))
}

fn descriptors(list: &Value) -> Result<&[Value]> {
    let list = list.as_array().map_or(&[][..], Vec::as_slice);
    if list.len() > DESCRIPTORS_MAX {
        return Err(Error::invalid(format_args!(
            "the manifest lists {} descriptors, more than {DESCRIPTORS_MAX}",
            list.len()
        )));
    }
    Ok(list)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::oci::digest::Digest;

    fn descriptor(contents: &str, size: impl Into<Value>) -> Value {
        json!({"mediaType": "x", "digest": Digest::of(contents.as_bytes()).to_string(), "size": size.into()})
    }

    fn parse(json: &Value) -> Result<Document> {
        Document::parse(json.to_string().as_bytes(), None)
    }

    #[track_caller]
    fn refused(json: &Value, reason: &str) {
        let error = parse(json).unwrap_err().to_string();
        assert!(error.contains(reason), "{error}");
    }

    #[test]
    fn manifests() {
        let image = json!({"schemaVersion": 2, "config": descriptor("c", 1), "annotations": {"k": "v"},
            "layers": [descriptor("a", 1), descriptor("b", 0), descriptor("a", 1)]});
        let Document::Manifest(read) = parse(&image).unwrap() else { panic!("not a manifest") };
        assert_eq!(read.layers.len(), 3);
        assert_eq!(read.json["annotations"]["k"], "v");
        for layers in [json!([]), Value::Null] {
            let empty = json!({"schemaVersion": 2, "config": descriptor("c", 1), "layers": layers});
            assert!(matches!(parse(&empty).unwrap(), Document::Manifest(image) if image.layers.is_empty()));
        }
    }

    #[test]
    fn inline_data_and_urls() {
        let mut config = descriptor("hi", 2);
        config["data"] = "aGk=".into();
        let mut foreign = descriptor("f", 1);
        foreign["urls"] = json!(["https://x/y"]);
        let mut image = json!({"config": config, "layers": [foreign]});
        let Document::Manifest(read) = parse(&image).unwrap() else { panic!("not a manifest") };
        assert_eq!(read.config.data.as_deref(), Some(&b"hi"[..]));
        assert_eq!(read.layers[0].urls, ["https://x/y"]);
        image["config"]["data"] = "aGo=".into();
        refused(&image, "inline data does not match");
        image["config"]["data"] = "*".into();
        refused(&image, "not base64");
    }

    #[test]
    fn lies_are_refused() {
        for size in [json!(-1), json!(1.5), json!("1"), json!(u64::MAX), json!(1u64 << 41)] {
            refused(
                &json!({"config": descriptor("c", 1), "layers": [descriptor("a", size)]}),
                "layer 1: its size",
            );
        }
        refused(&json!({"config": descriptor("c", 1), "layers": [{"size": 1}]}), "no digest");
        refused(&json!({"config": descriptor("c", 1), "layers": [descriptor("c", 2)]}), "two sizes");
        refused(&json!({"config": descriptor("c", 1), "manifests": []}), "at once");
        refused(&json!({"layers": []}), "config");
        refused(&json!({"schemaVersion": 1, "fsLayers": []}), "schema 1");
        refused(&json!({"errors": []}), "not that of an image");
        refused(&json!([]), "not a JSON object");
        let signed = format!("{}prettyjws", media_type::DOCKER_SCHEMA_1);
        assert!(Document::parse(b"{}", Some(&signed)).unwrap_err().to_string().contains("schema 1"));
    }

    #[test]
    fn indexes() {
        let mut entry = descriptor("a", 1);
        entry["platform"] = json!({"os": "linux", "architecture": "arm", "variant": "v7"});
        let mut attestation = descriptor("b", 1);
        attestation["platform"] = json!({"os": "unknown", "architecture": "unknown"});
        let index = json!({"schemaVersion": 2, "manifests": [entry, attestation, descriptor("c", 1)]});
        let Document::Index(entries) = parse(&index).unwrap() else { panic!("not an index") };
        assert!(matches!(&entries[0].platform, Offered::Runs(p) if p.variant.as_deref() == Some("v7")));
        assert_eq!(entries[1].platform, Offered::Foreign("unknown/unknown".into()));
        assert_eq!(entries[2].platform, Offered::Unnamed);
        let empty = Document::parse(b"{}", Some(media_type::OCI_INDEX)).unwrap();
        assert!(matches!(empty, Document::Index(entries) if entries.is_empty()));
    }
}
