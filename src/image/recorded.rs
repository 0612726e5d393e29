//! The image that a container was installed from, as its `manifest.json` remembers it.
//!
//! What came from an archive may carry the name of an image that a registry has too, and another one there: it is made
//! anew from the cached layers alone.

use serde_json::{Value, json};

use super::import::Imported;
use super::{Image, Request, Source, assemble, fill};
use crate::error::{Attempt, Error, Kind, Result};
use crate::net::Settings;
use crate::oci::{Document, ImageConfig, Offered, Platform, Reference};
use crate::report::Report;
use crate::store::{Container, Name, Staged, Store};

/// Ours alone, in `manifest.json`: the image came from an archive or a layout, not from a registry.
const LOCAL: &str = "local";

/// Remembers that the image came from an archive.
pub(super) fn local(mut document: Value) -> Value {
    document[LOCAL] = json!(true);
    document
}

/// What `manifest.json` says.
pub(super) struct Recorded {
    /// As the user would name it.
    pub(super) image_ref: String,
    platform: Platform,
    document: Value,
}

impl Recorded {
    pub(super) fn of(container: &Container) -> Result<Recorded> {
        let document = container.manifest()?.unwrap_or_default();
        let Some(image_ref) = document["image_ref"].as_str().filter(|text| !text.is_empty()) else {
            return Err(Error::unsupported("it was made from a root filesystem, not from an image").hint(format!(
                "delete it with 'chroot-distro remove {0}', then install its archive again with '--name {0}'",
                container.name()
            )));
        };
        let platform = platform(&document).attempt(|| "read its 'manifest.json'")?;
        Ok(Recorded { image_ref: image_ref.to_owned(), platform, document })
    }

    /// Fills the empty root; what is to be remembered of the image.
    pub(super) fn fill(
        self,
        store: &Store,
        name: &Name,
        settings: Settings,
        staged: &mut Staged,
        report: &dyn Report,
    ) -> Result<Option<Value>> {
        let reference = Reference::parse(&self.image_ref);
        match reference {
            Ok(reference) if self.document[LOCAL] != true => {
                let source = Source::Registry(reference);
                let request = Request { source, name: name.clone(), platform: self.platform, settings };
                fill(store, &request, staged, report)
                    .map_err(|error| if is_unknown(&error) { error.hint(AGAIN) } else { error })
            }
            _ => self.fill_from_cache(store, &settings, staged, report).map(Some),
        }
    }

    fn fill_from_cache(
        self,
        store: &Store,
        settings: &Settings,
        staged: &mut Staged,
        report: &dyn Report,
    ) -> Result<Value> {
        let manifest = self.document["manifest"].to_string();
        let Document::Manifest(manifest) = Document::parse(manifest.as_bytes(), None)? else {
            return Err(Error::invalid("its 'manifest.json' holds an index").hint(AGAIN));
        };
        let is_here = manifest.layers.iter().all(|layer| store.has_blob(&layer.digest, layer.size));
        if !is_here {
            return Err(Error::not_found(format!(
                "it came from an archive, '{}', and not all its layers are cached any more",
                self.image_ref
            ))
            .hint(AGAIN));
        }
        let config = ImageConfig { json: self.document["image_config"].clone() };
        let image = Image::new(self.image_ref, manifest, config, &self.platform)?;
        assemble(store, &Imported, image, settings.workers, staged, report).map(local)
    }
}

const AGAIN: &str = "if you have its archive: remove the container, and install it from there again";

fn is_unknown(error: &Error) -> bool {
    matches!(error.kind(), Kind::NotFound | Kind::Denied)
}

/// The one it is for: the `arch` that was asked for, with the variant that the image has.
fn platform(document: &Value) -> Result<Platform> {
    let config = ImageConfig { json: document["image_config"].clone() };
    let asked = document["arch"].as_str().map(Platform::parse).transpose()?;
    Ok(match (asked, config.platform()) {
        (Some(asked), Offered::Runs(has)) if has.arch == asked.arch && asked.variant.is_none() => has,
        (Some(asked), _) => asked,
        (None, Offered::Runs(has)) => has,
        (None, _) => Platform::host(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oci::Arch;

    #[test]
    fn the_platform_is_the_one_asked_for_down_to_the_variant() {
        let of =
            |arch: Value, config: Value| platform(&json!({"arch": arch, "image_config": config})).unwrap();
        let v6 = json!({"os": "linux", "architecture": "arm", "variant": "v6"});
        let found = of(json!("arm"), v6.clone());
        assert_eq!((found.arch, found.variant.as_deref()), (Arch::Arm, Some("v6")));
        assert_eq!(of(json!("aarch64"), v6.clone()).arch, Arch::Aarch64);
        assert_eq!(of(Value::Null, v6).arch, Arch::Arm);
        assert_eq!(of(Value::Null, Value::Null), Platform::host());
        assert!(platform(&json!({"arch": "vax"})).is_err());
    }
}
