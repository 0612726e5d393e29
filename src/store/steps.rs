//! What steps of builds have made: `build_cache/<hex>.json` of the cache, a document a key. The time of the file is that of
//! its last use.
//!
//! Neither the document nor the blob that it names is synced to disk. `boot` in it says when the blob was last known to be
//! whole; after another boot it is read once more ([`boot_id`]).

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde_json::Value;

use super::files;
use super::layout::Layout;
use super::trees::boot_id;
use crate::error::Result;
use crate::oci::Digest;

/// Bytes; a record has some three hundred.
const LIMIT: u64 = 1 << 20;

/// Names the boot in a record.
const BOOT: &str = "boot";

/// A record, and whether its blob may be damaged since it was written.
pub(super) fn get(layout: &Layout, key: &Digest) -> Result<Option<(Value, bool)>> {
    let path = layout.step(key);
    let Some(record) = read(&path)? else { return Ok(None) };
    if let Ok(file) = File::open(&path) {
        let _ = file.set_modified(SystemTime::now());
    }
    let is_old = record[BOOT] != boot_id();
    Ok(Some((record, is_old)))
}

pub(super) fn put(layout: &Layout, key: &Digest, record: &Value) -> Result<()> {
    let mut record = record.clone();
    record[BOOT] = boot_id().into();
    files::make_dir(&layout.steps())?;
    files::write_transient(&layout.step(key), record.to_string().as_bytes(), 0o644)
}

pub(super) fn forget(layout: &Layout, key: &Digest) -> Result<()> {
    files::remove(&layout.step(key))
}

/// All records, with when each was used last.
pub(super) fn all(layout: &Layout) -> Result<Vec<(PathBuf, SystemTime, Value)>> {
    let mut records = Vec::new();
    for name in files::names(&layout.steps())? {
        let path = layout.steps().join(name);
        let used = path.metadata().and_then(|found| found.modified()).unwrap_or(SystemTime::UNIX_EPOCH);
        let record = read(&path)?.unwrap_or_default();
        records.push((path, used, record));
    }
    Ok(records)
}

/// None of what is no document: a power cut may have left it empty.
fn read(path: &Path) -> Result<Option<Value>> {
    let text = files::read(path, LIMIT)?;
    Ok(text.and_then(|text| serde_json::from_slice(&text).ok()))
}
