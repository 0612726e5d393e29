//! What `docker save` wrote before version 25, and `podman save` still does: `manifest.json`, a config and plain layers.

use std::fs::File;
use std::io::{BufWriter, Seek};

use serde_json::{Value, json};

use super::tar::Tar;
use super::whole::{Whole, repo_tags};
use crate::error::{Attempt, Error, Result};
use crate::image::below::Found;
use crate::image::description::diff_ids;
use crate::layer::decompress;
use crate::oci::{Descriptor, Digest, ImageConfig};
use crate::store::Store;

/// Writes one platform of each image.
pub(super) fn write(tar: &mut Tar<'_>, images: &[Whole], store: &Store) -> Result<()> {
    let mut list: Vec<Value> = Vec::new();
    for image in images {
        let found = image.below.suitable().ok_or_else(|| {
            Error::unsupported("nothing of it is a container image").hint("leave out '--format docker'")
        })?;
        let tags = repo_tags(&image.named);
        let mut entry = one(tar, found, store)?;
        match list.iter_mut().find(|other| other["Config"] == entry["Config"]) {
            Some(other) => {
                if let Some(known) = other["RepoTags"].as_array_mut() {
                    known.extend(tags);
                }
            }
            None => {
                entry["RepoTags"] = tags.into();
                list.push(entry);
            }
        }
    }
    tar.document("manifest.json", Value::from(list).to_string().as_bytes())
}

fn one(tar: &mut Tar<'_>, found: &Found, store: &Store) -> Result<Value> {
    let missing = || Error::not_found("its config is missing").hint("pull or load the image again");
    let config = tar.library.document(&found.manifest.config)?.ok_or_else(missing)?;
    let ids = diff_ids(&found.manifest, &ImageConfig::parse(&config)?)?;
    let name = format!("{}.json", found.manifest.config.digest.hex());
    tar.document(&name, &config)?;
    for (layer, diff_id) in found.manifest.layers.iter().zip(&ids) {
        let plain = plain(tar, layer, store).attempt(format_args!("layer {}", layer.short()))?;
        tar.verified(&layer_name(diff_id), layer, diff_id, plain)?;
    }
    let layers: Vec<String> = ids.iter().map(layer_name).collect();
    Ok(json!({"Config": name, "Layers": layers}))
}

fn layer_name(diff_id: &Digest) -> String {
    format!("{}.tar", diff_id.hex())
}

/// A layer without its compression. Its size must be known before it is written.
fn plain(tar: &Tar<'_>, layer: &Descriptor, store: &Store) -> Result<File> {
    let mut output = BufWriter::with_capacity(256 << 10, store.temporary()?);
    let mut input = decompress(tar.library.open(&layer.digest)?)?;
    std::io::copy(&mut input, &mut output).attempt("unpack it")?;
    let mut file = output.into_inner().map_err(|error| Error::io("unpack it", error.into_error()))?;
    file.rewind().attempt("rewind its copy")?;
    Ok(file)
}
