//! The image of a stage: its config made whole, and kept with its layers.

use serde_json::{Value, json};

use super::made::Made;
use super::request::Request;
use crate::error::{Error, Result};
use crate::image::{Layer, NewImages};
use crate::oci::{Descriptor, Digest, Document, Platform};
use crate::report::Report;
use crate::store::Store;

/// An image that was built.
#[derive(Debug, Clone)]
pub struct Built {
    /// What it is for.
    pub platform: Platform,
    /// Its manifest.
    pub manifest: Descriptor,
    /// Its config's digest: what docker calls the image's id.
    pub config: Digest,
    /// What it is made of.
    pub layers: Vec<Layer>,
}

/// All that came of a build.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// One for each platform, in the order in which they were asked for.
    pub images: Vec<Built>,
    /// What the names lead to: the image, or the index of all of them.
    pub named: Descriptor,
    /// What the cache has of the steps, each with its key.
    pub steps: Vec<Value>,
}

/// Keeps the images of a build, and names them: all or none.
pub fn keep(
    store: &Store,
    request: &Request,
    made: &[(Platform, Made)],
    report: &dyn Report,
) -> Result<Outcome> {
    let new = NewImages::new(store, report)?;
    let mut images = Vec::new();
    for (platform, made) in made {
        let config = whole(request, made, platform);
        let manifest = new.add(&config, &made.layers)?;
        let config = config_of(store, &manifest)?;
        images.push(Built { platform: platform.clone(), manifest, config, layers: made.layers.clone() });
    }
    let named = match &images[..] {
        [only] => only.manifest.clone(),
        several => {
            let entry = |built: &Built| (built.manifest.clone(), platform_json(&built.platform));
            new.index(&several.iter().map(entry).collect::<Vec<_>>())?
        }
    };
    new.name(&named, &request.tags)?;
    let steps = made.iter().flat_map(|(_, made)| made.steps.clone()).collect();
    Ok(Outcome { images, named, steps })
}

/// The digest of the config that a manifest names.
fn config_of(store: &Store, manifest: &Descriptor) -> Result<Digest> {
    let bytes = store.library().document(manifest)?.unwrap_or_default();
    match Document::parse(&bytes, Some(&manifest.media_type))? {
        Document::Manifest(manifest) => Ok(manifest.config.digest),
        Document::Index(_) => Err(Error::invalid("the image that was made is an index")),
    }
}

fn whole(request: &Request, made: &Made, platform: &Platform) -> Value {
    let mut config = made.config.clone();
    if let (Value::Object(all), Value::Object(own)) = (&mut config, platform_json(platform)) {
        all.extend(own);
    }
    for (name, value) in &request.labels {
        config["config"]["Labels"][name] = value.as_str().into();
    }
    config
}

fn platform_json(platform: &Platform) -> Value {
    let mut json = json!({"os": "linux", "architecture": platform.arch.oci()});
    if let Some(variant) = &platform.variant {
        json["variant"] = variant.as_str().into();
    }
    json
}
