//! docker's `manifest.json`: `[{"Config": FILE, "RepoTags": [...], "Layers": [FILE, ...]}]`. The config stays byte for byte;
//! the manifest is made here, the same each time.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::layer::NewBlobs;
use super::ready::Ready;
use crate::error::{Attempt, Error, Result};
use crate::image::archive::Archive;
use crate::image::import::resolve;
use crate::image::layer::Layer;
use crate::image::new_image::manifest;
use crate::image::pull::Keeping;
use crate::image::survey::Contents;
use crate::oci::{Algorithm, Digest, ImageConfig, Reference, media_type};
use crate::report::Report;

/// One image of the list.
struct Listed {
    config: Vec<u8>,
    layers: Vec<PathBuf>,
    diff_ids: Vec<Digest>,
    names: Vec<Reference>,
}

/// Brings all images of the list, which get no names yet.
pub(super) fn load(
    archive: &Archive<'_>,
    contents: &Contents,
    keeping: &Keeping<'_>,
    report: &dyn Report,
) -> Result<Vec<Ready>> {
    let listed = list(contents, report)?;
    let blobs = layers(archive, contents, &listed, keeping)?;
    let mut ready: Vec<Ready> = Vec::new();
    for image in listed {
        let layers = image.layers(&blobs)?;
        let config = keeping.add(&image.config, media_type::OCI_CONFIG)?;
        let text = manifest(&config, &layers).to_string();
        let found = keeping.add(text.as_bytes(), media_type::OCI_MANIFEST)?;
        match ready.iter_mut().find(|other| other.image.digest == found.digest) {
            Some(other) => other.names.extend(image.names),
            None => ready.push(Ready { image: found, names: image.names }),
        }
    }
    Ok(ready)
}

impl Listed {
    /// Its layers as blobs. What a layer holds must be what the config says.
    fn layers(&self, blobs: &HashMap<PathBuf, Layer>) -> Result<Vec<Layer>> {
        let with_ids = self.layers.iter().zip(&self.diff_ids);
        with_ids
            .map(|(path, diff_id)| {
                let shown = path.display();
                let layer = blobs.get(path).ok_or_else(|| {
                    Error::invalid(format_args!("the archive lacks the layer '{shown}'"))
                })?;
                match diff_id.algorithm() != Algorithm::Sha256 || layer.diff_id == *diff_id {
                    true => Ok(layer.clone()),
                    false => Err(Error::invalid(format_args!(
                        "the layer '{shown}' is not what the image config says: its diff_id is {} instead of {}",
                        layer.diff_id.short(),
                        diff_id.short()
                    ))),
                }
            })
            .collect()
    }
}

/// Each file that is a layer of some image, as a blob.
fn layers(
    archive: &Archive<'_>,
    contents: &Contents,
    listed: &[Listed],
    keeping: &Keeping<'_>,
) -> Result<HashMap<PathBuf, Layer>> {
    let mut found: HashMap<PathBuf, Layer> = HashMap::new();
    let mut missing: Vec<&PathBuf> = listed.iter().flat_map(|image| &image.layers).collect();
    if missing.is_empty() {
        return Ok(found);
    }
    let new = NewBlobs::new(keeping);
    archive.files("load", &mut |name, size, content| {
        let Ok(name) = name.strip_prefix(&contents.base) else { return Ok(true) };
        if missing.iter().any(|path| *path == name) {
            let layer = new.layer(content, size).attempt(format_args!("layer '{}'", name.display()))?;
            missing.retain(|path| *path != name);
            found.insert(name.to_owned(), layer);
        }
        Ok(!missing.is_empty())
    })?;
    Ok(found)
}

fn list(contents: &Contents, report: &dyn Report) -> Result<Vec<Listed>> {
    let wrong = |what: &str| Error::invalid(format_args!("the archive's manifest.json {what}"));
    let text = contents.documents.get(Path::new("manifest.json")).ok_or_else(|| wrong("is missing"))?;
    let list: Value =
        serde_json::from_slice(text).map_err(|error| wrong(&format!("is not JSON: {error}")))?;
    let images = list.as_array().filter(|images| !images.is_empty());
    images.ok_or_else(|| wrong("lists no image"))?.iter().map(|image| one(contents, image, report)).collect()
}

fn one(contents: &Contents, image: &Value, report: &dyn Report) -> Result<Listed> {
    let path = |value: &Value| {
        let text =
            value.as_str().ok_or_else(|| Error::invalid("the archive's manifest.json lacks a name"))?;
        resolve(contents, Path::new(text))
            .ok_or_else(|| Error::invalid(format_args!("the archive lacks '{}'", text.escape_debug())))
    };
    let config_path = path(&image["Config"])?;
    let config = contents
        .documents
        .get(&config_path)
        .ok_or_else(|| Error::invalid(format_args!("'{}' is not an image config", config_path.display())))?;
    let layers = image["Layers"].as_array().map_or(&[][..], Vec::as_slice);
    let layers = layers.iter().map(path).collect::<Result<Vec<PathBuf>>>()?;
    let diff_ids = ImageConfig::parse(config)?.diff_ids()?;
    if diff_ids.len() != layers.len() {
        return Err(Error::invalid(format_args!(
            "the image has {} layers, but its config has diff_ids for {}",
            layers.len(),
            diff_ids.len()
        )));
    }
    Ok(Listed { config: config.clone(), layers, diff_ids, names: names(&image["RepoTags"], report) })
}

/// A name that is none is told and left out: the image is there all the same.
fn names(tags: &Value, report: &dyn Report) -> Vec<Reference> {
    let tags = tags.as_array().into_iter().flatten().filter_map(Value::as_str);
    let parse = |tag: &str| {
        Reference::parse(tag).map_err(|error| report.warn(&format!("the image gets no name: {error}"))).ok()
    };
    tags.filter(|tag| *tag != "<none>:<none>").filter_map(parse).collect()
}
