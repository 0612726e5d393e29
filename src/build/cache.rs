//! The build cache: which layer a step has made, by the step's key.
//!
//! A key is made of all that the step depends on, so whoever has the key may have the layer. A record whose blob is gone or
//! damaged is none.

use std::fs::File;
use std::io::Read;

use serde_json::{Value, json};

use crate::error::{Attempt, Error, Result};
use crate::image::{Layer, open_blob};
use crate::oci::{Descriptor, Digest, Hasher};
use crate::store::Store;

/// What a step has made.
#[derive(Debug, Clone)]
pub struct Record {
    /// The layer.
    pub layer: Layer,
    /// When: seconds since 1970.
    pub created: i64,
}

impl Record {
    /// As it is kept, and exchanged.
    pub fn to_json(&self) -> Value {
        let blob = &self.layer.blob;
        json!({
            "mediaType": blob.media_type,
            "digest": blob.digest.to_string(),
            "size": blob.size,
            "diff_id": self.layer.diff_id.to_string(),
            "created": self.created,
        })
    }

    /// What [`Record::to_json`] wrote.
    pub fn from_json(json: &Value) -> Result<Record> {
        let diff_id = json["diff_id"].as_str().ok_or_else(|| Error::invalid("it has no diff_id"))?;
        Ok(Record {
            layer: Layer { blob: Descriptor::parse(json, "its layer")?, diff_id: Digest::parse(diff_id)? },
            created: json["created"].as_i64().unwrap_or_default(),
        })
    }
}

/// What is remembered under `key`.
pub fn get(store: &Store, key: &Digest) -> Result<Option<Record>> {
    let Some((json, is_old)) = store.step(key)? else { return Ok(None) };
    let record = Record::from_json(&json).ok();
    let blob = record.as_ref().and_then(|record| open_blob(store, &record.layer.blob).ok());
    let (Some(record), Some(blob)) = (record, blob) else {
        store.forget_step(key)?;
        return Ok(None);
    };
    if is_old {
        // The last boot may have ended before all of it was on disk.
        if !is_whole(blob, &record.layer.blob)? {
            store.discard_blob(&record.layer.blob.digest)?;
            store.forget_step(key)?;
            return Ok(None);
        }
        put(store, key, &record)?;
    }
    Ok(Some(record))
}

/// Remembers what a step has made; its blob is in the cache.
pub fn put(store: &Store, key: &Digest, record: &Record) -> Result<()> {
    store.put_step(key, &record.to_json())
}

fn is_whole(mut file: File, blob: &Descriptor) -> Result<bool> {
    let mut hasher = Hasher::new(blob.digest.algorithm());
    let mut buffer = vec![0; 128 << 10];
    loop {
        match file.read(&mut buffer).attempt(format_args!("read blob {}", blob.short()))? {
            0 => return Ok(hasher.finish() == blob.digest),
            count => hasher.update(&buffer[..count]),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::host::Paths;
    use crate::image::NewLayer;
    use crate::testing::TempDir;

    #[test]
    fn a_record_is_there_while_its_blob_is_whole() {
        let temp = TempDir::new();
        let cache = temp.path().join("cache");
        let store = Store::open(Paths { cache: cache.clone(), ..Paths::below(temp.path()) });
        let key = Digest::of(b"step");
        let make = || {
            let layer = NewLayer::new(&store, None).unwrap().finish().unwrap();
            put(&store, &key, &Record { layer, created: 7 }).unwrap();
        };
        assert!(get(&store, &key).unwrap().is_none());
        make();
        let record = get(&store, &key).unwrap().unwrap();
        assert_eq!(record.created, 7);
        assert!(get(&store, &Digest::of(b"other")).unwrap().is_none());
        let document = cache.join("build_cache").join(format!("{}.json", key.hex()));
        let blob = cache.join("oci_layers").join(format!("sha256_{}", record.layer.blob.digest.hex()));
        // Damaged, but of this boot: whoever reads it verifies it.
        let bytes = fs::read(&blob).unwrap();
        fs::write(&blob, vec![0; bytes.len()]).unwrap();
        assert!(get(&store, &key).unwrap().is_some());
        let another_boot = || {
            let mut json: Value = serde_json::from_slice(&fs::read(&document).unwrap()).unwrap();
            json["boot"] = "another".into();
            fs::write(&document, json.to_string()).unwrap();
        };
        another_boot();
        assert!(get(&store, &key).unwrap().is_none());
        assert!(!blob.exists() && !document.exists());
        make();
        another_boot();
        assert!(get(&store, &key).unwrap().is_some());
        assert!(!fs::read_to_string(&document).unwrap().contains("another"));
        for text in ["", "{}", "[]"] {
            fs::write(&document, text).unwrap();
            assert!(get(&store, &key).unwrap().is_none(), "{text}");
            make();
        }
        fs::remove_file(&blob).unwrap();
        assert!(get(&store, &key).unwrap().is_none());
    }
}
