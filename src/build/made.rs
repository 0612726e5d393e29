//! What a stage has come to, and how its process tells it.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

use serde_json::{Value, json};

use super::scope::Pair;
use crate::error::{Error, Result};
use crate::image::{Image, Layer};
use crate::oci::{Descriptor, Digest};

/// A stage that is made.
#[derive(Debug, Clone)]
pub struct Made {
    /// The whole image config (config.md), but for the diff_ids.
    pub config: Value,
    /// Its layers, those of its base image first.
    pub layers: Vec<Layer>,
    /// How many of them are the base image's.
    pub base: usize,
    /// Its ARGs, for stages that are FROM it.
    pub arguments: Vec<Pair>,
    /// The steps that it took, by their keys: what an export of the cache holds.
    pub steps: Vec<Value>,
    /// Where its tree stands while the build runs, if it was laid out.
    pub tree: Option<PathBuf>,
}

/// Of an image that is made from nothing, as BuildKit has it.
const PATH: &str = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

impl Made {
    /// What a stage FROM scratch begins with.
    pub fn nothing() -> Made {
        let config = json!({"config": {"Env": [PATH], "WorkingDir": "/"}});
        Made { config, layers: Vec::new(), base: 0, arguments: Vec::new(), steps: Vec::new(), tree: None }
    }

    /// What a stage FROM an image begins with.
    pub fn of(image: &Image) -> Made {
        let layers = Layer::all_of(image);
        Made {
            config: image.config.json.clone(),
            base: layers.len(),
            layers,
            arguments: Vec::new(),
            steps: Vec::new(),
            tree: None,
        }
    }

    /// For the other process.
    pub fn to_json(&self) -> Value {
        let layers: Vec<Value> = self.layers.iter().map(layer_json).collect();
        json!({"config": self.config, "layers": layers, "base": self.base, "arguments": self.arguments, "steps": self.steps,
            "tree": self.tree.as_ref().map(|path| path.as_os_str().as_bytes())})
    }

    /// What [`Made::to_json`] wrote.
    pub fn from_json(json: &Value) -> Result<Made> {
        let pairs = json["arguments"].as_array().into_iter().flatten();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        Ok(Made {
            config: json["config"].clone(),
            layers: json["layers"].as_array().into_iter().flatten().map(layer).collect::<Result<_>>()?,
            base: json["base"].as_u64().and_then(|base| base.try_into().ok()).unwrap_or_default(),
            arguments: pairs.map(|pair| (text(&pair[0]), text(&pair[1]))).collect(),
            steps: json["steps"].as_array().cloned().unwrap_or_default(),
            tree: json["tree"].as_array().map(|bytes| {
                let bytes = bytes.iter().filter_map(|byte| byte.as_u64()?.try_into().ok());
                OsString::from_vec(bytes.collect()).into()
            }),
        })
    }
}

fn layer_json(layer: &Layer) -> Value {
    json!({
        "mediaType": layer.blob.media_type,
        "digest": layer.blob.digest.to_string(),
        "size": layer.blob.size,
        "diff_id": layer.diff_id.to_string(),
    })
}

fn layer(json: &Value) -> Result<Layer> {
    let diff_id = json["diff_id"].as_str().ok_or_else(|| Error::invalid("a layer has no diff_id"))?;
    Ok(Layer { blob: Descriptor::parse(json, "a layer")?, diff_id: Digest::parse(diff_id)? })
}
