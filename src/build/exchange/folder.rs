//! The build cache of other machines: a directory with `build-cache.json`, which lists steps, and a blob for each layer,
//! `<algorithm>_<hex>`.
//!
//! What comes in is verified: a blob by its digest, and its contents by the diff_id. Whether a layer is what a step makes
//! cannot be verified: whoever imports a cache trusts its maker.

use std::fs::{self, File};
use std::io::{self, Read, Seek};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::cache::{self, Record};
use crate::error::{Attempt, Error, Result};
use crate::image::{Cache, Destination, open_blob};
use crate::layer::{Index, Options, apply};
use crate::oci::{Descriptor, Digest};
use crate::report::Report;
use crate::store::Store;

/// The list.
const LIST: &str = "build-cache.json";

/// Bytes; a step takes some four hundred.
const LIMIT: u64 = 64 << 20;

/// Puts the steps that a directory lists into the cache; how many these are. A directory that is not there has none.
pub fn import(store: &Store, from: &Path, report: &dyn Report) -> Result<usize> {
    let attempt = || format!("import the build cache '{}'", from.display());
    if !from.exists() {
        return Ok(0);
    }
    let list = read(from)
        .attempt(attempt)?
        .ok_or_else(|| Error::invalid(format!("'{}' is no build cache: it has no {LIST}", from.display())))?;
    let mut imported = 0;
    for step in list["steps"].as_array().into_iter().flatten() {
        match take(store, from, step, report) {
            Ok(()) => imported += 1,
            Err(error) => report.warn(&format!("a step of '{}' is left out: {error}", from.display())),
        }
    }
    Ok(imported)
}

fn take(store: &Store, from: &Path, step: &Value, report: &dyn Report) -> Result<()> {
    let key = Digest::parse(step["key"].as_str().unwrap_or_default())?;
    if cache::get(store, &key)?.is_some() {
        return Ok(());
    }
    let record = Record::from_json(step)?;
    let blob = &record.layer.blob;
    let file = File::open(from.join(name(blob))).attempt(|| format!("open layer {}", blob.short()))?;
    let read = || "read it";
    Cache::new(store, report).receive(blob, &mut |sink| {
        let mut file = file.try_clone().attempt(read)?;
        file.seek(io::SeekFrom::Start(sink.len())).attempt(read)?;
        let mut buffer = vec![0; 256 << 10];
        loop {
            match file.read(&mut buffer).attempt(read)? {
                0 => return Ok(()),
                count => sink.append(&buffer[..count])?,
            }
        }
    })?;
    let options = Options { whiteouts: true, ..Options::default() };
    let found = apply(open_blob(store, blob)?, &mut Index::new(), &options)?.diff_id;
    if found != record.layer.diff_id {
        return Err(Error::invalid(format!("layer {} holds something else than it says", blob.short())));
    }
    cache::put(store, &key, &record)
}

/// Adds steps, each with its key, to what a directory holds; how many are new.
pub fn export(store: &Store, steps: &[Value], to: &Path) -> Result<usize> {
    let attempt = || format!("export the build cache to '{}'", to.display());
    fs::create_dir_all(to).attempt(attempt)?;
    let mut list = read(to).attempt(attempt)?.unwrap_or_else(|| json!({"version": 1, "steps": []}));
    let known = list["steps"].as_array().cloned().unwrap_or_default();
    let is_known = |step: &Value| known.iter().any(|other| other["key"] == step["key"]);
    let mut new: Vec<&Value> = steps.iter().filter(|step| !is_known(step)).collect();
    new.dedup_by(|one, other| one["key"] == other["key"]);
    for step in &new {
        let record = Record::from_json(step)?;
        let path = to.join(name(&record.layer.blob));
        if !path.exists() {
            let mut blob = open_blob(store, &record.layer.blob)?;
            let part = part_of(&path);
            let copied = File::create(&part).and_then(|mut file| io::copy(&mut blob, &mut file));
            copied.and_then(|_| fs::rename(&part, &path)).attempt(attempt)?;
        }
    }
    let count = new.len();
    let all: Vec<Value> = known.iter().chain(new).cloned().collect();
    list["steps"] = all.into();
    let (path, text) = (to.join(LIST), format!("{list:#}\n"));
    let part = part_of(&path);
    fs::write(&part, text).and_then(|()| fs::rename(&part, &path)).attempt(attempt)?;
    Ok(count)
}

fn part_of(path: &Path) -> PathBuf {
    let mut part = path.as_os_str().to_owned();
    part.push(".partial");
    part.into()
}

fn name(blob: &Descriptor) -> String {
    format!("{}_{}", blob.digest.algorithm().name(), blob.digest.hex())
}

fn read(directory: &Path) -> Result<Option<Value>> {
    let path = directory.join(LIST);
    let mut text = Vec::new();
    match File::open(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let is_empty = fs::read_dir(directory).is_ok_and(|mut entries| entries.next().is_none());
            return if is_empty { Ok(Some(json!({"version": 1, "steps": []}))) } else { Ok(None) };
        }
        file => file
            .and_then(|file| file.take(LIMIT).read_to_end(&mut text))
            .attempt(|| format!("read '{}'", path.display()))?,
    };
    let list: Value = serde_json::from_slice(&text)
        .map_err(|error| Error::invalid(format!("'{}' is not JSON: {error}", path.display())))?;
    // Another program's list, as the Python tool's, has steps of another kind: none of them is ours.
    Ok(Some(if list["steps"].is_array() { list } else { json!({"version": 1, "steps": []}) }))
}
