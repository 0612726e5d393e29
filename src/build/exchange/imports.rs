//! What places have to give, and a step that is taken from there.

use serde_json::Value;

use crate::build::cache::{self, Record};
use crate::error::{Attempt, Error, Result};
use crate::image::{Cache, Destination, open_blob};
use crate::layer::{Index, Options, apply};
use crate::net::Sink;
use crate::oci::{Descriptor, Digest};
use crate::report::Report;
use crate::store::Store;

/// Brings a blob into a sink, which verifies it.
pub type Fetch<'a> = dyn Fn(&Descriptor, &mut dyn Sink) -> Result<()> + 'a;

/// A directory or a registry, with the steps that it lists.
pub struct Place<'a> {
    /// How it is called in messages.
    pub shown: String,
    pub(super) steps: Vec<Value>,
    pub(super) fetch: Box<Fetch<'a>>,
}

impl Place<'_> {
    /// How many steps it has.
    pub fn count(&self) -> usize {
        self.steps.len()
    }

    fn take(&self, store: &Store, key: &Digest, step: &Value, report: &dyn Report) -> Result<Record> {
        let record = Record::from_json(step)?;
        let blob = &record.layer.blob;
        Cache::new(store, report).receive(blob, &mut |sink| (self.fetch)(blob, sink))?;
        let options = Options { whiteouts: true, ..Options::default() };
        let attempt = format_args!("layer {}", blob.short());
        let found = apply(open_blob(store, blob)?, &mut Index::new(), &options).attempt(attempt)?.diff_id;
        if found != record.layer.diff_id {
            return Err(Error::invalid(format_args!(
                "layer {} holds something else than it says",
                blob.short()
            )));
        }
        cache::put(store, key, &record)?;
        Ok(record)
    }
}

/// All places that a build may take steps from.
#[derive(Default)]
pub struct Imports<'a>(pub Vec<Place<'a>>);

impl Imports<'_> {
    /// Brings what one of them has under `key` into the cache. What is damaged is told, and counts as not there.
    pub fn take(&self, store: &Store, key: &Digest, report: &dyn Report) -> Option<Record> {
        let name = key.to_string();
        self.0.iter().find_map(|place| {
            let step = place.steps.iter().find(|step| step["key"] == name.as_str())?;
            let taken = place.take(store, key, step, report);
            let failed =
                |error: &Error| report.warn(&format!("a step of '{}' is left out: {error}", place.shown));
            taken.inspect_err(failed).ok()
        })
    }
}
