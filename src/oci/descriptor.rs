//! Descriptors: what a document says of a blob (descriptor.md).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::Value;

use super::digest::Digest;
use crate::error::{Error, Result};

/// The largest blob believed in, in bytes: 1 TiB. A larger claim is a lie or an attack.
const SIZE_MAX: u64 = 1 << 40;

/// A descriptor (descriptor.md).
#[derive(Debug, Clone)]
#[allow(missing_docs)]
pub struct Descriptor {
    pub media_type: String,
    pub digest: Digest,
    /// The blob's size, in bytes.
    pub size: u64,
    /// Where a foreign layer is fetched from when the registry does not have it.
    pub urls: Vec<String>,
    /// Inline contents, decoded and verified.
    pub data: Option<Vec<u8>>,
}

impl Descriptor {
    /// Reads one; `role` names it in errors ("layer 3").
    pub fn parse(json: &Value, role: &str) -> Result<Descriptor> {
        Descriptor::read(json).map_err(|error| error.context(role))
    }

    /// Twelve digits of its digest, as every tool shows them.
    pub fn short(&self) -> &str {
        self.digest.short()
    }

    fn read(json: &Value) -> Result<Descriptor> {
        let text = |key: &str| json[key].as_str();
        let digest = Digest::parse(text("digest").ok_or_else(|| Error::invalid("it has no digest"))?)?;
        let size = match &json["size"] {
            Value::Null => return Err(Error::invalid("it has no size")),
            size => size.as_u64().filter(|size| *size <= SIZE_MAX).ok_or_else(|| {
                Error::invalid(format_args!("its size {size} is not a possible number of bytes"))
            })?,
        };
        let data = match text("data") {
            None => None,
            Some(encoded) => {
                let data = BASE64.decode(encoded).map_err(|error| {
                    Error::invalid(format_args!("its inline data is not base64: {error}"))
                })?;
                if data.len() as u64 != size || Digest::with(digest.algorithm(), &data) != digest {
                    return Err(Error::invalid("its inline data does not match its digest and size"));
                }
                Some(data)
            }
        };
        let urls = json["urls"].as_array().into_iter().flatten().filter_map(Value::as_str);
        Ok(Descriptor {
            media_type: text("mediaType").unwrap_or_default().to_owned(),
            digest,
            size,
            urls: urls.map(str::to_owned).collect(),
            data,
        })
    }
}
