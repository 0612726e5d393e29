//! Where a container came from: its `manifest.json`, in the form that the Python tool writes and reads too:
//! `{"image_ref", "arch", "manifest", "image_config"}`. Unknown fields survive.

use std::fmt;

use serde_json::{Value, json};

use super::config::ImageConfig;
use super::documents::{Document, ImageManifest};
use super::platform::{Arch, Offered, Platform};
use crate::error::{Attempt, Error, Result};

/// Ours alone: the image came from an archive or a layout, not from a registry.
const LOCAL: &str = "local";

/// What a container remembers of its image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provenance {
    json: Value,
}

impl Provenance {
    /// Of an image that `image_ref` names, for `platform`.
    pub fn new(
        image_ref: &str,
        platform: &Platform,
        manifest: &ImageManifest,
        config: &ImageConfig,
    ) -> Provenance {
        let json = json!({
            "image_ref": image_ref,
            "arch": platform.arch.to_string(),
            "manifest": manifest.json,
            "image_config": config.json,
        });
        Provenance { json }
    }

    /// Reads the document. What a field says is looked at when it is asked for: an odd one hides no container.
    pub fn parse(text: &[u8]) -> Result<Provenance> {
        match serde_json::from_slice(text) {
            Ok(json @ Value::Object(_)) => Ok(Provenance { json }),
            Ok(_) => Err(Error::invalid("it is not a JSON object")),
            Err(error) => Err(Error::invalid(format_args!("it is not JSON: {error}"))),
        }
    }

    /// Remembers that the image came from an archive, whose name a registry may have for another one.
    #[must_use]
    pub fn local(mut self) -> Provenance {
        self.json[LOCAL] = json!(true);
        self
    }

    /// Whether it did.
    pub fn is_local(&self) -> bool {
        self.json[LOCAL] == true
    }

    /// The image as the user would name it; `None` where there was none.
    pub fn image_ref(&self) -> Option<&str> {
        self.text("image_ref").filter(|text| !text.is_empty())
    }

    /// The `arch` that was asked for, as it stands there.
    pub fn arch(&self) -> Option<&str> {
        self.text("arch")
    }

    /// The platform to ask a registry for: the `arch`, with the variant that the image has. A recorded word that names
    /// none is an error of kind `Unsupported`.
    pub fn platform(&self) -> Result<Platform> {
        let asked = self.arch().map(Platform::parse).transpose().attempt("read its 'manifest.json'")?;
        Ok(match (asked, self.config().platform()) {
            (Some(asked), Offered::Runs(has)) if has.arch == asked.arch && asked.variant.is_none() => has,
            (Some(asked), _) => asked,
            (None, Offered::Runs(has)) => has,
            (None, _) => Platform::host(),
        })
    }

    /// The CPU that the image is for, where any field tells.
    pub fn cpu(&self) -> Option<Arch> {
        let told = [&self.json["arch"], &self.json["image_config"]["architecture"]];
        told.into_iter().find_map(|arch| Arch::parse(arch.as_str()?).ok())
    }

    /// The image's manifest.
    pub fn manifest(&self) -> Result<ImageManifest> {
        match Document::parse(self.json["manifest"].to_string().as_bytes(), None)? {
            Document::Manifest(manifest) => Ok(manifest),
            Document::Index(_) => Err(Error::invalid("its 'manifest.json' holds an index")),
        }
    }

    /// The media type that the manifest says it has.
    pub fn media_type(&self) -> Option<&str> {
        self.json["manifest"]["mediaType"].as_str()
    }

    /// Whether an image's config was recorded at all: not of a bare root filesystem.
    pub fn is_of_image(&self) -> bool {
        self.json["image_config"].is_object()
    }

    /// The image's config; an empty one where there is none.
    pub fn config(&self) -> ImageConfig {
        ImageConfig { json: self.json["image_config"].clone() }
    }

    fn text(&self, key: &str) -> Option<&str> {
        self.json[key].as_str()
    }
}

/// The document, indented, as the Python tool writes it.
impl fmt::Display for Provenance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#}", self.json)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(json: Value) -> Provenance {
        Provenance::parse(json.to_string().as_bytes()).unwrap()
    }

    #[test]
    fn the_platform_is_the_one_asked_for_down_to_the_variant() {
        let platform = |arch: Value, config: Value| {
            of(json!({"arch": arch, "image_config": config})).platform().unwrap()
        };
        let v6 = json!({"os": "linux", "architecture": "arm", "variant": "v6"});
        let found = platform(json!("arm"), v6.clone());
        assert_eq!((found.arch, found.variant.as_deref()), (Arch::Arm, Some("v6")));
        assert_eq!(platform(json!("aarch64"), v6.clone()).arch, Arch::Aarch64);
        assert_eq!(platform(Value::Null, v6).arch, Arch::Arm);
        assert_eq!(platform(Value::Null, Value::Null), Platform::host());
        assert!(of(json!({"arch": "vax"})).platform().is_err());
    }

    #[test]
    fn a_user_that_is_a_number_is_that_number_and_anything_else_is_an_error() {
        let user = |user: Value| of(json!({"image_config": {"config": {"User": user}}})).config().user();
        assert_eq!(user(json!(1000)).unwrap().as_deref(), Some("1000"));
        assert_eq!(user(json!("me:staff")).unwrap().as_deref(), Some("me:staff"));
        assert_eq!(user(Value::Null).unwrap(), None);
        assert_eq!(user(json!("")).unwrap(), None);
        for odd in [json!({"name": "me"}), json!(["me"]), json!(true), json!(-1), json!(1.5)] {
            assert!(user(odd.clone()).is_err(), "{odd} must not read as root");
        }
    }

    #[test]
    fn unknown_fields_survive() {
        let text = json!({"x": {"y": [1]}, "image_ref": "", "image_config": {"z": 1}});
        let provenance = of(text.clone()).local();
        assert_eq!((provenance.image_ref(), provenance.is_local()), (None, true));
        let again: Value = serde_json::from_str(&provenance.to_string()).unwrap();
        assert_eq!((&again["x"], &again["image_config"]), (&text["x"], &text["image_config"]));
        assert!(Provenance::parse(b"[]").is_err() && Provenance::parse(b"{").is_err());
    }
}
