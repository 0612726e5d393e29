//! A directory with `build-cache.json`, and each layer as `<algorithm>_<hex>`.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use serde_json::Value;

use super::imports::Place;
use super::list;
use crate::build::cache::Record;
use crate::error::{Attempt, Error, Result};
use crate::host::files::beside;
use crate::image::{open_blob, send_file};
use crate::oci::Descriptor;
use crate::report::Silent;
use crate::store::Store;

/// The list.
const LIST: &str = "build-cache.json";

/// How the names begin of what is being written there, behind their dot.
pub const PARTS: [&str; 2] = ["sha", LIST];

/// Bytes; a step takes some four hundred.
const LIMIT: u64 = 64 << 20;

/// What a directory has to give. None where there is no directory yet.
pub fn place(from: &Path) -> Result<Option<Place<'_>>> {
    if !from.exists() {
        return Ok(None);
    }
    let steps = read(from).attempt(format_args!("import the build cache '{}'", from.display()))?;
    let fetch = Box::new(|blob: &Descriptor, sink: &mut dyn crate::net::Sink| {
        let file = File::open(from.join(name(blob))).attempt(format_args!("open layer {}", blob.short()))?;
        send_file(file, sink, &Silent)
    });
    Ok(Some(Place { shown: from.display().to_string(), steps, fetch }))
}

/// Adds steps, each with its key, to what a directory holds; how many are new.
pub fn export(store: &Store, steps: &[Value], to: &Path) -> Result<usize> {
    let attempt = format_args!("export the build cache to '{}'", to.display());
    fs::create_dir_all(to).attempt(attempt)?;
    let known = read(to).attempt(attempt)?;
    let added = list::added(&known, steps);
    for step in &added {
        let record = Record::from_json(step)?;
        let path = to.join(name(&record.layer.blob));
        if !path.exists() {
            let mut blob = open_blob(store, &record.layer.blob)?;
            let part = beside(&path);
            let copied = File::create(&part).and_then(|mut file| io::copy(&mut blob, &mut file));
            copied.and_then(|_| fs::rename(&part, &path)).attempt(attempt)?;
        }
    }
    let count = added.len();
    let (path, text) = (to.join(LIST), list::text(known, added));
    let part = beside(&path);
    fs::write(&part, text).and_then(|()| fs::rename(&part, &path)).attempt(attempt)?;
    Ok(count)
}

fn name(blob: &Descriptor) -> String {
    format!("{}_{}", blob.digest.algorithm().name(), blob.digest.hex())
}

/// The steps that a directory lists; none of an empty one.
fn read(directory: &Path) -> Result<Vec<Value>> {
    let path = directory.join(LIST);
    let mut text = Vec::new();
    match File::open(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let is_empty = fs::read_dir(directory).is_ok_and(|mut entries| entries.next().is_none());
            return match is_empty {
                true => Ok(Vec::new()),
                false => Err(Error::invalid(format_args!("it is no build cache: it has no {LIST}"))
                    .hint("name a directory that '--cache-to' has written, or a new one")),
            };
        }
        file => file
            .and_then(|file| file.take(LIMIT).read_to_end(&mut text))
            .attempt(format_args!("read '{}'", path.display()))?,
    };
    let list: Value = serde_json::from_slice(&text)
        .map_err(|error| Error::invalid(format_args!("'{}' is not JSON: {error}", path.display())))?;
    Ok(list::steps(&list))
}
