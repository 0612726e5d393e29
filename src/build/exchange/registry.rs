//! An artifact in a registry (image-spec, manifest.md, "Guidelines for Artifact Usage"): its config is the list of steps, its
//! layers are theirs.

use std::fs::File;
use std::io::{Seek, Write};

use serde_json::{Value, json};

use super::imports::Place;
use super::list;
use crate::build::cache::Record;
use crate::error::{Attempt, Error, Kind, Result};
use crate::host::Host;
use crate::image::{Cache, Neighbours, Origin, Part, Parts, Push, Shelf, document, open_blob};
use crate::net::{Settings, Sink};
use crate::oci::{Descriptor, Digest, Document, Reference, media_type};
use crate::registry::{Client, Fetched};
use crate::report::{Report, Silent, Task};
use crate::store::Store;

/// The config's media type: what tells it from images.
const LIST: &str = "application/vnd.chroot-distro.build-cache.v1+json";

/// A place in a registry, and how it is reached.
#[allow(missing_docs)]
pub struct Remote<'a> {
    pub store: &'a Store,
    pub host: &'a Host,
    pub settings: &'a Settings,
    pub report: &'a dyn Report,
    pub reference: &'a Reference,
}

impl Origin for Remote<'_> {
    fn fetch(&self, blob: &Descriptor, sink: &mut dyn Sink, task: &dyn Task) -> Result<()> {
        // A client for each: stages are processes of their own, and share no connection.
        self.client().blob(self.reference, blob, sink, task)
    }
}

impl<'a> Remote<'a> {
    fn client(&self) -> Client<'a> {
        Client::new(self.host, self.settings.clone(), self.report)
    }

    /// What it has to give. None where nothing is there yet, or something that is no build cache.
    pub fn place(self) -> Result<Option<Place<'a>>> {
        let attempt = format_args!("import the build cache '{}'", self.reference);
        let Some(steps) = self.steps().attempt(attempt)? else { return Ok(None) };
        let shown = self.reference.to_string();
        let fetch = Box::new(move |blob: &Descriptor, sink: &mut dyn Sink| self.fetch(blob, sink, &Silent));
        Ok(Some(Place { shown, steps, fetch }))
    }

    fn steps(&self) -> Result<Option<Vec<Value>>> {
        let bytes = match self.client().manifest(self.reference, None) {
            Ok(Fetched::Document { bytes, .. }) => bytes,
            Ok(Fetched::Unchanged) => return Ok(None),
            Err(error) if error.kind() == Kind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let config = match Document::parse(&bytes, None)? {
            Document::Manifest(manifest) if manifest.config.media_type == LIST => manifest.config,
            _ => return Ok(None),
        };
        let text = document(self, &Cache::new(self.store, self.report), &config)?;
        let list = serde_json::from_slice(&text)
            .map_err(|error| Error::invalid(format_args!("its list is not JSON: {error}")))?;
        Ok(Some(list::steps(&list)))
    }

    /// Adds steps, each with its key, to what it has; how many are new.
    pub fn export(&self, steps: &[Value]) -> Result<usize> {
        let attempt = format_args!("export the build cache to '{}'", self.reference);
        let known = self.steps().attempt(attempt)?.unwrap_or_default();
        let added = list::added(&known, steps);
        let count = added.len();
        let records = known.iter().chain(added.iter().copied()).map(Record::from_json);
        let layers: Vec<Descriptor> =
            records.map(|record| Ok(record?.layer.blob)).collect::<Result<_>>().attempt(attempt)?;
        let (_, new) = layers.split_at(known.len());
        let mut blobs = new.to_vec();
        let list = list::text(known, added).into_bytes();
        let config = described(LIST, &list);
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": media_type::OCI_MANIFEST,
            "artifactType": LIST,
            "config": json_of(&config),
            "layers": layers.iter().map(json_of).collect::<Vec<Value>>(),
        });
        let bytes = manifest.to_string().into_bytes();
        let document = described(media_type::OCI_MANIFEST, &bytes);
        let shelf = Listed { store: self.store, list, digest: config.digest.clone() };
        blobs.push(config);
        let parts = Parts { parts: vec![Part { document, bytes, blobs }] };
        let (client, neighbours) = (self.client(), Neighbours::default());
        let push = Push {
            shelf: &shelf,
            neighbours: &neighbours,
            store: self.store,
            client: &client,
            target: self.reference,
        };
        push.run(&parts, self.report).attempt(attempt)?;
        Ok(count)
    }
}

fn described(media_type: &str, bytes: &[u8]) -> Descriptor {
    let (digest, size) = (Digest::of(bytes), bytes.len() as u64);
    Descriptor { media_type: media_type.to_owned(), digest, size, urls: Vec::new(), data: None }
}

fn json_of(blob: &Descriptor) -> Value {
    json!({"mediaType": blob.media_type, "digest": blob.digest.to_string(), "size": blob.size})
}

/// The list that is pushed, and the layers of the steps.
struct Listed<'a> {
    store: &'a Store,
    list: Vec<u8>,
    digest: Digest,
}

impl Shelf for Listed<'_> {
    fn document(&self, _: &Descriptor) -> Result<Option<Vec<u8>>> {
        Ok(None)
    }

    fn has(&self, blob: &Descriptor) -> bool {
        self.open(blob).is_ok()
    }

    fn open(&self, blob: &Descriptor) -> Result<File> {
        if blob.digest != self.digest {
            return open_blob(self.store, blob);
        }
        let mut file = self.store.temporary()?;
        file.write_all(&self.list).and_then(|()| file.rewind()).attempt("keep the list of steps")?;
        Ok(file)
    }
}
